"""Checks of the exercises in notebook 01, Lab colour."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from colorlib.color import srgb_to_lab
from colorlib.exercises.verdict import Wrong, call, exercise
from colorlib.metrics import psnr

_LUMINANCE = np.array([0.212671, 0.715160, 0.072169])
ROYAL_BLUE = (65, 105, 225)


@exercise("01.1", "Light first, then its weighted sum, then the curve of the eye.")
def check_01_1(lightness: Any) -> None:
    """`lightness(rgb)`: L of one colour, rgb uint8 [3]."""
    rng = np.random.default_rng()
    bright = rng.integers(60, 256, (6, 3), dtype=np.uint8)
    dark = np.array([[6, 4, 5], [0, 0, 0]], dtype=np.uint8)
    for rgb in (*bright, *dark):
        given = _number(call(lightness, rgb.copy()), "L")
        L = _lab(rgb)[0]
        if abs(given - L) <= 0.05:
            continue
        text = f"for {_colour(rgb)} you say L = {given:.2f}, and it is {L:.2f}"
        for value, reason in _wrong_lightness(rgb):
            if abs(given - value) <= 0.05:
                raise Wrong(f"{text}: {reason}")
        raise Wrong(text)


def _wrong_lightness(rgb: np.ndarray) -> list[tuple[float, str]]:
    share = rgb / 255
    linear = np.where(share > 0.04045, ((share + 0.055) / 1.055) ** 2.4, share / 12.92)
    Y = float(_LUMINANCE @ linear)
    return [
        (Y, "that is the luminance Y; L is 116 f(Y) - 16"),
        (100 * Y, "that is 100 Y; the curve f of step 3 is missing"),
        (116 * math.cbrt(Y) - 16, "near black f is a straight line, 7.787 Y + 16/116"),
        (_curve(float(_LUMINANCE @ share)), "sRGB is not light: undo its curve first (step 1)"),
        (
            _curve(float(linear.mean())),
            "the eye does not weigh red, green and blue alike: use the row of Y (step 2)",
        ),
        (_curve(float(_LUMINANCE @ rgb)), "divide the 8-bit numbers by 255 first"),
        (
            _curve(float(_LUMINANCE @ (((rgb + 0.055) / 1.055) ** 2.4))),
            "divide the 8-bit numbers by 255 first",
        ),
        (_curve(float(_LUMINANCE @ share**2.2)), "close, but sRGB's curve is not a power of 2.2"),
    ]


def _curve(Y: float) -> float:
    return 116 * (math.cbrt(Y) if Y > 0.008856 else 7.787 * Y + 16 / 116) - 16


@exercise("01.2", "To a grey photo these two are one.")
def check_01_2(colour: Any) -> None:
    """A colour (r, g, b) of the same L as royal blue, far from it in ab."""
    values = np.asarray(colour)
    if values.shape != (3,) or values.dtype.kind not in "iu":
        raise Wrong("three whole numbers (red, green, blue) are right, each from 0 to 255")
    if values.min() < 0 or values.max() > 255:
        raise Wrong(f"{_colour(values)} is no 8-bit colour: each number is from 0 to 255")
    L, a, b = _lab(values)
    royal_L, royal_a, royal_b = _lab(np.array(ROYAL_BLUE))
    distance = math.hypot(a - royal_a, b - royal_b)
    if abs(L - royal_L) >= 0.5:
        more = "lighter" if royal_L < L else "darker"
        raise Wrong(
            f"{_colour(values)} has L = {L:.1f}, which is {more} than royal blue's {royal_L:.1f}"
        )
    if distance < 60:
        raise Wrong(
            f"{_colour(values)} has the right L, but is only {distance:.0f} away in ab: "
            "try another hue"
        )


@exercise("01.3", "Hue is an angle in the ab plane, and L never knew.")
def check_01_3(turn_hue: Any) -> None:
    """`turn_hue(ab, degrees)`: ab [1, 2, H, W] turned in the ab plane, from a towards b."""
    ab = 40 * torch.randn(1, 2, 5, 7)
    degrees = float(np.random.default_rng().uniform(30, 60))
    given_ab = ab.clone()
    given = call(turn_hue, given_ab, degrees)
    if not isinstance(given, Tensor) or given.shape != ab.shape:
        shape = list(given.shape) if isinstance(given, Tensor) else type(given).__name__
        raise Wrong(f"a tensor {list(ab.shape)} was expected, and {shape} came back")
    if not torch.equal(given_ab, ab):
        raise Wrong("your function changed the ab it was given: make a new tensor")
    if _close(given, _turned(ab, math.radians(degrees))):
        return
    if _close(given, _turned(ab, degrees)):
        raise Wrong(
            "cos and sin take radians: torch.deg2rad or math.radians turn degrees into them"
        )
    if _close(given, _turned(ab, -math.radians(degrees))):
        raise Wrong("it turns the other way: 90 degrees must take magenta (+a) to yellow (+b)")
    if not _close(given.norm(dim=1), ab.norm(dim=1)):
        raise Wrong(
            "the distance from grey changes: in a turn (a, b) stays as long as it was. "
            "Look at the signs, and use the old a for the new b"
        )
    raise Wrong(f"the colours are not turned by {degrees:.0f} degrees")


def _turned(ab: Tensor, angle: float) -> Tensor:
    a, b = ab.split(1, dim=1)
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.cat((cos * a - sin * b, sin * a + cos * b), dim=1)


@exercise("01.4", "This is the number of the paper's Table 1.")
def check_01_4(my_psnr: Any) -> None:
    """`my_psnr(a, b)`: PSNR in dB of two photos uint8 [H, W, 3]."""
    rng = np.random.default_rng()
    a = rng.integers(0, 256, (12, 9, 3), dtype=np.uint8)
    b = (a + rng.normal(0, 25, a.shape)).clip(0, 255).astype(np.uint8)
    given, right = _number(call(my_psnr, a.copy(), b.copy()), "the PSNR"), float(psnr(a, b))
    if abs(given - right) < 0.01:
        return
    text = f"you say {given:.2f} dB where {right:.2f} dB is right"
    with np.errstate(over="ignore"):
        wrapped = float(((a - b) ** 2).mean()) / 255**2
    error = float(((a.astype(float) - b) ** 2).mean())
    scaled = float(((a / 255 - b / 255) ** 2).mean())
    reasons = (
        (-10 * math.log10(wrapped), "uint8 has no negative numbers (3 - 5 is 254): convert first"),
        (-10 * math.log10(error), "measure on [0, 1], not on [0, 255]: divide by 255"),
        (10 * math.log10(scaled), "the sign is missing: the smaller the error, the more dB"),
        (-10 * math.log(scaled), "the logarithm is to base 10"),
        (-20 * math.log10(scaled), "20 goes with the root of the mean squared error; here 10"),
        (-10 * math.log10(math.sqrt(scaled)), "take no root, or 20 in place of 10"),
        (scaled, "that is the mean squared error; dB are -10 log10 of it"),
    )
    for value, reason in reasons:
        if abs(given - value) < 0.01:
            raise Wrong(f"{text}: {reason}")
    raise Wrong(text)


def _lab(rgb: np.ndarray) -> tuple[float, float, float]:
    channels = torch.tensor(rgb / 255, dtype=torch.float64).reshape(3, 1, 1)
    L, a, b = torch.cat(srgb_to_lab(channels)).flatten().tolist()
    return L, a, b


def _colour(rgb: np.ndarray) -> str:
    return "({}, {}, {})".format(*rgb.tolist())


def _close(given: Tensor, right: Tensor) -> bool:
    return torch.allclose(given.double(), right.double(), atol=1e-2)


def _number(value: Any, name: str) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise Wrong(f"{name} is one number, not {value!r}")
    return float(array.item())
