"""A photo that hints are put on, and the hints as their user sees them."""

import hashlib
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

from colorlib.color import srgb_to_lab
from colorlib.files import HintError
from colorlib.hints import Hints
from colorlib.panel.colors import Color, color_of_ab
from colorlib.photos import Photo

SIZE = 2  # network pixels a cell, as the models were trained with
SIDE = 224
WIDEST = 9  # cells


@dataclass(frozen=True, eq=False)
class Subject:
    """The photo worked on. `code` is the Python expression that opens it again."""

    photo: Photo
    code: str = "photo"
    number: int = field(default_factory=itertools.count().__next__)  # to tell photos apart

    @cached_property
    def digest(self) -> str:
        """SHA-256 of size and pixels, which knows the photo again whatever its file is."""
        size = "{}x{}\n".format(*self.photo.shape).encode()
        return hashlib.sha256(size + self.photo.rgb.tobytes()).hexdigest()

    @cached_property
    def is_grey(self) -> bool:
        """Whether the photo has no colours of its own."""
        return self.photo.is_grey

    def lightness(self, row: int, column: int) -> float:
        """L, 0 to 100, of a pixel."""
        pixel = torch.tensor(self.photo.rgb[row, column]).float().div(255).reshape(3, 1, 1)
        return float(srgb_to_lab(pixel)[0])

    def ab_around(self, row: int, column: int, reach: int = 2) -> tuple[float, float]:
        """The mean ab of the pixels at most `reach` away: one pixel alone is mostly noise."""
        rows, columns = (slice(max(0, at - reach), at + reach + 1) for at in (row, column))
        window = torch.tensor(self.photo.rgb[rows, columns]).permute(2, 0, 1).float().div(255)
        a, b = srgb_to_lab(window)[1].mean(dim=(1, 2)).tolist()
        return a, b

    def check_inside(self, row: int, column: int) -> None:
        """Raise HintError for what is no pixel of the photo."""
        height, width = self.photo.shape
        for value, length, name in ((row, height, "row"), (column, width, "column")):
            if not isinstance(value, int | np.integer) or isinstance(value, bool):
                raise HintError(f"{name} {value!r} is no whole number")
            if not 0 <= value < length:
                raise HintError(
                    f"the hint lies outside the photo: {name} {value} of {length} {name}s"
                )


@dataclass(frozen=True)
class Point:
    """One hint as its user sees it: a place, the colour asked for, and how many cells wide.

    `ab`, float32 values in Lab units, is what the network gets: for a colour asked for, the
    nearest that exists at the place's lightness.
    """

    id: str
    row: int
    column: int
    asked: Color
    ab: tuple[float, float]
    width: int = 1


def checked_width(width: Any) -> int:
    """`width` in cells. Raises HintError outside 1 to 9."""
    if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= WIDEST:
        raise HintError(f"a hint is 1 to {WIDEST} cells wide, not {width!r}")
    return width


def hints_of(points: Iterable[Point], shape: tuple[int, int]) -> Hints:
    """The Hints that points on a photo of `shape` stand for.

    A point of width w covers w x w cells of the network's grid about its own, less what is off
    the photo. Its own pixel stands for its own cell, so that points of width 1 are the hints.
    """
    rows: list[int] = []
    columns: list[int] = []
    colors: list[tuple[float, float]] = []
    for point in points:
        places = _square(point, shape)
        rows += [row for row, _ in places]
        columns += [column for _, column in places]
        colors += [point.ab] * len(places)
    return Hints(rows, columns, colors, shape, SIZE)


def points_of(hints: Hints, subject: Subject) -> list[Point]:
    """A point for each of `hints`, its colour as it is: not fitted to what the place can show."""
    entries = zip(hints.rows.tolist(), hints.cols.tolist(), hints.ab.tolist(), strict=True)
    return [
        Point("", row, column, color_of_ab(subject.lightness(row, column), a, b), (a, b))
        for row, column, (a, b) in entries
    ]


def _square(point: Point, shape: tuple[int, int]) -> list[tuple[int, int]]:
    """A pixel for each cell that a point covers: its own, and else the one at a cell's centre."""
    grid = SIDE // SIZE
    sides = []
    for at, length in zip((point.row, point.column), shape, strict=True):
        own = (2 * at + 1) * grid // (2 * length)
        first = max(0, own - (point.width - 1) // 2)
        last = min(grid - 1, own + point.width // 2)
        cells = range(first, last + 1)
        sides.append([at if c == own else (2 * c + 1) * length // (2 * grid) for c in cells])
    return [place for row in sides[0] for place in ((row, column) for column in sides[1])]
