"""The pictures of notebook 03 show what they are given."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from colorlib.course import n03 as figures
from colorlib.course.style import ATTENTION_COLOR, FFN_COLOR, PhotoFigure
from colorlib.model import position_code

PICTURE = np.full((32, 32, 3), 128, np.uint8)


def texts(figure: Figure) -> str:
    """All that is written in a figure, tick labels apart."""
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    for axes in figure.axes:
        found += [axes.get_title(), axes.get_title("left"), axes.get_xlabel(), axes.get_ylabel()]
    return "\n".join(found)


def image(figure: Figure, index: int) -> ArrayLike:
    return np.asarray(figure.axes[index].images[0].get_array())


def smallest_text(figure: Figure) -> float:
    sizes = [text.get_fontsize() for axes in figure.axes for text in axes.texts]
    for axes in figure.axes:
        sizes += [label.get_fontsize() for label in [*axes.get_xticklabels(), axes.title]]
    return min(sizes)


def every_figure() -> list[Figure]:
    gates = np.ones((2, 12, 2))
    x = np.linspace(-2, 2, 5)
    return [
        figures.network(PICTURE, PICTURE),
        figures.position_code(position_code(14, 192)[0]),
        figures.position_bias(np.zeros((27 * 27, 3)) + 0.1),
        figures.hint_attention(PICTURE, 9, 5, np.zeros((32, 32)), [np.ones((14, 14)), None]),
        figures.decisions(np.ones((12, 2)), np.ones((12, 4, 2))),
        figures.gumbel_sigmoid(x, x > 0, x > 0, {1.0: x, 2.0: x}),
        figures.paths([PICTURE, PICTURE], gates, [1.0, 1.0]),
        figures.pixel_shuffle(np.ones((14, 14)), np.ones((32, 32)), PICTURE),
        figures.costs({"embedding": 1, "attention": 2, "FFN": 3, "head": 4}, 12, {24: 65, 0: 5}),
    ]


def test_all_can_be_read_from_the_last_row_and_are_small_files() -> None:
    for figure in every_figure():
        assert smallest_text(figure) >= 12, texts(figure)
        assert len(figure.picture()) < 150 * 1024, texts(figure)


def test_network_shows_both_ends_and_names_every_shape() -> None:
    grey, coloured = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 200, np.uint8)
    figure = figures.network(grey, coloured)
    shown = [np.asarray(one.get_array()) for one in figure.axes[0].images]
    assert [int(one.max()) for one in shown] == [0, 200]
    for shape in ("4 x 224 x 224", "197 x 192", "512 x 14 x 14", "2 x 224 x 224"):
        assert shape in texts(figure)


def test_position_code_shows_the_cosine_with_one_patch() -> None:
    code = np.eye(4)
    code[3] = [0, 3, 0, 4]
    figure = figures.position_code(code, patch=(0, 1))
    np.testing.assert_allclose(image(figure, 0), code)
    # Of patch 1, e_1, with e_0, e_1, e_2 and (0, 3, 0, 4) / 5.
    np.testing.assert_allclose(image(figure, 1), [[0, 1], [0, 0.6]])


def test_position_bias_is_shown_as_the_patch_in_the_middle_sees_it() -> None:
    """Row (query - key + g - 1) of the table: the key to the right of the query stands right."""
    grid, table = 3, np.zeros((25, 2))
    query, key = (1, 0), (1, 2)
    row, col = (q - k + grid - 1 for q, k in zip(query, key, strict=True))
    table[row * 5 + col, 1] = 1.0
    figure = figures.position_bias(table)
    assert image(figure, 0).max() == 0
    # Two columns to the right, no row down, of the middle (2, 2).
    assert np.argwhere(image(figure, 1)).tolist() == [[2, 4]]
    left, right, bottom, top = figure.axes[1].images[0].get_extent()
    assert (left, right, bottom, top) == (-2.5, 2.5, 2.5, -2.5)


def test_hint_attention_has_a_map_a_block_or_says_skipped() -> None:
    maps = [np.full((14, 14), 2.0), None, np.full((14, 14), 0.5), None]
    change = np.arange(32.0 * 32).reshape(32, 32)
    figure = figures.hint_attention(PICTURE, 9, 5, change, maps)
    assert texts(figure).count("skipped") == 2
    np.testing.assert_allclose(image(figure, 1), change)
    blocks = {axes.get_title(): axes for axes in figure.axes}
    assert {"block 1", "block 2", "block 3", "block 4"} <= blocks.keys()
    limits = [blocks[f"block {n}"].images[0].get_clim() for n in (1, 3)]
    assert limits[0] == limits[1] == (0.125, 2)
    marks = [line.get_xydata().tolist() for axes in figure.axes[:2] for line in axes.lines]
    assert marks == [[[5, 9]]] * 4  # column, row


def test_hint_attention_of_a_network_that_skips_all_attention() -> None:
    figure = figures.hint_attention(PICTURE, 9, 5, np.zeros((32, 32)), [None] * 12)
    assert texts(figure).count("skipped") == 12


def test_decisions_has_a_mark_for_every_logit() -> None:
    logits = np.arange(12 * 5 * 2.0).reshape(12, 5, 2)
    ranges = np.stack([np.arange(12), np.arange(12) + 1.0], axis=1)
    figure = figures.decisions(ranges, logits)
    left, right = figure.axes
    lines = {line.get_label(): line.get_ydata().tolist() for line in left.lines}
    assert lines["policy token"] == list(range(12))
    assert lines["mean patch token"] == list(range(1, 13))
    marks = {line.get_label(): line for line in right.lines}
    assert marks["attention"].get_ydata().tolist() == logits[..., 0].ravel().tolist()
    assert marks["FFN"].get_ydata().tolist() == logits[..., 1].ravel().tolist()
    # The marks of block 3 stand at 3, attention to the left.
    attention, ffn = (marks[name].get_xdata()[10:15] for name in ("attention", "FFN"))
    assert (attention > 2.5).all()
    assert (attention < ffn).all()
    assert (ffn < 3.5).all()


def test_gumbel_sigmoid_draws_what_was_measured() -> None:
    x = np.linspace(-4, 4, 9)
    slopes = {0.5: x + 1, 2.0: x + 2}
    figure = figures.gumbel_sigmoid(x, x * 2, x * 3, slopes)
    drawn, step, slope = figure.axes
    np.testing.assert_allclose(drawn.lines[0].get_ydata(), 1 / (1 + np.exp(-x)))
    np.testing.assert_allclose(drawn.lines[1].get_ydata(), x * 2)
    np.testing.assert_allclose(step.lines[0].get_ydata(), x * 3)
    assert [line.get_label() for line in slope.lines] == ["τ = 0.5", "τ = 2"]
    np.testing.assert_allclose(slope.lines[1].get_ydata(), x + 2)


def test_paths_colours_what_is_kept() -> None:
    gates = np.zeros((2, 12, 2))
    gates[0, 0, 0] = gates[0, 1, 1] = gates[0, 2, 1] = 1
    figure = figures.paths([PICTURE, PICTURE], gates, [0.5, 0.25])
    assert isinstance(figure, PhotoFigure)
    squares = [one for one in figure.axes[2].patches if isinstance(one, Rectangle)]
    colors = [one.get_facecolor() for one in squares]
    assert len(squares) == 24
    assert colors.count(to_rgba(ATTENTION_COLOR)) == 1
    assert colors.count(to_rgba(FFN_COLOR)) == 2
    assert figure.axes[2].get_title() == "3 of 24 kept: 0.50 G"
    assert figure.axes[3].get_title() == "0 of 24 kept: 0.25 G"


def test_pixel_shuffle_has_one_scale_for_a() -> None:
    feature, a = np.full((14, 14), -0.1), np.full((224, 224), 0.3)
    figure = figures.pixel_shuffle(feature, a, PICTURE)
    assert "14 x 14" in texts(figure)
    scales = [axes.images[0].get_clim() for axes in figure.axes[:2]]
    assert scales == [(-0.3, 0.3)] * 2


def test_costs_stacks_all_parts_and_draws_the_papers_lines() -> None:
    parts = {"embedding": 0.04, "attention": 0.044, "FFN": 0.058, "head": 0.17}
    figure = figures.costs(parts, 12, {24: 1.434, 12: 0.822, 0: 0.21}, {"theirs": 0.46})
    whole, skipped = figure.axes
    bars = [patch for patch in whole.patches if isinstance(patch, Rectangle)]
    assert len(bars) == 26
    assert bars[-1].get_x() + bars[-1].get_width() == pytest.approx(1.434)
    assert whole.get_title("left") == "All kept: 1.43 G"
    assert [bar.get_height() for bar in skipped.patches] == [1.434, 0.822, 0.21]
    assert skipped.lines[0].get_ydata()[0] == 0.46
    assert "theirs: 0.46" in texts(figure)
