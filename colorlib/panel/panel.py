"""HintPanel: a photo to click colours into. The page draws; what happens is decided here."""

import base64
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bytes, Dict

from colorlib.colorizer import Colorization
from colorlib.files import ColorlibError, HintError, PhotoError, read_text, write_text
from colorlib.hints import Hints
from colorlib.panel import painting, saving
from colorlib.panel.messages import Message, act, page_state, report, summary
from colorlib.panel.models import Answer, Model, Models
from colorlib.panel.painting import Rect, View
from colorlib.panel.points import (
    Point,
    Subject,
    gallery_subject,
    points_of,
    subject_of,
    uploaded_subject,
)
from colorlib.panel.state import Scene, State
from colorlib.panel.worker import Worker
from colorlib.photos import Photo, gallery_names, save_photo

LONGEST = (256, 1600)  # pixels on the longer side of a picture for a page
STILL = 400  # pixels on the longer side of pictures that nobody works on
PAGES = 8  # a browser that is closed says no farewell: those that are silent longest are forgotten
LARGEST_UPLOAD = 256 << 20


@dataclass
class Page:
    """A view of the panel in a browser, and what is known of it.

    heard: the number of its last message. pixels: on the longer side of its picture. zoomed: the
    photo that it is zoomed into, the part of it that is seen, and in how many pixels (h, w).
    """

    view: str
    heard: int = 0
    pixels: int = 0
    zoomed: tuple[Subject, Rect, tuple[int, int]] | None = None


class HintPanel(anywidget.AnyWidget):
    """Click a colour into a grey photo and see it turn.

        panel = HintPanel("chelsea", model="acolvit-t-0.5")
        panel                                   # as the last line of a cell: shows it
        panel.add_hint(150, 220, "#b0602c")     # what a click calls

    `photo` is a gallery name, or anything that `open_photo` takes; `model` a name, the path of a
    checkpoint, or a Colorizer; `hints` Hints to start with. Methods raise ColorlibError for what
    cannot be. What goes wrong in an open page is shown in its status line and kept in
    `last_error`; the panel stays as it was. Messages and calls may come from any thread.
    """

    # As text: given their paths, anywidget keeps hold of every panel there ever was.
    _esm = Path(__file__).with_name("panel.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("panel.css").read_text(encoding="utf-8")

    # What every page gets; those that change together travel in one message.
    _page = Dict().tag(sync=True)
    _report = Dict().tag(sync=True)
    _picture = Bytes().tag(sync=True)
    _other = Bytes().tag(sync=True)
    _gamut = Bytes().tag(sync=True)
    _reference = Bytes().tag(sync=True)
    _sheet = Bytes().tag(sync=True)

    def __init__(
        self,
        photo: Any = "chelsea",
        model: Model | None = None,
        hints: Hints | None = None,
        budget: float | None = None,
    ):
        models = Models(model)
        state = State(Scene(subject_of(photo)), models.first, models.names)
        if hints is not None:
            hints.check_photo(state.photo)
            state = state.with_points(points_of(hints, state.scene.subject))
        if budget is not None:
            state = state.update(budget=budget)
        self._state, self._models = replace(state, past=()), models
        self._error: Exception | None = None
        self._lock, self._painting = threading.RLock(), threading.Lock()
        self._quick, self._slow = Worker(self._fail), Worker(self._fail)
        self._pages: dict[str, Page] = {}
        self._shown = False  # before, nothing is painted
        self._status = {"text": "", "level": "info"}
        self._version = 0
        self._drawn: dict[str, Any] = {}  # what the pages have, by what it was made of
        self._whole, self._part = lru_cache(4)(painting.whole), lru_cache(4)(painting.part)
        self._uploads: dict[str, list[bytes]] = {}
        super().__init__()
        self.on_msg(self._receive)
        self._tell()

    # What there is

    @property
    def state(self) -> State:
        """All that was done, immutable."""
        return self._state

    @property
    def photo(self) -> Photo:
        """The photo worked on."""
        return self._state.photo

    @property
    def points(self) -> tuple[Point, ...]:
        """The hints as they were asked for."""
        return self._state.points

    @property
    def hints(self) -> Hints:
        """The hints as the network gets them."""
        return self._state.hints

    @property
    def model(self) -> str:
        """The model's name; set it to choose another."""
        return self._state.model

    @model.setter
    def model(self, name: str) -> None:
        self._do(lambda state: state.update(model=name))

    @property
    def budget(self) -> float:
        """The share of sub-layers to keep, for models made with one; may be set."""
        return self._state.budget

    @budget.setter
    def budget(self, budget: float) -> None:
        self._do(lambda state: state.update(budget=budget))

    @property
    def answer(self) -> Answer:
        """The model's answer to the hints as they are: gates, multiply-adds, PSNR."""
        return self._models.answer(self._state, self.model)

    @property
    def last_error(self) -> Exception | None:
        """What went wrong last in a page, with its traceback."""
        return self._error

    def result(self) -> Colorization:
        """Return the photo in colour, at its full size."""
        return self._models.full(self._state)

    # What can be done

    def add_hint(self, row: int, column: int, rgb: Any = None) -> None:
        """Add a hint at a pixel: "#rrggbb" or (red, green, blue); None is the current colour."""
        self._do(lambda state: state.add(row, column, rgb))

    def move_hint(self, index: int, row: int, column: int) -> None:
        """Move the hint at `index`, counted from 0, to another pixel."""
        self._do(lambda state: state.move(self._id(index), row, column))

    def recolor_hint(self, index: int, rgb: Any) -> None:
        """Give the hint at `index` another colour."""
        self._do(lambda state: state.recolor(self._id(index), rgb))

    def remove_hint(self, index: int) -> None:
        """Remove the hint at `index`."""
        self._do(lambda state: state.remove(self._id(index)))

    def clear(self) -> None:
        """Remove all hints."""
        self._do(State.clear)

    def undo(self) -> None:
        """Take the last step back."""
        self._do(State.undo)

    def redo(self) -> None:
        """Do the step again that was taken back."""
        self._do(State.redo)

    def paper_hints(self, count: int, seed: int = 0) -> None:
        """Put `count` hints of the photo's own colours, drawn as in the paper's experiments."""
        self._do(lambda state: state.paper(count, seed))

    def open_photo(self, photo: Any) -> None:
        """Open another photo: a gallery name, or anything that `colorlib.open_photo` takes."""
        subject = subject_of(photo)
        self._do(lambda state: state.open(subject))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the photo in colour at full size (.png, .jpg, .webp), or the hints (.json)."""
        if Path(path).suffix.lower() == ".json":
            write_text(path, saving.dump(self._state))
        else:
            save_photo(self.result().rgb, path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Load hints that a panel or `Hints.save` wrote."""
        self._load(read_text(path), str(path))

    def code(self) -> str:
        """Return a cell of Python that makes this picture without the panel."""
        models, name = self._models, self.model
        return saving.code(self._state, models.code(name), models.takes_budget(name))

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until the pages show everything that was asked for. Raises TimeoutError."""
        self._slow.wait(seconds)
        self._quick.wait(seconds)

    def close(self) -> None:
        """Take the panel off its pages, and let go of its photos and pictures."""
        if self.comm is None:
            return
        super().close()
        self._shown = False
        self._slow.stop()
        self._quick.stop()
        self._models.forget()
        for kept in (self._drawn, self._pages, self._uploads):
            kept.clear()
        for pictures in (self._whole, self._part):
            pictures.cache_clear()

    def __repr__(self) -> str:
        height, width = self.photo.shape
        hints = f"{len(self.points)} hint{'' if len(self.points) == 1 else 's'}"
        return f"HintPanel({self.photo.name!r} {height}x{width}, {hints}, {self.model})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            self._shown = True
            try:
                self._paint()
                # For pages that show notebooks without running them, such as GitHub's.
                bundle[0]["image/png"] = base64.b64encode(self._still()).decode()
            except Exception as error:
                self._fail(error)
        return bundle

    # Changing the state, and telling the pages

    def _id(self, index: int) -> str:
        if not 0 <= index < len(self.points):
            raise HintError(f"no hint {index}: there are {len(self.points)}, counted from 0")
        return self.points[index].id

    def _do(self, action: Callable[[State], State], said: str = "") -> None:
        """Change the state. What `action` raises is the caller's, and nothing has changed then."""
        with self._lock:
            self._state = action(self._state)
            self._say(said)

    def _load(self, text: str, source: str) -> None:
        with self._lock:
            self._state, said = saving.load(self._state, text, source)
            self._say(said)

    def _say(self, text: str) -> None:
        self._status = {"text": text, "level": "info"}
        self._refresh()

    def _refresh(self) -> None:
        self._tell()
        if self._shown:
            self._quick.submit("paint", self._paint)

    def _fail(self, error: Exception) -> None:
        """Nothing that goes wrong vanishes: the pages say it, and `last_error` keeps it."""
        with self._lock:
            self._error = error
            ours = isinstance(error, ColorlibError)
            text = str(error) if ours else f"{type(error).__name__}: {error}"
            self._status = {"text": text, "level": "error"}
            self._tell()
            self._publish(_report={**self._report, "acks": self._heard()})

    def _tell(self) -> None:
        with self._lock:
            self._version += 1
            page = page_state(self._state) | {
                "version": self._version,
                "acks": self._heard(),
                "status": self._status,
                "takes_budget": self._models.takes_budget(self.model),
                "gallery": gallery_names(),
                "code": self.code(),
            }
            self._publish(_page=page)

    def _publish(self, **values: Any) -> None:
        with self._lock, self.hold_sync():
            for name, value in values.items():
                setattr(self, name, value)

    def _heard(self) -> dict[str, int]:
        return {view: page.heard for view, page in self._pages.items()}

    # Pictures

    def _paint(self) -> None:
        """Bring the pages up to date with the state as it is now."""
        with self._painting:
            with self._lock:
                state, version, acks = self._state, self._version, self._heard()
                pages = [replace(page) for page in self._pages.values()]
            answer, subject = self._models.answer(state, state.model), state.scene.subject
            compared = state.compare == "model" and state.other_model
            other = self._models.answer(state, compared) if compared else None
            low, high = LONGEST
            pixels = max((page.pixels for page in pages), default=0) or 1024
            # In steps, so that a window that is being resized does not make a picture a pixel.
            whole = self._whole(subject, max(low, min(high, -(-pixels // 128) * 128)))
            changes = self._changes(state, answer, other, whole)
            told = report(state, answer) | {
                "version": version,
                "acks": acks,
                "shape": whole.painter.photo.shape,
                "where": self._models.where(state.model),
            }
            for page in pages:
                # It is another photo until the page has seen this one.
                if page.zoomed and page.zoomed[0] is subject:
                    part = self._part(*page.zoomed)
                    pictures = part.colored(answer), part.beside(state, other)
                    layers = [painting.jpeg(one) for one in pictures if one is not None]
                    crop = {"kind": "crop", "rect": page.zoomed[1], "photo": subject.number}
                    self.send({"view": page.view, **crop}, layers)
            self._publish(**changes, _report=told)

    def _changes(
        self, state: State, answer: Answer, other: Answer | None, whole: View
    ) -> dict[str, bytes]:
        """Paint those of the pages' pictures that are no longer right."""
        reference, L = state.reference, round(state.lightness)
        small = None if reference is None else self._whole(reference, STILL).painter.photo.rgb
        wanted: dict[str, tuple[Any, Callable[[], bytes]]] = {
            "_picture": ((answer, whole), lambda: painting.jpeg(whole.colored(answer))),
            "_other": (
                (state.compare, other, whole),
                lambda: painting.jpeg(whole.beside(state, other)),
            ),
            "_gamut": (L, lambda: painting.gamut_png(L)),
            "_reference": (reference, lambda: painting.jpeg(small)),
        }
        changes = {}
        for name, (made_of, make) in wanted.items():
            if self._drawn.get(name, ...) != made_of:
                changes[name] = make()
                self._drawn[name] = made_of
        return changes

    def _still(self) -> bytes:
        """Return a PNG of the photo as it is now, with its hints marked and a line of text."""
        with self._painting:
            state = self._state
            answer = self._models.answer(state, state.model)
            rgb = self._whole(state.scene.subject, STILL).colored(answer)
            return painting.static_png(rgb, state, summary(state, answer))

    # What a page asks for

    def _receive(self, _: Any, message: Message, buffers: Sequence[Any] = ()) -> None:
        with self._lock:
            try:
                page = self._page_of(message)
                number = self._state.scene.subject.number
                if message.get("photo", number) != number:
                    name = self.photo.name
                    self._say(f"{name} was opened meanwhile: that was for the photo before")
                else:
                    self._ask(page, message, buffers)
            except Exception as error:
                self._fail(error)

    def _page_of(self, message: Message) -> Page:
        view = message["view"]
        page = self._pages.pop(view, None) or Page(view)
        page.heard = max(int(message["n"]), page.heard)
        self._pages[view] = page  # the last one
        for silent in list(self._pages)[:-PAGES]:
            del self._pages[silent]
        return page

    def _ask(self, page: Page, message: Message, buffers: Sequence[Any]) -> None:
        match message:
            case {"do": "hello", "pixels": pixels}:
                page.pixels, self._shown = int(pixels), True
            case {"do": "bye"}:
                del self._pages[page.view]
            case {"do": "viewport", "rect": None}:
                page.zoomed = None
            case {"do": "viewport", "rect": [top, left, tall, wide], "shape": shape}:
                height, width = (max(1, min(LONGEST[1], int(side))) for side in shape)
                part = (top, left, tall, wide)
                page.zoomed = self._state.scene.subject, part, (height, width)
            case {"do": "open", "name": name, "as": target}:
                self._slow.submit("open", lambda: self._open(gallery_subject(name), target))
            case {"do": "upload"}:
                self._upload(page, message, bytes(buffers[0]))
            case {"do": "load", "text": text, "name": name}:
                return self._load(text, name)
            case {"do": "save", "as": kind}:
                return self._save(page, kind)
            case {"do": "thumbnails"}:
                self._slow.submit("sheet", lambda: self._publish(_sheet=painting.contact_sheet()))
            case _:
                return self._do(lambda state: act(state, message))
        return self._refresh()

    def _open(self, subject: Subject, target: str) -> None:
        if target == "reference":
            self._do(lambda state: state.update(reference=subject))
        else:
            self._do(lambda state: state.open(subject), f"{subject.photo.name} is open")

    def _upload(self, page: Page, message: Message, part: bytes) -> None:
        """Take one part of a file: a server refuses messages of more than some megabytes."""
        name, key = message["name"], f"{page.view} {message['upload']}"
        parts = self._uploads.setdefault(key, [])
        parts.append(part)
        if sum(map(len, parts)) > LARGEST_UPLOAD:
            del self._uploads[key]
            raise PhotoError(f"{name} has more than {LARGEST_UPLOAD >> 20} MB")
        if len(parts) == message["parts"]:
            content = b"".join(self._uploads.pop(key))
            target = message["as"]
            self._slow.submit("open", lambda: self._open(uploaded_subject(content, name), target))

    def _save(self, page: Page, kind: str) -> None:
        state = self._state
        stem = state.scene.subject.stem
        if kind == "json":
            return self._send_file(page, f"{stem}-hints.json", saving.dump(state).encode())
        if kind not in ("png", "jpg"):
            raise PhotoError(f"cannot save as {kind!r}: png, jpg and json are possible")

        def make() -> None:
            content = painting.image_file(self._models.full(state).rgb, kind)
            self._send_file(page, f"{stem}-coloured.{kind}", content)

        self._slow.submit(("save", page.view), make)
        return self._say(f"saving {state.photo.name} at full size ...")

    def _send_file(self, page: Page, name: str, content: bytes) -> None:
        with self._lock:
            self.send({"kind": "file", "view": page.view, "name": name}, [content])
            self._say(f"{name}, {len(content) / 1e6:.1f} MB")
