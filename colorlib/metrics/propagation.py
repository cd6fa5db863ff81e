"""How far a hint's colour travels."""

import numpy as np
from numpy.typing import ArrayLike

from colorlib.files import HintError
from colorlib.metrics.color_difference import lab
from colorlib.metrics.pictures import checked_pair

# iColoriT's just noticeable difference in Lab.
JUST_NOTICEABLE = 2.3


def hint_propagation_range(before: ArrayLike, after: ArrayLike, hint: ArrayLike) -> np.ndarray:
    """HPR in pixels of each pair of photos, uint8 [..., H, W, 3] both -> float64 [...].

    `after` is the answer with one hint more than `before`, the one at `hint` [..., 2]: its row
    and column in pixels (in iColoriT's hint files, the upper left one of its cell). HPR is the
    mean Euclidean distance from it of the pixels whose colour changed by more than 2.3 in Lab
    (CIE 1976), and 0 when none did (arXiv 2207.06831). iColoriT takes the network's own Lab;
    here it is that of the 8-bit photos, in which colours out of gamut are clipped. Raises
    ColorlibError as `psnr`, HintError for hints that are not one a photo or lie off it.
    """
    before, after = checked_pair("HPR", before, after)
    positions = _checked_hint(hint, before.shape)
    ranges = np.zeros(before.shape[:-3])
    for index in np.ndindex(ranges.shape):
        moved = np.square(lab(after[index]) - lab(before[index])).sum(axis=-1)
        changed = np.argwhere(moved > JUST_NOTICEABLE**2)
        if len(changed):
            ranges[index] = np.hypot(*(changed - positions[index]).T).mean()
    return ranges


def _checked_hint(hint: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    positions = np.asarray(hint, dtype=np.float64)
    wanted = (*shape[:-3], 2)
    if positions.shape != wanted:
        raise HintError(
            f"HPR needs the row and column of one hint a photo, {list(wanted)}: "
            f"these are {list(positions.shape)}"
        )
    inside = (positions >= 0) & (positions < shape[-3:-1])
    if not inside.all():
        off = positions[~inside.all(axis=-1)][0].tolist()
        raise HintError(f"the hint at {off} lies off the photo of {shape[-3]} x {shape[-2]}")
    return positions
