"""What stands between a State and the pages that show it: messages in, pictures out.

No widget is imported here: a Session is given two functions, one that sets values all pages
share, and one that posts a message with its buffers.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from colorlib.files import ColorlibError, ConfigError, PhotoError
from colorlib.panel import painting, saving
from colorlib.panel.answers import Answer, Rect
from colorlib.panel.messages import ACTIONS, page_state, report, summary
from colorlib.panel.models import Models
from colorlib.panel.painting import View, Views
from colorlib.panel.points import Subject
from colorlib.panel.sources import Uploads, contact_sheet, gallery_subject
from colorlib.panel.state import State
from colorlib.panel.worker import Worker
from colorlib.photos import gallery_names

LONGEST = (256, 1600)  # pixels on the longer side of a picture for a page
VIEWPORTS = 4
STILL = 400  # pixels on the longer side of pictures that nobody works on

Message = Mapping[str, Any]


class Session:
    """A State that changes, its pictures, and what went wrong.

    `publish` gets values for all pages, bytes among them; `post` a message and its buffers.
    Nothing is drawn before `shown` is set. Messages and calls may come from any thread.
    """

    def __init__(
        self,
        state: State,
        models: Models,
        publish: Callable[[dict[str, Any]], None],
        post: Callable[[dict[str, Any], list[bytes]], None],
    ):
        self.state = state
        self.models = models
        self.shown = False
        self.last_error: Exception | None = None
        self._publish, self._post = publish, post
        self._lock, self._painting = threading.RLock(), threading.Lock()
        self._views = Views()
        self._drawn: dict[str, Any] = {}  # what the pages have, by what it was made of
        self._report: dict[str, Any] = {}
        self._status = {"text": "", "level": "info"}
        self._acks: dict[str, int] = {}
        self._viewports: dict[str, tuple[Subject, Rect, tuple[int, int]]] = {}
        self._uploads = Uploads()
        self._longest = 1024
        self._version = 0
        self._quick, self._slow = Worker(self.fail), Worker(self.fail)
        self._tell()

    def do(self, action: Callable[[State], State], said: str = "") -> None:
        """Change the state. What `action` raises is the caller's, and nothing has changed then."""
        with self._lock:
            self.state = action(self.state)
            self._say(said)

    def load(self, text: str, source: str) -> None:
        """Load the text of a hints file."""
        with self._lock:
            self.state, said = saving.load(self.state, text, source)
            self._say(said)

    def fail(self, error: Exception) -> None:
        """Nothing that goes wrong vanishes: the pages say it, and `last_error` keeps it."""
        with self._lock:
            self.last_error = error
            ours = isinstance(error, ColorlibError)
            text = str(error) if ours else f"{type(error).__name__}: {error}"
            self._status = {"text": text, "level": "error"}
            self._tell()
            self._report = {**self._report, "acks": dict(self._acks)}
            self._publish({"_report": self._report})

    def receive(self, message: Message, buffers: Sequence[Any] = ()) -> None:
        """Do what a page asks."""
        with self._lock:
            try:
                view = str(message["view"])
                self._acks[view] = max(int(message["n"]), self._acks.get(view, 0))
                name, photo = message["do"], self.state.photo.name
                if message.get("photo", self._number) != self._number:
                    self._say(f"{photo} was opened meanwhile: that was for the photo before")
                elif name in ACTIONS:
                    self.do(lambda state: ACTIONS[name](state, message))
                elif name in REQUESTS:
                    REQUESTS[name](self, message, buffers)
                    self._tell()
                    self._repaint()
                else:
                    raise ConfigError(f"the page asked for {name!r}, which does not exist")
            except Exception as error:
                self.fail(error)

    def paint(self) -> None:
        """Bring the pages up to date with the state as it is now."""
        with self._painting:
            with self._lock:
                state, version, acks = self.state, self._version, dict(self._acks)
                subject = state.scene.subject
                # Those of a photo before are still there until their page has seen this one.
                viewports = {page: at for page, at in self._viewports.items() if at[0] is subject}
            answer, other = self._answers(state)
            whole = self._views.whole(subject, self._longest)
            changes = self._pictures(state, answer, other, whole)
            parts = {page: self._views.part(*at) for page, at in viewports.items()}
            crops = {page: part.layers(state, answer, other) for page, part in parts.items()}
            told = report(state, answer, other)
            told |= {"version": version, "acks": acks, "shape": whole.canvas.photo.shape}
            told["where"] = self.models.where(state.model)
            with self._lock:
                for page, layers in crops.items():
                    crop = {"kind": "crop", "view": page, "rect": viewports[page][1]}
                    self._post({**crop, "photo": subject.number}, layers)
                self._report = told
                self._publish({**changes, "_report": told})

    def still(self) -> bytes:
        """PNG of the photo as it is now, with its hints marked and a line of text."""
        with self._painting:
            state = self.state
            answer = self.models.answer(state, state.model)
            whole = self._views.whole(state.scene.subject, STILL)
            return painting.static_png(whole.colored(answer), state, summary(state, answer))

    def code(self) -> str:
        """A cell of Python that makes the picture without the panel."""
        return saving.code(self.state, self.models.takes_budget(self.state.model))

    def wait(self) -> None:
        """Wait until all that was asked for is done."""
        self._slow.wait()
        self._quick.wait()

    # Telling the pages

    @property
    def _number(self) -> int:
        return self.state.scene.subject.number

    def _say(self, text: str) -> None:
        self._status = {"text": text, "level": "info"}
        self._tell()
        self._repaint()

    def _repaint(self) -> None:
        if self.shown:
            self._quick.submit("paint", self.paint)

    def _tell(self) -> None:
        self._version += 1
        page = page_state(self.state) | {
            "version": self._version,
            "acks": dict(self._acks),
            "status": self._status,
            "takes_budget": self.models.takes_budget(self.state.model),
            "gallery": gallery_names(),
            "code": self.code(),
        }
        self._publish({"_page": page})

    def _answers(self, state: State) -> tuple[Answer, Answer | None]:
        answer = self.models.answer(state, state.model)
        if state.compare != "model" or state.other_model is None:
            return answer, None
        return answer, self.models.answer(state, state.other_model)

    def _pictures(
        self, state: State, answer: Answer, other: Answer | None, whole: View
    ) -> dict[str, bytes]:
        """Those of the pages' pictures that are no longer right."""
        reference, L = state.reference, round(state.lightness)
        wanted: dict[str, tuple[Any, Callable[[], bytes]]] = {
            "_picture": ((answer, whole), lambda: painting.jpeg(whole.colored(answer))),
            "_other": (
                (state.compare, other, whole),
                lambda: painting.jpeg(whole.beside(state, other)),
            ),
            "_gamut": (L, lambda: painting.gamut_png(L)),
            "_reference": (reference, lambda: self._of_reference(reference)),
        }
        changes = {}
        for name, (key, make) in wanted.items():
            if self._drawn.get(name, ...) != key:
                changes[name] = make()
                self._drawn[name] = key
        return changes

    def _of_reference(self, subject: Subject | None) -> bytes:
        if subject is None:
            return b""
        return painting.jpeg(self._views.whole(subject, STILL).canvas.photo.rgb)

    # What a page may ask for besides actions on the state

    def _hello(self, message: Message, _: Sequence[Any]) -> None:
        """A page opened, or has another size: `pixels` on its longer side."""
        low, high = LONGEST
        # In steps, so that a window that is being resized does not make a picture a pixel.
        self._longest = max(low, min(high, -(-int(message["pixels"]) // 128) * 128))
        self.shown = True

    def _bye(self, message: Message, _: Sequence[Any]) -> None:
        self._viewports.pop(message["view"], None)
        self._acks.pop(message["view"], None)

    def _viewport(self, message: Message, _: Sequence[Any]) -> None:
        """What part of the photo a page that is zoomed in shows, and in how many pixels."""
        view, rect = message["view"], message.get("rect")
        self._viewports.pop(view, None)
        if rect is not None:
            height, width = (max(1, min(LONGEST[1], int(side))) for side in message["shape"])
            top, left, tall, wide = (float(side) for side in rect)
            subject = self.state.scene.subject
            self._viewports[view] = subject, (top, left, tall, wide), (height, width)
            for old in list(self._viewports)[:-VIEWPORTS]:
                del self._viewports[old]

    def _open(self, message: Message, _: Sequence[Any]) -> None:
        name = message["name"]
        self._slow.submit("open", lambda: self._opened(message["as"], gallery_subject(name)))

    def _upload(self, message: Message, buffers: Sequence[Any]) -> None:
        """One part of a file: a server refuses messages of more than some megabytes."""
        subject = self._uploads.take(message, buffers)
        if subject is not None:
            self._slow.submit("open", lambda: self._opened(message["as"], subject()))

    def _opened(self, target: str, subject: Subject) -> None:
        if target == "reference":
            self.do(lambda state: state.with_reference(subject))
        else:
            self.do(lambda state: state.open(subject), f"{subject.photo.name} is open")

    def _load(self, message: Message, _: Sequence[Any]) -> None:
        self.load(message["text"], message["name"])

    def _save(self, message: Message, _: Sequence[Any]) -> None:
        kind, state = message["as"], self.state
        stem = state.photo.name
        if kind == "json":
            self._send_file(message, f"{stem}-hints.json", saving.dump(state).encode())
            return
        if kind not in ("png", "jpg"):
            raise PhotoError(f"cannot save as {kind!r}: png, jpg and json are possible")

        def make() -> None:
            content = painting.image_file(self.models.full(state).rgb, kind)
            self._send_file(message, f"{stem}-coloured.{kind}", content)

        self._status = {"text": f"saving {stem} at full size ...", "level": "info"}
        self._slow.submit(("save", message["view"]), make)

    def _send_file(self, message: Message, name: str, content: bytes) -> None:
        with self._lock:
            self._post({"kind": "file", "view": message["view"], "name": name}, [content])
            self._say(f"{name}, {len(content) / 1e6:.1f} MB")

    def _thumbnails(self, _: Message, __: Sequence[Any]) -> None:
        self._slow.submit("sheet", lambda: self._publish({"_sheet": contact_sheet()}))


REQUESTS: dict[str, Callable[[Session, Message, Sequence[Any]], None]] = {
    "hello": Session._hello,
    "bye": Session._bye,
    "viewport": Session._viewport,
    "open": Session._open,
    "upload": Session._upload,
    "load": Session._load,
    "save": Session._save,
    "thumbnails": Session._thumbnails,
}
