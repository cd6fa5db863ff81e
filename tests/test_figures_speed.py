"""The pictures of notebook 06: what is drawn is what was given."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from colorlib.course import n06 as figures
from colorlib.course.style import MODEL_COLORS, PlotFigure, SheetFigure

PARTS = {"embedding": 2.0, "head": 4.0, "decisions": 1.0, "attention": 1.0, "FFN": 1.5}
# 7 that always run, 12 attentions and 12 FFNs: 37; with 5 kept 3 attentions and 2 FFNs: 13.
MEASURED = {24: 38.0, 5: 14.0, 0: 7.5}
GMAC = {24: 1.44, 5: 0.47, 0: 0.21}


def curves(figure: Figure, panel: int = 0) -> dict[str, np.ndarray]:
    """The curves of a panel by label, [points, 2]."""
    return {line.get_label(): line.get_xydata() for line in figure.axes[panel].get_lines()}


def test_amdahl_stacks_the_parts_of_a_call() -> None:
    figure = figures.amdahl(PARTS, MEASURED, GMAC)
    assert isinstance(figure, PlotFigure)
    heights = {
        bars.get_label(): [bar.get_height() for bar in bars] for bars in figure.axes[0].containers
    }
    assert heights["attention"] == [12.0, 3.0, 0.0]
    assert heights["FFN"] == [18.0, 3.0, 0.0]
    assert heights["head"] == [4.0, 4.0, 4.0]
    tops = [bar.get_y() + bar.get_height() for bar in figure.axes[0].containers[-1]]
    assert tops == [37.0, 13.0, 7.0]
    whole = curves(figure)["whole call, measured"]
    assert whole.tolist() == [[0.0, 38.0], [1.0, 14.0], [2.0, 7.5]]
    ticks = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert ticks == ["24", "5", "0"]


def test_amdahl_shows_how_far_skipping_can_go() -> None:
    drawn = curves(figures.amdahl(PARTS, MEASURED, GMAC), 1)
    assert drawn["measured"][:, 1] == pytest.approx([1, 38 / 14, 38 / 7.5])
    # The time is linear in what is kept: half of it is half way between all and none.
    for name, all_kept, none in (
        ("what the parts allow", 37, 7),
        ("what the arithmetic allows", 1.44, 0.21),
    ):
        kept, speed = drawn[name].T
        assert kept[48] == 12
        halves = [all_kept / none, 2 * all_kept / (all_kept + none), 1]
        # The arithmetic of 5 kept is a little off the line.
        assert speed[[0, 48, -1]] == pytest.approx(halves, rel=0.02)
    naive = drawn["24 / kept"]
    assert naive[48].tolist() == [12, 2]


def line(
    engine: str, model: str, kept: float, speed: float, gates: str = "own", **other: Any
) -> dict[str, Any]:
    """As `read_speed` has them; 1.2 GMAC with 24 kept, 0.2 with none."""
    common = {"stage": "network", "budget": None, "batch": 1, "threads": 1}
    times = {"ms": 1e3 / speed, "ms_p10": 900 / speed, "ms_p90": 1200 / speed}
    gmac = 0.2 + kept / 24
    ratios = {"over_dense": speed / 24, "allowed": 1.2 / gmac, "over_plain": speed / 20}
    row = {"engine": engine, "model": model, "gates": gates, "kept": kept, "gmac": gmac}
    return {**common, **row, **times, **ratios, "images_per_s": speed, "psnr10": 25.0, **other}


LINES = [
    line("plain", "icolorit-t", 24.0, 20.0),
    line("masked", "acolvit-t-0.3", 24.0, 22.0, over_dense=None),
    line("eager", "icolorit-t", 24.0, 24.0),
    line("eager", "acolvit-t-0.3", 6.0, 48.0),
    line("onnx", "icolorit-t", 24.0, 30.0),
    line("onnx", "acolvit-t-0.3", 6.0, 70.0),
    line("onnx", "acolvit-t-any", 12.0, 50.0, budget=0.5),
    line("onnx", "acolvit-t-0.3", 0.0, 150.0, gates="0 of 24"),
    line("onnx", "acolvit-t-0.3", 24.0, 29.0, gates="24 of 24"),
    line("eager", "acolvit-t-0.3", 0.0, 900.0, "decisions", gmac=0.0, allowed=None),
    line("onnx", "acolvit-t-0.3", 6.0, 71.0, batch=16),
    line("onnx", "acolvit-t-0.3", 6.0, 99.0, threads=2),
    line("onnx", "acolvit-t-0.3", 6.0, 15.0, stage="gallery photo"),
]


def points(figure: Figure, color: str, mark: str) -> list[list[float]]:
    """The points in one colour with one mark, those of the legend left out."""
    found = [
        one.get_xydata()
        for one in figure.axes[0].get_lines()
        if to_hex(one.get_color()) == color.lower() and one.get_marker() == mark
    ]
    return [point for one in found for point in one.tolist()]


def test_the_curve_sets_engines_and_kinds_of_gates_apart() -> None:
    figure = figures.curve(pd.DataFrame(LINES))
    assert isinstance(figure, PlotFigure)
    onnx, eager = figures.ENGINE_COLORS["onnx"], figures.ENGINE_COLORS["eager"]
    # One thread, batch 1, the network alone; neither the plain forward nor the decisions.
    assert points(figure, onnx, "o") == [[24.0, 30.0], [6.0, 70.0]]
    assert points(figure, onnx, "D") == [[12.0, 50.0]]
    assert points(figure, onnx, "|") == [[0.0, 150.0], [24.0, 29.0]]
    assert points(figure, eager, "o") == [[24.0, 24.0], [6.0, 48.0]]
    assert points(figure, eager, "|") == []
    names = {text.get_text() for text in figure.axes[0].texts}
    assert names == {"icolorit-t", "t-0.3"}


def test_the_curves_limit_is_the_dense_networks_arithmetic() -> None:
    figure = figures.curve(pd.DataFrame(LINES))
    (limit,) = (
        one.get_xydata()
        for one in figure.axes[0].get_lines()
        if one.get_linestyle() == "--" and to_hex(one.get_color()) != "#000000"
    )
    # 30 images a second at 1.2 GMAC: half the arithmetic, 0.7 of it at 12 kept, 0.2 at none.
    np.testing.assert_allclose(limit[[0, 48, 96]], [[0, 180], [12, 30 * 1.2 / 0.7], [24, 30]])


def texts(figure: Figure) -> dict[str, Any]:
    return {text.get_text(): text for text in figure.axes[0].texts}


def row(figure: Figure, beside: str, after: str) -> Sequence[str]:
    """The texts on the height of the first `beside` below `after`, from left to right."""
    found = [(text.get_position(), text.get_text()) for text in figure.axes[0].texts]
    (top,) = (y for (_, y), text in found if text.startswith(after))
    height = min(y for (_, y), text in found if text == beside and y > top)
    return [text for (_, y), text in sorted(found) if y == height and text]


def test_the_table_stands_below_the_papers() -> None:
    figure = figures.table(pd.DataFrame(LINES))
    assert isinstance(figure, SheetFigure)
    # 50.8 / 23.6 = 2.15; 1.43 / 0.46 = 3.11; 69% of it; 1000 / 50.8 = 19.7 ms.
    paper = ["acolvit-t-0.3", "0.46", "19.7", "50.8", "2.15", "3.11", "69%", "2.15"]
    assert row(figure, "acolvit-t-0.3", "the paper") == paper
    # 6 of 24 is 0.45 GMAC: 1.2 / 0.45 = 2.67; 70 / 24 = 2.92, 109% of it; 1000 / 70 = 14.3.
    assert row(figure, "acolvit-t-0.3", "onnx") == [
        *("acolvit-t-0.3", "6.0", "0.45", "25.00", "14.3", "12.9 to 17.1", "70.0"),
        *("2.92", "2.67", "109%", "3.50"),
    ]
    # No speed-up over a dense network that nobody masks.
    masked = row(figure, "acolvit-t-0.3", "masked")
    assert masked[-3:] == ["22.0", "1.00", "1.10"]
    assert to_hex(texts(figure)["icolorit-t"].get_color()) == MODEL_COLORS["icolorit-t"]
    assert not any(name.startswith("approximate") for name in texts(figure))
    assert figure.picture().startswith(b"\x89PNG")


def test_other_settings_are_not_beside_the_papers() -> None:
    found = texts(figures.table(pd.DataFrame(LINES), batch=16))
    assert "From X to ab, batch 16, 1 thread" in found
    assert "71.0" in found
    assert not any(text.startswith("the paper") for text in found)
    assert "99.0" in texts(figures.table(pd.DataFrame(LINES), threads=2))


def test_shared_paths_have_a_line_a_network() -> None:
    figure = figures.shared_paths(
        {"acolvit-t-0.3": {1: 7.0, 64: 9.0}, "acolvit-t-any@0.25": {1: 9.0, 64: 17.0}}
    )
    assert isinstance(figure, PlotFigure)
    drawn = curves(figure)
    assert drawn["acolvit-t-0.3"].tolist() == [[1, 7], [64, 9]]
    assert drawn["acolvit-t-any@0.25"].tolist() == [[1, 9], [64, 17]]
    assert set(drawn["dense"][:, 1]) == {24}
    colors = [to_hex(one.get_color()) for one in figure.axes[0].get_lines()]
    assert colors[1] == MODEL_COLORS["acolvit-t-any"].lower()
