"""Pictures of notebook 05: what the metrics see, and Table 1 beside the paper's."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skimage.color import deltaE_ciede2000

from colorlib.color import gamut, lab_to_srgb
from colorlib.figures.hints import dots
from colorlib.figures.style import (
    MODEL_COLORS,
    OTHER_COLOR,
    SheetFigure,
    new_figure,
    photo_figure,
    show_picture,
    styled,
)
from colorlib.hints import Hints
from colorlib.paper import COUNTS, PAPER
from colorlib.tables import row_name, wrong_differences
from colorlib.tables.paper import DENSE, PAPER_SETS, STANDS_FOR, in_order

# As the paper colours its table: red is better than the dense network, blue is worse.
BETTER_COLOR, WORSE_COLOR, UNSURE_COLOR = "#B2182B", "#2166AC", "#5f5f5f"
PAPER_COLOR = "#009E73"
_HIGHER_IS_BETTER = {"psnr"}

Differences = Mapping[tuple[str, int], tuple[float, float]]  # (row, hints) -> mean, its error


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
    lines: Sequence[dict[str, Any]],
    place: str,
    differences: Differences,
    column: str = "psnr",
) -> Figure:
    """Our table for one set beside the paper's, two lines a row: ours, and theirs below it.

    `lines` are of `read_table`, `differences` of `against_dense`. Ours: the mean, its standard
    error, and the difference to the dense network, grey where it is under two of its own
    standard errors; behind a row's name the number of photos, where it has fewer than others.
    The paper's: the value and the difference of what is printed, with a star where that is not
    what the paper prints as the difference.
    """
    own = [line for line in lines if line["set"] == place and line[column] is not None]
    cells = {(row_name(line), line["hints"]): line for line in own}
    rows = in_order({row for row, _ in cells})
    counts = sorted({count for _, count in cells})
    most = max(line["photos"] for line in own)
    twin = STANDS_FOR.get(place, "")
    what = "psnr" if column == "psnr" else "lpips"
    printed = {key[1:]: values for key, values in PAPER.items() if key[0] == twin}
    digits = 2 if what == "psnr" else 3
    heights = np.cumsum([0, *(2.15 if (row, counts[0]) in printed else 1.15 for row in rows)])
    with styled():
        figure = SheetFigure(figsize=(11.5, 0.27 * (heights[-1] + 3.2)))
        sheet = figure.subplots()
        _head(sheet, place, column, counts, most)
        for row, y in zip(rows, heights, strict=False):
            sheet.axhline(y - 0.62, color="#dddddd", lw=0.8)
            photos = cells[row, counts[0]]["photos"]
            name = row if photos == most else f"{row} ({photos})"
            sheet.text(0, y, name, color=_color(row), weight="bold", va="center")
            theirs = printed.get((row, counts[0]))
            spent = cells[row, counts[0]]["gmac"]
            _write(sheet, 2.6, y, "" if spent is None else f"{spent:.2f}")
            if theirs:
                sheet.text(0.25, y + 1, "the paper's", color=OTHER_COLOR, va="center")
                _write(sheet, 2.6, y + 1, f"{theirs['gmac']:.2f}", OTHER_COLOR)
            for index, count in enumerate(counts):
                x = 3.55 + 2.2 * index
                line = cells.get((row, count))
                if line:
                    _write(sheet, x, y, f"{line[column]:.{digits}f}")
                    error = line[f"{column}_se"]
                    _write(sheet, x + 0.7, y, f"±{error:.{digits}f}", OTHER_COLOR)
                if (row, count) in differences:
                    _difference(sheet, x + 1.46, y, *differences[row, count], column)
                if theirs and count in COUNTS:
                    _printed(sheet, x, y + 1, twin, row, count, what, digits)
        sheet.set(xlim=(0, 3.55 + 2.2 * len(counts)), ylim=(heights[-1] - 0.3, -2.4))
        sheet.set_axis_off()
    return figure


def differences(sets: Mapping[str, Differences], hints: int, unit: str = "dB") -> Figure:
    """A panel a set: each row against the dense network, paired, with two standard errors."""
    rows = in_order({row for one in sets.values() for row, at in one if at == hints})
    with styled():
        figure, axes = new_figure(1, len(sets), size=(12, 0.42 * len(rows) + 1.5), sharey=True)
        for place, (name, found) in zip(axes[0], sets.items(), strict=True):
            place.axvline(0, color=MODEL_COLORS[DENSE], lw=1.2)
            for y, row in enumerate(rows):
                if (row, hints) in found:
                    mean, error = found[row, hints]
                    look = {"color": _color(row), "fmt": _mark(row), "ms": 8, "capsize": 4}
                    place.errorbar(mean, y, xerr=2 * error, **look)
            place.set(title=name, xlabel=f"difference to {DENSE} ({unit})")
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
    ours: Mapping[str, tuple[float, float, float]],
    theirs: Mapping[str, tuple[float, float]],
    hints: int,
) -> Figure:
    """What a saved multiply-add costs: dB against the dense network of the same table.

    `ours`: row -> GMAC, dB, and two standard errors of it (a row NAME@BUDGET is the dial's, a
    static-... that of a control); `theirs`: the paper's rows. Each kind has its own line and mark.
    """
    looks = {
        "ours": ("-", "o"),
        "ours, one network with a dial": ("-.", "D"),
        "static top-k: no decisions": ("--", "s"),
    }
    kinds: dict[str, tuple[str, str, Mapping[str, tuple[float, ...]]]] = {
        name: (*look, {row: xy for row, xy in ours.items() if _mark(row) == look[1]})
        for name, look in looks.items()
    }
    kinds["the paper"] = (":", "^", theirs)
    inks = {"the paper": PAPER_COLOR, "static top-k: no decisions": OTHER_COLOR}
    with styled():
        figure, axes = new_figure(size=(9.5, 5))
        place = axes[0, 0]
        place.axhline(0, color=MODEL_COLORS[DENSE], lw=1)
        for name, (line, mark, points) in kinds.items():
            dial = MODEL_COLORS["acolvit-t-any"]
            ink = inks.get(name, dial if "dial" in name else MODEL_COLORS[DENSE])
            ordered = sorted(points.items(), key=lambda item: item[1][0])
            x, y = ([xy[i] for _, xy in ordered] for i in (0, 1))
            errors = [xy[2] if len(xy) > 2 else 0.0 for _, xy in ordered]
            bars = errors if any(errors) else None
            place.errorbar(x, y, bars, ls=line, marker=mark, color=ink, label=name, ms=8, capsize=3)
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


def _head(sheet: Axes, place: str, column: str, counts: Sequence[int], photos: int) -> None:
    twin = STANDS_FOR.get(place)
    beside = f", and the paper's {PAPER_SETS[twin]}" if twin else ""
    name = "PSNR (dB)" if column == "psnr" else column.replace("_", " ").replace("lpips", "LPIPS")
    sheet.text(0, -2.1, f"{name}: {place}, {photos:,} photos{beside}", fontsize=14, va="center")
    _write(sheet, 2.6, -1.1, "GMAC")
    for index, count in enumerate(counts):
        title = f"{count} hint{'' if count == 1 else 's'}"
        sheet.text(4.25 + 2.2 * index, -1.1, title, ha="center", va="center", weight="bold")


def _write(sheet: Axes, x: float, y: float, text: str, color: str = "black") -> None:
    sheet.text(x, y, text, color=color, ha="center", va="center", fontsize=12)


def _difference(sheet: Axes, x: float, y: float, mean: float, error: float, column: str) -> None:
    sure = abs(mean) > 2 * error
    color = _gain_color(mean, column) if sure else UNSURE_COLOR
    digits = 2 if column == "psnr" else 3
    _write(sheet, x, y, _signed(mean, digits), color)


def _printed(
    sheet: Axes, x: float, y: float, twin: str, row: str, count: int, what: str, digits: int
) -> None:
    value, dense = PAPER[twin, row, count][what], PAPER[twin, DENSE, count][what]
    wrong = (twin, row, count, what) in wrong_differences()
    _write(sheet, x, y, f"{value:.{digits}f}", OTHER_COLOR)
    if row != DENSE:
        text = _signed(value - dense, digits) + ("*" if wrong else "")
        _write(sheet, x + 1.46, y, text, _gain_color(round(value - dense, 3), what))


def _gain_color(difference: float, column: str) -> str:
    if difference == 0:
        return UNSURE_COLOR
    return BETTER_COLOR if (difference > 0) == (column in _HIGHER_IS_BETTER) else WORSE_COLOR


def _signed(value: float, digits: int) -> str:
    # + 0.0 makes +0.00 of what rounds to -0.00.
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")


def _color(row: str) -> str:
    name = row.partition("@")[0].replace("static", "acolvit")
    return MODEL_COLORS.get(name, OTHER_COLOR)


def _mark(row: str) -> str:
    return "D" if "@" in row else "s" if row.startswith("static") else "o"
