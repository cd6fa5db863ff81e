"""What a user of the panel did: a photo, points of colour on it, settings, and what was before.

Everything is immutable: an action is a method of `State` that returns a new State, or the same
one when it changes nothing. Undo and redo go over the photo and its points, which would be lost;
settings such as the model stay as they are. No user interface is imported here.
"""

import itertools
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.colors import CSS4_COLORS, XKCD_COLORS, to_hex
from torch import Tensor

from colorlib.color import lab_to_srgb, nearest_in_gamut, srgb_to_lab
from colorlib.files import ColorlibError
from colorlib.hints import Hints
from colorlib.photos import Photo, gallery, gallery_names, open_photo

RECENT = 14  # colours
STEPS = 500  # of undo
# CSS's colours and, where it has no such name, the xkcd survey's: small letters, no spaces.
NAMES = {
    name.removeprefix("xkcd:").replace(" ", ""): code
    for name, code in (XKCD_COLORS | CSS4_COLORS).items()
}

_numbers = itertools.count()  # of points and photos, never used twice


class Color(NamedTuple):
    """A colour asked for: a and b in Lab units, and "#rrggbb", as it was asked for."""

    ab: tuple[float, float]
    hex: str


def parse_color(value: Any) -> Color:
    """Return the Color of "#rrggbb", "#rgb", one of `NAMES`, or (red, green, blue), 0 to 255.

    Raises ColorlibError for anything else.
    """
    if isinstance(value, Color):
        return value
    try:
        if isinstance(value, str):
            word = "".join(value.lower().split())
            code = to_hex(NAMES.get(word) or f"#{word.removeprefix('#')}")
        else:
            red, green, blue = value
            code = f"#{bytes((red, green, blue)).hex()}"
    except (TypeError, ValueError):
        raise ColorlibError(
            f"{value!r} is no colour: '#rrggbb' is right, a name such as 'orange', or red, green "
            "and blue from 0 to 255"
        ) from None
    a, b = _lab(np.array([[list(bytes.fromhex(code[1:]))]]))[1].flatten().tolist()
    return Color((a, b), code)


def possible(L: float | Tensor, wanted: Sequence[tuple[float, float]]) -> list[Color]:
    """Return the nearest colours to a and b that sRGB can show at L, and what they look like.

    L is one for all, or [1, 1, n]. a and b are exact in float32.
    """
    ab = torch.tensor(wanted, dtype=torch.float32).reshape(-1, 2).T[:, None].contiguous()
    L = torch.as_tensor(L, dtype=torch.float32).expand(1, 1, len(wanted)).contiguous()
    ab = nearest_in_gamut(L, ab)
    codes = lab_to_srgb(L, ab).mul(255).round().byte()[:, 0].T
    pairs = zip(ab[:, 0].T.tolist(), codes.numpy(), strict=True)
    return [Color((a, b), f"#{code.tobytes().hex()}") for (a, b), code in pairs]


@dataclass(frozen=True, eq=False)
class Subject:
    """The photo worked on. `code` is the Python expression that opens it again."""

    photo: Photo
    code: str = "colorlib.open_photo(photo)  # the photo that the panel was given"
    number: int = field(default_factory=_numbers.__next__)  # to tell photos apart

    @classmethod
    def of(cls, photo: Any) -> "Subject":
        """Open a gallery's name or anything that `open_photo` takes."""
        if isinstance(photo, str) and photo in gallery_names():
            return cls.in_gallery(photo)
        if isinstance(photo, str | os.PathLike):
            return cls(open_photo(photo), f"colorlib.open_photo({os.fspath(photo)!r})")
        return cls(open_photo(photo))

    @classmethod
    def in_gallery(cls, name: str) -> "Subject":
        """Open a photo of the gallery and no other file."""
        return cls(gallery(name), f'colorlib.photos.gallery("{name}")')

    @property
    def stem(self) -> str:
        """The photo's name as files can be called: without slashes, quotes and their like."""
        return re.sub(r"""[\\/:*?"'<>|\x00-\x1f]""", "_", self.photo.name) or "photo"

    def lightness(self, pixels: Sequence[tuple[int, int]]) -> Tensor:
        """Return L, 0 to 100, of n pixels, (row, column): [1, 1, n]."""
        rows, columns = np.array(pixels, dtype=int).reshape(-1, 2).T
        return _lab(self.photo.rgb[rows, columns][None])[0]

    def check_inside(self, row: int, column: int) -> None:
        """Raise ColorlibError for what is no pixel of the photo."""
        Hints([row], [column], [(0.0, 0.0)], self.photo.shape)


def _lab(rgb: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return L [1, h, w] and ab [2, h, w] of [h, w, 3], 0 to 255."""
    return srgb_to_lab(torch.tensor(rgb).permute(2, 0, 1).float().div(255))


@dataclass(frozen=True)
class Point:
    """One hint as its user sees it: a pixel, and the colour asked for.

    `here`, the nearest colour that exists at the pixel's lightness, is what the network gets; of
    a point made from a hint it is the hint's own.
    """

    row: int
    column: int
    asked: Color
    here: Color
    id: str = field(default_factory=lambda: f"hint-{next(_numbers)}")

    @property
    def ab(self) -> tuple[float, float]:
        """What the network gets, float32 values in Lab units."""
        return self.here.ab


def points_of(hints: Hints, subject: Subject) -> list[Point]:
    """Return a point for each hint, its colour as it is: not fitted to what its pixel can show."""
    pixels = list(zip(hints.rows.tolist(), hints.cols.tolist(), strict=True))
    wanted = [(a, b) for a, b in hints.ab.tolist()]
    shown = possible(subject.lightness(pixels), wanted)
    colors = [Color(ab, color.hex) for ab, color in zip(wanted, shown, strict=True)]
    return [Point(*pixel, one, one) for pixel, one in zip(pixels, colors, strict=True)]


@dataclass(frozen=True)
class Scene:
    """What undo goes over. Later points win where two share a cell."""

    subject: Subject
    points: tuple[Point, ...] = ()

    @property
    def hints(self) -> Hints:
        """The points as the network gets them."""
        rows, columns = [one.row for one in self.points], [one.column for one in self.points]
        return Hints(rows, columns, [one.ab for one in self.points], self.subject.photo.shape)


@dataclass(frozen=True)
class State:
    """All that the panel shows follows from this."""

    scene: Scene
    model: str
    models: tuple[str, ...] = ()
    past: tuple[Scene, ...] = field(default=(), repr=False)
    future: tuple[Scene, ...] = field(default=(), repr=False)
    gesture: tuple[str, str] | None = None  # the point and the drag that the last step belongs to
    color: Color = field(default_factory=lambda: parse_color("#d9822b"))
    recent: tuple[Color, ...] = ()  # colours used before, the newest first
    budget: float = 0.5
    compare: str = "nothing"
    other_model: str = ""  # never empty while it is compared with
    pixel: tuple[int, int] | None = None  # where the colour picker looks
    shown: int | None = None  # of a replay: how many hints are in
    reference: Subject | None = None

    @property
    def photo(self) -> Photo:
        """The photo worked on."""
        return self.scene.subject.photo

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, also those that a replay does not show yet."""
        return self.scene.points

    @property
    def in_use(self) -> Scene:
        """The scene with the points that a replay shows; with all of them otherwise."""
        return replace(self.scene, points=self.points[: self.shown])

    @property
    def hints(self) -> Hints:
        """The points in use as the network gets them."""
        return self.in_use.hints

    @property
    def lightness(self) -> float:
        """L of the pixel that the colour picker looks at, 60 before there is one."""
        return float(self.scene.subject.lightness([self.pixel])) if self.pixel else 60.0

    # Points

    def add(
        self, row: int, column: int, color: Any = None, id: str = "", gesture: str | None = None
    ) -> "State":
        """Add a point, in the current colour or in `color`, after the others."""
        done = self.update(pixel=(row, column))
        color = self.color if color is None else parse_color(color)
        point = self.fitted(Point(int(row), int(column), color, color))
        point = replace(point, id=id or point.id)
        return done.with_points((*self.points, point), gesture and (point.id, gesture))._used(color)

    def move(self, id: str, row: int, column: int, gesture: str | None = None) -> "State":
        """Move a point to another pixel, its colour fitted to the lightness there."""
        done = self.update(pixel=(row, column))
        return done._change(id, gesture, row=int(row), column=int(column))

    def recolor(
        self, id: str | None, color: Any = None, ab: Any = None, gesture: str | None = None
    ) -> "State":
        """Choose the current colour, and that of the point `id` unless None, by `color` or `ab`.

        Of ab it is the nearest that exists where the picker looks. While a hand still drags it,
        in a `gesture`, it does not count as used.
        """
        done = self.update(color=color if ab is None else possible(self.lightness, [ab])[0])
        if id is not None:
            done = done._change(id, gesture, asked=done.color)
        return done if gesture else done._used(done.color)

    def pick(self, id: str | None, row: int, column: int) -> "State":
        """Choose a colour of the second photo: the mean of 5 x 5 pixels, as one is mostly noise."""
        if (photo := self.reference) is None:
            raise ColorlibError("there is no second photo to take a colour from: open one")
        photo.check_inside(row, column)
        rows, columns = (slice(max(0, at - 2), at + 3) for at in (row, column))
        a, b = _lab(photo.photo.rgb[rows, columns])[1].mean(dim=(1, 2)).tolist()
        shown = possible(photo.lightness([(row, column)]), [(a, b)])[0]
        return self.recolor(id, Color((a, b), shown.hex))

    def remove(self, id: str) -> "State":
        """Remove a point."""
        gone = self._find(id)
        return self.with_points(point for point in self.points if point is not gone)

    def clear(self) -> "State":
        """Remove all points."""
        return self.with_points(()) if self.points else self

    def with_points(self, points: Iterable[Point], gesture: Any = None) -> "State":
        """Put other points in place of those there are; all of one `gesture` is one step."""
        scene = replace(self.scene, points=tuple(points))
        if gesture and gesture == self.gesture:
            return replace(self, scene=scene, future=(), shown=None)
        return replace(self._push(scene), gesture=gesture)

    def paper(self, count: int, seed: int = 0) -> "State":
        """Put `count` of `Hints.random` in place of all points, as the paper's experiments do."""
        drawn = Hints.random(self.photo, count, seed)
        return self.with_points(points_of(drawn, self.scene.subject))

    # Photo and history

    def open(self, subject: Subject) -> "State":
        """Open another photo, without points."""
        return self._push(Scene(subject))

    def undo(self) -> "State":
        """Take the last step back; this state itself when there is none."""
        if not self.past:
            return self
        *past, scene = self.past
        return replace(self, past=tuple(past), future=(self.scene, *self.future))._at(scene)

    def redo(self) -> "State":
        """Do the step again that was taken back; this state itself when there is none."""
        if not self.future:
            return self
        scene, *future = self.future
        return replace(self, past=(*self.past, self.scene), future=tuple(future))._at(scene)

    # Settings

    def update(self, **settings: Any) -> "State":
        """Change settings; ColorlibError for a value that cannot be.

        color: anything that `parse_color` takes. model: one of `models`. budget: 0 to 1, which
        counts for models made with one. compare: "nothing", "hintless", "grey", "original", or
        "model" with an `other_model`. pixel: where the colour picker looks. reference: a second
        photo, a Subject, to take colours from. shown: of a replay, the first `shown` points are
        in; None for all.
        """
        if settings.get("compare") == "model":
            settings.setdefault("other_model", self.other_model or self.model)
        for name, value in settings.items():
            match name:
                case "color":
                    settings[name] = parse_color(value)
                case "pixel":
                    row, column = value
                    self.scene.subject.check_inside(row, column)
                    settings[name] = int(row), int(column)
                case "budget" if not isinstance(value, int | float) or not 0 <= value <= 1:
                    raise ColorlibError(f"budget is {value!r}: a share from 0 to 1 is right")
                case "model" | "other_model" if value not in self.models:
                    raise ColorlibError(f"no model {value!r}: there are {', '.join(self.models)}")
        return replace(self, **settings)

    # How it is done

    def _find(self, id: str) -> Point:
        point = next((point for point in self.points if point.id == id), None)
        if point is None:
            raise ColorlibError("this hint is gone: it was removed in the meantime")
        return point

    def fitted(self, point: Point) -> Point:
        """Return a point with the colour asked for fitted to the lightness of its pixel."""
        L = self.scene.subject.lightness([(point.row, point.column)])
        return replace(point, here=possible(L, [point.asked.ab])[0])

    def _change(self, id: str, gesture: str | None, **changes: Any) -> "State":
        before = self._find(id)
        after = replace(before, **changes)
        if after == before:
            return self
        after = self.fitted(after)
        points = (after if point is before else point for point in self.points)
        return self.with_points(points, gesture and (id, gesture))

    def _push(self, scene: Scene) -> "State":
        past = (*self.past, self.scene)[-STEPS:]
        return replace(self, past=past, future=())._at(scene)

    def _at(self, scene: Scene) -> "State":
        """Go to another scene. What does not go with its photo ends."""
        done = replace(self, scene=scene, gesture=None, shown=None)
        if scene.subject is not self.scene.subject:
            done = replace(done, pixel=None)
        if scene.subject.photo.is_grey and self.compare == "original":
            done = replace(done, compare="nothing")
        return done

    def _used(self, color: Color) -> "State":
        others = [known for known in self.recent if known.hex != color.hex]
        return replace(self, recent=(color, *others)[:RECENT])
