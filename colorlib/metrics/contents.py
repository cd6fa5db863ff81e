"""What is in a photo: how much detail, and in how many pieces."""

import numpy as np
from numpy.typing import ArrayLike
from skimage.filters import sobel
from skimage.segmentation import felzenszwalb

from colorlib.metrics.color_difference import lab
from colorlib.metrics.pictures import checked

# Of Felzenszwalb and Huttenlocher's segmentation, for pictures of about 224 x 224 pixels: the
# least segment is a cell of 14 x 14 pixels, about one patch of the network.
SEGMENT_SCALE, SEGMENT_SIGMA, SEGMENT_PIXELS = 300.0, 0.8, 200


def edges(photos: ArrayLike) -> np.ndarray:
    """Mean slope of the lightness of each photo, uint8 [..., H, W, 3] -> float64 [...].

    Of L / 100 by scikit-image's Sobel filter, in which a slope of s a pixel counts 1.41 s: 0 for
    a plain photo, 0.01 to 0.1 for those of the gallery at 224 pixels. It depends on the photo's
    size. Raises ColorlibError as `colorfulness`.
    """
    array = checked("edges", photos)
    found = np.empty(array.shape[:-3])
    for index in np.ndindex(found.shape):
        found[index] = sobel(lab(array[index])[..., 0].astype(np.float64) / 100).mean()
    return found


def segments(photos: ArrayLike) -> np.ndarray:
    """In how many pieces of like colour each photo falls, uint8 [..., H, W, 3] -> int64 [...].

    By Felzenszwalb and Huttenlocher's graph-based segmentation ("Efficient graph-based image
    segmentation", 2004) as in scikit-image. A proxy for the number of objects, and no more: a
    striped shirt is several pieces, and a grey cat on a grey sofa one. It depends on the photo's
    size. Raises ColorlibError as `colorfulness`.
    """
    array = checked("segments", photos)
    found = np.empty(array.shape[:-3], np.int64)
    for index in np.ndindex(found.shape):
        labels = felzenszwalb(
            array[index], scale=SEGMENT_SCALE, sigma=SEGMENT_SIGMA, min_size=SEGMENT_PIXELS
        )
        found[index] = labels.max() + 1
    return found
