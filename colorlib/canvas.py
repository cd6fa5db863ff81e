"""One photo, ready to be coloured again and again: what depends on it alone is computed once.

The way of `color` by tables and in place, for 8-bit photos of any size: 12 megapixels take a
tenth of a second on one core, and are within a level of what `color` gives.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from colorlib.color import (
    F_SLOPE,
    F_THRESHOLD,
    RGB_OF_WHITED,
    WHITED_OF_RGB,
    lab_curve,
    linear_of_srgb,
    srgb_of_linear,
)
from colorlib.hints import small_lightness
from colorlib.photos import Photo

# Colours are computed in strips of about this many pixels, which stay in a core's cache.
STRIP = 1 << 17
# Steps of linear light in the table of 8-bit levels; at black a level is five of them.
STEPS = 1 << 14

# To STEPS of linear light, from F_SLOPE times X, Y and Z.
_MIX = torch.tensor(RGB_OF_WHITED) * (STEPS / F_SLOPE)
# The level of each step's middle; the last is white itself.
_MIDDLES = ((torch.arange(STEPS + 1, dtype=torch.float64) + 0.5) / STEPS).clamp_max(1.0)
_LEVELS = (srgb_of_linear(_MIDDLES) * 255).round().to(torch.uint8)
_LINEAR = linear_of_srgb(torch.arange(256, dtype=torch.float64) / 255)
_LUMINANCE = [(_LINEAR * weight).float() for weight in WHITED_OF_RGB[1]]


class Canvas:
    """A photo with its lightness at full size, at the network's size and at a screen's."""

    def __init__(self, photo: Photo):
        self.photo = photo
        self._small: dict[int, Tensor] = {}
        self._reduced: dict[int, Canvas] = {}
        self._f_y: Tensor | None = None

    def small_L(self, side: int) -> Tensor:
        """L [1, 1, side, side] of the photo resized to side x side, for `photo_input`."""
        if side not in self._small:
            self._small[side] = small_lightness(self.photo, side)
        return self._small[side]

    def reduced(self, longest: int) -> "Canvas":
        """The photo made so small that no side is longer than `longest` pixels."""
        height, width = self.photo.shape
        scale = longest / max(height, width)
        if scale >= 1:
            return self
        if longest not in self._reduced:
            shape = max(1, round(height * scale)), max(1, round(width * scale))
            # One at a time: a window that is being resized asks for many.
            self._reduced = {longest: Canvas(self.photo.resized(shape))}
        return self._reduced[longest]

    def paint(self, ab: Tensor) -> np.ndarray:
        """The photo's lightness with `ab` [2, h, w], Lab units, resized to meet it (bilinear).

        uint8 [H, W, 3], read-only. Where sRGB cannot show a colour at that lightness, red,
        green and blue are cut to what it can.
        """
        height, width = self.photo.shape
        # As they are added to Lab's f of Y: to make f of X, and f of Z.
        offsets = ab.detach().float() * torch.tensor([1 / 500, -1 / 200])[:, None, None]
        offsets = resize_ab(offsets, (ab.shape[1], width))
        above, below, weight = _between(ab.shape[1], height)
        f_y, rgb = self.f_y, np.empty_like(self.photo.rgb)
        for strip in _strips(height, width):
            upper, lower = (offsets.index_select(1, rows[strip]) for rows in (above, below))
            moved = upper.lerp_(lower, weight[strip, None])
            levels = _levels(f_y[strip], moved).numpy()
            for channel in range(3):
                rgb[strip, :, channel] = levels[channel]
        rgb.setflags(write=False)
        return rgb

    @property
    def f_y(self) -> Tensor:
        """Lab's f of Y, (L + 16) / 116: float32 [H, W]."""
        if self._f_y is None:
            self._f_y = torch.empty(self.photo.shape)
            for strip in _strips(*self.photo.shape):
                self._f_y[strip] = lab_curve(_luminance(self.photo.rgb[strip]))
        return self._f_y


def resize_ab(ab: Tensor, shape: tuple[int, int]) -> Tensor:
    """ab [2, h, w] at `shape` (H, W), bilinear: float32 [2, H, W]."""
    if ab.shape[1:] == shape:
        return ab
    return interpolate(ab[None], size=shape, mode="bilinear", align_corners=False)[0]


def _levels(f_y: Tensor, offsets: Tensor) -> Tensor:
    """Lab's f of Y [h, w] and what to add for X and Z [2, h, w] -> sRGB uint8 [3, h, w]."""
    f = torch.empty(3, *f_y.shape)
    torch.add(f_y, offsets[0], out=f[0])
    f[1] = f_y
    torch.add(f_y, offsets[1], out=f[2]).clamp_min_(0.0)
    # Lab's curve back: a cube, and below the threshold the straight line that it ends in.
    cubed = f.clamp_min(F_THRESHOLD)
    f.sub_(cubed)
    f.addcmul_(cubed * cubed, cubed, value=F_SLOPE)
    light = torch.mm(_MIX, f.flatten(1)).clamp_(0, STEPS)
    levels = _LEVELS.index_select(0, light.to(torch.int32).flatten())
    return levels.view(3, *f_y.shape)


def _luminance(rgb: np.ndarray) -> Tensor:
    """sRGB uint8 [h, w, 3] -> Y over white, float32 [h, w]."""
    y = torch.zeros(rgb.shape[:2])
    for channel, table in enumerate(_LUMINANCE):
        index = torch.from_numpy(rgb[..., channel].astype(np.int32)).flatten()
        y += table.index_select(0, index).view(y.shape)
    return y


def _between(source: int, target: int) -> tuple[Tensor, Tensor, Tensor]:
    """For each of `target` rows the two of `source` around it, and how near it is to the second.

    As `interpolate` has it without align_corners.
    """
    place = (torch.arange(target, dtype=torch.float64) + 0.5) * (source / target) - 0.5
    place = place.clamp_(0, source - 1)
    above = place.long()
    return above, (above + 1).clamp_max(source - 1), (place - above).float()


def _strips(height: int, width: int) -> list[slice]:
    rows = max(1, STRIP // width)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]
