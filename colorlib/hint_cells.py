"""The grid of cells on the network's input: drawing cells at random, and colours by cells.

A cell is a square of `size` x `size` network pixels; a network side of 224 with size 2 has
112 x 112 cells. `colorlib.hints` gives all of this to the outside.
"""

import math
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from colorlib.errors import HintError

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
    mask, 1 at hints and 0 elsewhere. Bit for bit `hint_map(Hints.of(...))` of the same cells.
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
