"""Hints: the colours a user gives at points of a photo, and the network's input made of them.

Positions are (row, column) of the photo's own pixels, 0-based. Pixel r has its centre at
r + 0.5, so it falls in the cell floor((r + 0.5) * side / H / size) of the network's grid, in
which a cell is size x size network pixels.
"""

import hashlib
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from colorlib.color import normalize_ab, normalize_L, srgb_to_lab
from colorlib.files import HintError, read_text, write_text
from colorlib.photos import Photo

Method = Literal["uniform", "gaussian"]

# Zhang et al. 2017: after each hint another follows with probability 7/8, so 7 on average.
GAUSSIAN_STOP = 1 / 8


def grid_side(side: int, size: int) -> int:
    """Cells along one side of the network's input; HintError when `size` does not divide it."""
    if size < 1 or side < 1 or side % size:
        raise HintError(
            f"hints of size {size} do not divide a network side of {side}: "
            "give a size that does, such as 1 or 2"
        )
    return side // size


def sample_cells(
    count: int,
    side: int = 224,
    size: int = 2,
    method: Method = "uniform",
    generator: torch.Generator | int | None = None,
) -> np.ndarray:
    """Draw `count` cells at random: int64 [count, 2], (row, column) on the grid of cells.

    "uniform" draws without replacement, as iColoriT. "gaussian" draws each centre from a 2-D
    normal about the middle with a standard deviation of a quarter of the side, clipped to the
    photo, with replacement, as Zhang et al. 2017 (whose hints are 1 to 9 pixels wide; ours
    stay of `size`). `generator` may be a seed. HintError for a count that does not fit.
    """
    cells = grid_side(side, size)
    _check_draw(count, cells, method)
    if isinstance(generator, int):
        generator = torch.Generator().manual_seed(generator)
    flat = _draw_flat(1, count, cells, method, generator)[0].cpu().numpy()
    return np.stack((flat // cells, flat % cells), axis=-1)


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
    geometric from 0 with p = 1/8, cut at max_count, for "gaussian" (Zhang et al. 2017), where
    two hints may fall in one cell. Works on the generator's device, and depends on its state
    alone. HintError for more hints than cells.
    """
    cells = grid_side(side, size)
    _check_draw(max_count, cells, method)
    device = generator.device if generator is not None else torch.device("cpu")
    if method == "uniform":
        counts = torch.randint(0, max_count + 1, (batch,), generator=generator, device=device)
    else:
        # 1 - rand is in (0, 1], whose logarithm is finite.
        uniform = 1 - torch.rand(batch, generator=generator, device=device)
        counts = (uniform.log() / math.log(1 - GAUSSIAN_STOP)).floor().long()
    flat = _draw_flat(batch, max_count, cells, method, generator)
    unused = torch.arange(max_count, device=device) >= counts[:, None]
    # Unused draws fall in one cell too many, which is cut off.
    drawn = torch.zeros(batch, cells * cells + 1, dtype=torch.bool, device=device)
    drawn.scatter_(1, flat.masked_fill(unused, cells * cells), True)
    return drawn[:, :-1].reshape(batch, cells, cells)


def cell_means(values: Tensor, size: int) -> Tensor:
    """The mean of [B, C, S, S] over each cell: [B, C, S/size, S/size]."""
    grid_side(values.shape[-1], size)
    return avg_pool2d(values.contiguous(), size)


def cells_hint_map(ab: Tensor, cells: Tensor, size: int = 2) -> Tensor:
    """The hint map of true colours at drawn cells, for training.

    ab float32 [B, 2, S, S] in Lab units, cells bool [B, S/size, S/size] -> float32
    [B, 3, S, S]: the mean ab over each hint's cell in all its pixels, 0 elsewhere; then a
    mask, 1 at hints and 0 elsewhere. Bit for bit `hint_map` of the photo's Hints at these cells.
    """
    if ab.ndim != 4 or ab.shape[1] != 2 or ab.shape[-1] != ab.shape[-2]:
        raise HintError(f"ab has the shape {tuple(ab.shape)}: [B, 2, side, side] is right")
    grid = grid_side(ab.shape[-1], size)
    if cells.shape != (len(ab), grid, grid) or cells.dtype != torch.bool:
        raise HintError(
            f"cells are {cells.dtype} {tuple(cells.shape)}: bool {(len(ab), grid, grid)} is "
            f"right for ab {tuple(ab.shape)} and hints of size {size}"
        )
    hinted = cells[:, None]
    # A product would leave -0.0 off the hints.
    colours = torch.where(hinted, cell_means(ab, size), 0.0)
    return enlarge(torch.cat((colours, hinted.to(ab.dtype)), dim=1), size)


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
    return enlarge(filled.reshape(cells.shape), size)


def enlarge(cells: Tensor, size: int) -> Tensor:
    """Repeat each cell of [B, C, N, N] in its size x size pixels: [B, C, N size, N size]."""
    if size == 1:
        return cells
    batch, channels, rows, columns = cells.shape
    spread = cells[:, :, :, None, :, None].expand(-1, -1, -1, size, -1, size)
    return spread.reshape(batch, channels, rows * size, columns * size)


def whole_numbers(values: ArrayLike, name: str) -> np.ndarray:
    """An int64 copy of `values`; HintError when they are no whole numbers."""
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise HintError(f"{name} of hints are {array.dtype}: whole numbers are right")
    return array.astype(np.int64)


def checked_cells(cells: ArrayLike, grid: int) -> np.ndarray:
    """`cells` as int64 [n, 2]; HintError for another shape or what is off the grid."""
    array = whole_numbers(cells, "cells")
    array = array.reshape(0, 2) if array.size == 0 else array
    if array.ndim != 2 or array.shape[1] != 2:
        raise HintError(f"cells have the shape {list(array.shape)}: [n, 2] is right")
    for row, col in array[((array < 0) | (array >= grid)).any(axis=1)].tolist():
        raise HintError(f"cell ({row}, {col}) is off the grid of {grid} x {grid} cells")
    return array


def _check_draw(count: int, cells: int, method: str) -> None:
    if method not in get_args(Method):
        raise HintError(f"no way to draw hints is called {method!r}: uniform or gaussian")
    if not 0 <= count <= cells * cells:
        raise HintError(f"cannot draw {count} hints: the grid has {cells} x {cells} cells")


def _draw_flat(
    batch: int, count: int, cells: int, method: Method, generator: torch.Generator | None
) -> Tensor:
    """Draw cell numbers row * cells + column, int64 [batch, count]."""
    device = generator.device if generator is not None else torch.device("cpu")
    if method == "uniform":
        # The largest of random scores, in order, are a draw without replacement.
        scores = torch.rand(batch, cells * cells, generator=generator, device=device)
        return scores.topk(count, dim=1).indices
    normal = torch.randn(batch, count, 2, generator=generator, device=device)
    place = (cells / 2 + cells / 4 * normal).floor().clamp(0, cells - 1).long()
    return place[..., 0] * cells + place[..., 1]


FORMAT = "colorlib-hints"
VERSION = 1


def dump_json(
    rows: np.ndarray,
    cols: np.ndarray,
    ab: np.ndarray,
    shape: tuple[int, int],
    size: int,
    photo: str | None,
) -> str:
    """The text of a hints file, one hint a line; `parse_json` gives the same numbers back."""
    head: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    if photo is not None:
        head["photo"] = photo
    head |= {"shape": list(shape), "size": size}
    entries = [
        {"row": row, "col": col, "a": a, "b": b}
        for row, col, (a, b) in zip(rows.tolist(), cols.tolist(), ab.tolist(), strict=True)
    ]
    lines = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    opening = json.dumps(head, ensure_ascii=False)[:-1]
    return f'{opening}, "hints": [\n{lines}\n]}}\n' if entries else f'{opening}, "hints": []}}\n'


def parse_json(text: str, source: str) -> dict[str, Any]:
    """The arguments of Hints from a hints file's text; `source` names it in a HintError."""
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise HintError(f"{source}, line {error.lineno}: no JSON ({error.msg})") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise HintError(f'{source} is not a hints file: it has no "format": "{FORMAT}"')
    if content.get("version") != VERSION:
        raise HintError(
            f"{source} has version {content.get('version')!r}, and this colorlib reads {VERSION}"
        )
    entries, shape, size = (content.get(key) for key in ("hints", "shape", "size"))
    if not isinstance(entries, list):
        raise HintError(f'{source} has no list "hints"')
    if not isinstance(shape, list) or not isinstance(size, int):
        raise HintError(f'{source} needs "shape": [height, width] and "size": pixels')
    for number, entry in enumerate(entries, 1):
        _check_entry(entry, f"{source}, hint {number} of {len(entries)}")
    return {
        "rows": [entry["row"] for entry in entries],
        "cols": [entry["col"] for entry in entries],
        "ab": [(entry["a"], entry["b"]) for entry in entries],
        "shape": tuple(shape),
        "size": size,
    }


def parse_positions(text: str, source: str, size: int, side: int) -> np.ndarray:
    """Cells int64 [n, 2] of iColoriT's text: a line "row column" a hint, multiples of `size`.

    The files are drawn with replacement; a cell that comes again is kept once.
    """
    cells: dict[tuple[int, int], None] = {}
    grid_side(side, size)
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        where = f"{source}, line {number}: {line.strip()!r}"
        if len(words) != 2 or not all(word.isdecimal() for word in words):
            raise HintError(f'{where} is not "row column", two whole numbers')
        row, column = int(words[0]), int(words[1])
        if max(row, column) >= side:
            raise HintError(f"{where} is off the {side} x {side} pixels of the network")
        if row % size or column % size:
            raise HintError(f"{where} is no multiple of the hints' size, {size}")
        cells[row // size, column // size] = None
    return np.array(list(cells), dtype=np.int64).reshape(-1, 2)


def dump_positions(cells: np.ndarray, size: int) -> str:
    """iColoriT's text of cells [n, 2]: each cell's top left pixel in the network's input."""
    return "".join(f"{row} {column}\n" for row, column in (cells * size).tolist())


def _check_entry(entry: object, where: str) -> None:
    keys = ("row", "col", "a", "b")
    if not isinstance(entry, dict) or not all(
        isinstance(entry.get(key), int | float) and not isinstance(entry.get(key), bool)
        for key in keys
    ):
        raise HintError(f"{where}: {json.dumps(entry)} needs the numbers row, col, a and b")


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
    def empty(cls, shape: tuple[int, int], size: int = 2) -> "Hints":
        """No hints, for a photo of `shape` (H, W)."""
        return cls(np.empty(0, int), np.empty(0, int), np.empty((0, 2)), shape, size)

    @classmethod
    def from_photo(
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

    @classmethod
    def random(
        cls, photo: Photo, count: int, seed: int = 0, size: int = 2, side: int = 224
    ) -> "Hints":
        """`count` hints of the photo's own colours in different cells, drawn uniformly.

        Raises HintError for a grey photo, which has no colours to take.
        """
        if photo.is_grey:
            raise HintError(
                f"{photo.name} is grey, so there are no colours to take random hints of: "
                "give hints of your own"
            )
        return cls.from_photo(photo, sample_cells(count, side, size, generator=seed), size, side)

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
        return dump_json(self.rows, self.cols, self.ab, self.shape, self.size, photo)

    @classmethod
    def from_json(cls, text: str, source: str = "the text") -> "Hints":
        """Hints of JSON text; HintErrors name `source`."""
        fields = parse_json(text, source)
        try:
            return cls(**fields)
        except HintError as error:
            raise HintError(f"{source}: {error}") from error

    def save(self, path: str | os.PathLike[str], photo: str | None = None) -> None:
        """Write the hints as JSON, whole or not at all."""
        write_text(path, self.to_json(photo))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Hints":
        """Read hints that `save` wrote. Raises HintError, which names the file and the place."""
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
    `Hints.from_photo`.
    """
    grid = grid_side(side, size)
    if not 0 <= count <= grid * grid:
        raise HintError(f"cannot draw {count} hints: the grid has {grid} x {grid} cells")
    digest = hashlib.sha256(f"{photo.name}\n{count}".encode(errors="surrogateescape")).digest()
    # NumPy promises the raw stream of a bit generator, unlike what is drawn through it.
    scores = np.random.PCG64(int.from_bytes(digest, "big")).random_raw(grid * grid)
    chosen = np.argsort(scores, kind="stable")[:count]
    return Hints.from_photo(
        photo, np.stack((chosen // grid, chosen % grid), axis=-1), size, side, ab
    )


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
    hints = Hints.empty(photo.shape) if hints is None else hints
    hints.check_photo(photo)
    return network_input(small_lightness(photo, side) if L is None else L, hint_map(hints, side))


def read_icolorit(
    path: str | os.PathLike[str], photo: Photo, size: int = 2, side: int = 224
) -> Hints:
    """Hints of an iColoriT file such as h2-n10/NAME.txt, with the photo's own colours.

    A line is "row column", multiples of `size` in the network's pixels. The files are drawn
    with replacement: cells named twice are one hint. Raises HintError with file and line.
    """
    text = read_text(path)
    return Hints.from_photo(photo, parse_positions(text, str(path), size, side), size, side)


def write_icolorit(hints: Hints, path: str | os.PathLike[str], side: int = 224) -> None:
    """Write the hints' positions (not their colours) as iColoriT reads them."""
    write_text(path, dump_positions(hints.cells(side), hints.size))


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
