"""Hints: the colours a user gives at points of a photo, and the network's input made of them.

Positions are (row, column) of the photo's own pixels, 0-based. Pixel r has its centre at
r + 0.5, so it falls in the cell floor((r + 0.5) * side / H / size) of the network's grid, in
which a cell is size x size network pixels.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from colorlib import hint_files
from colorlib.color import normalize_ab, normalize_L, srgb_to_lab
from colorlib.errors import HintError
from colorlib.hint_cells import (
    Method,
    cell_means,
    cells_hint_map,
    checked_cells,
    draw_cells,
    enlarge,
    grid_side,
    sample_cells,
    whole_numbers,
    widened,
)
from colorlib.photos import Photo

__all__ = [
    "Hints",
    "Method",
    "cells_hint_map",
    "draw_cells",
    "evaluation_hints",
    "hint_map",
    "network_input",
    "photo_input",
    "read_icolorit",
    "sample_cells",
    "small_lightness",
    "widened",
    "write_icolorit",
]

# sRGB's colours reach from -108 to 98; what is far beyond is a mistake, such as 0 to 255.
AB_LIMIT = 128.0


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Hints:
    """Colours at pixels of one photo. Immutable: `add`, `move` and `remove` return new Hints.

    rows, cols: int64 [n], pixels of the photo. ab: float32 [n, 2], Lab units. shape: (H, W)
    of the photo. size: the side of a hint's cell in network pixels. The arrays are read-only
    copies. Later hints win where two fall in one cell.

    Raises HintError for hints off the photo, colours that are NaN or beyond +-128, and arrays
    that do not go together.
    """

    rows: np.ndarray
    cols: np.ndarray
    ab: np.ndarray
    shape: tuple[int, int]
    size: int

    def __init__(
        self, rows: ArrayLike, cols: ArrayLike, ab: ArrayLike, shape: tuple[int, int], size: int = 2
    ):
        shape = _checked_shape(shape)
        if not isinstance(size, int | np.integer) or size < 1:
            raise HintError(f"hints of size {size!r}: a whole number of pixels is right")
        rows, cols = whole_numbers(rows, "rows"), whole_numbers(cols, "cols")
        ab = _float32(ab)
        if rows.ndim != 1 or rows.shape != cols.shape or ab.shape != (len(rows), 2):
            raise HintError(
                f"rows {list(rows.shape)}, cols {list(cols.shape)} and ab {list(ab.shape)} do not "
                "go together: [n], [n] and [n, 2] are right"
            )
        _check_inside(rows, shape[0], "row")
        _check_inside(cols, shape[1], "column")
        _check_colours(ab)
        for array in (rows, cols, ab):
            array.setflags(write=False)
        fields = {"rows": rows, "cols": cols, "ab": ab, "shape": shape, "size": int(size)}
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    @classmethod
    def none(cls, shape: tuple[int, int], size: int = 2) -> "Hints":
        """No hints, for a photo of `shape` (H, W)."""
        return cls(np.empty(0, int), np.empty(0, int), np.empty((0, 2)), shape, size)

    @classmethod
    def of(
        cls,
        photo: Photo,
        cells: ArrayLike,
        size: int = 2,
        side: int = 224,
        ab: Tensor | None = None,
    ) -> "Hints":
        """The photo's own colours at `cells` int [n, 2], (row, column) on the side/size grid.

        A colour is the mean ab over the cell of the photo resized to side x side; its position
        is the photo's pixel that holds the cell's centre. A photo with fewer pixels than the
        grid has cells gives several cells one pixel, and so one place on the hint map.
        `ab` [1, 2, side, side] in Lab units is that of the resized photo, where it is known
        already. Raises HintError for cells off the grid and ab of another shape.
        """
        grid = grid_side(side, size)
        rows, cols = checked_cells(cells, grid).T
        if ab is None:
            _, ab = srgb_to_lab(photo.resized(side).tensor())
        if ab.shape != (1, 2, side, side):
            raise HintError(f"ab has the shape {list(ab.shape)}: {[1, 2, side, side]} is right")
        means = cell_means(ab, size)[0].permute(1, 2, 0).numpy()[rows, cols]
        height, width = photo.shape
        # The pixel that holds (cell + 1/2) * H / grid, in whole numbers.
        rows, cols = (2 * rows + 1) * height // (2 * grid), (2 * cols + 1) * width // (2 * grid)
        return cls(rows, cols, means, photo.shape, size)

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, row: int, col: int, ab: Sequence[float]) -> "Hints":
        """One more hint, after the others."""
        return self._joined(self, Hints([row], [col], [ab], self.shape, self.size))

    def move(self, index: int, row: int, col: int) -> "Hints":
        """The hint at `index` put at another pixel, with its colour and its turn."""
        self._check_index(index)
        moved = Hints([row], [col], self.ab[index : index + 1], self.shape, self.size)
        return self._joined(self._part(0, index), moved, self._part(index + 1, len(self)))

    def remove(self, index: int) -> "Hints":
        """All hints but the one at `index`."""
        self._check_index(index)
        return self._joined(self._part(0, index), self._part(index + 1, len(self)))

    def cells(self, side: int = 224) -> np.ndarray:
        """The cells the hints fall in, int64 [n, 2], on the grid of a network `side` wide."""
        grid = grid_side(side, self.size)
        height, width = self.shape
        rows = (2 * self.rows + 1) * grid // (2 * height)
        return np.stack((rows, (2 * self.cols + 1) * grid // (2 * width)), axis=-1)

    def check_photo(self, photo: Photo) -> None:
        """Raise HintError unless the photo has the shape that these hints were made for."""
        if photo.shape != self.shape:
            made, has = ("x".join(map(str, shape)) for shape in (self.shape, photo.shape))
            raise HintError(
                f"the hints were made for a photo of {made}, and {photo.name!r} has {has}: "
                "make hints on this photo"
            )

    def to_json(self, photo: str | None = None) -> str:
        """The hints as JSON text (format colorlib-hints, version 1), exact; `photo` is a name."""
        return hint_files.dump_json(self.rows, self.cols, self.ab, self.shape, self.size, photo)

    @classmethod
    def from_json(cls, text: str, source: str = "the text") -> "Hints":
        """Hints of JSON text; HintErrors name `source`."""
        fields = hint_files.parse_json(text, source)
        try:
            return cls(**fields)
        except HintError as error:
            raise HintError(f"{source}: {error}") from error

    def save(self, path: str | os.PathLike[str], photo: str | None = None) -> None:
        """Write the hints as JSON, whole or not at all."""
        hint_files.write_text(path, self.to_json(photo))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Hints":
        """Read hints that `save` wrote. Raises HintError, which names the file and the place."""
        return cls.from_json(hint_files.read_text(path), str(path))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hints):
            return NotImplemented
        return (self.shape, self.size) == (other.shape, other.size) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("rows", "cols", "ab")
        )

    def __repr__(self) -> str:
        return f"Hints({len(self)} on {self.shape[0]}x{self.shape[1]}, size {self.size})"

    def __reduce__(self) -> tuple[Any, ...]:
        # A pickled array comes back writable: make the copy through the constructor.
        return Hints, (self.rows, self.cols, self.ab, self.shape, self.size)

    def _part(self, start: int, stop: int) -> "Hints":
        part = slice(start, stop)
        return Hints(self.rows[part], self.cols[part], self.ab[part], self.shape, self.size)

    def _joined(self, *parts: "Hints") -> "Hints":
        rows, cols, ab = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("rows", "cols", "ab")
        )
        return Hints(rows, cols, ab, self.shape, self.size)

    def _check_index(self, index: int) -> None:
        if not 0 <= index < len(self):
            raise HintError(f"no hint {index}: there are {len(self)}, counted from 0")


def evaluation_hints(
    photo: Photo, count: int, size: int = 2, side: int = 224, ab: Tensor | None = None
) -> Hints:
    """`count` hints of the photo's own colours in different cells, the same ones for ever.

    The cells follow from the SHA-256 of the photo's name and the count, and from nothing else:
    not the order of the photos, the batch, the machine or a library's version. `ab` is as in
    `Hints.of`.
    """
    grid = grid_side(side, size)
    if not 0 <= count <= grid * grid:
        raise HintError(f"cannot draw {count} hints: the grid has {grid} x {grid} cells")
    digest = hashlib.sha256(f"{photo.name}\n{count}".encode(errors="surrogateescape")).digest()
    # NumPy promises the raw stream of a bit generator, unlike what is drawn through it.
    scores = np.random.PCG64(int.from_bytes(digest, "big")).random_raw(grid * grid)
    chosen = np.argsort(scores, kind="stable")[:count]
    return Hints.of(photo, np.stack((chosen // grid, chosen % grid), axis=-1), size, side, ab)


def hint_map(hints: Hints | Sequence[Hints], side: int = 224) -> Tensor:
    """Draw hints, one Hints a photo, on the network's grid: float32 [B, 3, side, side].

    ab in Lab units in all pixels of a hint's cell, 0 elsewhere; then a mask, 1 at hints and 0
    elsewhere. Raises HintError when a size does not divide `side`.
    """
    batch = [hints] if isinstance(hints, Hints) else list(hints)
    empty = torch.zeros(0, 3, side, side)
    return torch.cat([empty, *(_one_map(one, side) for one in batch)])


def network_input(L: Tensor, hint_map: Tensor) -> Tensor:
    """What the network sees (eq. 1): X = ((L - 50) / 100, a / 110, b / 110, mask).

    L [B, 1, S, S] in 0 to 100 and hint map [B, 3, S, S] (ab in Lab units, mask) -> float32
    [B, 4, S, S]. Training, evaluation and use all come through here.
    """
    if L.ndim != 4 or hint_map.shape != (len(L), 3, *L.shape[2:]) or L.shape[1] != 1:
        raise HintError(
            f"L {list(L.shape)} and hint map {list(hint_map.shape)} do not go together: "
            "[B, 1, S, S] and [B, 3, S, S] are right"
        )
    return torch.cat((normalize_L(L), normalize_ab(hint_map[:, :2]), hint_map[:, 2:]), dim=1)


def small_lightness(photo: Photo, side: int = 224) -> Tensor:
    """L [1, 1, side, side] of a photo resized to side x side whatever its aspect, as iColoriT's
    evaluation does."""
    L, _ = srgb_to_lab(photo.resized(side).tensor())
    return L


def photo_input(
    photo: Photo, hints: Hints | None = None, side: int = 224, L: Tensor | None = None
) -> Tensor:
    """The network's input X [1, 4, side, side] for a photo with its hints.

    `L` is the photo's `small_lightness`, for who has it already. Raises HintError when the
    hints were made for a photo of another shape.
    """
    hints = Hints.none(photo.shape) if hints is None else hints
    hints.check_photo(photo)
    return network_input(small_lightness(photo, side) if L is None else L, hint_map(hints, side))


def read_icolorit(
    path: str | os.PathLike[str], photo: Photo, size: int = 2, side: int = 224
) -> Hints:
    """Hints of an iColoriT file such as h2-n10/NAME.txt, with the photo's own colours.

    A line is "row column", multiples of `size` in the network's pixels. The files are drawn
    with replacement: cells named twice are one hint. Raises HintError with file and line.
    """
    text = hint_files.read_text(path)
    return Hints.of(photo, hint_files.parse_positions(text, str(path), size, side), size, side)


def write_icolorit(hints: Hints, path: str | os.PathLike[str], side: int = 224) -> None:
    """Write the hints' positions (not their colours) as iColoriT reads them."""
    hint_files.write_text(path, hint_files.dump_positions(hints.cells(side), hints.size))


def _one_map(hints: Hints, side: int) -> Tensor:
    grid = grid_side(side, hints.size)
    drawn = np.zeros((grid, grid, 3), dtype=np.float32)
    rows, cols = hints.cells(side).T
    # Where a cell comes twice NumPy keeps the last.
    drawn[rows, cols] = np.concatenate((hints.ab, np.ones((len(hints), 1), np.float32)), axis=1)
    return enlarge(torch.from_numpy(drawn).permute(2, 0, 1)[None].contiguous(), hints.size)


def _checked_shape(shape: Any) -> tuple[int, int]:
    sides = list(shape) if isinstance(shape, tuple | list) else []
    if len(sides) != 2 or not all(isinstance(s, int | np.integer) and s > 0 for s in sides):
        raise HintError(f"hints for a photo of shape {shape!r}: (height, width) is right")
    return int(sides[0]), int(sides[1])


def _float32(ab: Any) -> np.ndarray:
    """A float32 copy; what is too large becomes infinite, and is refused as a colour then."""
    try:
        with np.errstate(over="ignore"):
            array = np.array(ab, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise HintError(f"ab of hints is no array of numbers [n, 2]: {error}") from error
    return array.reshape(0, 2) if array.size == 0 else array


def _check_inside(positions: np.ndarray, length: int, name: str) -> None:
    for value in positions[(positions < 0) | (positions >= length)].tolist():
        raise HintError(f"hints lie outside the photo: {name} {value} of {length} {name}s")


def _check_colours(ab: np.ndarray) -> None:
    # Not <=, so that NaN is caught as well.
    for index in np.flatnonzero(~(np.abs(ab) <= AB_LIMIT).all(axis=1)).tolist():
        a, b = ab[index].tolist()
        raise HintError(
            f"hint {index} has the colour a = {a:g}, b = {b:g}: both lie within "
            f"-{AB_LIMIT:g} to {AB_LIMIT:g}"
        )
