"""Hints: the colours a user gives at points of a photo, and the network's input made of them.

Positions are (row, column) of the photo's own pixels, 0-based. The network sees the photo at
side x side pixels (224), divided into a grid of cells of size x size pixels (2); a hint fills
the cell that the middle of its pixel falls in (`rescaled`).
"""

import hashlib
import json
import math
import operator
import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from pydantic import BaseModel, Field, ValidationError
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from colorlib.color import normalize_ab, normalize_L, srgb_to_lab
from colorlib.files import ColorlibError, read_text, write_text
from colorlib.photos import Photo

Method = Literal["uniform", "gaussian"]

# sRGB's colours reach from -108 to 98; what is far beyond is a mistake, such as 0 to 255.
AB_LIMIT = 128.0
# Zhang et al. 2017: after each hint another follows with probability 7/8, so 7 on average.
GAUSSIAN_STOP = 1 / 8


def grid_side(side: int, size: int, count: int = 0) -> int:
    """Return the cells along one side of the network's input, to be drawn `count` hints on.

    Raises ColorlibError unless `size` divides `side` and so many hints fit.
    """
    if side % size:
        raise ColorlibError(
            f"hints of size {size} do not divide a network side of {side}: "
            "give a size that does, such as 1 or 2"
        )
    grid = side // size
    if not 0 <= count <= grid * grid:
        raise ColorlibError(f"cannot draw {count} hints: the grid has {grid} x {grid} cells")
    return grid


def rescaled(places: np.ndarray, shape: ArrayLike, to: ArrayLike) -> np.ndarray:
    """Return the cell of a grid of shape `to` that holds the middle of each of one of `shape`.

    floor((place + 1/2) * to / shape), without rounding: pixels to cells, and back. places int64
    [n, 2], (row, column); a shape is (height, width) or, of a square, one number.
    """
    return (2 * places + 1) * np.asarray(to) // (2 * np.asarray(shape))


Side = Annotated[int, Field(ge=1, lt=2**31)]


class _Entry(BaseModel, strict=True):
    row: float  # a whole number, which some programs write as 120.0
    col: float
    a: float
    b: float


class _File(BaseModel, strict=True):
    """A hints file: JSON in UTF-8. Positions are the photo's pixels, a and b Lab units."""

    format: Literal["colorlib-hints"]
    version: Literal[1]
    photo: str | None = None
    shape: tuple[Side, Side]
    size: Side
    hints: list[_Entry]


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Hints:
    """Colours at pixels of one photo. Immutable: `add`, `move` and `remove` return new Hints.

    rows, cols: int64 [n], pixels of the photo. ab: float32 [n, 2], Lab units. shape: (H, W)
    of the photo. size: the side of a hint's cell in network pixels. The arrays are read-only
    copies. Later hints win where two fall in one cell. Raises ColorlibError for hints off the
    photo, colours that are NaN or beyond +-128, and arrays that do not go together.
    """

    rows: np.ndarray
    cols: np.ndarray
    ab: np.ndarray
    shape: tuple[int, int]
    size: int

    def __init__(
        self, rows: ArrayLike, cols: ArrayLike, ab: ArrayLike, shape: tuple[int, int], size: int = 2
    ):
        try:
            height, width, size = (operator.index(side) for side in (*shape, size))
            if min(height, width, size) < 1:
                raise ValueError(f"shape {shape}, size {size}")
            positions = np.stack((rows, cols)).astype(np.float64)
            with np.errstate(over="ignore"):  # too large becomes infinite, and is refused below
                colours = np.array(ab, np.float32).reshape(positions.shape[1], 2)
            for index in np.flatnonzero((positions != np.floor(positions)).any(axis=0))[:1]:
                row, column = positions[:, index]
                raise ValueError(f"hint {index} is in row {row:g}, column {column:g}")
        except (TypeError, ValueError, OverflowError) as error:
            raise ColorlibError(
                "hints have whole numbers rows [n] and cols [n], colours ab [n, 2], the photo's "
                f"shape (height, width) and a size of at least 1 pixel: {error}"
            ) from error
        for at, length, name in zip(positions, shape, ("row", "column"), strict=True):
            for value in at[(at < 0) | (at >= length)][:1]:
                raise ColorlibError(
                    f"hints lie outside the photo: {name} {value:.0f} of {length} {name}s"
                )
        positions = positions.astype(np.int64)
        for index in np.flatnonzero(~(np.abs(colours) <= AB_LIMIT).all(axis=1))[:1]:  # NaN too
            a, b = colours[index]
            raise ColorlibError(
                f"hint {index} has the colour a = {a:g}, b = {b:g}: both lie within "
                f"-{AB_LIMIT:g} to {AB_LIMIT:g}"
            )
        for array in (positions, colours):
            array.setflags(write=False)
        self.__dict__.update(rows=positions[0], cols=positions[1], ab=colours)
        self.__dict__.update(shape=(height, width), size=size)

    @classmethod
    def empty(cls, shape: tuple[int, int], size: int = 2) -> "Hints":
        """Return no hints, for a photo of `shape` (H, W)."""
        return cls([], [], [], shape, size)

    @classmethod
    def from_photo(
        cls,
        photo: Photo,
        cells: ArrayLike,
        size: int = 2,
        side: int = 224,
        ab: Tensor | None = None,
    ) -> "Hints":
        """Return hints of the photo's own colours at `cells` int [n, 2], (row, column).

        A colour is the mean ab over the cell of the photo resized to side x side. iColoriT's is
        the same up to 2 pixels; of larger cells it sees the middle 1 or 2 x 2 pixels alone.
        The position is the photo's pixel that holds the cell's centre: in a photo with fewer
        pixels than cells, several cells become one. `ab` [1, 2, side, side] in Lab units is that
        of the resized photo: pass it if already computed.
        """
        grid = grid_side(side, size)
        cells = np.asarray(cells, np.int64).reshape(-1, 2)
        if ab is None:
            _, ab = srgb_to_lab(photo.resized(side).tensor())
        assert ab.shape == (1, 2, side, side), ab.shape
        assert ((cells >= 0) & (cells < grid)).all(), "off the grid"
        means = avg_pool2d(ab.contiguous(), size)[0].permute(1, 2, 0).numpy()[*cells.T]
        rows, cols = rescaled(cells, grid, photo.shape).T
        return cls(rows, cols, means, photo.shape, size)

    @classmethod
    def random(
        cls, photo: Photo, count: int, seed: int = 0, size: int = 2, side: int = 224
    ) -> "Hints":
        """Draw `count` hints of the photo's own colours in different cells, uniformly.

        Raises ColorlibError for a grey photo, which has no colours to take.
        """
        if photo.is_grey:
            raise ColorlibError(
                f"{photo.name} is grey, so there are no colours to take random hints of: "
                "give hints of your own"
            )
        return cls.from_photo(photo, sample_cells(count, side, size, generator=seed), size, side)

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, row: int, col: int, ab: Sequence[float]) -> "Hints":
        """Return the hints with one more, after the others."""
        rows, cols = [*self.rows, row], [*self.cols, col]
        return Hints(rows, cols, [*self.ab, ab], self.shape, self.size)

    def move(self, index: int, row: int, col: int) -> "Hints":
        """Return the hints with one moved to another pixel; colour and order are kept."""
        rows, cols = list(self.rows), list(self.cols)
        rows[index], cols[index] = row, col
        return Hints(rows, cols, self.ab, self.shape, self.size)

    def remove(self, index: int) -> "Hints":
        """Return the hints without the one at `index`."""
        rows, cols = np.delete(self.rows, index), np.delete(self.cols, index)
        return Hints(rows, cols, np.delete(self.ab, index, axis=0), self.shape, self.size)

    def fitted(self, shape: tuple[int, int]) -> "Hints":
        """Return the hints on a photo of another `shape` (H, W), by share of height and width."""
        pixels = np.stack((self.rows, self.cols), axis=1)
        rows, cols = rescaled(pixels, self.shape, shape).T
        return Hints(rows, cols, self.ab, shape, self.size)

    def cells(self, side: int = 224) -> np.ndarray:
        """Return the cells (row, column) of the hints, int64 [n, 2], for a network `side` wide."""
        pixels = np.stack((self.rows, self.cols), axis=1)
        return rescaled(pixels, self.shape, grid_side(side, self.size))

    def to_json(self, photo: str | None = None) -> str:
        """Return the hints as JSON text, exact; `photo` is a name."""
        head = {"format": "colorlib-hints", "version": 1, "photo": photo}
        text = json.dumps(head | {"shape": self.shape, "size": self.size}, ensure_ascii=False)
        columns = zip(self.rows.tolist(), self.cols.tolist(), self.ab.tolist(), strict=True)
        hints = [{"row": row, "col": col, "a": a, "b": b} for row, col, (a, b) in columns]
        lines = ",\n".join(f"  {json.dumps(hint)}" for hint in hints)
        return f'{text[:-1]}, "hints": [\n{lines}\n]}}\n'

    @classmethod
    def from_json(cls, text: str, source: str = "the text") -> "Hints":
        """Return the hints of JSON text; errors name `source` and the place."""
        try:
            file = _File.model_validate_json(text)
            rows, cols = [hint.row for hint in file.hints], [hint.col for hint in file.hints]
            return cls(rows, cols, [(one.a, one.b) for one in file.hints], file.shape, file.size)
        except ValidationError as error:
            first = error.errors()[0]
            place = " ".join(map(str, first["loc"])) or "its text"
            raise ColorlibError(f"{source} is not a hints file: {place}: {first['msg']}") from error
        except ColorlibError as error:
            raise ColorlibError(f"{source}: {error}") from error

    def save(self, path: str | os.PathLike[str], photo: str | None = None) -> None:
        """Write the hints as JSON, whole or not at all."""
        write_text(path, self.to_json(photo))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Hints":
        """Read hints that `save` wrote; errors name the file and the place."""
        return cls.from_json(read_text(path), str(path))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Hints):
            return NotImplemented
        return (self.shape, self.size) == (other.shape, other.size) and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("rows", "cols", "ab")
        )

    def __repr__(self) -> str:
        return f"Hints({len(self)} on {self.shape[0]}x{self.shape[1]}, size {self.size})"


# Drawing cells


def sample_cells(
    count: int,
    side: int = 224,
    size: int = 2,
    method: Method = "uniform",
    generator: torch.Generator | int | None = None,
) -> np.ndarray:
    """Draw `count` cells at random: int64 [count, 2], (row, column) on the grid of cells.

    "uniform" draws without replacement, as iColoriT. "gaussian" draws with replacement from a
    2-D normal about the middle, with a standard deviation of a quarter of the side, clipped to
    the photo, as Zhang et al. 2017. `generator` may be a seed. ColorlibError for a count that
    does not fit.
    """
    grid = grid_side(side, size, count)
    if isinstance(generator, int):
        generator = torch.Generator().manual_seed(generator)
    flat = _draw_flat(1, count, grid, method, generator or torch.default_generator)
    return np.stack(np.divmod(flat[0].cpu().numpy(), grid), axis=-1)


def draw_cells(
    batch: int,
    max_count: int,
    *,
    side: int = 224,
    size: int = 2,
    method: Method = "uniform",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw the hints of a training batch: bool [batch, side/size, side/size], True at hints.

    The count differs by image: uniform on {0, ..., max_count} for "uniform" (iColoriT), and
    geometric from 0 with p = 1/8, cut at max_count, for "gaussian" (Zhang et al. 2017). Works on
    the generator's device, and depends on its state alone.
    """
    grid = grid_side(side, size, max_count)
    generator = generator or torch.default_generator
    device = generator.device
    if method == "uniform":
        counts = torch.randint(0, max_count + 1, (batch,), generator=generator, device=device)
    else:
        # 1 - rand is in (0, 1], whose logarithm is finite.
        uniform = 1 - torch.rand(batch, generator=generator, device=device)
        counts = (uniform.log() / math.log(1 - GAUSSIAN_STOP)).floor().long()
    flat = _draw_flat(batch, max_count, grid, method, generator)
    unused = torch.arange(max_count, device=device) >= counts[:, None]
    # Unused draws fall in one cell too many, which is cut off.
    drawn = torch.zeros(batch, grid * grid + 1, dtype=torch.bool, device=device)
    drawn.scatter_(1, flat.masked_fill(unused, grid * grid), True)
    return drawn[:, :-1].reshape(batch, grid, grid)


def _draw_flat(
    batch: int, count: int, grid: int, method: Method, generator: torch.Generator
) -> Tensor:
    """Draw cell numbers row * grid + column, int64 [batch, count]."""
    assert method in ("uniform", "gaussian"), method
    if method == "uniform":
        # The largest of random scores, in order, are a draw without replacement.
        scores = torch.rand(batch, grid * grid, generator=generator, device=generator.device)
        return scores.topk(count, dim=1).indices
    normal = torch.randn(batch, count, 2, generator=generator, device=generator.device)
    rows_cols = (grid / 2 + grid / 4 * normal).floor().clamp(0, grid - 1).long()
    return rows_cols[..., 0] * grid + rows_cols[..., 1]


def evaluation_hints(
    photo: Photo, count: int, size: int = 2, side: int = 224, ab: Tensor | None = None
) -> Hints:
    """Return `count` hints of the photo's own colours in different cells, always the same.

    The cells follow from the SHA-256 of the photo's name and the count, and from nothing else,
    such as the batch, the machine or a library's version. `ab` is as in `Hints.from_photo`.
    """
    grid = grid_side(side, size, count)
    digest = hashlib.sha256(f"{photo.name}\n{count}".encode(errors="surrogateescape")).digest()
    # NumPy promises the raw stream of a bit generator, unlike what is drawn through it.
    scores = np.random.PCG64(int.from_bytes(digest, "big")).random_raw(grid * grid)
    flat = np.argsort(scores, kind="stable")[:count]
    return Hints.from_photo(photo, np.stack(np.divmod(flat, grid), axis=-1), size, side, ab)


# The hint map and the network's input


def hint_map(hints: Hints | Sequence[Hints], side: int = 224) -> Tensor:
    """Draw hints, one Hints a photo, on the network's grid: float32 [B, 3, side, side].

    ab in Lab units in all pixels of a hint's cell, 0 elsewhere; then a mask, 1 at hints and 0
    elsewhere. Raises ColorlibError when a size does not divide `side`.
    """
    batch = [hints] if isinstance(hints, Hints) else list(hints)
    maps = np.zeros((len(batch), 3, side, side), np.float32)
    for drawn, one in zip(maps, batch, strict=True):
        grid = grid_side(side, one.size)
        cells = np.zeros((grid, grid, 3), np.float32)
        rows, cols = one.cells(side).T
        cells[rows, cols] = np.column_stack((one.ab, np.ones(len(one))))  # NumPy keeps the last
        drawn[:] = cells.repeat(one.size, 0).repeat(one.size, 1).transpose(2, 0, 1)
    return torch.from_numpy(maps)


def cells_hint_map(ab: Tensor, cells: Tensor, size: int = 2) -> Tensor:
    """Draw the true colours at drawn cells, for training: float32 [B, 3, S, S].

    ab float32 [B, 2, S, S] in Lab units, cells bool [B, S/size, S/size]. Bit for bit the
    `hint_map` of the photos' `Hints.from_photo` at these cells.
    """
    grid = grid_side(ab.shape[-1], size)
    assert cells.shape == (len(ab), grid, grid), (ab.shape, cells.shape)
    hinted = cells[:, None]
    # A product would leave -0.0 off the hints.
    colours = torch.where(hinted, avg_pool2d(ab.contiguous(), size), 0.0)
    return _enlarged(torch.cat((colours, hinted.to(ab.dtype)), dim=1), size)


def widened(hint_map: Tensor, width: int, size: int = 2) -> Tensor:
    """Spread each hint of a map [B, 3, S, S] over width x width cells about its own.

    All of them take the colour of its own cell, as with a wide hint of the panel. Where two
    meet, the one later in reading order wins.
    """
    cells = hint_map[:, :, ::size, ::size]
    grid = cells.shape[-1]
    # The hints are numbered, and the largest number near a cell is the hint that fills it.
    numbers = torch.arange(1.0, grid * grid + 1, device=cells.device).reshape(grid, grid)
    before, after = width // 2, (width - 1) // 2
    spread = pad(cells[:, 2:] * numbers, (before, after, before, after))
    nearest = max_pool2d(spread, width, stride=1).flatten(2)
    source = (nearest.long() - 1).clamp_min(0).expand(-1, 3, -1)
    filled = torch.where(nearest > 0, cells.flatten(2).gather(2, source), 0.0)
    return _enlarged(filled.reshape(cells.shape), size)


def _enlarged(cells: Tensor, size: int) -> Tensor:
    """Repeat each cell of [B, C, N, N] in its size x size pixels: [B, C, N size, N size]."""
    return cells.repeat_interleave(size, dim=2).repeat_interleave(size, dim=3)


def network_input(L: Tensor, hint_map: Tensor) -> Tensor:
    """Return what the network sees (eq. 1): X = ((L - 50) / 100, a / 110, b / 110, mask).

    L [B, 1, S, S] in 0 to 100 and hint map [B, 3, S, S] (ab in Lab units, mask) -> float32
    [B, 4, S, S]. Training, evaluation and use all come through here.
    """
    batch, _, *sides = L.shape
    assert hint_map.shape == (batch, 3, *sides), (L.shape, hint_map.shape)
    return torch.cat((normalize_L(L), normalize_ab(hint_map[:, :2]), hint_map[:, 2:]), dim=1)


def small_lightness(photo: Photo, side: int = 224) -> Tensor:
    """Return L [1, 1, side, side] of a photo resized, whatever its aspect, as iColoriT does."""
    return srgb_to_lab(photo.resized(side).tensor())[0]


def photo_input(
    photo: Photo, hints: Hints | None = None, side: int = 224, L: Tensor | None = None
) -> Tensor:
    """Return the network's input X [1, 4, side, side] for a photo with its hints.

    `L` is the photo's `small_lightness`: pass it if already computed. Raises ColorlibError when
    the hints were made for a photo of another shape.
    """
    hints = Hints.empty(photo.shape) if hints is None else hints
    if photo.shape != hints.shape:
        made, has = ("{}x{}".format(*shape) for shape in (hints.shape, photo.shape))
        raise ColorlibError(
            f"the hints were made for a photo of {made}, and {photo.name!r} has {has}: "
            "make hints on this photo, or fit these (Hints.fitted; --fit-hints)"
        )
    return network_input(small_lightness(photo, side) if L is None else L, hint_map(hints, side))


# The files of positions that iColoriT evaluates with


def read_icolorit(
    path: str | os.PathLike[str], photo: Photo, size: int = 2, side: int = 224
) -> Hints:
    """Read hints of an iColoriT file such as h2-n10/NAME.txt, with the photo's own colours.

    A line is "row column", multiples of `size` in the network's pixels. The files are drawn
    with replacement: cells named twice are one hint. Errors name file and line.
    """
    lines = read_text(path).splitlines()
    cells: dict[tuple[int, int], None] = {}  # in the file's order, each once
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        pixel = [int(word) if word.isdecimal() else -1 for word in line.split()]
        if len(pixel) != 2 or any(p % size or not 0 <= p < side for p in pixel):
            raise ColorlibError(
                f'{path}, line {number}: {line!r} is not "row column", multiples of {size} '
                f"from 0 to {side - size}"
            )
        cells[pixel[0] // size, pixel[1] // size] = None
    return Hints.from_photo(photo, list(cells), size, side)


def write_icolorit(hints: Hints, path: str | os.PathLike[str], side: int = 224) -> None:
    """Write the hints' positions (not their colours) as iColoriT reads them."""
    pixels = (hints.cells(side) * hints.size).tolist()
    write_text(path, "".join(f"{row} {column}\n" for row, column in pixels))


def draw_icolorit(names: Iterable[str], folder: str | os.PathLike[str], seed: int = 1234) -> None:
    """Draw the positions that the paper was evaluated with: FOLDER/h2-nN/NAME.txt for N hints.

    As the authors' make_mask.py does for 224 pixels and cells of 2, from one stream of Python's
    `random` over all counts and, for each, the sorted file `names`: right only of a whole set.
    """
    drawn, names = random.Random(seed), sorted(names)
    for count in (1, 5, 10, 20, 50, 100):
        for name in names:
            lines = [
                f"{2 * drawn.randint(0, 111)} {2 * drawn.randint(0, 111)}\n" for _ in range(count)
            ]
            path = Path(folder, f"h2-n{count}", f"{Path(name).stem}.txt")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_text(path, "".join(lines))
