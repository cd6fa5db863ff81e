"""Colour as an eye sees it: how far two photos are apart, and how colourful one is."""

import numpy as np
from numpy.typing import ArrayLike
from skimage.color import deltaE_ciede2000, rgb2lab

from colorlib.metrics.pictures import checked, checked_pair


def delta_e(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Mean CIEDE2000 of each pair of photos, uint8 [..., H, W, 3] both -> float64 [...].

    0 for the same photo, 100 for black and white; a difference of about 1 can just be seen.
    CIE 142-2001 with unit weights, by scikit-image, averaged over the pixels. In float32: a
    photo's mean is that of float64 to about 1e-5. Raises ColorlibError as `psnr`.
    """
    a, b = checked_pair("CIEDE2000", a, b)
    means = np.empty(a.shape[:-3])
    for index in np.ndindex(means.shape):  # one photo fits a cache, a batch does not
        pixels = deltaE_ciede2000(lab(a[index]), lab(b[index]))
        means[index] = pixels.mean(dtype=np.float64)
    return means


def colorfulness(photos: ArrayLike) -> np.ndarray:
    """M of Hasler and Süsstrunk of each photo, uint8 [..., H, W, 3] -> float64 [...].

    With rg = R - G and yb = (R + G) / 2 - B in 8-bit levels, and sigma and mu the standard
    deviation and the mean over the pixels, it is ("Measuring colourfulness in natural images",
    2003)

        sqrt(sigma_rg^2 + sigma_yb^2) + 0.3 sqrt(mu_rg^2 + mu_yb^2).

    Their viewers call 0 "not colourful", 33 "moderately" and 109 "extremely". A photo's M less
    its truth's is negative when it is too pale. Raises ColorlibError for floats and other shapes.
    """
    red, green, blue = np.moveaxis(checked("colourfulness", photos).astype(np.float64), -1, 0)
    pixels = (-2, -1)
    opponents = (red - green, (red + green) / 2 - blue)
    variance = sum(value.var(axis=pixels) for value in opponents)
    mean = sum(value.mean(axis=pixels) ** 2 for value in opponents)
    return np.asarray(np.sqrt(variance) + 0.3 * np.sqrt(mean))


def lab(photos: np.ndarray) -> np.ndarray:
    """Lab of sRGB photos, uint8 [..., H, W, 3] -> float32 of the same shape."""
    return np.asarray(rgb2lab(photos.astype(np.float32) / 255))
