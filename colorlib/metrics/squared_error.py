"""PSNR, and iColoriT's two measures of what the squared error is along and between patches.

The two are of its paper (arXiv 2207.06831): a transformer that colours patch by patch may leave
seams, which B-PSNR sees, and patches that no hint reached, which PEV sees.
"""

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor, arange, stack

from colorlib.files import ColorlibError
from colorlib.metrics.pictures import checked_pair

# iColoriT's floor of the mean squared error, so that no photo counts more than 50 dB.
MSE_FLOOR = 1e-5


def psnr(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """PSNR in dB of each pair of photos, uint8 [..., H, W, 3] both -> float64 [...].

    -10 log10 of the mean squared error over pixels and channels, of sRGB on [0, 1], floored at
    1e-5 (50 dB), as iColoriT's evaluation of its saved 8-bit pictures. For a set of photos it
    takes the mean of these dB. Raises ColorlibError for floats or shapes that differ.
    """
    squared = _squared(*checked_pair("PSNR", a, b))
    return _decibels(squared.mean(axis=(-3, -2, -1), dtype=np.float64))


def boundary_psnr(a: ArrayLike, b: ArrayLike, patch: int = 16) -> np.ndarray:
    """B-PSNR in dB of each pair of photos, uint8 [..., H, W, 3] both -> float64 [...].

    As `psnr`, floor included, over those pixels alone that touch an inner border of the grid of
    `patch` x `patch` patches: a line of pixels on either side, each pixel counted once. Raises
    ColorlibError as `psnr`, and when the patches do not tile the photo or have no inner border.
    """
    a, b = checked_pair("B-PSNR", a, b)
    height, width = _grid("B-PSNR", a.shape, patch)
    touches = np.zeros((height * patch, width * patch), dtype=bool)
    for lines, count in ((touches, height), (touches.T, width)):
        borders = np.arange(1, count) * patch
        lines[borders - 1] = lines[borders] = True
    pixels = np.flatnonzero(touches)
    flat = (*a.shape[:-3], touches.size, 3)
    squared = _squared(*(photos.reshape(flat).take(pixels, axis=-2) for photos in (a, b)))
    return _decibels(squared.mean(axis=(-2, -1), dtype=np.float64))


def border_ratio(ab: Tensor, patch: int = 16) -> float:
    """Return how much larger the steps of ab [n, 2, S, S] are across patch borders than elsewhere.

    The mean distance in ab between neighbouring pixels on either side of a border, over the mean
    distance between all other neighbours: .98 for true photos, more where squares are seen.
    """
    steps = [ab.diff(dim=-1), ab.diff(dim=-2).mT]
    means = stack([one.norm(dim=1).mean(dim=(0, 1)) for one in steps])
    border = arange(1, means.shape[1] + 1) % patch == 0
    return float(means[:, border].mean() / means[:, ~border].mean())


def patch_error_variance(a: ArrayLike, b: ArrayLike, patch: int = 16) -> np.ndarray:
    """PEV of each pair of photos, uint8 [..., H, W, 3] both -> float64 [...], 8-bit levels squared.

    The variance over the patches of each patch's root mean squared error (over its pixels and
    channels). As in iColoriT's code it is the unbiased one: n patches, divided by n - 1. Raises
    ColorlibError as `psnr`, and when the patches do not tile the photo or are only one.
    """
    a, b = checked_pair("PEV", a, b)
    height, width = _grid("PEV", a.shape, patch)
    patches = _squared(a, b).reshape(*a.shape[:-3], height, patch, width, patch, 3)
    rmse = np.sqrt(patches.mean(axis=(-4, -2, -1), dtype=np.float64))
    return np.asarray(rmse.var(axis=(-2, -1), ddof=1))


def standard_error(values: ArrayLike) -> float:
    """Of the mean of `values`, one a photo [n]: their standard deviation (n - 1) over sqrt(n).

    It is nan for one photo, of which nothing can be said. Raises ColorlibError for none, and
    for another shape.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise ColorlibError(
            f"a standard error is over photos, one value each: these are {list(values.shape)}"
        )
    if len(values) == 1:
        return float("nan")
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.square(a.astype(np.int32) - b)


def _decibels(error: np.ndarray) -> np.ndarray:
    """From the mean squared error in 8-bit levels."""
    return np.asarray(-10 * np.log10(np.maximum(error / 255**2, MSE_FLOOR)))


def _grid(metric: str, shape: tuple[int, ...], patch: int) -> tuple[int, int]:
    height, width = shape[-3:-1]
    if patch < 1 or height % patch or width % patch or height == width == patch:
        raise ColorlibError(
            f"{metric} of photos of {height} x {width} in patches of {patch}: "
            "they must tile it, and be at least two"
        )
    return height // patch, width // patch
