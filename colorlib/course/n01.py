"""Notebook 01: pictures of lightness, the colours it leaves open, and the gamut; its checks."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from colorlib.color import gamut, lab_to_srgb, linear_of_srgb, srgb_to_lab
from colorlib.course.grading import EXERCISES, Exercise, Wrong, exercise, numbers
from colorlib.course.style import frame, new_figure, photo_figure, pictures, show_picture, styled
from colorlib.metrics import psnr

# The lightness at which colour is drawn when it is drawn alone: most hues exist there.
DRAWN_L = 65.0
A_LABEL, B_LABEL = "a  (green to magenta)", "b  (blue to yellow)"


def shown(L: Tensor | float, ab: Tensor) -> np.ndarray:
    """Return the picture [H, W, 3] in [0, 1] of ab [1, 2, H, W] and L, a number or [1, 1, H, W]."""
    if not isinstance(L, Tensor):
        L = torch.full_like(ab[:, :1], L)
    return lab_to_srgb(L, ab)[0].permute(1, 2, 0).numpy()


def grey(L: Tensor) -> np.ndarray:
    """Return L [1, 1, H, W] as a grey photo [H, W, 3] in [0, 1]: the same L, no colour."""
    return shown(L, L.new_zeros(1, 2, *L.shape[2:]))


@styled()
def strips(rows: Mapping[str, np.ndarray], labels: Sequence[Sequence[str]] = ()) -> Figure:
    """Draw rows of plain colours [1, n, 3] in [0, 1] by their titles, with labels on them."""
    figure, axes = new_figure(len(rows), 1, size=(10, 1.5 * len(rows)), squeeze=False)
    for panel, (title, colours) in zip(axes[:, 0], rows.items(), strict=True):
        show_picture(panel, colours, interpolation="nearest", aspect="auto")
        frame(panel, -0.5, -0.5, *colours.shape[:2], ec="#b0b0b0", lw=1, clip_on=False)
        panel.set_title(title, loc="left")
    for panel, colours, texts in zip(axes[:, 0], rows.values(), labels, strict=False):
        for x, text in enumerate(texts):
            ink = "white" if colours[0, x].mean() < 0.5 else "black"
            panel.text(x, 0, text, ha="center", va="center", color=ink)
    return figure


def ramps(light: np.ndarray, L: np.ndarray) -> Figure:
    """Draw two rows of grey steps: `light` [n] in [0, 1], even in light; `L` [n], even in L."""
    L_of_light = (116 * np.cbrt(light) - 16).clip(0)
    greys = [
        grey(torch.tensor(one, dtype=torch.float32)[None, None, None]) for one in (L_of_light, L)
    ]
    labels = [[f"{one:.0%}" for one in light], [f"L = {one:.0f}" for one in L]]
    return strips(dict(zip(("even steps of light", "even steps of L"), greys, strict=True)), labels)


def cards(names: Sequence[str], rgb: np.ndarray, lab: np.ndarray) -> Figure:
    """Draw named colours, uint8 [n, 3], with their Lab [n, 3] on them, and below them their L."""
    greys = grey(torch.tensor(lab[None, None, None, :, 0], dtype=torch.float32))
    texts = [
        f"{name}\nL {L:.0f}\na {_signed(a)}\nb {_signed(b)}"
        for name, (L, a, b) in zip(names, lab, strict=True)
    ]
    return strips({"the colours": rgb[None] / 255, "their L alone": greys}, [texts])


def _signed(value: float) -> str:
    whole = round(value)
    return f"{whole:+d}".replace("-", "\N{MINUS SIGN}") if whole else "0"


@styled()
def channels(ab: Tensor, reach: float = 60.0) -> Figure:
    """Draw the pictures of a and of b [1, 2, H, W] in their own colours, each with its scale.

    Larger values are drawn lighter as well, so that eyes that confuse two hues tell them apart.
    """
    height = 11 / 2 * ab.shape[2] / ab.shape[3] + 0.9
    figure, axes = photo_figure(2, 2, size=(11, height), gridspec_kw={"height_ratios": [1, 0.06]})
    scale = torch.linspace(-reach, reach, 241)[None, None, None]
    for channel, (panel, bar, label) in enumerate(zip(*axes, (A_LABEL, B_LABEL), strict=True)):
        values = ab[:, channel : channel + 1].clamp(-reach, reach)
        show_picture(panel, one_channel(values, channel))
        bar.imshow(one_channel(scale, channel), aspect="auto", extent=(-reach, reach, 0, 1))
        bar.set(yticks=[], xlabel=label)
    return figure


def one_channel(values: Tensor, channel: int) -> np.ndarray:
    """Return the picture [H, W, 3] of a alone (channel 0) or b (channel 1), values [1, 1, H, W]."""
    ab = torch.cat((values, torch.zeros_like(values)), dim=1)
    return shown(DRAWN_L + values / 4, ab.flip(1) if channel else ab)


@styled()
def gamut_slices(slices: Mapping[float, tuple[Tensor, Tensor]]) -> Figure:
    """Draw the colours of sRGB at several L: `slices[L]` is what `color.gamut(L)` returns."""
    figure, axes = new_figure(1, len(slices), size=(12, 3.0), sharey=True, squeeze=False)
    for panel, (L, (ab, inside)) in zip(axes[0], slices.items(), strict=True):
        paint_plane(panel, L, ab, inside)
        panel.set(title=f"L = {L:.0f}", xlabel="a", xticks=[-100, 0, 100])
    axes[0, 0].set(ylabel="b", yticks=[-100, 0, 100])
    return figure


@styled()
def nearest(L: float, asked: np.ndarray, found: np.ndarray) -> Figure:
    """Draw arrows from colours asked for [n, 2] to the nearest ones that sRGB has at L [n, 2]."""
    figure, panel = new_figure(size=(6.2, 5.6))
    paint_plane(panel, L, *gamut(L, 1.0, 120.0))
    for start, stop in zip(asked, found, strict=True):
        panel.annotate("", stop, start, arrowprops={"arrowstyle": "-|>", "lw": 2, "color": "black"})
    panel.plot(*asked.T, "x", color="black", ms=10, mew=2.5, label="asked for")
    panel.plot(*found.T, "o", color="white", mec="black", mew=2, ms=9, label="nearest there is")
    panel.legend(loc="lower left", frameon=False)
    panel.set(xlabel=A_LABEL, ylabel=B_LABEL, title=f"L = {L:.0f}")
    return figure


def paint_plane(panel: Axes, L: float, ab: Tensor, inside: Tensor) -> None:
    """Draw the ab plane at one L: colours where there are any, light grey elsewhere."""
    colours = shown(L, ab[None])
    colours[~inside.numpy()] = 0.93
    half = (ab[0, 0, 1] - ab[0, 0, 0]).item() / 2
    reach = ab.max().item() + half
    panel.imshow(colours, origin="lower", extent=(-reach, reach, -reach, reach))
    for through_grey in (panel.axhline, panel.axvline):
        through_grey(0, color="black", lw=0.8, alpha=0.5)
    ticks = [-100, -50, 0, 50, 100]
    panel.set(xticks=ticks, yticks=ticks)


@styled()
def cloud(ab: np.ndarray) -> Figure:
    """Draw where the pixels of photos lie in the ab plane: ab [n, 2]; darker means more pixels."""
    edges = np.arange(-80, 81, 2.0)
    counts, _, _ = np.histogram2d(ab[:, 1], ab[:, 0], bins=[edges, edges])
    share = np.where(counts, counts, np.nan) / len(ab)
    figure, (panel, other) = new_figure(1, 2, size=(11, 4.6))
    picture = panel.pcolormesh(edges, edges, np.log10(share), cmap="Greys", vmin=-6, vmax=-2)
    bar = figure.colorbar(picture, ax=panel, ticks=[-6, -4, -2])
    bar.set_ticklabels(["1 in a million", "1 in 10,000", "1 in 100"])
    panel.set(xlabel=A_LABEL, ylabel=B_LABEL, title="pixels in each 2 x 2 square of ab")
    panel.set_aspect("equal")
    percent = np.full(len(ab), 100 / len(ab))
    other.hist(np.hypot(*ab.T), np.arange(0, 105, 5), weights=percent, color="#0072B2")
    other.set(xlabel="distance from grey in ab", ylabel="pixels (%)")
    other.set_title("few pixels are far from grey")
    return figure


def half_grey(photos: Sequence[np.ndarray], titles: Sequence[str], columns: int = 6) -> Figure:
    """Draw square photos uint8 [H, W, 3], the right half of each as a grey photo of the same L."""
    halves = []
    for rgb in photos:
        L, _ = srgb_to_lab(torch.tensor(rgb).permute(2, 0, 1)[None] / 255)
        middle = rgb.shape[1] // 2
        halves.append(np.concatenate((rgb[:, :middle] / 255, grey(L)[:, middle:]), axis=1))
    return pictures(halves, titles, columns, width=12)


LUMINANCE = np.array([0.212671, 0.715160, 0.072169])  # of linear red, green and blue
ROYAL_BLUE = (65, 105, 225)


def _luminance(rgb: np.ndarray, weights: np.ndarray = LUMINANCE) -> float:
    return float(weights @ linear_of_srgb(torch.tensor(rgb / 255)).numpy())


def _curve(Y: float) -> float:
    """Return L of the luminance Y."""
    return 116 * (math.cbrt(Y) if Y > 0.008856 else 7.787 * Y + 16 / 116) - 16


exercise(
    "01.1",
    "Light first, then its weighted sum, then the curve of the eye.",
    right=lambda rgb: _curve(_luminance(rgb)),
    cases=[
        (np.array(rgb, dtype=np.uint8),)
        for rgb in ((200, 120, 60), (90, 160, 220), (255, 64, 128), (6, 4, 5), (0, 0, 0))
    ],
    mistakes={
        "That is the luminance Y; L is 116 f(Y) - 16": _luminance,
        "Near black f is a straight line, 7.787 Y + 16/116": lambda rgb: (
            116 * math.cbrt(_luminance(rgb)) - 16
        ),
        "sRGB is not light: undo its curve first (step 1)": lambda rgb: _curve(
            LUMINANCE @ (rgb / 255)
        ),
        "Near black sRGB's curve is a straight line as well: c / 12.92 up to 0.04045": (
            lambda rgb: _curve(float(LUMINANCE @ ((rgb / 255 + 0.055) / 1.055) ** 2.4))
        ),
        "0.299, 0.587 and 0.114 are television's weights, for sRGB as it is; light has 0.2127, "
        "0.7152 and 0.0722": lambda rgb: _curve(_luminance(rgb, np.array([0.299, 0.587, 0.114]))),
        "Close, but sRGB's curve is not a power of 2.2": lambda rgb: _curve(
            LUMINANCE @ (rgb / 255) ** 2.2
        ),
    },
    tolerance=0.05,
)


def _colour_like_royal_blue(colour: Any) -> None:
    """Check a colour (r, g, b): of the same L as royal blue, far from it in ab."""
    rgb = numbers(colour)
    if rgb.shape != (3,) or not ((rgb == rgb.round()) & (rgb >= 0) & (rgb <= 255)).all():
        raise Wrong("expected: three whole numbers (red, green, blue), each from 0 to 255")
    both = torch.stack((rgb, torch.tensor(ROYAL_BLUE, dtype=torch.float64)))
    L, ab = srgb_to_lab((both / 255).reshape(2, 3, 1, 1))
    mine, blue = L.flatten().tolist()
    if abs(mine - blue) >= 0.5:
        more = "lighter" if mine > blue else "darker"
        raise Wrong(f"your colour has L = {mine:.1f}: {more} than royal blue, {blue:.1f}")
    distance = (ab[0] - ab[1]).norm().item()
    if distance < 60:
        raise Wrong(f"the L is right, but it is only {distance:.0f} away in ab: try another hue")


EXERCISES["01.2"] = Exercise("To a grey photo these two are one.", _colour_like_royal_blue)


def _turned(ab: Tensor, angle: float) -> Tensor:
    a, b = ab.split(1, dim=1)
    cos, sin = math.cos(angle), math.sin(angle)
    return torch.cat((cos * a - sin * b, sin * a + cos * b), dim=1)


exercise(
    "01.3",
    "Hue is an angle in the ab plane, and L never knew.",
    right=lambda ab, degrees: _turned(ab, math.radians(degrees)),
    cases=[(40 * torch.randn(1, 2, 5, 7, generator=torch.Generator().manual_seed(1)), 40.0)],
    mistakes={
        "cos and sin take radians: math.radians turns degrees into them": _turned,
        "It turns the other way: 90 degrees must take magenta (+a) to yellow (+b)": (
            lambda ab, degrees: _turned(ab, -math.radians(degrees))
        ),
    },
    tolerance=0.01,
)


def _error(a: np.ndarray, b: np.ndarray) -> float:
    return float(((a / 255 - b / 255) ** 2).mean())


exercise(
    "01.4",
    "This is the number of the paper's Table 1.",
    right=lambda a, b: float(psnr(a, b)),
    cases=[tuple(np.random.default_rng(1).integers(0, 256, (2, 4, 3, 3), np.uint8))],
    mistakes={
        "uint8 has no negative numbers (3 - 5 is 254): convert first": lambda a, b: (
            -10 * math.log10(((a - b) ** 2).mean() / 255**2)
        ),
        "Measure on [0, 1], not on [0, 255]: divide by 255": lambda a, b: (
            -10 * math.log10(255**2 * _error(a, b))
        ),
        "The sign is missing: the smaller the error, the more dB": lambda a, b: (
            10 * math.log10(_error(a, b))
        ),
    },
    tolerance=0.01,
)
