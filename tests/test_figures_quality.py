"""The pictures of notebook 05: what is drawn is what was given."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from skimage.color import deltaE_ciede2000

from colorlib.course import n05 as figures
from colorlib.course.style import MODEL_COLORS, PhotoFigure, PlotFigure, SheetFigure
from colorlib.files import ColorlibError
from colorlib.hints import Hints
from colorlib.table1 import Interval, row_name


def words(figure: Figure) -> dict[str, str]:
    """The texts of a sheet, each with its colour; the last one wins."""
    return {text.get_text(): to_hex(text.get_color()) for text in figure.axes[0].texts}


def test_equal_steps_are_ciede2000() -> None:
    figure = figures.equal_steps(lightness=60.0, step=5.0)
    assert isinstance(figure, PlotFigure)
    outwards, around = (axes.images[0].get_array() for axes in figure.axes[1:3])
    # The grid has steps of 2 from -110: a = 20, b = 0 lies at row 55, column 65.
    start = (60.0, 20.0, 0.0)
    assert outwards[55, 65] == pytest.approx(deltaE_ciede2000(start, (60, 25, 0)), rel=1e-4)
    assert around[55, 65] == pytest.approx(deltaE_ciede2000(start, (60, 20, 5)), rel=1e-4)
    assert outwards[55, 55] == pytest.approx(deltaE_ciede2000((60, 0, 0), (60, 5, 0)), rel=1e-4)
    assert np.isnan(np.ma.filled(outwards, np.nan)[0, 0])  # no such colour


def line(model: str, psnr: float, hints: int = 5, **other: Any) -> dict[str, Any]:
    common = {"set": "cub200", "photos": 370, "budget": None, "gmac": 0.8, "psnr_se": 0.25}
    return {**common, "model": model, "hints": hints, "psnr": psnr, **other}


def frame(lines: list[dict[str, Any]]) -> pd.DataFrame:
    """As `read_table` has them."""
    return pd.DataFrame([{**one, "row": row_name(one["model"], one["budget"])} for one in lines])


LINES = [
    line("acolvit-t-any", 26.0, budget=0.5),
    line("acolvit-t-0.9", 26.75),
    line("icolorit-t", 26.5, gmac=1.43),
    line("no-colour", 20.0, gmac=None),
    line("levin-2004", 24.0, gmac=None, photos=100),
]
GAINS = {
    ("acolvit-t-0.9", 5): Interval(0.25, 0.15, 0.35),
    ("acolvit-t-any@0.5", 5): Interval(-0.5, -0.7, -0.3),
    ("no-colour", 5): Interval(-6.5, -14.5, 1.5),
}


def test_a_table_stands_beside_the_papers() -> None:
    figure = figures.table(frame(LINES), "cub200", GAINS)
    assert isinstance(figure, SheetFigure)
    found = words(figure)
    assert "PSNR (dB): cub200, 370 photos, and the paper's: CUB-200-2011 test" in found
    assert {"1.43", "26.50", "±0.25", "28.74", "28.86", "5 hints"} <= set(found)
    # Better in red, worse in blue, and grey where 0 is in the interval; the paper's .12 too.
    assert found["+0.25"] == found["+0.12"] == figures.BETTER_COLOR.lower()
    assert found["−0.50"] == figures.WORSE_COLOR.lower()
    assert found["−6.50"] == figures.UNSURE_COLOR.lower()
    heights = {text.get_text(): text.get_position()[1] for text in figure.axes[0].texts}
    rows = ["icolorit-t", "acolvit-t-0.9", "acolvit-t-any@0.5", "no-colour", "levin-2004 (100)"]
    assert sorted(rows, key=heights.__getitem__) == rows
    assert found["acolvit-t-0.9"] == MODEL_COLORS["acolvit-t-0.9"].lower()
    assert figure.picture().startswith(b"\x89PNG")


def test_of_lpips_less_is_better_and_slips_have_a_star() -> None:
    lines = [{**one, "lpips_alex": 0.1, "lpips_alex_se": 0.01} for one in LINES]
    gains = {("acolvit-t-0.9", 5): Interval(-0.005, -0.007, -0.003)}
    found = words(figures.table(frame(lines), "cub200", gains, "lpips_alex"))
    assert found["−0.005"] == figures.BETTER_COLOR.lower()
    # .096 - .010, where -.004 is printed.
    assert found["+0.086*"] == figures.WORSE_COLOR.lower()
    assert "0.010" in found
    title = (
        "LPIPS by AlexNet, fed [-1, 1]: cub200, 370 photos, and the paper's by VGG, fed [0, 1]: "
    )
    assert title + "CUB-200-2011 test" in found
    with pytest.raises(ColorlibError, match="no 'delta_e' to stand beside"):
        figures.table(frame(LINES), "cub200", gains, "delta_e")


def test_a_set_that_is_not_the_papers_has_no_lines_of_it() -> None:
    lines = [{**one, "set": "gallery"} for one in LINES]
    found = words(figures.table(frame(lines), "gallery", GAINS))
    assert "PSNR (dB): gallery, 370 photos" in found
    assert "the paper's" not in found


def test_differences_have_their_intervals() -> None:
    figure = figures.differences(
        {"one": GAINS, "other": {("static-t-0.9", 5): Interval(1.0, 0.5, 2.5)}}, 5
    )
    assert [axes.get_title() for axes in figure.axes] == ["one", "other"]
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["acolvit-t-0.9", "acolvit-t-any@0.5", "static-t-0.9", "no-colour"]
    (bar,) = figure.axes[1].containers
    assert bar.lines[0].get_xydata().tolist() == [[1.0, 2.0]]
    assert bar.lines[2][0].get_segments()[0].tolist() == [[0.5, 2.0], [2.5, 2.0]]


def test_quality_and_cost_sets_the_kinds_apart() -> None:
    """A line a kind; a point has the colour of its model, or of the model that it controls."""
    near = Interval(-0.1, -0.15, -0.05)
    ours = {"icolorit-t": (1.43, Interval(0, 0, 0)), "acolvit-t-0.5": (0.8, near)}
    ours |= {f"acolvit-t-any@{budget}": (budget + 0.3, near) for budget in (0.5, 0.3)}
    ours |= {"static-t-0.5": (0.82, near)}
    paper = figures.paper_curve("cub200", 10)
    # 29.23 - 29.60.
    assert paper["acolvit-t-0.3"] == pytest.approx((0.46, -0.37))
    (axes,) = figures.quality_and_cost(ours, paper, 10).axes
    drawn = {line.get_label(): line for line in axes.lines if line.get_linestyle() != "None"}
    points = {name: line.get_xydata().tolist() for name, line in drawn.items()}
    assert points["ours"] == [[0.8, -0.1], [1.43, 0.0]]
    assert points["ours, one network with a dial"] == [[0.6, -0.1], [0.8, -0.1]]
    assert points["static top-k: no decisions"] == [[0.82, -0.1]]
    assert len(points["the paper"]) == 5
    kinds = axes.get_legend_handles_labels()[1]
    assert len({(drawn[one].get_linestyle(), drawn[one].get_marker()) for one in kinds}) == 4
    found = {bar.lines[0].get_xdata()[0]: bar for bar in axes.containers}
    models = {1.43: "icolorit-t", 0.6: "acolvit-t-any", 0.82: "acolvit-t-0.5"}
    assert {x: found[x].lines[0].get_color() for x in models} == {
        x: MODEL_COLORS[model] for x, model in models.items()
    }
    assert found[0.82].lines[2][0].get_segments()[0].tolist() == [[0.82, -0.15], [0.82, -0.05]]


def test_figure_two_has_a_row_a_photo() -> None:
    grey, red = np.full((20, 30, 3), 128, np.uint8), np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 200
    rows = [
        (grey, Hints([3], [4], [[20, 30]], (20, 30)), [red, grey]),
        (grey, Hints([3, 9], [4, 9], [[20, 30]] * 2, (20, 30)), [grey, red]),
    ]
    figure = figures.figure_two(rows, ["hints", "one", "truth"])
    assert isinstance(figure, PhotoFigure)
    assert [axes.get_title() for axes in figure.axes] == ["hints", "one", "truth", "", "", ""]
    shown = [axes.images[0].get_array() for axes in figure.axes]
    for index, picture in enumerate([grey, red, grey, grey, grey, red]):
        np.testing.assert_array_equal(shown[index], picture)
    beside = [axes.texts[0].get_text() for axes in figure.axes[::3]]
    assert beside == ["1 hint", "2 hints"]
    assert len(figure.axes[3].collections[0].get_offsets()) == 2


def test_a_sheet_has_few_colours(tmp_path: Any) -> None:
    figure = SheetFigure(figsize=(2, 1))
    figure.text(0.1, 0.5, "text", color=figures.BETTER_COLOR)
    (tmp_path / "sheet.png").write_bytes(figure.picture())
    with Image.open(tmp_path / "sheet.png") as picture:
        colours = picture.convert("RGB").getcolors(192)
    assert colours is not None
    assert max(colours)[1] == (255, 255, 255)
