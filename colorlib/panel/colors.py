"""A colour someone asks for, and what of it can be shown at a pixel's lightness."""

import re
from typing import Any, NamedTuple

import numpy as np
import torch

from colorlib.color import lab_to_srgb, nearest_in_gamut, srgb_to_lab
from colorlib.files import HintError
from colorlib.hints import AB_LIMIT

_HEX = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")


class Color(NamedTuple):
    """A colour asked for: a and b in Lab units, and `hex`, "#rrggbb", as it was asked for."""

    a: float
    b: float
    hex: str

    @property
    def ab(self) -> tuple[float, float]:
        """(a, b), what a hint gives to the network."""
        return self.a, self.b


def parse_color(value: Any) -> Color:
    """A Color of "#rrggbb", "#rgb", or red, green and blue from 0 to 255. Raises HintError."""
    if isinstance(value, Color):
        return value
    rgb = _rgb(value)
    if rgb is None:
        raise HintError(
            f"{value!r} is no colour: '#rrggbb' is right, or red, green and blue from 0 to 255"
        )
    _, ab = srgb_to_lab(torch.tensor(rgb, dtype=torch.float32).div(255).reshape(3, 1, 1))
    a, b = ab.flatten().tolist()
    return Color(a, b, "#{:02x}{:02x}{:02x}".format(*rgb))


def color_of_ab(L: float, a: float, b: float) -> Color:
    """The Color of a and b as it is seen at lightness L. Raises HintError beyond +-128."""
    if not max(abs(a), abs(b)) <= AB_LIMIT:  # so that NaN is caught as well
        raise HintError(f"a = {a:g}, b = {b:g} is no colour: both lie within +-{AB_LIMIT:g}")
    return Color(a, b, hex_of(L, snap(L, (a, b))))


def snap(L: float, ab: tuple[float, float]) -> tuple[float, float]:
    """The ab nearest to `ab` that sRGB can show at lightness L, exact in float32."""
    nearest = nearest_in_gamut(_cell(L), torch.tensor(ab, dtype=torch.float32).reshape(2, 1, 1))
    a, b = nearest.flatten().tolist()
    return a, b


def levels(L: torch.Tensor, ab: torch.Tensor) -> np.ndarray:
    """uint8 [h, w, 3]: the colours that L [1, h, w] and ab [2, h, w] are on a screen."""
    rgb = lab_to_srgb(L, ab).mul_(255).round_().to(torch.uint8)
    return rgb.permute(1, 2, 0).contiguous().numpy()


def hexes(L: torch.Tensor, ab: torch.Tensor) -> list[str]:
    """ "#rrggbb" of each colour in a row: L [1, 1, n] and ab [2, 1, n]."""
    return ["#" + rgb.tobytes().hex() for rgb in levels(L, ab)[0]]


def hex_of(L: float, ab: tuple[float, float]) -> str:
    """ "#rrggbb" of L and ab."""
    return hexes(_cell(L), torch.tensor(ab, dtype=torch.float32).reshape(2, 1, 1))[0]


def _cell(L: float) -> torch.Tensor:
    return torch.full((1, 1, 1), float(L))


def _rgb(value: Any) -> list[int] | None:
    if isinstance(value, str):
        match = _HEX.fullmatch(value.strip())
        if not match:
            return None
        digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
        return list(bytes.fromhex(digits))
    try:
        rgb = [int(part) for part in value]
        whole = all(part == given for part, given in zip(rgb, value, strict=True))
    except (TypeError, ValueError, OverflowError):
        return None
    return rgb if len(rgb) == 3 and whole and min(rgb) >= 0 and max(rgb) <= 255 else None
