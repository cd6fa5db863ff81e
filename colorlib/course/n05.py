"""Notebook 05: what the metrics see, Table 1 beside the paper's; its checks."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skimage.color import deltaE_ciede2000

from colorlib.color import gamut, lab_to_srgb
from colorlib.course.grading import exercise
from colorlib.course.n02 import dots
from colorlib.course.n03 import COSTS
from colorlib.course.style import (
    OTHER_COLOR,
    SheetFigure,
    model_color,
    new_figure,
    photo_figure,
    show_picture,
    styled,
)
from colorlib.hints import Hints
from colorlib.metrics import INPUT_RANGES, MSE_FLOOR
from colorlib.paper import COUNTS, DENSE, PAPER
from colorlib.table1 import (
    LPIPS_COLUMNS,
    PAPER_SETS,
    STANDS_FOR,
    Interval,
    in_order,
    lines_of,
    paper_column,
    wrong_differences,
)

# As the paper colours its table: red is better than the dense network, blue is worse.
BETTER_COLOR, WORSE_COLOR, UNSURE_COLOR = "#B2182B", "#2166AC", "#5f5f5f"
CURVE_COLOR = "#444444"  # of a line through several models

Differences = Mapping[tuple[str, int], Interval]  # by (row, hints)
Line = dict[str, Any]  # of a table, see `read_table`

_NETS = {"alex": "AlexNet", "vgg": "VGG"}
# Where the sheet's columns are: GMAC, the value with the fewest hints, and from it its standard
# error, its difference, and the next value.
_GMAC_X, _FIRST_X, _ERROR_X, _DIFFERENCE_X, _STEP_X = 2.6, 3.55, 0.7, 1.46, 2.2


def equal_steps(lightness: float = 60.0, step: float = 5.0) -> Figure:
    """The ab plane at one lightness, and CIEDE2000 of a step of `step` Lab units in it.

    The step leads away from grey in the middle panel, and turns the hue in the right one.
    """
    ab, inside = gamut(lightness, step=2.0)
    L = torch.full((1, *inside.shape), lightness)
    colours = lab_to_srgb(L, ab).permute(1, 2, 0).numpy()
    colours[~inside.numpy()] = 1.0
    start = torch.cat((L, ab)).permute(1, 2, 0).double().numpy()
    a, b = start[..., 1] + 1e-9, start[..., 2]  # grey has no direction: it takes a's
    chroma = np.hypot(a, b)
    outwards, around = np.stack((a, b)) / chroma, np.stack((-b, a)) / chroma
    extent = [float(ab[0].min()), float(ab[0].max())] * 2
    with styled():
        figure, axes = new_figure(1, 3, size=(12, 4.1), sharey=True)
        axes[0, 0].imshow(colours, origin="lower", extent=extent)
        axes[0, 0].set(title=f"the colours at L = {lightness:g}", xlabel="a", ylabel="b")
        for place, name, way in (
            (axes[0, 1], "more colourful", outwards),
            (axes[0, 2], "another hue", around),
        ):
            moved = start.copy()
            moved[..., 1:] += step * np.moveaxis(way, 0, -1)
            values = np.where(inside.numpy(), deltaE_ciede2000(start, moved), np.nan)
            image = place.imshow(
                values, origin="lower", extent=extent, cmap="cividis", vmin=0, vmax=1.2 * step
            )
            place.set(title=f"a step of {step:g}: {name}", xlabel="a")
        figure.colorbar(image, ax=axes[0, 1:].tolist(), label="CIEDE2000 of the step")
    return figure


def table(
    frame: pd.DataFrame, place: str, differences: Differences, column: str = "psnr"
) -> Figure:
    """Our table for one set beside the paper's, two lines a row: ours, and theirs below it.

    `frame` is of `read_table`, `differences` of `against_dense`. Ours: the mean, its standard
    error, and the difference to the dense network, grey where its 95% interval holds 0; behind a
    row's name the number of photos, where it has fewer than others. The paper's: the value and
    the difference of what is printed, with a star where that is not what the paper prints as the
    difference. `column` is "psnr" or one of LPIPS; raises ColorlibError for another.
    """
    paper_column(column)
    lines = lines_of(frame)
    own = [line for line in lines if line["set"] == place and line[column] is not None]
    cells = {(line["row"], line["hints"]): line for line in own}
    rows = in_order({row for row, _ in cells})
    counts = {
        count: _FIRST_X + _STEP_X * i for i, count in enumerate(sorted({c for _, c in cells}))
    }
    twin = STANDS_FOR.get(place, "")
    printed = {row for at, row, _ in PAPER if at == twin}
    heights = np.cumsum([0, *(2.15 if row in printed else 1.15 for row in rows)])
    with styled():
        figure = SheetFigure(figsize=(11.5, 0.27 * (heights[-1] + 3.2)))
        sheet = figure.subplots()
        most = max(line["photos"] for line in own)
        _head(sheet, place, column, counts, most)
        for row, y in zip(rows, heights, strict=False):
            sheet.axhline(y - 0.62, color="#dddddd", lw=0.8)
            ours = {count: cells[row, count] for count in counts if (row, count) in cells}
            _own_line(sheet, y, row, ours, most)
            for count, x in counts.items():
                if count in ours:
                    _value(sheet, x, y, ours[count], column)
                if (row, count) in differences:
                    _difference(sheet, x, y, differences[row, count], column)
            if row in printed:
                _printed_line(sheet, y + 1, (twin, row), counts, paper_column(column))
        sheet.set(xlim=(0, _FIRST_X + _STEP_X * len(counts)), ylim=(heights[-1] - 0.3, -2.4))
        sheet.set_axis_off()
    return figure


def differences(sets: Mapping[str, Differences], hints: int) -> Figure:
    """A panel a set: each row's PSNR against the dense network's, paired, with 95% intervals."""
    rows = in_order({row for one in sets.values() for row, at in one if at == hints})
    with styled():
        figure, axes = new_figure(1, len(sets), size=(12, 0.42 * len(rows) + 1.5), sharey=True)
        for place, (name, found) in zip(axes[0], sets.items(), strict=True):
            place.axvline(0, color=model_color(DENSE), lw=1.2)
            for y, row in enumerate(rows):
                if (row, hints) in found:
                    interval = found[row, hints]
                    place.errorbar(interval.value, y, xerr=_reach(interval), **_look(row))
            place.set(title=name, xlabel=f"difference to {DENSE} (dB)")
            place.grid(axis="x", color="#e5e5e5")
        axes[0, 0].set_yticks(range(len(rows)), rows)
        axes[0, 0].set_ylim(len(rows) - 0.5, -0.5)
    return figure


def paper_curve(place: str, hints: int) -> dict[str, tuple[float, float]]:
    """The paper's rows on its set beside which `place` stands: GMAC, and dB against iColoriT-T."""
    twin = STANDS_FOR[place]
    dense = PAPER[twin, DENSE, hints]["psnr"]
    return {
        model: (values["gmac"], values["psnr"] - dense)
        for (at, model, count), values in PAPER.items()
        if (at, count) == (twin, hints)
    }


def quality_and_cost(
    ours: Mapping[str, tuple[float, Interval]],
    theirs: Mapping[str, tuple[float, float]],
    hints: int,
) -> Figure:
    """What a saved multiply-add costs: dB against the dense network of the same table.

    `ours`: row -> GMAC, and dB with their 95% interval (a row NAME@BUDGET is the dial's, a
    static-... that of a control); `theirs`: the paper's rows, GMAC and dB. Each kind has its own
    line and mark, each point the colour of its model.
    """
    kinds = {
        "o": ("ours", "-"),
        "D": ("ours, one network with a dial", "-."),
        "s": ("static top-k: no decisions", "--"),
    }
    with styled():
        figure, axes = new_figure(size=(9.5, 5))
        place = axes[0, 0]
        place.axhline(0, color=model_color(DENSE), lw=1)
        for mark, (name, dashes) in kinds.items():
            rows = sorted((row for row in ours if _mark(row) == mark), key=lambda row: ours[row][0])
            x, y = [ours[row][0] for row in rows], [ours[row][1].value for row in rows]
            # Its marks lie under the models' own, and stand for them in the legend.
            look = {"marker": mark, "ms": 8, "lw": 1.5, "mfc": _face(mark, CURVE_COLOR)}
            place.plot(x, y, dashes, color=CURVE_COLOR, label=name, **look)
            for row in rows:
                gmac, found = ours[row]
                place.errorbar(gmac, found.value, yerr=_reach(found), **_look(row))
        points = sorted(theirs.values())
        place.plot(*zip(*points, strict=True), ":^", color=OTHER_COLOR, ms=8, label="the paper")
        place.set(xlabel="GMAC: 1e9 multiply-adds a photo", ylabel=f"dB against {DENSE}")
        place.set_title(f"with {hints} hints")
        place.legend()
    return figure


def figure_two(
    rows: Sequence[tuple[np.ndarray, Hints, Sequence[np.ndarray]]], titles: Sequence[str]
) -> Figure:
    """The paper's Figure 2: a row a photo; the grey photo [H, W, 3] with its hints, then pictures.

    `titles` stand over the columns; the number of hints stands beside each row. Each photo is
    shown in one height.
    """
    columns = 1 + len(rows[0][2])
    with styled():
        figure, axes = photo_figure(len(rows), columns, size=(8.8, 1.33 * len(rows) + 0.4))
        for places, (grey, hints, painted) in zip(axes, rows, strict=True):
            for place, picture in zip(places, (grey, *painted), strict=True):
                show_picture(place, picture, aspect="auto")
            dots(places[0], hints, area=34.0)
            label = f"{len(hints)} hint{'' if len(hints) == 1 else 's'}"
            height = grey.shape[0] / 2
            places[0].text(-8, height, label, rotation=90, ha="right", va="center")
        for place, title in zip(axes[0], titles, strict=True):
            place.set_title(title)
    return figure


def _head(sheet: Axes, place: str, column: str, counts: Mapping[int, float], photos: int) -> None:
    twin = STANDS_FOR.get(place)
    by = "" if column == "psnr" else " by VGG, fed [0, 1]"
    beside = f", and the paper's{by}: {PAPER_SETS[twin]}" if twin else ""
    title = f"{_title(column)}: {place}, {photos:,} photos{beside}"
    sheet.text(0, -2.1, title, fontsize=14, va="center")
    _write(sheet, _GMAC_X, -1.1, "GMAC")
    for count, x in counts.items():
        name = f"{count} hint{'' if count == 1 else 's'}"
        sheet.text(x + _ERROR_X, -1.1, name, ha="center", va="center", weight="bold")


def _title(column: str) -> str:
    if column == "psnr":
        return "PSNR (dB)"
    net, fed = LPIPS_COLUMNS[column]
    low, high = INPUT_RANGES[fed]
    return f"LPIPS by {_NETS[net]}, fed [{low:g}, {high:g}]"


def _own_line(sheet: Axes, y: float, row: str, ours: Mapping[int, Line], most: int) -> None:
    """A row's name, its number of photos where others have more, its GMAC with the fewest hints."""
    first = next(iter(ours.values()))
    name = row if first["photos"] == most else f"{row} ({first['photos']})"
    sheet.text(0, y, name, color=model_color(row), weight="bold", va="center")
    _write(sheet, _GMAC_X, y, "" if first["gmac"] is None else f"{first['gmac']:.2f}")


def _value(sheet: Axes, x: float, y: float, line: Line, column: str) -> None:
    digits = _digits(column)
    _write(sheet, x, y, f"{line[column]:.{digits}f}")
    _write(sheet, x + _ERROR_X, y, f"±{line[f'{column}_se']:.{digits}f}", OTHER_COLOR)


def _difference(sheet: Axes, x: float, y: float, found: Interval, column: str) -> None:
    color = _gain_color(found.value, column) if found.sign else UNSURE_COLOR
    _write(sheet, x + _DIFFERENCE_X, y, _signed(found.value, _digits(column)), color)


def _printed_line(
    sheet: Axes, y: float, key: tuple[str, str], counts: Mapping[int, float], what: str
) -> None:
    """The paper's line of `key`, (set, model)."""
    digits = _digits(what)
    sheet.text(0.25, y, "the paper's", color=OTHER_COLOR, va="center")
    _write(sheet, _GMAC_X, y, f"{PAPER[*key, COUNTS[0]]['gmac']:.2f}", OTHER_COLOR)
    for count in COUNTS:
        if count not in counts:
            continue
        x = counts[count]
        value, dense = PAPER[*key, count][what], PAPER[key[0], DENSE, count][what]
        _write(sheet, x, y, f"{value:.{digits}f}", OTHER_COLOR)
        if key[1] != DENSE:
            slip = "*" if (*key, count, what) in wrong_differences() else ""
            color = _gain_color(round(value - dense, 3), what)
            _write(sheet, x + _DIFFERENCE_X, y, _signed(value - dense, digits) + slip, color)


def _write(sheet: Axes, x: float, y: float, text: str, color: str = "black") -> None:
    sheet.text(x, y, text, color=color, ha="center", va="center", fontsize=12)


def _digits(column: str) -> int:
    return 2 if column == "psnr" else 3


def _gain_color(difference: float, column: str) -> str:
    if difference == 0:
        return UNSURE_COLOR
    return BETTER_COLOR if (difference > 0) == (column == "psnr") else WORSE_COLOR


def _signed(value: float, digits: int) -> str:
    return f"{value:+z.{digits}f}".replace("-", "−")


def _look(row: str) -> dict[str, Any]:
    """Of a row's point with its interval, for `errorbar`."""
    color, mark = model_color(row), _mark(row)
    return {"color": color, "fmt": mark, "mfc": _face(mark, color), "ms": 8, "capsize": 4}


def _face(mark: str, color: str) -> str:
    return "white" if mark == "s" else color


def _reach(found: Interval) -> list[list[float]]:
    return [[found.value - found.low], [found.high - found.value]]


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
        "The sign is turned: a smaller error has more dB": lambda errors: -_db(errors).mean(),
        "A power has 10 in front of log10; the 20 is for an amplitude, a root of it": (
            lambda errors: 2 * _db(errors).mean()
        ),
    },
)


def _paired(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the mean of the difference and its standard error."""
    return np.array([(one - other).mean(), (one - other).std(ddof=1) / len(one) ** 0.5])


def _standard_error(one: np.ndarray) -> float:
    return one.std(ddof=1) / len(one) ** 0.5


def _two_rows() -> list[tuple[np.ndarray, np.ndarray]]:
    """Values of a row and of another, of 3, 12 and 100 photos."""
    random = np.random.default_rng(2)
    others = [random.normal(25, 4, count) for count in (3, 12, 100)]
    return [(other + random.normal(-0.1, 0.3, len(other)), other) for other in others]


exercise(
    "05.2",
    "What all photos have in common, being hard or easy for both, is gone from this error.",
    right=_paired,
    cases=_two_rows(),
    mistakes={
        "The sign is turned: asked is by how much the first is above": lambda one, other: _paired(
            other, one
        ),
        "The error is the spread of the photos; that of their mean is smaller by the root of their "
        "number": lambda one, other: _paired(one, other) * [1, len(one) ** 0.5],
        "The error treats the two rows as if they had been measured on different photos": (
            lambda one, other: (
                (one - other).mean(),
                math.hypot(_standard_error(one), _standard_error(other)),
            )
        ),
        "The n - 1 is missing in the error: the mean was taken from the same photos": (
            lambda one, other: _paired(one, other) * [1, (1 - 1 / len(one)) ** 0.5]
        ),
        "The error is divided by the number of photos, not by its root": lambda one, other: (
            _paired(one, other) / [1, len(one) ** 0.5]
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
        "This share is of all multiply-adds; divide by those of the sub-layers alone": (
            lambda gmac: (1e9 * gmac - COSTS.fixed) / COSTS.dense
        ),
        "What always runs is still in it: take it off before you divide": lambda gmac: (
            1e9 * gmac / (COSTS.dense - COSTS.fixed)
        ),
        "This is the share that is skipped": lambda gmac: 1 - _kept_share(gmac),
    },
    tolerance=0.006,  # for a reader who leaves the policy token out
)


def _units(difference: float, digits: int) -> int:
    """Return how many units of the last digit a difference is."""
    return abs(round(difference * 10**digits))


exercise(
    "05.4",
    "Three numbers are rounded by half a unit each: together they reach one and a half. So one "
    "unit apart may be rounding, and two is a slip.",
    right=lambda one, other, printed, digits: _units(one - other - printed, digits) <= 1,
    cases=[
        (0.162, 0.151, 0.002, 3),  # Oxford, T-0.3 at 5 hints
        (0.092, 0.093, 0.0, 3),  # ImageNet, T-0.7 at 5 hints
        (0.129, 0.130, 0.001, 3),  # Oxford, T-0.5 at 10 hints: the sign
        (0.094, 0.093, 0.002, 3),
        (0.120, 0.113, 0.006, 3),
        (25.83, 25.69, 0.14, 2),
        (25.34, 25.69, 0.35, 2),
        (25.34, 25.69, -0.33, 2),
        (25.34, 25.69, -0.36, 2),
        (20.31, 20.31, 0.0, 2),
    ],
    mistakes={
        "It asks for equality: but the difference may have been taken before the values were "
        "rounded, and be off by one in the last digit": lambda one, other, printed, digits: (
            _units(one - other - printed, digits) == 0
        ),
        "It allows two units of the last digit; the roundings reach one and a half at most, so "
        "two is a slip": lambda one, other, printed, digits: (
            _units(one - other - printed, digits) <= 2
        ),
        "It forgets the sign: a gain printed as a loss is a slip": (
            lambda one, other, printed, digits: _units(abs(one - other) - abs(printed), digits) <= 1
        ),
        "True and False are turned round: True says that the difference can be right": (
            lambda one, other, printed, digits: _units(one - other - printed, digits) > 1
        ),
        "Floats: 0.120 - 0.113 - 0.006 is not exactly 0.001; round before you compare": (
            lambda one, other, printed, digits: abs(one - other - printed) <= 10**-digits
        ),
    },
)
