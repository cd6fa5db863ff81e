"""How near a colour photo is to another, and what is in one.

Everything takes 8-bit photos, uint8 [..., H, W, 3], and gives a float64 per photo, [...]. A
table's number is the mean of these over the set, with its `standard_error`.
"""

from colorlib.metrics.color_difference import colorfulness, delta_e
from colorlib.metrics.contents import edges, segments
from colorlib.metrics.perceptual import Lpips, why_not_lpips
from colorlib.metrics.propagation import hint_propagation_range
from colorlib.metrics.squared_error import (
    border_ratio,
    boundary_psnr,
    patch_error_variance,
    psnr,
    standard_error,
)

__all__ = [
    "Lpips",
    "border_ratio",
    "boundary_psnr",
    "colorfulness",
    "delta_e",
    "edges",
    "hint_propagation_range",
    "patch_error_variance",
    "psnr",
    "segments",
    "standard_error",
    "why_not_lpips",
]
