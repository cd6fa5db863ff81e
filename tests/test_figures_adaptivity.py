"""The pictures of notebook 07 show what they are given."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from colorlib.course import n07 as figures
from colorlib.course.n03 import SKIPPED_COLOR
from colorlib.course.n07 import HINTS
from colorlib.course.style import ATTENTION_COLOR, FFN_COLOR, PhotoFigure, PlotFigure
from colorlib.table1 import NOTHING, Interval

NAMES = ["bee", "cat", "dune"]
# Three photos, two blocks: 1, 3 and 2 of 4 kept.
GATES = np.array([[[1, 0], [0, 0]], [[1, 1], [1, 0]], [[1, 0], [0, 1]]])
KEPT = {"acolvit-t-0.5": np.array([1, 3, 2]), "other": np.array([2, 2, 2])}
GMAC = {"acolvit-t-0.5": np.array([0.3, 0.5, 0.4]), "other": np.array([0.4, 0.4, 0.4])}


def titles(figure: Figure) -> list[str]:
    return [axes.get_title() for axes in figure.axes]


def test_extremes_are_the_ends_of_the_list() -> None:
    pictures = np.arange(3, dtype=np.uint8)[:, None, None, None].repeat(8, 1).repeat(8, 2)
    figure = figures.extremes(pictures.repeat(3, 3) * 100, NAMES, KEPT, GMAC, count=2)
    assert isinstance(figure, PhotoFigure)
    shown = [int(np.asarray(axes.images[0].get_array())[0, 0, 0]) // 100 for axes in figure.axes]
    # Of those that keep as many the first and the last that were given.
    assert shown == [0, 2, 1, 2, 0, 1, 2, 1]
    assert titles(figure)[0] == "bee\n1 kept, 0.30 G"
    assert titles(figure)[2] == "cat\n3 kept, 0.50 G"
    labels = [axes.get_ylabel() for axes in figure.axes[::2]]
    assert labels == ["acolvit-t-0.5\nleast", "acolvit-t-0.5\nmost", "other\nleast", "other\nmost"]
    few = figures.extremes(pictures.repeat(3, 3), NAMES, KEPT, GMAC, count=9)
    assert len(few.axes) == 4 * 3


def test_who_keeps_what_is_in_order_of_what_is_kept() -> None:
    figure = figures.who_keeps_what({"a": GATES}, NAMES, {"a": GMAC["acolvit-t-0.5"]})
    shares, grid = figure.axes
    assert isinstance(figure, PlotFigure)
    assert [bar.get_height() for bar in shares.patches] == pytest.approx([1, 1 / 3, 1 / 3, 1 / 3])
    shown = grid.images[0]
    assert np.asarray(shown.get_array()).tolist() == [[1, 2, 1, 0], [1, 0, 0, 2], [1, 0, 0, 0]]
    colors = [to_rgb(one) for one in (SKIPPED_COLOR, ATTENTION_COLOR, FFN_COLOR)]
    assert shown.cmap(np.arange(3))[:, :3] == pytest.approx(np.array(colors))
    assert [label.get_text() for label in grid.get_yticklabels()] == ["cat", "dune", "bee"]
    assert [text.get_text() for text in grid.texts] == ["0.50 G", "0.40 G", "0.30 G"]


def test_many_photos_have_no_names() -> None:
    gates = np.ones((30, 2, 2))
    figure = figures.who_keeps_what({"a": gates}, ["x"] * 30, {"a": np.ones(30)})
    assert not figure.axes[1].get_yticks().size
    assert "30 photos" in figure.axes[1].get_ylabel()
    assert not figure.axes[1].texts


def test_margins_reach_from_the_least_to_the_most() -> None:
    logits = np.array([[[1.0, -2], [0.5, 3]], [[2.0, -1], [-0.5, 3]], [[4.0, 1], [0.25, 3]]])
    figure = figures.margins({"a": logits})
    bars = [np.array(one.get_segments())[:, :, 1].tolist() for one in figure.axes[0].collections]
    assert bars == [[[1, 4], [-0.5, 0.5]], [[-2, 1], [3, 3]]]
    medians = [line.get_ydata().tolist() for line in figure.axes[0].lines[:2]]
    assert medians == [[2, 0.25], [-1, 3]]


def test_exchanges_show_each_photo_and_the_mean() -> None:
    changes = {"a": {"another photo's": np.array([-0.2, 0.1]), "one for all": np.array([0.0, 0.3])}}
    means = {
        ("a", "another photo's"): Interval(-0.05, -0.4, 0.3),
        ("a", "one for all"): Interval(0.15, 0.1, 0.2),
    }
    (place,) = figures.exchanges(changes, means).axes
    drawn = [line.get_xdata() for line in place.lines[1:]]
    assert drawn[0].tolist() == [-0.2, 0.1]
    assert list(drawn[1]) == [-0.4, 0.3]
    assert np.ravel(drawn[2]).tolist() == [-0.05]
    assert drawn[3].tolist() == [0.0, 0.3]
    labels = [label.get_text() for label in place.get_yticklabels()]
    assert labels == ["a\nanother photo's", "a\none for all"]


def test_goes_with_has_a_panel_a_feature_and_a_row_a_model() -> None:
    features = {"edges": np.array([0.1, 0.2, 0.3]), "segments": np.array([3, 1, 2])}
    ranks = {(model, feature): Interval(0.5, 0.1, 0.8) for model in KEPT for feature in features}
    ranks["other", "edges"] = NOTHING
    figure = figures.goes_with(KEPT, features, ranks)
    assert titles(figure) == ["+0.5 [+0.1, +0.8]"] * 2 + ["-", "+0.5 [+0.1, +0.8]"]
    assert figure.axes[1].lines[0].get_xydata().tolist() == [[3, 1], [1, 3], [2, 2]]
    assert [axes.get_xlabel() for axes in figure.axes[2:]] == ["edges", "segments"]


def test_with_hints_has_a_line_a_photo() -> None:
    kept = np.array([[12, 12, 11], [12, 13, 13]])
    (place,) = figures.with_hints((0, 10, 200), {"a": kept}).axes
    assert [line.get_ydata().tolist() for line in place.lines[:2]] == kept.tolist()
    assert place.lines[2].get_ydata().tolist() == [12, 12.5, 12]
    assert [label.get_text() for label in place.get_xticklabels()] == ["0", "10", "200"]


def test_correlations_have_a_mark_a_set() -> None:
    found = {
        ("cub200", "edges"): Interval(0.2, 0.1, 0.3),
        ("cub200", HINTS): Interval(-0.5, -0.6, -0.4),
        ("imagenet", "edges"): Interval(0.0, -0.1, 0.1),
        ("imagenet", HINTS): NOTHING,
    }
    (place,) = figures.correlations({"acolvit-t-any@0.5": found}).axes
    marks = {line.get_label(): line.get_xdata() for line in place.lines[1:]}
    assert marks["cub200"].tolist() == [0.2, -0.5]
    assert marks["imagenet"][0] == 0
    assert np.isnan(marks["imagenet"][1])
    reach = np.array(place.collections[0].get_segments())[:, :, 0]
    assert reach.tolist() == [[0.1, 0.3], [-0.6, -0.4]]
    assert [label.get_text() for label in place.get_yticklabels()] == ["edges", HINTS]


def test_labels_are_large_enough_for_a_projector() -> None:
    logits = {"a": GATES - 0.5}
    ranks = {("a", "edges"): NOTHING}
    drawn = [
        figures.who_keeps_what({"a": GATES}, NAMES, {"a": GMAC["other"]}),
        figures.margins(logits),
        figures.goes_with({"a": KEPT["other"]}, {"edges": np.arange(3)}, ranks),
        figures.with_hints((0, 1), {"a": np.ones((2, 2))}),
    ]
    for figure in drawn:
        for axes in figure.axes:
            labels = [*axes.get_xticklabels(), *axes.get_yticklabels(), *axes.texts]
            sizes = [one.get_fontsize() for one in [*labels, axes.title, axes.xaxis.label]]
            assert min(sizes) >= 12
