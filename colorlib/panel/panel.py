"""HintPanel: a photo to click colours into. The page draws; what happens is decided here."""

import base64
import io
import json
import os
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bool, Bytes, Dict, List, Unicode

from colorlib.colorizer import Colorization, Painter
from colorlib.files import ColorlibError, PhotoError, read_text, write_text
from colorlib.hints import Hints
from colorlib.panel import pages, saving
from colorlib.panel.pages import DEFAULT, Answer, Model, Models
from colorlib.panel.state import Point, Scene, State, Subject
from colorlib.photos import Photo, gallery_names, open_photo

# What a page may do with the state, by the names of its methods.
ACTIONS = ["add", "move", "recolor", "pick", "remove", "clear", "undo", "redo", "paper", "update"]
LONGEST = 1600  # pixels on the longer side of a picture for a page
ZOOMED = 4  # pages that may be zoomed in: a browser that is closed does not say so
PARTS = 128  # of an upload, at most: panel.js sends 2 MB in each
# Threads that all panels of a kernel share: each that calls PyTorch gets threads there, and memory.
POOLS = {kind: ThreadPoolExecutor(1, f"panel-{kind}") for kind in ("quick", "slow")}


class HintPanel(anywidget.AnyWidget):
    """Click a colour into a grey photo and see it turn.

        panel = HintPanel("chelsea", model="acolvit-t-0.5")
        panel                                   # as the last line of a cell: shows it
        panel.add_hint(150, 220, "#b0602c")     # what a click calls

    `photo` is a gallery name, or anything that `open_photo` takes; `model` a name, the path of a
    checkpoint, or a Colorizer. With `remember`, hints survive a reload of the page, for pages that
    start a kernel of their own, such as Voila's. `state` is all that was done. Methods raise
    ColorlibError for what cannot be. What goes wrong in an open page is shown in its status line
    and kept, with its traceback, in `last_error`; the panel stays as it was. Calls may come from
    any thread.
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
    _reference = Unicode().tag(sync=True)
    _remember = Bool().tag(sync=True)
    _hints = Unicode().tag(sync=True)
    _gallery: List = List().tag(sync=True)
    _sheet = Unicode().tag(sync=True)

    def __init__(self, photo: Any = "chelsea", model: Model = DEFAULT, remember: bool = False):
        self._models = Models(model)
        scene = Scene(Subject.of(photo))
        self.state = State(scene, self._models.first, tuple(self._models.codes))
        self.last_error: Exception | None = None
        self._lock, self._painting = threading.RLock(), threading.Lock()
        self._jobs: dict[Hashable, Future[None]] = {}  # the last of each key
        self._version = 0
        # By page: the number of its last message, how large it is, and what part it shows.
        self._heard: dict[str, int] = {}
        self._pixels: dict[str, int] = {}  # empty before there is a page: nothing is painted
        self._zoomed: dict[str, pages.Part] = {}
        self._uploads: dict[str, dict[int, list[bytes]]] = {}
        self._kept: dict[str, str] = {}  # hints files of photos to be opened again, by `digest`
        self._painter = lru_cache(2)(lambda subject: Painter(subject.photo))
        self._picture_of = lru_cache(8)(pages.picture)
        super().__init__(_gallery=gallery_names(), _remember=remember)
        self.on_msg(self._receive)
        self._refresh("")

    # What there is

    @property
    def photo(self) -> Photo:
        """The photo worked on."""
        return self.state.photo

    @property
    def points(self) -> tuple[Point, ...]:
        """The hints as they were asked for."""
        return self.state.points

    @property
    def hints(self) -> Hints:
        """The hints as the network gets them."""
        return self.state.hints

    @property
    def model(self) -> str:
        """The model's name; set it to choose another."""
        return self.state.model

    @model.setter
    def model(self, name: str) -> None:
        self._do(lambda state: state.update(model=name))

    @property
    def budget(self) -> float:
        """The share of sub-layers to keep, for models made with one; may be set."""
        return self.state.budget

    @budget.setter
    def budget(self, budget: float) -> None:
        self._do(lambda state: state.update(budget=budget))

    @property
    def answer(self) -> Answer:
        """The model's answer to the hints as they are: gates, multiply-adds, PSNR."""
        return self._models.answer(self.state, self.model)

    def result(self) -> Colorization:
        """Return the photo in colour, at its full size."""
        return self._models.full(self.state)

    # What can be done

    def add_hint(self, row: int, column: int, rgb: Any = None) -> None:
        """Add a hint at a pixel: "#rrggbb" or (red, green, blue); None is the current colour."""
        self._do(lambda state: state.add(row, column, rgb))

    def move_hint(self, index: int, row: int, column: int) -> None:
        """Move the hint at `index`, counted from 0, to another pixel."""
        self._do(lambda state: state.move(self._id(index), row, column))

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
        subject = Subject.of(photo)
        self._do(lambda state: state.open(subject))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the photo in colour at full size (.png, .jpg, .webp), or the hints (.json)."""
        if Path(path).suffix.lower() == ".json":
            write_text(path, saving.dump(self.state))
        else:
            self.result().save(path)

    def load(self, path: str | os.PathLike[str], fit: bool = False) -> None:
        """Load hints that were saved; `fit` puts those of a photo of another size on this one."""
        self._refresh(self._on_load("", read_text(path), str(path), fit))

    def code(self) -> str:
        """Return a cell of Python that makes this picture without the panel."""
        takes_budget = self._models.takes_budget(self.model)
        return saving.code(self.state, self._models.codes[self.model], takes_budget)

    def wait(self, seconds: float = 60.0) -> None:
        """Wait until the pages show everything that was asked for. Raises TimeoutError."""
        while left := [job for job in [*self._jobs.values()] if not job.done()]:
            if wait(left, seconds).not_done:
                raise TimeoutError(f"the panel is still at work after {seconds:g} seconds")

    def close(self) -> None:
        """Take the panel off its pages, and let go of its photos and pictures."""
        super().close()
        self._pixels.clear()
        self._zoomed.clear()
        for job in [*self._jobs.values()]:
            job.cancel()  # unless it has begun
        for cached in (*self._models.caches, self._painter, self._picture_of):
            cached.cache_clear()

    def __repr__(self) -> str:
        height, width = self.photo.shape
        hints = f"{len(self.points)} hint{'' if len(self.points) == 1 else 's'}"
        return f"HintPanel({self.photo.name!r} {height}x{width}, {hints}, {self.model})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            with self._telling():
                self._paint()
                # For pages that show notebooks without running them, such as GitHub's.
                still = pages.static_png(self.state, self.answer)
                bundle[0]["image/png"] = base64.b64encode(still).decode()
        return bundle

    # Changing the state, and telling the pages

    def _id(self, index: int) -> str:
        if not 0 <= index < len(self.points):
            raise ColorlibError(f"no hint {index}: there are {len(self.points)}, counted from 0")
        return self.points[index].id

    def _do(self, action: Callable[[State], State], said: str = "") -> None:
        """Change the state. What `action` raises is the caller's, and nothing has changed then."""
        with self._lock:
            self.state = action(self.state)
            self._refresh(said)

    def _refresh(self, said: str | None = None, level: str = "info") -> None:
        """Bring the pages up to date; `said` is for their status line."""
        with self._lock:
            if said is not None:
                self._status = {"text": said, "level": level}
            self._version += 1
            more = {"acks": dict(self._heard), "status": self._status}
            more["takes_budget"] = self._models.takes_budget(self.model)
            self._publish(_page=pages.page_state(self.state) | more)
            if self._pixels and level != "error":  # which painting again might bring again
                self._soon("quick", "paint", self._paint)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Nothing that goes wrong in it vanishes: the pages say it, and `last_error` keeps it."""
        try:
            yield
        except Exception as error:
            with self._lock:
                self.last_error = error
                ours = isinstance(error, ColorlibError)
                self._refresh(str(error) if ours else f"{type(error).__name__}: {error}", "error")
                self._publish(_report={**self._report, "acks": dict(self._heard)})

    def _publish(self, **values: Any) -> None:
        with self._lock, self.hold_sync():
            for name, value in values.items():
                setattr(self, name, value)

    def _soon(self, pool: str, key: Hashable, job: Callable[[], None]) -> None:
        """Do `job` in one of POOLS. Of a hundred of one key that wait, only the last is done."""

        def do() -> None:
            with self._telling():
                job()

        if key in self._jobs:
            self._jobs[key].cancel()
        self._jobs[key] = POOLS[pool].submit(do)

    # Pictures

    def _paint(self) -> None:
        """Bring the pages up to date with the state as it is now."""
        with self._painting:
            with self._lock:
                state, version, heard = self.state, self._version, dict(self._heard)
                zoomed, pixels = dict(self._zoomed), max(self._pixels.values(), default=1024)
            subject, answer = state.scene.subject, self._models.answer(state, state.model)
            other: Answer | str = state.compare
            if state.compare == "model":
                other = self._models.answer(state, state.other_model)
            elif state.compare == "hintless":
                other = self._models.answer(replace(state, scene=Scene(subject)), state.model)
            for view, part in zoomed.items():
                # Until the page has seen this photo it is the one before.
                if part.whole is subject.photo:
                    layers = self._picture_of(part, answer), self._picture_of(part, other)
                    about = {"view": view, "rect": part.rect, "photo": subject.number}
                    self.send({"kind": "crop"} | about, [layer for layer in layers if layer])
            colorizer = self._models.colorizer(state.model)
            whole = self._painter(subject).reduced(pixels)
            told = pages.report(state, answer, other) | {
                "version": version,
                "acks": heard,
                "shape": whole.photo.shape,
                "where": f"{pages.ENGINES[colorizer.engine]}, {colorizer.device}",
                "code": self.code(),
            }
            self._publish(
                _picture=self._picture_of(whole, answer),
                _other=self._picture_of(whole, other),
                _gamut=pages.gamut_png(round(state.lightness)),
                _hints=saving.dump(state) if self._remember else "",
                _report=told,
            )

    # What a page asks for

    def _receive(self, _: Any, message: dict[str, Any], buffers: Sequence[Any] = ()) -> None:
        """Do what a page asks: {"do": name, "view": which page, "n": its number, ...}.

        "photo" is the number of the photo that it is about; the rest are arguments of an action
        on the state, or of a method here, which returns what the status line says then.
        """
        with self._lock, self._telling():
            asked = dict(message)
            name, view, n = asked.pop("do"), asked.pop("view"), asked.pop("n")
            self._heard[view] = max(n, self._heard.get(view, 0))
            number = self.state.scene.subject.number
            if asked.pop("photo", number) != number:
                said = f"{self.photo.name} was opened meanwhile: that was for the photo before"
                self._refresh(said)
            elif name in ACTIONS:
                self._do(lambda state: getattr(state, name)(**asked))
            else:
                content = {"buffers": buffers} if buffers else {}
                self._refresh(getattr(self, f"_on_{name}")(view, **asked, **content))

    def _on_hello(self, view: str, pixels: int) -> None:
        """A page opened, or has another size: pixels on its longer side, in steps of 128."""
        self._pixels[view] = min(pixels, LONGEST)

    def _on_bye(self, view: str) -> None:
        for known in (self._heard, self._pixels, self._zoomed, self._uploads):
            known.pop(view, None)

    def _on_viewport(self, view: str, rect: Any = None, shape: Any = ()) -> None:
        """What part of the photo a page that is zoomed in shows, and in how many pixels."""
        self._zoomed.pop(view, None)
        if rect is not None:
            height, width = (max(1, min(LONGEST, side)) for side in shape)
            self._zoomed[view] = pages.Part(self.photo, tuple(rect), (height, width))
            for old in list(self._zoomed)[:-ZOOMED]:
                del self._zoomed[old]

    def _on_upload(
        self, view: str, upload: int, parts: int, name: str, target: str, buffers: Sequence[Any]
    ) -> str | None:
        """Take one part of a file: a server refuses messages of more than some megabytes."""
        if parts > PARTS:
            raise PhotoError(f"{name} has more than {2 * PARTS} MB")
        there = self._uploads.setdefault(view, {}).setdefault(upload, [])
        there.append(bytes(buffers[0]))
        if len(there) < parts:
            return None
        file = io.BytesIO(b"".join(self._uploads[view].pop(upload)))
        file.name = name  # the photo and errors are called by it
        return self._on_open(view, name, target, file)

    def _on_open(self, view: str, name: str, target: str, file: Any = None) -> str:
        """Open a photo of the gallery, or a file that a page sent."""

        def opened() -> None:
            if file is None:
                subject = Subject.in_gallery(name)
            else:
                subject = Subject(open_photo(file), f"colorlib.open_photo({name!r})")
            if target == "reference":
                second = pages.picture(Painter(subject.photo).reduced(pages.SMALL), "original")
                self._publish(_reference=pages.data_url(second))
                self._do(lambda state: state.update(reference=subject))
                return
            self._do(lambda state: state.open(subject), f"{subject.photo.name} is open")
            if self._kept and (text := self._kept.pop(saving.digest(subject.photo), None)):
                self._refresh(self._on_load("", text, "what was there before"))

        self._soon("slow", "open", opened)
        return f"opening {name} ..."

    def _on_load(self, view: str, text: str, name: str, fit: bool = False) -> str:
        """Load the text of a hints file."""
        with self._lock:
            self.state, said = saving.load(self.state, text, name, fit)
        return said

    def _on_restore(self, view: str, text: str) -> str | None:
        """Put the hints back that the page had before it was loaded again."""
        before = json.loads(text)
        name, digest = before["photo"], before["panel"]["sha256"]
        if digest != saving.digest(self.photo):
            if name not in gallery_names():
                self._kept[digest] = text
                return f"open {name} again, and its hints are there again"
            self.state = self.state.open(Subject.in_gallery(name))
        self._on_load(view, text, "what was there before")
        return None

    def _on_save(self, view: str, kind: str) -> str:
        state = self.state

        def make() -> None:
            stem = f"{state.scene.subject.stem}-"
            if kind == "json":
                name, content = f"{stem}hints.json", saving.dump(state).encode()
            else:
                name = f"{stem}coloured.{kind}"
                content = self._models.full(state).file(name)
            self.send({"kind": "file", "view": view, "name": name}, [content])
            self._refresh(f"{name}, {len(content) / 1e6:.1f} MB")

        self._soon("slow", ("save", view, kind), make)
        return f"saving {state.photo.name} ..."

    def _on_thumbnails(self, view: str) -> None:
        self._soon("slow", "sheet", lambda: self._publish(_sheet=pages.contact_sheet()))
