"""Colorization by optimization (Levin, Lischinski and Weiss, SIGGRAPH 2004).

The classical answer to hints, without any learning: neighbours of similar lightness have similar
colours. It is the line that a network has to beat.
"""

import numpy as np
from scipy.sparse import coo_array, diags_array, eye_array
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
    assert ab.shape == (2, *lightness.shape), ab.shape
    assert hinted.shape == lightness.shape, hinted.shape
    given = hinted.ravel().astype(bool)
    known = np.where(given, ab.reshape(2, -1), 0.0)
    if not given.any():
        return known.reshape(ab.shape)
    # (1 - W) u = 0 at the free pixels, u = ab at the others.
    free = diags_array((~given).astype(float))
    system = eye_array(lightness.size) - free @ _weights(lightness.astype(np.float64) / 100)
    # The pattern is nearly symmetric and the diagonal rules: so the factors stay small.
    factors = splu(
        system.tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )
    return np.asarray(factors.solve(known.T)).T.reshape(ab.shape)


def _weights(y: np.ndarray) -> coo_array:
    """Return W of y [H, W], by pixels r and s in row order: sparse [H W, H W]."""
    height, width = y.shape
    padded = np.pad(y, 1, constant_values=np.nan)
    number = np.arange(y.size).reshape(y.shape)
    index = np.pad(number, 1, constant_values=-1)
    shifts = [(row, column) for row in range(3) for column in range(3)]
    window = np.stack([padded[r : r + height, c : c + width] for r, c in shifts])
    squared = np.square(np.delete(window, 4, axis=0) - y)  # 4 is the pixel itself
    variance = np.maximum(SHARPNESS * np.nanvar(window, axis=0), LEAST_VARIANCE)
    variance = np.maximum(variance, np.nanmin(squared, axis=0) / -np.log(LEAST_WEIGHT))
    weights = np.nan_to_num(np.exp(-squared / variance))
    weights /= weights.sum(axis=0)
    others = np.stack([index[r : r + height, c : c + width] for r, c in shifts if (r, c) != (1, 1)])
    there = others >= 0
    pairs = np.broadcast_to(number, others.shape)[there], others[there]
    return coo_array((weights[there], pairs), shape=(y.size, y.size))
