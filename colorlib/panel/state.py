"""What a user of the panel did: a photo, points of colour on it, settings, and what was before.

Everything is immutable: an action is a method of `State` that returns a new State, or the same
one when it changes nothing. Undo and redo go over the photo and its points, which would be lost;
settings such as the model stay as they are. No user interface is imported here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args

from colorlib.files import ConfigError, HintError
from colorlib.hints import Hints
from colorlib.panel.colors import Color, color_of_ab, parse_color, snap
from colorlib.panel.points import SIDE, SIZE, Point, Subject, checked_width, hints_of, points_of
from colorlib.photos import Photo

Compare = Literal["nothing", "grey", "original", "model"]

RECENT = 12
STEPS = 500  # of undo
ORANGE = "#d9822b"


@dataclass(frozen=True)
class Scene:
    """What undo goes over."""

    subject: Subject
    points: tuple[Point, ...] = ()


@dataclass(frozen=True)
class State:
    """All that the panel shows follows from this. Later points win where two share a cell."""

    scene: Scene
    model: str
    models: tuple[str, ...] = ()
    past: tuple[Scene, ...] = field(default=(), repr=False)
    future: tuple[Scene, ...] = field(default=(), repr=False)
    gesture: str | None = None  # the drag that the last step belongs to
    color: Color = field(default_factory=lambda: parse_color(ORANGE))
    recent: tuple[Color, ...] = ()
    width: int = 1
    budget: float = 0.5
    compare: Compare = "nothing"
    other_model: str | None = None
    place: tuple[int, int] | None = None  # where the colour picker looks
    shown: int | None = None  # of a replay: how many hints are in
    seed: int = 0
    reference: Subject | None = None
    created: int = 0  # names of points are never used twice

    @property
    def photo(self) -> Photo:
        """The photo worked on."""
        return self.scene.subject.photo

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, also those that a replay does not show yet."""
        return self.scene.points

    @property
    def hints(self) -> Hints:
        """The points in use as Hints; a point wider than a cell is a square of hints."""
        return hints_of(self.points[: self.shown], self.photo.shape)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self.past)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step that was taken back."""
        return bool(self.future)

    @property
    def lightness(self) -> float:
        """L at the place that the colour picker looks at, 60 before there is one."""
        return 60.0 if self.place is None else self.scene.subject.lightness(*self.place)

    def find(self, id: str) -> int:
        """The index of a point. Raises HintError when it is gone."""
        for index, point in enumerate(self.points):
            if point.id == id:
                return index
        raise HintError("this hint is gone: it was removed in the meantime")

    # Points

    def add(
        self,
        row: int,
        column: int,
        color: Any = None,
        id: str | None = None,
        gesture: str | None = None,
    ) -> "State":
        """One more point, in the current colour or in `color`, after the others."""
        self.scene.subject.check_inside(row, column)
        color = self.color if color is None else parse_color(color)
        id = f"hint-{self.created}" if id is None else id
        if any(point.id == id for point in self.points):
            raise HintError(f"there is a hint {id!r} already")
        point = self._fitted(Point(id, int(row), int(column), color, color.ab, self.width))
        done = self._step((*self.points, point), gesture)
        return replace(done, created=self.created + 1, place=(point.row, point.column))._used(color)

    def move(self, id: str, row: int, column: int, gesture: str | None = None) -> "State":
        """A point at another pixel, its colour fitted to the lightness there."""
        self.scene.subject.check_inside(row, column)
        point = replace(self.points[self.find(id)], row=int(row), column=int(column))
        return replace(self._put(id, point, gesture), place=(point.row, point.column))

    def recolor(self, id: str, color: Any, gesture: str | None = None) -> "State":
        """Another colour for a point; it becomes the current one."""
        color = parse_color(color)
        point = replace(self.points[self.find(id)], asked=color)
        return replace(self._put(id, point, gesture), color=color)._used(color)

    def widen(self, id: str, width: int, gesture: str | None = None) -> "State":
        """Another width, 1 to 9 cells, for a point and those to come."""
        point = replace(self.points[self.find(id)], width=checked_width(width))
        return replace(self._put(id, point, gesture), width=point.width)

    def remove(self, id: str) -> "State":
        """All points but one."""
        index = self.find(id)
        return self._step((*self.points[:index], *self.points[index + 1 :]))

    def clear(self) -> "State":
        """No points."""
        return self._step(()) if self.points else self

    def with_points(self, points: Iterable[Point]) -> "State":
        """Other points, as they are; each gets a new name."""
        named = [
            replace(point, id=f"hint-{self.created + index}") for index, point in enumerate(points)
        ]
        hints_of(named, self.photo.shape)  # raises HintError for what is no hint
        return replace(self._step(tuple(named)), created=self.created + len(named))

    def paper(self, count: int, seed: int = 0) -> "State":
        """Hints as the paper's experiments draw them, in place of those there are.

        `count` of the photo's own colours, uniform over the cells without replacement: those
        of the command `colorlib colorize --random-hints`. HintError for a grey photo.
        """
        hints = Hints.random(self.photo, count, seed, SIZE, SIDE)
        return replace(self.with_points(points_of(hints, self.scene.subject)), seed=seed)

    # Photo and history

    def open(self, subject: Subject) -> "State":
        """Another photo, without points."""
        opened = replace(self._push(Scene(subject)), place=None)
        nothing_to_see = subject.is_grey and self.compare == "original"
        return replace(opened, compare="nothing") if nothing_to_see else opened

    def undo(self) -> "State":
        """The step before; this state itself when there is none."""
        if not self.past:
            return self
        done = replace(self, past=self.past[:-1], future=(self.scene, *self.future))
        return done._at(self.past[-1])

    def redo(self) -> "State":
        """The step that was taken back; this state itself when there is none."""
        if not self.future:
            return self
        done = replace(self, past=(*self.past, self.scene), future=self.future[1:])
        return done._at(self.future[0])

    # Settings

    def look(self, row: int, column: int) -> "State":
        """The colour picker at another pixel."""
        self.scene.subject.check_inside(row, column)
        return replace(self, place=(int(row), int(column)))

    def with_color(self, color: Any) -> "State":
        """Another current colour."""
        return replace(self, color=parse_color(color))

    def with_ab(self, a: float, b: float) -> "State":
        """The current colour by a and b: the nearest that exists where the picker looks."""
        return replace(self, color=self.color_here(a, b))

    def color_here(self, a: float, b: float) -> Color:
        """The Color nearest to a and b where the picker looks. HintError beyond +-128."""
        wanted = color_of_ab(self.lightness, a, b)
        return Color(*snap(self.lightness, wanted.ab), wanted.hex)

    def with_width(self, width: int) -> "State":
        """Another width for the points to come."""
        return replace(self, width=checked_width(width))

    def with_model(self, name: str) -> "State":
        """Another model. ConfigError for one that is not there."""
        return replace(self, model=self._known(name))

    def with_budget(self, budget: float) -> "State":
        """Another budget, 0 to 1, which counts for models made with one."""
        if isinstance(budget, bool) or not isinstance(budget, int | float) or not 0 <= budget <= 1:
            raise ConfigError(f"budget is {budget!r}: a share from 0 to 1 is right")
        return replace(self, budget=float(budget))

    def with_compare(self, compare: str, other_model: str | None = None) -> "State":
        """What is shown beside the answer; `other_model` goes with "model"."""
        kinds = get_args(Compare)
        if compare not in kinds:
            raise ConfigError(f"compare is {compare!r}: one of {', '.join(kinds)}")
        if compare == "original" and self.scene.subject.is_grey:
            raise ConfigError(f"{self.photo.name} is grey: there is no original to compare with")
        if compare != "model":
            return replace(self, compare=cast(Compare, compare))
        other = other_model or self.other_model or self.model
        return replace(self, compare="model", other_model=self._known(other))

    def show(self, count: int | None) -> "State":
        """A replay's stage: the first `count` points are in; None for all."""
        if count is not None and not 0 <= count <= len(self.points):
            raise HintError(f"cannot show {count} hints: there are {len(self.points)}")
        return replace(self, shown=count)

    def with_reference(self, subject: Subject | None) -> "State":
        """A second photo, to take colours from."""
        return replace(self, reference=subject)

    def pick(self, row: int, column: int) -> "State":
        """The current colour from a pixel of the second photo and those around it."""
        if self.reference is None:
            raise HintError("there is no second photo to take a colour from: open one")
        self.reference.check_inside(row, column)
        L, ab = self.reference.lightness(row, column), self.reference.ab_around(row, column)
        return replace(self, color=color_of_ab(L, *ab))

    # How it is done

    def _known(self, name: str) -> str:
        if name not in self.models:
            raise ConfigError(f"no model {name!r}: there are {', '.join(self.models)}")
        return name

    def _fitted(self, point: Point) -> Point:
        L = self.scene.subject.lightness(point.row, point.column)
        return replace(point, ab=snap(L, point.asked.ab))

    def _put(self, id: str, point: Point, gesture: str | None) -> "State":
        index = self.find(id)
        if point == self.points[index]:
            return self
        points = (*self.points[:index], self._fitted(point), *self.points[index + 1 :])
        return self._step(points, gesture)

    def _step(self, points: tuple[Point, ...], gesture: str | None = None) -> "State":
        scene = replace(self.scene, points=points)
        if gesture is not None and gesture == self.gesture:
            return replace(self, scene=scene, future=(), shown=None)
        return replace(self._push(scene), gesture=gesture)

    def _push(self, scene: Scene) -> "State":
        past = (*self.past, self.scene)[-STEPS:]
        return replace(self, scene=scene, past=past, future=(), gesture=None, shown=None)

    def _at(self, scene: Scene) -> "State":
        place = self.place if scene.subject is self.scene.subject else None
        there = replace(self, scene=scene, place=place, gesture=None, shown=None)
        if scene.subject.is_grey and self.compare == "original":
            return replace(there, compare="nothing")
        return there

    def _used(self, color: Color) -> "State":
        others = [known for known in self.recent if known.hex != color.hex]
        return replace(self, recent=(color, *others)[:RECENT])
