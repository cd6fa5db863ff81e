"""A photo that hints are put on, the hints as their user sees them, and their colours."""

import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import ImageColor
from torch import Tensor

from colorlib.color import lab_to_srgb, nearest_in_gamut, srgb_to_lab
from colorlib.files import HintError, PhotoError
from colorlib.hints import AB_LIMIT, Hints
from colorlib.photos import Photo, gallery, gallery_names, open_photo

SIDE, SIZE = 224, 2  # of the network's input, and of a cell on it, as the models were trained with
WIDEST = 9  # cells


class Color(NamedTuple):
    """A colour asked for: a and b in Lab units, and "#rrggbb", as it was asked for."""

    ab: tuple[float, float]
    hex: str


def parse_color(value: Any) -> Color:
    """Return the Color of "#rrggbb", "#rgb", a name of CSS, or (red, green, blue), 0 to 255.

    Raises HintError for anything else.
    """
    if isinstance(value, Color):
        return value
    try:
        if isinstance(value, str):
            word = value.strip().lower()
            known = word.startswith("#") or word in ImageColor.colormap
            rgb = ImageColor.getcolor(word if known else f"#{word}", "RGB")
        else:
            rgb = tuple(int(part) for part in value)
            if len(rgb) != 3 or rgb != tuple(value):
                raise ValueError("three whole numbers are right")
        code = f"#{bytes(rgb).hex()}"
    except (TypeError, ValueError, OverflowError):
        raise HintError(
            f"{value!r} is no colour: '#rrggbb' is right, a name such as 'orange', or red, green "
            "and blue from 0 to 255"
        ) from None
    _, ab = srgb_to_lab(torch.tensor(rgb, dtype=torch.float32).div(255).reshape(3, 1, 1))
    a, b = ab.flatten().tolist()
    return Color((a, b), code)


def color_of_ab(L: float, a: float, b: float) -> Color:
    """Return the Color of a and b as it is seen at lightness L. Raises HintError beyond +-128."""
    if not max(abs(a), abs(b)) <= AB_LIMIT:  # so that NaN is caught as well
        raise HintError(f"a = {a:g}, b = {b:g} is no colour: both lie within +-{AB_LIMIT:g}")
    return Color((a, b), hex_of(L, snap(L, (a, b))))


def snap(L: float, ab: tuple[float, float]) -> tuple[float, float]:
    """Return the ab nearest to `ab` that sRGB can show at lightness L, exact in float32."""
    a, b = nearest_in_gamut(torch.full((1, 1, 1), float(L)), as_row([ab])).flatten().tolist()
    return a, b


def as_row(pairs: Sequence[tuple[float, float]]) -> Tensor:
    """Return pairs of a and b as float32 [2, 1, n]."""
    return torch.tensor(pairs, dtype=torch.float32).T[:, None].contiguous()


def levels(L: Tensor, ab: Tensor) -> np.ndarray:
    """Return the colours that L [1, h, w] and ab [2, h, w] are on a screen: uint8 [h, w, 3]."""
    rgb = lab_to_srgb(L, ab).mul_(255).round_().to(torch.uint8)
    return rgb.permute(1, 2, 0).contiguous().numpy()


def hexes(L: Tensor, ab: Tensor) -> list[str]:
    """Return "#rrggbb" of each colour in a row: L [1, 1, n] and ab [2, 1, n]."""
    return ["#" + rgb.tobytes().hex() for rgb in levels(L, ab)[0]]


def hex_of(L: float, ab: tuple[float, float]) -> str:
    """Return "#rrggbb" of L and ab."""
    return hexes(torch.full((1, 1, 1), float(L)), as_row([ab]))[0]


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

    @property
    def stem(self) -> str:
        """The photo's name, as files can be called: without slashes, quotes and their like."""
        return re.sub(r"""[\\/:*?"'<>|\x00-\x1f]""", "_", self.photo.name) or "photo"

    def lightness(self, row: int, column: int) -> float:
        """Return L, 0 to 100, of a pixel."""
        return float(self.lightness_row([(row, column)]))

    def lightness_row(self, pixels: Sequence[tuple[int, int]]) -> Tensor:
        """Return L of n pixels, (row, column): [1, 1, n]."""
        rows, columns = np.array(pixels).T
        rgb = torch.tensor(self.photo.rgb[rows, columns]).float().div_(255)
        return srgb_to_lab(rgb.T[:, None])[0]

    def ab_around(self, row: int, column: int, reach: int = 2) -> tuple[float, float]:
        """Return the mean ab of the pixels at most `reach` away: one alone is mostly noise."""
        rows, columns = (slice(max(0, at - reach), at + reach + 1) for at in (row, column))
        window = torch.tensor(self.photo.rgb[rows, columns]).permute(2, 0, 1).float().div(255)
        a, b = srgb_to_lab(window)[1].mean(dim=(1, 2)).tolist()
        return a, b

    def check_inside(self, row: int, column: int) -> None:
        """Raise HintError for what is no pixel of the photo."""
        Hints([row], [column], [(0.0, 0.0)], self.photo.shape)


@dataclass(frozen=True)
class Point:
    """One hint as its user sees it: a pixel, the colour asked for, and how many cells wide.

    `ab`, float32 values in Lab units, is what the network gets: for a colour asked for, the
    nearest that exists at the pixel's lightness.
    """

    id: str
    row: int
    column: int
    asked: Color
    ab: tuple[float, float]
    width: int = 1

    def pixels(self, shape: tuple[int, int]) -> list[tuple[int, int]]:
        """Return a pixel of a photo of `shape` for each cell that the hint covers.

        These are width x width cells of the network's grid about its own, less what is off the
        photo. Its own cell is stood for by its own pixel, another by the one at its centre.
        """
        grid = SIDE // SIZE

        def along(at: int, length: int) -> list[int]:
            own = (2 * at + 1) * grid // (2 * length)  # panel.js has this rule as well
            first = max(0, own - (self.width - 1) // 2)
            cells = range(first, min(grid - 1, own + self.width // 2) + 1)
            return [at if c == own else (2 * c + 1) * length // (2 * grid) for c in cells]

        rows, columns = along(self.row, shape[0]), along(self.column, shape[1])
        return [(row, column) for row in rows for column in columns]


def checked_width(width: Any) -> int:
    """Return `width` in cells. Raises HintError outside 1 to 9."""
    if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= WIDEST:
        raise HintError(f"a hint is 1 to {WIDEST} cells wide, not {width!r}")
    return width


def hints_of(points: Iterable[Point], shape: tuple[int, int]) -> Hints:
    """Return the Hints that points on a photo of `shape` stand for.

    Points of width 1 are the hints themselves.
    """
    cells = [(*pixel, point.ab) for point in points for pixel in point.pixels(shape)]
    rows, columns, colors = zip(*cells, strict=True) if cells else ((), (), ())
    return Hints(rows, columns, colors, shape, SIZE)


def points_of(hints: Hints, subject: Subject) -> list[Point]:
    """Return a point for each hint, its colour as it is: not fitted to what its pixel can show."""
    entries = zip(hints.rows.tolist(), hints.cols.tolist(), hints.ab.tolist(), strict=True)
    return [
        Point("", row, column, color_of_ab(subject.lightness(row, column), a, b), (a, b))
        for row, column, (a, b) in entries
    ]


def seen(subject: Subject, points: Sequence[Point]) -> list[str]:
    """Return "#rrggbb" of each point's colour as it is at its pixel."""
    if not points:
        return []
    L = subject.lightness_row([(point.row, point.column) for point in points])
    return hexes(L, as_row([point.ab for point in points]))


def subject_of(photo: Any) -> Subject:
    """Return a Subject of a gallery's name or of anything that `open_photo` takes."""
    if isinstance(photo, Subject):
        return photo
    if isinstance(photo, str) and photo in gallery_names():
        return gallery_subject(photo)
    opened = open_photo(photo)
    if isinstance(photo, str | os.PathLike):
        return Subject(opened, f"colorlib.open_photo({os.fspath(photo)!r})")
    if isinstance(photo, Photo) and photo.name in gallery_names():
        same = gallery_subject(photo.name)
        if np.array_equal(same.photo.rgb, photo.rgb):
            return same
    return Subject(opened, "colorlib.open_photo(photo)  # the photo that the panel was given")


def gallery_subject(name: str) -> Subject:
    """Return a photo of the gallery as a Subject."""
    return Subject(gallery(name), f'colorlib.photos.gallery("{name}")')


def uploaded_subject(content: bytes, name: str) -> Subject:
    """Return a Subject of a file's bytes. Raises PhotoError with the file's name."""
    try:
        photo = open_photo(content, name.rpartition(".")[0] or name)
    except PhotoError as error:
        raise PhotoError(f"{name}: {error}") from error
    return Subject(photo, f"colorlib.open_photo({name!r})")
