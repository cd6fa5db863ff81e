"""Winograd's form of a 3x3 convolution: fewer multiplications, the same sums.

Lavin and Gray 2016 (arXiv 1509.09308), F(4x4, 3x3): a tile of 4x4 results is made of 6x6
inputs by Y = A^T [(G w G^T) * (B^T x B)] A, with 36 multiplications in place of 144. Here the
tiles cover a grid of patches with its border reflected, and the reflection is part of B.
"""

import numpy as np

OUT = 4  # a tile's results, along one side
TILE = OUT + 2  # the inputs that they are made of

_B_T = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
_A_T = np.array(
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 0],
        [0, 1, 1, 4, 4, 0],
        [0, 1, -1, 8, -8, 1],
    ]
)


def tiles(grid: int) -> int:
    """How many tiles cover a side of `grid` patches."""
    return -(-grid // OUT)


def to_tiles(grid: int) -> np.ndarray:
    """B^T of all tiles along one side, float32 [6 * tiles, grid]; rows count (place, tile)."""
    count = tiles(grid)
    matrix = np.zeros((TILE, count, grid))
    for tile in range(count):
        for place in range(TILE):
            position = OUT * tile + place - 1
            # One beyond the border is its reflection; what is further off meets no result.
            position = {-1: 1, grid: grid - 2}.get(position, position)
            if position < grid:
                matrix[:, tile, position] += _B_T[:, place]
    return matrix.reshape(TILE * count, grid).astype(np.float32)


def from_tiles(grid: int) -> np.ndarray:
    """A^T of all tiles along one side, float32 [grid, 6 * tiles]; columns count (place, tile)."""
    matrix = np.zeros((grid, TILE, tiles(grid)))
    for result in range(grid):
        matrix[result, :, result // OUT] = _A_T[result % OUT]
    return matrix.reshape(grid, -1).astype(np.float32)


def transformed(weight: np.ndarray) -> np.ndarray:
    """G w G^T of a convolution's weight [out, in, 3, 3]: float32 [36, in, out]."""
    result = np.einsum("ia,jb,ocab->ijco", _G, _G, weight.astype(np.float64), optimize=True)
    return result.reshape(TILE**2, *result.shape[2:]).astype(np.float32)
