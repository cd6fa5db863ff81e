"""HintPanel: a photo to click colours into. The page draws; what happens is decided here."""

import base64
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import anywidget
from traitlets import Bytes, Dict

from colorlib.colorizer import Colorization
from colorlib.files import HintError, read_text, write_text
from colorlib.hints import Hints
from colorlib.panel import saving
from colorlib.panel.answers import Answer
from colorlib.panel.models import Model, Models
from colorlib.panel.points import Point, Subject, points_of
from colorlib.panel.session import Session
from colorlib.panel.sources import subject_of
from colorlib.panel.state import Scene, State
from colorlib.photos import Photo, save_photo

_HERE = Path(__file__).parent
# A page is one module: what its files import from each other comes before, in this order.
_FILES = (
    "elements",
    "link",
    "view",
    "overlays",
    "stage",
    "colour",
    "network",
    "files",
    "lesson",
)


def page_module() -> str:
    """The page's JavaScript: the files of `page` and panel.js, joined."""
    paths = [*(_HERE / "page" / f"{name}.js" for name in _FILES), _HERE / "panel.js"]
    lines = "\n".join(path.read_text(encoding="utf-8") for path in paths).splitlines()
    own = [line.removeprefix("export ") for line in lines if not line.startswith("import ")]
    return "\n".join([*own, "export default { render };", ""])


class HintPanel(anywidget.AnyWidget):
    """Click a colour into a grey photo and see it turn.

        panel = HintPanel("chelsea", model="acolvit-t-0.5")
        panel                                   # as the last line of a cell: shows it
        panel.add_hint(150, 220, "#b0602c")     # what a click calls

    `photo` is a gallery name, or anything that `open_photo` takes; `model` a name, the path of a
    checkpoint, or a Colorizer; `hints` Hints to start with. Methods raise ColorlibError for what
    cannot be. What goes wrong in an open page is shown in its status line and kept in
    `last_error`; the panel stays as it was.
    """

    _esm = page_module()
    _css = (_HERE / "panel.css").read_text(encoding="utf-8")

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
        super().__init__()
        models = Models(model)
        state = State(Scene(subject_of(photo)), models.first, models.names)
        if hints is not None:
            hints.check_photo(state.photo)
            state = state.with_points(points_of(hints, state.scene.subject))
        if budget is not None:
            state = state.with_budget(budget)
        self._session = Session(replace(state, past=()), models, self._publish, self.send)
        self.on_msg(lambda _, message, buffers: self._session.receive(message, buffers))

    # What there is

    @property
    def state(self) -> State:
        """All that was done, immutable."""
        return self._session.state

    @property
    def subject(self) -> Subject:
        """The photo worked on, and what is known of it."""
        return self.state.scene.subject

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
        self._session.do(lambda state: state.with_model(name))

    @property
    def budget(self) -> float:
        """The share of sub-layers to keep, for models made with one; may be set."""
        return self.state.budget

    @budget.setter
    def budget(self, budget: float) -> None:
        self._session.do(lambda state: state.with_budget(budget))

    @property
    def answer(self) -> Answer:
        """The model's answer to the hints as they are: gates, multiply-adds, PSNR."""
        return self._session.models.answer(self.state, self.model)

    @property
    def last_error(self) -> Exception | None:
        """What went wrong last in a page, with its traceback."""
        return self._session.last_error

    def result(self) -> Colorization:
        """The photo in colour, at its full size."""
        return self._session.models.full(self.state)

    # What can be done

    def add_hint(self, row: int, column: int, rgb: Any = None) -> None:
        """One more hint: "#rrggbb" or (red, green, blue) at a pixel; None is the current colour."""
        self._session.do(lambda state: state.add(row, column, rgb))

    def move_hint(self, index: int, row: int, column: int) -> None:
        """The hint at `index`, counted from 0, put at another pixel."""
        self._session.do(lambda state: state.move(self._id(index), row, column))

    def recolor_hint(self, index: int, rgb: Any) -> None:
        """Another colour for the hint at `index`."""
        self._session.do(lambda state: state.recolor(self._id(index), rgb))

    def remove_hint(self, index: int) -> None:
        """All hints but the one at `index`."""
        self._session.do(lambda state: state.remove(self._id(index)))

    def clear(self) -> None:
        """No hints."""
        self._session.do(State.clear)

    def undo(self) -> None:
        """The step before."""
        self._session.do(State.undo)

    def redo(self) -> None:
        """The step that was taken back."""
        self._session.do(State.redo)

    def paper_hints(self, count: int, seed: int = 0) -> None:
        """`count` hints of the photo's own colours, drawn as in the paper's experiments."""
        self._session.do(lambda state: state.paper(count, seed))

    def open_photo(self, photo: Any) -> None:
        """Another photo: a gallery name, or anything that `colorlib.open_photo` takes."""
        subject = subject_of(photo)
        self._session.do(lambda state: state.open(subject))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the photo in colour at full size (.png, .jpg, .webp), or the hints (.json)."""
        if Path(path).suffix.lower() == ".json":
            write_text(path, saving.dump(self.state))
        else:
            save_photo(self.result().rgb, path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Load hints that a panel or `Hints.save` wrote."""
        self._session.load(read_text(path), str(path))

    def code(self) -> str:
        """A cell of Python that makes this picture without the panel."""
        return self._session.code()

    def wait(self) -> None:
        """Wait until the pages show everything that was asked for."""
        self._session.wait()

    def __repr__(self) -> str:
        height, width = self.photo.shape
        hints = f"{len(self.points)} hint{'' if len(self.points) == 1 else 's'}"
        return f"HintPanel({self.photo.name!r} {height}x{width}, {hints}, {self.model})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict, dict] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        session = self._session
        session.shown = True
        try:
            session.paint()
            # For pages that show notebooks without running them, such as GitHub's.
            data["image/png"] = base64.b64encode(session.still()).decode()
        except Exception as error:
            session.fail(error)
        return data, metadata

    def _publish(self, values: dict[str, Any]) -> None:
        with self.hold_sync():
            for name, value in values.items():
                setattr(self, name, value)

    def _id(self, index: int) -> str:
        if not 0 <= index < len(self.points):
            raise HintError(f"no hint {index}: there are {len(self.points)}, counted from 0")
        return self.points[index].id
