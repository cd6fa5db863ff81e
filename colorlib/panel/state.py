"""What a user of the panel did: a photo, points of colour on it, settings, and what was before.

Everything is immutable: an action is a method of `State` that returns a new State, or the same
one when it changes nothing. Undo and redo go over the photo and its points, which would be lost;
settings such as the model stay as they are. No user interface is imported here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from colorlib.files import ConfigError, HintError
from colorlib.hints import Hints
from colorlib.panel.points import (
    Color,
    Point,
    Subject,
    checked_width,
    color_of_ab,
    hints_of,
    parse_color,
    points_of,
    snap,
)
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
    gesture: tuple[str, str] | None = None  # the point and the drag that the last step belongs to
    color: Color = field(default_factory=lambda: parse_color(ORANGE))
    recent: tuple[Color, ...] = ()  # colours used before, the newest first
    recent_before: tuple[Color, ...] = ()  # ... the last step, of which a drag keeps one colour
    width: int = 1
    budget: float = 0.5
    compare: Compare = "nothing"
    other_model: str | None = None
    pixel: tuple[int, int] | None = None  # where the colour picker looks
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
    def points_in_use(self) -> tuple[Point, ...]:
        """The points that a replay shows; all of them otherwise."""
        return self.points[: self.shown]

    @property
    def hints(self) -> Hints:
        """The points in use as Hints; a point wider than a cell is a square of hints."""
        return hints_of(self.points_in_use, self.photo.shape)

    @property
    def lightness(self) -> float:
        """L of the pixel that the colour picker looks at, 60 before there is one."""
        return 60.0 if self.pixel is None else self.scene.subject.lightness(*self.pixel)

    def find(self, id: str) -> int:
        """Return the index of a point. Raises HintError when it is gone."""
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
        """Add a point, in the current colour or in `color`, after the others."""
        self.scene.subject.check_inside(row, column)
        color = self.color if color is None else parse_color(color)
        id = f"hint-{self.created}" if id is None else id
        if any(point.id == id for point in self.points):
            raise HintError(f"there is a hint {id!r} already")
        point = self._fitted(Point(id, int(row), int(column), color, color.ab, self.width))
        done = self._step((*self.points, point), gesture and (id, gesture))
        return replace(done._used(color), created=self.created + 1, pixel=(point.row, point.column))

    def move(self, id: str, row: int, column: int, gesture: str | None = None) -> "State":
        """Move a point to another pixel, its colour fitted to the lightness there."""
        self.scene.subject.check_inside(row, column)
        row, column = int(row), int(column)
        return replace(self._change(id, gesture, row=row, column=column), pixel=(row, column))

    def recolor(self, id: str, color: Any, gesture: str | None = None) -> "State":
        """Give a point another colour, which becomes the current one."""
        color = parse_color(color)
        done = self._change(id, gesture, asked=color)
        return replace(done if done is self else done._used(color), color=color)

    def widen(self, id: str, width: int, gesture: str | None = None) -> "State":
        """Give a point and those to come another width, 1 to 9 cells."""
        width = checked_width(width)
        return replace(self._change(id, gesture, width=width), width=width)

    def remove(self, id: str) -> "State":
        """Remove a point."""
        index = self.find(id)
        return self._step((*self.points[:index], *self.points[index + 1 :]))

    def clear(self) -> "State":
        """Remove all points."""
        return self._step(()) if self.points else self

    def with_points(self, points: Iterable[Point]) -> "State":
        """Put other points in place of those there are, as they are; each gets a new name."""
        named = tuple(
            replace(point, id=f"hint-{self.created + index}") for index, point in enumerate(points)
        )
        hints_of(named, self.photo.shape)  # raises HintError for what is no hint
        return replace(self._step(named), created=self.created + len(named))

    def paper(self, count: int, seed: int = 0) -> "State":
        """Put hints as the paper's experiments draw them in place of those there are.

        `count` of the photo's own colours, uniform over the cells without replacement: those
        of the command `colorlib colorize --random-hints`. HintError for a grey photo.
        """
        subject = self.scene.subject
        if subject.is_grey:
            raise HintError(f"{self.photo.name} is grey, so there are no colours to take hints of")
        hints = Hints.random(self.photo, count, seed)
        return replace(self.with_points(points_of(hints, subject)), seed=seed)

    # Photo and history

    def open(self, subject: Subject) -> "State":
        """Open another photo, without points."""
        return self._push(Scene(subject))

    def undo(self) -> "State":
        """Take the last step back; this state itself when there is none."""
        if not self.past:
            return self
        done = replace(self, past=self.past[:-1], future=(self.scene, *self.future))
        return done._at(self.past[-1])

    def redo(self) -> "State":
        """Do the step again that was taken back; this state itself when there is none."""
        if not self.future:
            return self
        done = replace(self, past=(*self.past, self.scene), future=self.future[1:])
        return done._at(self.future[0])

    # Settings

    def update(self, **settings: Any) -> "State":
        """Change settings; HintError or ConfigError for a value that cannot be.

        color: anything that `parse_color` takes. width: of the points to come, 1 to 9 cells.
        model: one of `models`. budget: 0 to 1, which counts for models made with one. compare:
        "nothing", "grey", "original", or "model", with an `other_model`. pixel: where the colour
        picker looks. reference: a second photo, a Subject, to take colours from. shown: of a
        replay, the first `shown` points are in; None for all.
        """
        if settings.get("compare") == "model" and settings.get("other_model") is None:
            settings["other_model"] = self.other_model or self.model
        return replace(self, **{name: self._checked(name, settings[name]) for name in settings})

    def color_here(self, a: float, b: float) -> Color:
        """Return the Color nearest to a and b where the picker looks. HintError beyond +-128."""
        wanted = color_of_ab(self.lightness, a, b)
        return Color(snap(self.lightness, wanted.ab), wanted.hex)

    def pick(self, row: int, column: int) -> "State":
        """Take the current colour from a pixel of the second photo and those around it."""
        if self.reference is None:
            raise HintError("there is no second photo to take a colour from: open one")
        self.reference.check_inside(row, column)
        L, ab = self.reference.lightness(row, column), self.reference.ab_around(row, column)
        return replace(self, color=color_of_ab(L, *ab))

    def _checked(self, name: str, value: Any) -> Any:
        match name:
            case "color":
                return parse_color(value)
            case "width":
                return checked_width(value)
            case "pixel":
                self.scene.subject.check_inside(*value)
                return tuple(map(int, value))
            case "budget":
                number = isinstance(value, int | float) and not isinstance(value, bool)
                if not number or not 0 <= value <= 1:
                    raise ConfigError(f"budget is {value!r}: a share from 0 to 1 is right")
                return float(value)
            case "model" | "other_model" if value not in self.models:
                raise ConfigError(f"no model {value!r}: there are {', '.join(self.models)}")
            case "compare" if value not in (kinds := get_args(Compare)):
                raise ConfigError(f"compare is {value!r}: one of {', '.join(kinds)}")
            case "compare" if value == "original" and self.scene.subject.is_grey:
                raise ConfigError(f"{self.photo.name} is grey: there is no original")
            case "shown" if value is not None and not 0 <= value <= len(self.points):
                raise HintError(f"cannot show {value} hints: there are {len(self.points)}")
        return value

    # How it is done

    def _fitted(self, point: Point) -> Point:
        L = self.scene.subject.lightness(point.row, point.column)
        return replace(point, ab=snap(L, point.asked.ab))

    def _change(self, id: str, gesture: str | None, **changes: Any) -> "State":
        index = self.find(id)
        point = replace(self.points[index], **changes)
        if point == self.points[index]:
            return self
        points = (*self.points[:index], self._fitted(point), *self.points[index + 1 :])
        return self._step(points, gesture and (id, gesture))

    def _step(self, points: tuple[Point, ...], gesture: Any = None) -> "State":
        """Change the points. A step of the gesture that the last one was of joins it."""
        scene = replace(self.scene, points=points)
        if gesture and gesture == self.gesture:
            return replace(self, scene=scene, future=(), shown=None)
        return replace(self._push(scene), gesture=gesture, recent_before=self.recent)

    def _push(self, scene: Scene) -> "State":
        past = (*self.past, self.scene)[-STEPS:]
        return replace(self, past=past, future=())._at(scene)

    def _at(self, scene: Scene) -> "State":
        """Another scene. What does not go with its photo ends."""
        done = replace(self, scene=scene, gesture=None, shown=None)
        if scene.subject is not self.scene.subject:
            done = replace(done, pixel=None)
        if scene.subject.is_grey and self.compare == "original":
            done = replace(done, compare="nothing")
        return done

    def _used(self, color: Color) -> "State":
        others = [known for known in self.recent_before if known.hex != color.hex]
        return replace(self, recent=(color, *others)[:RECENT])
