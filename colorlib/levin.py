"""Colorization by optimization (Levin, Lischinski and Weiss, SIGGRAPH 2004).

The classical answer to hints, without any learning: neighbours of similar lightness have similar
colours. It is the line that a network has to beat.
"""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import splu

# As in the authors' published program, which sharpens the paper's weights: 0.6 of the window's
# variance in place of twice that, at least 2e-6, and one neighbour that weighs 0.01 or more.
SHARPNESS = 0.6
LEAST_VARIANCE = 2e-6
LEAST_WEIGHT = 0.01


def colorize(lightness: np.ndarray, ab: np.ndarray, hinted: np.ndarray) -> np.ndarray:
    """Spread the hints' colours: return float64 [2, H, W].

    lightness [H, W] in 0 to 100, ab [2, H, W] in Lab units, read where `hinted` [H, W] is true
    and kept there. At every other pixel r and for a and b alike

        u(r) = sum over s of w_rs u(s),  w_rs ~ exp(-(Y(r) - Y(s))^2 / (0.6 var_r)),

    over the pixels s around r (8, fewer at a border), the weights of a pixel adding up to 1;
    var_r is the variance of Y in the 3 x 3 window. It is the paper's eq. 1 where no hint is, with
    Lab in place of YUV, Y = L / 100. Without hints the answer is 0.
    """
    height, width = lightness.shape
    assert ab.shape == (2, height, width), ab.shape
    assert hinted.shape == (height, width), hinted.shape
    given = hinted.ravel().astype(bool)
    known = np.where(given, ab.reshape(2, -1).astype(np.float64), 0.0)
    if not given.any() or given.all():
        return known.reshape(ab.shape)
    rows, columns, weights = _weights(lightness.astype(np.float64) / 100)
    free = ~given
    number = np.cumsum(free) - 1  # of a free pixel among the free
    # (1 - W) u = 0 at the free pixels; what hinted neighbours add goes to the right.
    inner, border = free[rows] & free[columns], free[rows] & given[columns]
    count = int(free.sum())
    own = np.arange(count)
    matrix = coo_array(
        (
            np.concatenate([np.ones(count), -weights[inner]]),
            (
                np.concatenate([own, number[rows[inner]]]),
                np.concatenate([own, number[columns[inner]]]),
            ),
        ),
        shape=(count, count),
    ).tocsc()
    # The pattern is symmetric and the diagonal rules: an order for such keeps the factors small.
    factors = splu(
        matrix,
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    for channel in known:
        from_hints = weights[border] * channel[columns[border]]
        channel[free] = factors.solve(np.bincount(number[rows[border]], from_hints, count))
    return known.reshape(ab.shape)


def _weights(y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all pairs of neighbours in y [H, W]: pixel r, pixel s (flat, int64 [n]) and w_rs."""
    height, width = y.shape
    padded = np.pad(y, 1, constant_values=np.nan)
    index = np.pad(np.arange(y.size).reshape(y.shape), 1, constant_values=-1)
    shifts = [(row, column) for row in range(3) for column in range(3)]
    window = np.stack([padded[r : r + height, c : c + width] for r, c in shifts])
    squared = np.square(np.delete(window, 4, axis=0) - y)  # 4 is the pixel itself
    variance = np.maximum(SHARPNESS * np.nanvar(window, axis=0), LEAST_VARIANCE)
    variance = np.maximum(variance, np.nanmin(squared, axis=0) / -np.log(LEAST_WEIGHT))
    weights = np.nan_to_num(np.exp(-squared / variance))
    weights /= weights.sum(axis=0)
    others = np.stack([index[r : r + height, c : c + width] for r, c in shifts if (r, c) != (1, 1)])
    there = others >= 0
    rows = np.broadcast_to(np.arange(y.size).reshape(y.shape), others.shape)
    return rows[there], others[there], weights[there]
