"""How near a colour photo is to another."""

import numpy as np

from colorlib.errors import ColorlibError

# iColoriT's floor of the mean squared error, so that no photo counts more than 50 dB.
MSE_FLOOR = 1e-5


def psnr(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """PSNR in dB of each pair of photos, uint8 [..., H, W, 3] both -> float64 [...].

    -10 log10 of the mean squared error over pixels and channels, of sRGB on [0, 1], floored at
    1e-5 (50 dB), as iColoriT's evaluation of its saved 8-bit pictures. For a set of photos it
    takes the mean of these dB. Raises ColorlibError for floats or shapes that differ.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ColorlibError(f"PSNR is of 8-bit photos, uint8: these are {a.dtype} and {b.dtype}")
    if a.shape != b.shape or a.ndim < 3 or a.shape[-1] != 3:
        raise ColorlibError(
            f"PSNR of {list(a.shape)} and {list(b.shape)}: both must be the same [..., H, W, 3]"
        )
    difference = a.astype(np.int32) - b
    error = np.square(difference).mean(axis=(-3, -2, -1), dtype=np.float64) / 255**2
    return np.asarray(-10 * np.log10(np.maximum(error, MSE_FLOOR)))
