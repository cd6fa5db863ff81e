"""What all metrics ask of the photos they are given."""

import numpy as np
from numpy.typing import ArrayLike

from colorlib.files import ColorlibError


def checked(metric: str, photos: ArrayLike) -> np.ndarray:
    """`photos` as an array; raises ColorlibError unless it is uint8 [..., H, W, 3]."""
    array = np.asarray(photos)
    if array.dtype != np.uint8:
        raise ColorlibError(f"{metric} is of 8-bit photos, uint8: these are {array.dtype}")
    if not _is_picture(array.shape):
        raise ColorlibError(f"{metric} of {list(array.shape)}: it must be [..., H, W, 3]")
    return array


def checked_pair(metric: str, a: ArrayLike, b: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays; raises ColorlibError unless they are uint8 of one shape [..., H, W, 3]."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ColorlibError(
            f"{metric} is of 8-bit photos, uint8: these are {a.dtype} and {b.dtype}"
        )
    if a.shape != b.shape or not _is_picture(a.shape):
        raise ColorlibError(
            f"{metric} of {list(a.shape)} and {list(b.shape)}: both must be the same [..., H, W, 3]"
        )
    return a, b


def _is_picture(shape: tuple[int, ...]) -> bool:
    return len(shape) >= 3 and shape[-1] == 3 and 0 not in shape[-3:]
