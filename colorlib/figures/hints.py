"""The pictures of notebook 02: hints, how they are drawn at random, and what they are worth."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MultipleLocator
from torch import Tensor

from colorlib.color import AB_SCALE, L_CENTER, L_SCALE
from colorlib.figures.lab import DRAWN_L, grey, one_channel, shown
from colorlib.figures.style import new_figure, photo_figure, show_picture, styled
from colorlib.hints import Hints

UNIFORM_COLOR, GAUSSIAN_COLOR = "#0072B2", "#D55E00"


def one_hint(L: Tensor, ab: Tensor, hint_map: Tensor, cell: tuple[int, int], size: int) -> Figure:
    """A cell of a photo, three times: in the photo, enlarged, and as the network gets it.

    L [1, 1, S, S] and ab [1, 2, S, S] of the photo, hint map [1, 3, S, S] with that hint.
    """
    top, left = (place * size for place in cell)
    row, col = (min(max(place - 7, 0), L.shape[-1] - 16) for place in (top, left))
    near = (slice(row, row + 16), slice(col, col + 16))
    with styled():
        figure, axes = photo_figure(1, 3, size=(11, 4.1))
        show_picture(axes[0, 0], shown(L, ab), f"the photo, {L.shape[-2]} x {L.shape[-1]}")
        axes[0, 0].add_patch(_box(row - 0.5, col - 0.5, 16, "white"))
        views = (
            (shown(L, ab), "16 x 16 of its pixels"),
            (shown(L, hint_map[:, :2]), "what the network gets"),
        )
        for place, (picture, title) in zip(axes[0, 1:], views, strict=True):
            show_picture(place, picture[near], title, interpolation="nearest")
            for line in range(17):
                place.axhline(line - 0.5, color="white", lw=0.5, alpha=0.5)
                place.axvline(line - 0.5, color="white", lw=0.5, alpha=0.5)
            place.add_patch(_box(top - row - 0.5, left - col - 0.5, size, "black", 4))
            place.add_patch(_box(top - row - 0.5, left - col - 0.5, size, "white", 2))
    return figure


def _box(row: float, col: float, side: float, color: str, width: float = 2.5) -> Rectangle:
    return Rectangle((col, row), side, side, fill=False, ec=color, lw=width)


def four_channels(X: Tensor, window: int = 28) -> Figure:
    """The four channels of the network's input X [1, 4, S, S], and a part of them enlarged.

    Above a ring marks each hint, and a square the part, which holds the most colourful one.
    """
    ab = (X[:, 1:3] * AB_SCALE).clamp(-60, 60)
    channels = (
        (grey(X[:, :1] * L_SCALE + L_CENTER), "L"),
        (one_channel(ab[:, :1], 0), "a"),
        (one_channel(ab[:, 1:], 1), "b"),
        (X[0, 3].numpy()[..., None].repeat(3, -1), "mask"),
    )
    rows, cols = np.nonzero(X[0, 3].numpy())
    middle = divmod(int(ab[0].norm(dim=0).argmax()), X.shape[-1])
    top, left = (min(max(m - window // 2, 0), X.shape[-1] - window) for m in middle)
    with styled():
        figure, axes = photo_figure(2, 4, size=(12, 6.3))
        for index, (picture, name) in enumerate(channels):
            full, part = axes[:, index]
            ink = "white" if name in ("L", "mask") else "black"
            show_picture(full, picture, f"X[{index}]: {name}", interpolation="nearest")
            full.scatter(cols, rows, s=60, facecolors="none", edgecolors=ink, lw=0.6)
            full.add_patch(_box(top - 0.5, left - 0.5, window, ink))
            near = picture[top : top + window, left : left + window]
            show_picture(part, near, interpolation="nearest")
    return figure


def to_scale(L: Tensor, maps: Sequence[Tensor]) -> Figure:
    """The grey photo L [1, 1, S, S] with hint maps [1, 3, S, S], each hint at its true size."""
    with styled():
        figure, axes = photo_figure(1, len(maps), size=(12, 12 / len(maps) + 0.4))
        for place, drawn in zip(axes[0], maps, strict=True):
            hinted = drawn[:, 2:].bool()
            # Pale, so that the few colours can be found.
            pale = torch.where(hinted, L.clamp(50, 70), 45 + L / 2)
            title = f"{_cells(drawn)} hint{'s' if _cells(drawn) > 1 else ''}, to scale"
            show_picture(place, shown(pale, drawn[:, :2]), title, interpolation="nearest")
    return figure


def _cells(drawn: Tensor, size: int = 2) -> int:
    return int(drawn[0, 2].sum().item()) // size**2


def densities(uniform: np.ndarray, gaussian: np.ndarray, grid: int) -> Figure:
    """Where the two ways of drawing put hints: cells [n, 2] each, on a grid x grid of cells."""
    draws = ((uniform, "uniform", UNIFORM_COLOR), (gaussian, "2-D Gaussian", GAUSSIAN_COLOR))
    with styled():
        figure, axes = new_figure(1, 3, size=(12, 4.1))
        edges = np.linspace(0, grid, 15)
        for place, (cells, name, color) in zip(axes[0], draws, strict=False):
            place.scatter(cells[:, 1] + 0.5, cells[:, 0] + 0.5, s=7, color=color, alpha=0.5, lw=0)
            place.add_patch(_box(grid / 4, grid / 4, grid / 2, "black"))
            place.set(xlim=(0, grid), ylim=(grid, 0), aspect="equal", title=f"{name}, {len(cells)}")
            place.set(xlabel="column of cells", ylabel="row of cells")
            place.spines[:].set_visible(True)
            middles, share = (edges[1:] + edges[:-1]) / 2, np.histogram(cells[:, 1], edges)[0]
            axes[0, 2].step(middles, 100 * share / len(cells), where="mid", color=color, label=name)
        axes[0, 2].set(xlabel="column of cells", ylabel="hints in 8 columns (%)", ylim=(0, None))
        axes[0, 2].set(title="seen from the side")
        axes[0, 2].legend(frameon=False, loc="lower center")
    return figure


def counts(drawn: Mapping[str, Sequence[int]], expected: Mapping[str, np.ndarray]) -> Figure:
    """How many hints a training photo gets: drawn counts [n], and expected shares [129]."""
    with styled():
        figure, axes = new_figure(1, 2, size=(11, 3.9))
        colors = (UNIFORM_COLOR, GAUSSIAN_COLOR)
        for place, color, (name, values) in zip(axes[0], colors, drawn.items(), strict=True):
            shares = 100 * np.bincount(values, minlength=len(expected[name])) / len(values)
            place.bar(np.arange(len(shares)), shares, width=1, color=color, alpha=0.55)
            place.plot(100 * expected[name], color="black", lw=2, label="expected")
            place.set(title=name, xlabel="hints on a photo", ylabel="photos (%)")
            place.set_xlim(-1, 1 + max(40, *values))
            place.legend(frameon=False)
    return figure


def hinted(
    greys: Sequence[np.ndarray], hints: Sequence[Hints], titles: Sequence[str], columns: int = 4
) -> Figure:
    """Grey photos [H, W, 3] with their hints as large dots of their colours."""
    rows = -(-len(greys) // columns)
    tall = max(photo.shape[0] / photo.shape[1] for photo in greys)
    with styled():
        figure, axes = photo_figure(rows, columns, size=(12, rows * (12 / columns * tall + 0.45)))
        for place, photo, some, title in zip(axes.flat, greys, hints, titles, strict=True):
            show_picture(place, photo, title)
            dots(place, some)
    return figure


def dots(place: Axes, hints: Hints, area: float = 55.0) -> None:
    """Each hint as a large dot of its colour on a picture of the photo."""
    if len(hints) > 30:
        area = max(area * 30 / len(hints), 26.0)
    ab = torch.tensor(hints.ab).T.reshape(1, 2, 1, -1)
    colours = shown(DRAWN_L, ab)[0] if len(hints) else "white"
    places = (hints.cols + 0.5, hints.rows + 0.5)
    place.scatter(*places, s=area, c=colours, edgecolors="white", linewidths=area**0.5 / 6)


def spreading(
    truth: np.ndarray, hints: Sequence[Hints], painted: Sequence[np.ndarray], titles: Sequence[str]
) -> Figure:
    """Pictures painted from hints, with the hints on them; the photo last. uint8 [H, W, 3]."""
    tall = truth.shape[0] / truth.shape[1]
    columns = len(hints) + 1
    with styled():
        figure, axes = photo_figure(1, columns, size=(13, 13 / columns * tall + 0.45))
        show_picture(axes[0, -1], truth, "the photo")
        for place, some, picture, title in zip(axes[0], hints, painted, titles, strict=False):
            show_picture(place, picture, title)
            dots(place, some)
    return figure


def psnr_by_count(values: Mapping[str, Sequence[float]], hint_counts: Sequence[int]) -> Figure:
    """PSNR in dB over the number of hints: a thin line for each photo, their mean in bold."""
    with styled():
        figure, axes = new_figure(1, 1, size=(9, 4.4))
        place = axes[0, 0]
        places, height = np.arange(len(hint_counts)), 0.0
        for name, line in sorted(values.items(), key=lambda item: item[1][-1]):
            place.plot(places, line, color="#7f7f7f", lw=1.2)
            height = max(line[-1], height + 0.9)  # names one above the other, never across
            place.text(places[-1] + 0.1, height, name, va="center", fontsize=12)
        mean = np.mean(list(values.values()), axis=0)
        place.plot(places, mean, color=UNIFORM_COLOR, marker="o", ms=8, label="mean")
        place.set_xticks(places, [str(count) for count in hint_counts])
        place.set(xlabel="hints", ylabel="PSNR (dB)")
        place.yaxis.set_major_locator(MultipleLocator(5))
        place.legend(frameon=False, loc="upper left")
    return figure
