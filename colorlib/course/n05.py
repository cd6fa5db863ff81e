"""Notebook 05: what the metrics see, Table 1 beside the paper's; its checks."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skimage.color import deltaE_ciede2000

from colorlib import table1
from colorlib.color import gamut
from colorlib.course import style
from colorlib.course.errata import wrong_differences
from colorlib.course.grading import exercise
from colorlib.course.n01 import paint_plane
from colorlib.course.n02 import dots
from colorlib.course.n03 import COSTS
from colorlib.hints import Hints
from colorlib.metrics import MSE_FLOOR
from colorlib.paper import DENSE, PAPER, PAPER_SETS
from colorlib.table1 import NO_COLOUR, Interval

# As the paper colours its table: red is better than the dense network, blue is worse.
BETTER_COLOR, WORSE_COLOR, UNSURE_COLOR = "#B2182B", "#2166AC", "#5f5f5f"
CURVE_COLOR = "#444444"  # of a line through several models

# What `table` shows, as it is named there: a column of ours that the paper has, too.
TITLES = {"psnr": "PSNR (dB)", "lpips_vgg": "LPIPS by VGG, fed [0, 1]"}
Differences = Mapping[tuple[str, int], Interval]  # by (row, hints)


@style.styled()
def equal_steps(lightness: float = 60.0, step: float = 5.0) -> Figure:
    """Draw the ab plane at one lightness, and CIEDE2000 of a step of `step` Lab units in it.

    The step leads away from grey in the middle panel, and turns the hue in the right one.
    """
    ab, inside = gamut(lightness, step=2.0)
    start = torch.cat((torch.full((1, *inside.shape), lightness), ab)).permute(1, 2, 0).double()
    a, b = np.moveaxis(start.numpy()[..., 1:], -1, 0)
    a = a + 1e-9  # grey has no direction: it takes a's
    chroma = np.hypot(a, b)
    figure, (plane, *others) = style.new_figure(1, 3, size=(12, 4.1), sharey=True)
    paint_plane(plane, lightness, ab, inside)
    plane.set(title=f"the colours at L = {lightness:g}", xlabel="a", ylabel="b")
    extent = [*plane.get_xlim(), *plane.get_ylim()]
    ways = {"more colourful": (0 * a, a / chroma, b / chroma)}
    ways["another hue"] = (0 * a, -b / chroma, a / chroma)
    for panel, (name, way) in zip(others, ways.items(), strict=True):
        moved = start.numpy() + step * np.stack(way, axis=-1)
        values = np.where(inside.numpy(), deltaE_ciede2000(start.numpy(), moved), np.nan)
        look = {"origin": "lower", "cmap": "cividis", "vmin": 0, "vmax": 1.2 * step}
        image = panel.imshow(values, extent=extent, **look)
        panel.set(title=f"a step of {step:g}: {name}", xlabel="a")
    figure.colorbar(image, ax=others, label="CIEDE2000 of the step")
    return figure


def table(
    lines: pd.DataFrame, dataset: str, gains: Differences, column: str = "psnr"
) -> style.Table:
    """Return our table for one set beside the paper's, two lines a row: ours, and theirs below it.

    `lines` are of `read_table`, `gains` of `table1.paired`; `column` is one of `TITLES`.
    A difference to the dense network is grey where its 95% interval holds 0, and the paper's has
    a star where the paper prints another. After a row's name comes a smaller number of photos.
    """
    what, digits = table1.PAPER_COLUMNS[column]

    def change(difference: float, sure: bool, star: str = "") -> tuple[str, str]:
        rounded = round(difference, digits)
        better = BETTER_COLOR if (rounded > 0) == (column == "psnr") else WORSE_COLOR
        return f"{rounded:+z.{digits}f}{star}", better if sure and rounded else UNSURE_COLOR

    own = lines[(lines["set"] == dataset) & lines[column].notna()]
    most = own["photos"].max()
    cells: dict[tuple[str, str], dict[tuple[str, str], Any]] = {}
    for row in in_order(set(own["row"])):
        mine = own[own["row"] == row].sort_values("hints")
        first = mine.iloc[0]
        name = row if first["photos"] == most else f"{row} ({first['photos']})"
        ours: dict[tuple[str, str], Any] = {}
        theirs: dict[tuple[str, str], Any] = {}
        ours["", "GMAC"] = "" if math.isnan(first["gmac"]) else f"{first['gmac']:.2f}"
        for _, line in mine.iterrows():
            count, head = line["hints"], _hints(line["hints"])
            value, error = line[column], line[f"{column}_se"]
            ours[head, "mean"] = f"{value:.{digits}f} ±{error:.{digits}f}"
            found = gains.get((row, count))
            ours[head, "to dense"] = change(found.value, found.sign != 0) if found else ""
            if (dataset, row, count) in PAPER:
                printed, dense = PAPER[dataset, row, count], PAPER[dataset, DENSE, count]
                theirs.setdefault(("", "GMAC"), (f"{printed['gmac']:.2f}", style.OTHER_COLOR))
                theirs[head, "mean"] = f"{printed[what]:.{digits}f}", style.OTHER_COLOR
                if row != DENSE:
                    star = "*" if (dataset, row, count, what) in wrong_differences() else ""
                    theirs[head, "to dense"] = change(printed[what] - dense[what], True, star)
        cells[name, "ours"] = ours
        if theirs:
            cells[name, "the paper's"] = theirs
    beside = f", and the paper's: {PAPER_SETS[dataset]}" if dataset in PAPER_SETS else ""
    return style.Table(cells, f"{TITLES[column]}: {dataset}, {most:,} photos{beside}")


def in_order(rows: Iterable[str]) -> list[str]:
    """Sort as the paper's table: the dense network, large budgets first; then our own rows."""
    kinds = (DENSE, "acolvit-t-0", "acolvit-t-any", "static-t-", NO_COLOUR, "")
    return [
        row
        for kind in kinds
        for row in sorted(rows, reverse=True)
        if next(filter(row.startswith, kinds)) == kind
    ]


def _hints(count: int) -> str:
    return f"{count} hint{'' if count == 1 else 's'}"


@style.styled()
def differences(sets: Mapping[str, Differences], hints: int) -> Figure:
    """Draw, a panel a set, each row's PSNR against the dense network's, paired, with intervals."""
    rows = in_order({row for one in sets.values() for row, at in one if at == hints})
    size = (12, 0.34 * len(rows) + 1.5)
    figure, axes = style.new_figure(1, len(sets), size, sharey=True, sharex=True, squeeze=False)
    for panel, (name, found) in zip(axes[0], sets.items(), strict=True):
        panel.axvline(0, color=style.model_color(DENSE), lw=1.2)
        for y, row in enumerate(rows):
            if (row, hints) in found:
                _point(panel, row, found[row, hints].value, y, found[row, hints], "x")
        panel.set(title=name, xlabel=f"difference to {DENSE} (dB)")
        panel.grid(axis="x", color="#e5e5e5")
    axes[0, 0].set_yticks(range(len(rows)), rows)
    axes[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    return figure


@style.styled()
def quality_and_cost(
    ours: Mapping[str, tuple[float, Interval]], dataset: str, hints: int
) -> Figure:
    """Draw what a saved multiply-add costs: dB against the dense network of the same table.

    `ours`: row -> GMAC, and dB with their 95% interval; beside them the paper's, on the same
    set. Each kind of row has its own line and mark, each point its model's colour.
    """
    kinds = {
        "o": ("ours", "-"),
        "D": ("ours, one network for any budget", "-."),
        "s": ("static top-k: no decisions", "--"),
    }
    figure, panel = style.new_figure(size=(9.5, 5))
    panel.axhline(0, color=style.model_color(DENSE), lw=1)
    for mark, (name, dashes) in kinds.items():
        rows = sorted((row for row in ours if _mark(row) == mark), key=lambda row: ours[row][0])
        x, y = [ours[row][0] for row in rows], [ours[row][1].value for row in rows]
        # Its marks lie under the models' own, and stand for them in the legend.
        look = {"marker": mark, "ms": 8, "lw": 1.5, "mfc": "white" if mark == "s" else CURVE_COLOR}
        panel.plot(x, y, dashes, color=CURVE_COLOR, label=name if rows else None, **look)
        for row in rows:
            gmac, found = ours[row]
            _point(panel, row, gmac, found.value, found, "y")
    paper = {r: one for (of, r, count), one in PAPER.items() if (of, count) == (dataset, hints)}
    dense = paper[DENSE]["psnr"]
    points = sorted((one["gmac"], one["psnr"] - dense) for one in paper.values())
    panel.plot(*zip(*points, strict=True), ":^", color=style.OTHER_COLOR, ms=8, label="the paper")
    panel.set(xlabel="GMAC: 1e9 multiply-adds a photo", ylabel=f"dB against {DENSE}")
    panel.set_title(f"with {hints} hints")
    panel.legend()
    return figure


@style.styled()
def figure_two(
    rows: Sequence[tuple[np.ndarray, Hints, Sequence[np.ndarray]]], titles: Sequence[str]
) -> Figure:
    """Draw the paper's Figure 2, a row a photo: it in grey [H, W, 3] with its hints, then pictures.

    `titles` stand over the columns; the number of hints stands beside each row. Each photo is
    shown in one height.
    """
    columns = 1 + len(rows[0][2])
    size = (11, 1.5 * len(rows) + 0.4)
    figure, axes = style.photo_figure(len(rows), columns, size, squeeze=False)
    for panels, (grey, hints, painted) in zip(axes, rows, strict=True):
        for panel, picture in zip(panels, (grey, *painted), strict=True):
            style.show_picture(panel, picture, aspect="auto")
        dots(panels[0], hints, area=34.0)
        label = _hints(len(hints))
        panels[0].text(-8, len(grey) / 2, label, rotation=90, ha="right", va="center")
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title)
    return figure


def _point(panel: Axes, row: str, x: float, y: float, found: Interval, axis: str) -> None:
    """Draw the point of a row with its interval along "x" or "y"."""
    color, mark = style.model_color(row), _mark(row)
    reach: dict[str, Any] = {f"{axis}err": [[found.value - found.low], [found.high - found.value]]}
    face = "white" if mark == "s" else color
    panel.errorbar(x, y, **reach, color=color, fmt=mark, mfc=face, ms=8, capsize=4)


def _mark(row: str) -> str:
    return "D" if "@" in row else "s" if row.startswith("static") else "o"


def _db(errors: np.ndarray, floor: float = MSE_FLOOR) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return -10 * np.log10(np.maximum(errors, floor))


exercise(
    "05.1",
    "The mean of the decibels: so one hard photo cannot drown the others, as it would in the "
    "mean of the squared errors.",
    right=lambda errors: _db(errors).mean(),
    cases=[
        (np.array(errors),)
        for errors in ((0.004, 0.0007, 0.02), (0.0, 0.001), (0.01, 0.01, 1e-7, 3e-4))
    ],
    mistakes={
        "This is the dB of the mean squared error; a table has the mean of the photos' dB": (
            lambda errors: _db(np.maximum(errors, MSE_FLOOR).mean())
        ),
        "The floor is missing: under 1e-5 (50 dB) the error counts as 1e-5": lambda errors: _db(
            errors, 0
        ).mean(),
    },
)


def _paired(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the mean of the difference and its standard error."""
    return np.array([(one - other).mean(), (one - other).std(ddof=1) / len(one) ** 0.5])


exercise(
    "05.2",
    "What all photos have in common, being hard or easy for both, is gone from this error.",
    right=_paired,
    cases=[
        (np.array([24.1, 27.3, 22.0]), np.array([24.0, 27.6, 21.7])),
        (np.array([30.2, 18.9, 25.0, 26.6]), np.array([29.9, 19.1, 24.3, 26.5])),
    ],
    mistakes={
        "The error is the spread of the photos; that of their mean is smaller by the root of their "
        "number": lambda one, other: _paired(one, other) * [1, len(one) ** 0.5],
        "This is the spread of the photos, over n where n - 1 belongs; the error of their mean is "
        "smaller by the root of their number": lambda one, other: (
            (one - other).mean(),
            (one - other).std(),
        ),
        "The error treats the two rows as if they had been measured on different photos": (
            lambda one, other: (
                (one - other).mean(),
                math.hypot(_paired(one, 0 * one)[1], _paired(other, 0 * other)[1]),
            )
        ),
        "The n - 1 is missing in the error: the mean was taken from the same photos": (
            lambda one, other: _paired(one, other) * [1, (1 - 1 / len(one)) ** 0.5]
        ),
    },
)


def _kept_share(gmac: float) -> float:
    return (1e9 * gmac - COSTS.fixed) / (COSTS.dense - COSTS.fixed)


exercise(
    "05.3",
    "So the paper's T-0.3 keeps a fifth of its sub-layers, and its T-0.5 a little less than half.",
    right=_kept_share,
    cases=[(0.46,), (0.79,), (1.32,), (0.9,)],
    mistakes={
        "This is the share of all the multiply-adds; embedding and head always run": lambda gmac: (
            1e9 * gmac / COSTS.dense
        ),
        "What always runs is still in it: take it off before you divide": lambda gmac: (
            1e9 * gmac / (COSTS.dense - COSTS.fixed)
        ),
    },
    tolerance=0.006,  # for a reader who leaves the policy token out
)


def _units(one: float, other: float, printed: float, digits: int) -> int:
    """Return by how many units of the last digit a printed difference is off."""
    return abs(round((one - other - printed) * 10**digits))


exercise(
    "05.4",
    "Three numbers are rounded by half a unit each: together they reach one and a half. So one "
    "unit apart may be rounding, and two is a slip.",
    right=lambda one, other, printed, digits: _units(one, other, printed, digits) <= 1,
    cases=[
        (0.162, 0.151, 0.002, 3),  # Oxford, T-0.3 at 5 hints
        (0.092, 0.093, 0.0, 3),  # ImageNet, T-0.7 at 5 hints
        (0.129, 0.130, 0.001, 3),  # Oxford, T-0.5 at 10 hints: the sign
        (0.120, 0.113, 0.006, 3),
        (25.34, 25.69, 0.35, 2),
        (25.34, 25.69, -0.33, 2),
        (25.34, 25.69, -0.36, 2),
        (20.31, 20.31, 0.0, 2),
    ],
    mistakes={
        "It asks for equality: but the difference may have been taken before the values were "
        "rounded, and be off by one in the last digit": lambda *case: _units(*case) == 0,
        "It forgets the sign: a gain printed as a loss is a slip": (
            lambda one, other, *case: _units(abs(one - other), 0, *map(abs, case)) <= 1
        ),
        "Floats: 0.120 - 0.113 - 0.006 is not exactly 0.001; round before you compare": (
            lambda one, other, printed, digits: abs(one - other - printed) <= 10**-digits
        ),
    },
)
