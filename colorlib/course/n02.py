"""Notebook 02: pictures of hints and of their random draws; its checks."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator
from torch import Tensor

from colorlib.color import AB_SCALE, L_CENTER, L_SCALE
from colorlib.course.grading import EXERCISES, Exercise, Wrong, call, exercise, numbers
from colorlib.course.n01 import DRAWN_L, grey, one_channel, shown
from colorlib.course.style import frame, new_figure, photo_figure, pictures, show_picture, styled
from colorlib.evaluate import HintedPhotos
from colorlib.hints import Hints
from colorlib.photos import gallery

UNIFORM_COLOR, GAUSSIAN_COLOR = "#0072B2", "#D55E00"


@styled()
def one_hint(L: Tensor, ab: Tensor, hint_map: Tensor, cell: tuple[int, int], size: int) -> Figure:
    """Draw a cell of a photo, three times: in the photo, enlarged, and as the network gets it.

    L [1, 1, S, S] and ab [1, 2, S, S] of the photo, hint map [1, 3, S, S] with that hint.
    """
    top, left = cell[0] * size, cell[1] * size
    row, col = (min(max(corner - 7, 0), L.shape[-1] - 16) for corner in (top, left))
    near = (slice(row, row + 16), slice(col, col + 16))
    figure, axes = photo_figure(1, 3, size=(11, 4.1))
    photo = shown(L, ab)
    show_picture(axes[0], photo, f"the photo, {L.shape[-2]} x {L.shape[-1]}")
    frame(axes[0], row - 0.5, col - 0.5, 16, 16, ec="white")
    views = {"16 x 16 of its pixels": photo, "what the network gets": shown(L, hint_map[:, :2])}
    for panel, (title, picture) in zip(axes[1:], views.items(), strict=True):
        show_picture(panel, picture[near], title, interpolation="nearest")
        for line in range(17):
            panel.axhline(line - 0.5, color="white", lw=0.5, alpha=0.5)
            panel.axvline(line - 0.5, color="white", lw=0.5, alpha=0.5)
        frame(panel, top - row - 0.5, left - col - 0.5, size, size, ec="black", lw=4)
        frame(panel, top - row - 0.5, left - col - 0.5, size, size, ec="white", lw=2)
    return figure


@styled()
def four_channels(X: Tensor, window: int = 28) -> Figure:
    """Draw the four channels of the network's input X [1, 4, S, S], and a part of them enlarged.

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
    figure, axes = photo_figure(2, 4, size=(10.8, 5.65))
    for index, (picture, name) in enumerate(channels):
        full, part = axes[:, index]
        ink = "white" if name in ("L", "mask") else "black"
        show_picture(full, picture, f"X[{index}]: {name}", interpolation="nearest")
        full.scatter(cols, rows, s=60, facecolors="none", edgecolors=ink, lw=0.6)
        frame(full, top - 0.5, left - 0.5, window, window, ec=ink)
        near = picture[top : top + window, left : left + window]
        show_picture(part, near, interpolation="nearest")
    return figure


def to_scale(L: Tensor, maps: Sequence[Tensor], titles: Sequence[str]) -> Figure:
    """Draw the grey photo L [1, 1, S, S] with hint maps [1, 3, S, S], hints at their true size."""
    # Pale, so that the few colours can be found.
    pale = [torch.where(drawn[:, 2:] > 0, L.clamp(50, 70), 45 + L / 2) for drawn in maps]
    drawn = [shown(one, hints[:, :2]) for one, hints in zip(pale, maps, strict=True)]
    return pictures(drawn, titles, width=12, interpolation="nearest")


@styled()
def densities(uniform: np.ndarray, gaussian: np.ndarray, grid: int) -> Figure:
    """Draw where the two ways of drawing put hints: cells [n, 2] each, on grid x grid cells."""
    draws = ((uniform, "uniform", UNIFORM_COLOR), (gaussian, "2-D Gaussian", GAUSSIAN_COLOR))
    figure, axes = new_figure(1, 3, size=(12, 4.1))
    edges = np.linspace(0, grid, 15)
    for panel, (cells, name, color) in zip(axes, draws, strict=False):
        panel.scatter(cells[:, 1] + 0.5, cells[:, 0] + 0.5, s=7, color=color, alpha=0.5, lw=0)
        frame(panel, grid / 4, grid / 4, grid / 2, grid / 2, ec="black")
        panel.set(xlim=(0, grid), ylim=(grid, 0), aspect="equal", title=f"{name}, {len(cells)}")
        panel.set(xlabel="column of cells", ylabel="row of cells")
        panel.spines[:].set_visible(True)
        middles, share = (edges[1:] + edges[:-1]) / 2, np.histogram(cells[:, 1], edges)[0]
        axes[2].step(middles, 100 * share / len(cells), where="mid", color=color, label=name)
    axes[2].set(xlabel="column of cells", ylabel="hints in 8 columns (%)", ylim=(0, None))
    axes[2].set_title("seen from the side")
    axes[2].legend(frameon=False, loc="lower center")
    return figure


@styled()
def counts(drawn: Mapping[str, Sequence[int]], expected: Mapping[str, np.ndarray]) -> Figure:
    """Draw how many hints a training photo gets: drawn counts [n], and expected shares [129]."""
    figure, axes = new_figure(1, 2, size=(11, 3.9))
    colors = (UNIFORM_COLOR, GAUSSIAN_COLOR)
    for panel, color, (name, values) in zip(axes, colors, drawn.items(), strict=True):
        shares = 100 * np.bincount(values, minlength=len(expected[name])) / len(values)
        panel.bar(np.arange(len(shares)), shares, width=1, color=color, alpha=0.55)
        panel.plot(100 * expected[name], color="black", lw=2, label="expected")
        panel.set(title=name, xlabel="hints on a photo", ylabel="photos (%)")
        panel.set_xlim(-1, 1 + max(40, *values))
        panel.legend(frameon=False)
    return figure


def hinted(
    photos: Sequence[np.ndarray],
    hints: Sequence[Hints],
    titles: Sequence[str],
    columns: int = 4,
    width: float = 12.0,
) -> Figure:
    """Draw photos [H, W, 3] with their hints as large dots of their colours."""
    figure = pictures(photos, titles, columns, width)
    for panel, some in zip(figure.axes, hints, strict=False):
        dots(panel, some)
    return figure


def dots(panel: Axes, hints: Hints, area: float = 55.0) -> None:
    """Draw each hint as a large dot of its colour on a picture of the photo."""
    if len(hints) > 30:
        area = max(area * 30 / len(hints), 26.0)
    ab = torch.tensor(hints.ab).T.reshape(1, 2, 1, -1)
    colours = shown(DRAWN_L, ab)[0] if len(hints) else "white"
    places = (hints.cols + 0.5, hints.rows + 0.5)
    panel.scatter(*places, s=area, c=colours, edgecolors="white", linewidths=area**0.5 / 6)


@styled()
def psnr_by_count(values: Mapping[str, Sequence[float]], hint_counts: Sequence[int]) -> Figure:
    """Draw PSNR in dB over the number of hints: a thin line for each photo, their mean in bold."""
    figure, panel = new_figure(size=(9, 4.4))
    places, height = np.arange(len(hint_counts)), 0.0
    for name, line in sorted(values.items(), key=lambda item: item[1][-1]):
        panel.plot(places, line, color="#7f7f7f", lw=1.2)
        height = max(line[-1], height + 0.9)  # names one above the other, never across
        panel.text(places[-1] + 0.1, height, name, va="center", fontsize=12)
    mean = np.mean(list(values.values()), axis=0)
    panel.plot(places, mean, color=UNIFORM_COLOR, marker="o", ms=8, label="mean")
    panel.set_xticks(places, [str(count) for count in hint_counts])
    panel.set(xlabel="hints", ylabel="PSNR (dB)")
    panel.yaxis.set_major_locator(MultipleLocator(5))
    panel.legend(frameon=False, loc="upper left")
    return figure


CELLS = 112  # along each side of the network's 224 pixels
CONTEST_PHOTOS = ("coffee", "flower", "heron")
CONTEST_HINTS = 10
CONTEST_MARGIN = 0.5  # dB


def _on_grid(row: float, col: float, shape: Sequence[int]) -> np.ndarray:
    """Return where the middle of a pixel is, in cells and their fractions."""
    return np.array([(row + 0.5) / shape[0], (col + 0.5) / shape[1]]) * CELLS


exercise(
    "02.1",
    "The same rule serves a thumbnail and a 12-megapixel photo.",
    right=lambda row, col, shape: np.floor(_on_grid(row, col, shape)),
    cases=[
        (0, 0, (300, 451)),
        (299, 450, (300, 451)),
        (700, 301, (1024, 683)),
        (7, 79, (100, 80)),
        (1, 40, (56, 84)),
    ],
    mistakes={
        "Cut the fraction off, whole cells are asked for (math.floor)": _on_grid,
        "shape is (height, width): rows go with shape[0]": lambda row, col, shape: np.floor(
            _on_grid(row, col, shape[::-1])
        ),
        "A pixel counts by its centre, at row + 0.5": lambda row, col, shape: np.floor(
            _on_grid(row - 0.5, col - 0.5, shape)
        ),
    },
)


def _count_of_one_percent(count: Any) -> None:
    """Check the least number of hints that cover 1 % of 224 x 224 pixels: 126."""
    given = float(numbers(count))
    if 125 < given < 126:
        raise Wrong("hints come whole: which is the first count that reaches 1 %?")
    if math.ceil(given) == 502:
        raise Wrong("that is pixels; a hint has 2 x 2 of them")
    if given != 126:
        share = 4 * given / 50176
        raise Wrong(f"{given:g} hints cover {share:.3%} of the network's 50,176 pixels")


EXERCISES["02.2"] = Exercise(
    "Even 126 clicks leave 99 of 100 pixels to the network.", _count_of_one_percent
)


def _map(cells: Tensor, ab: Tensor) -> Tensor:
    grid = torch.zeros(3, CELLS, CELLS)
    for (row, col), (a, b) in zip(cells, ab, strict=True):
        grid[:, row, col] = torch.tensor([a, b, 1.0])
    return grid.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)


exercise(
    "02.3",
    "That is the hint map: the last three channels of eq. 1, before they are scaled.",
    right=_map,
    cases=[
        (
            torch.tensor([[3, 7], [100, 20], [3, 7]]),  # the last falls on the first
            torch.tensor([[10.0, -20.0], [30.0, 5.0], [-40.0, 15.0]]),
        )
    ],
    mistakes={
        "Rows and columns are swapped: cells are (row, column), maps [:, row, column]": (
            lambda cells, ab: _map(cells, ab).transpose(1, 2)
        ),
        "The hint map is in Lab units: network_input divides by 110": lambda cells, ab: _map(
            cells, ab / 110
        ),
        "Where two hints fall in one cell, the later one must win": lambda cells, ab: _map(
            cells.flip(0), ab.flip(0)
        ),
    },
)


def _better_than_nearest(paint: Any) -> None:
    """Check `paint(X)`: ab [1, 2, 224, 224] in Lab units, better than the nearest hint's colour."""
    given = HintedPhotos([gallery(name) for name in CONTEST_PHOTOS], CONTEST_HINTS)
    answers = []
    for X in given.inputs.split(1):
        ab = numbers(call(paint, X)).float()
        if ab.shape != (1, 2, 224, 224):
            raise Wrong(f"a tensor [1, 2, 224, 224] was expected, and {list(ab.shape)} came back")
        if not ab.isfinite().all():
            raise Wrong("there is NaN or infinity in it. Is there a division by a distance of 0?")
        if ab.abs().max() <= 1:
            raise Wrong("that looks like ab / 110, as X has it: give back Lab units, times 110")
        answers.append(ab / AB_SCALE)
    nearest = torch.cat([_nearest_hint(X) for X in given.inputs.split(1)]) / AB_SCALE
    gain = given.painted(torch.cat(answers)).psnr - given.painted(nearest).psnr
    if gain.mean() < CONTEST_MARGIN:
        pairs = zip(CONTEST_PHOTOS, gain, strict=True)
        each = ", ".join(f"{name} {one:+.1f}" for name, one in pairs)
        raise Wrong(
            f"against the nearest hint you gain {gain.mean():+.2f} dB with {CONTEST_HINTS} hints "
            f"({each}), and {CONTEST_MARGIN:+.1f} is asked. Mix several hints, the near ones more; "
            "and a pixel of a hint's own lightness is likelier to share its colour"
        )


EXERCISES["02.4"] = Exercise(
    "You beat the baseline by looking at more than distance. A network may, too.",
    _better_than_nearest,
)


def _nearest_hint(X: Tensor) -> Tensor:
    rows, cols = torch.nonzero(X[0, 3], as_tuple=True)
    down, right = torch.arange(224)[:, None, None], torch.arange(224)[None, :, None]
    nearest = ((down - rows) ** 2 + (right - cols) ** 2).argmin(-1)
    return 110 * X[:, 1:3, rows, cols][:, :, nearest]
