"""The pictures of notebook 04: what is drawn is what was given."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from colorlib import color, hints
from colorlib.course import n04 as figures
from colorlib.course.style import MODEL_COLORS, PhotoFigure, PlotFigure


def lines(figure: Figure, panel: int = 0) -> dict[str, np.ndarray]:
    """The curves of a panel by label, [points, 2]."""
    return {line.get_label(): line.get_xydata() for line in figure.axes[panel].get_lines()}


def words(figure: Figure, panel: int = 0) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts]


def test_loss_shapes_agree_with_the_loss_and_with_its_slope() -> None:
    figure = figures.loss_shapes(delta=0.01)
    values, slopes = lines(figure), lines(figure, 1)
    assert isinstance(figure, PlotFigure)
    assert list(values)[:3] == list(slopes)[:3] == ["squared", "absolute", "Huber"]
    for name in ("squared", "absolute", "Huber"):
        d, value = values[name].T
        slope = np.gradient(value, d / 110)
        # The kinks of the absolute error and of Huber's slope fall between two points.
        inner = (np.abs(d) > 0.05) & (np.abs(np.abs(d) - 1.1) > 0.05)
        inner[[0, -1]] = False
        np.testing.assert_allclose(slopes[name][inner, 1], slope[inner], atol=0.02)
    # delta = .01 in ab / 110 is 1.1 Lab units; there all three pull equally.
    at_delta = [np.interp(1.1, *slopes[name].T) for name in ("squared", "absolute", "Huber")]
    np.testing.assert_allclose(at_delta, 1.0, atol=1e-6)


def test_a_training_batch_shows_crops_hints_and_colours() -> None:
    random = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (2, 3, 64, 64), generator=random, dtype=torch.uint8)
    lightness, ab = color.srgb_to_lab(crops / 255)
    cells = torch.zeros(2, 32, 32, dtype=torch.bool)
    cells[1, 3, 5] = True
    x = hints.network_input(lightness, hints.cells_hint_map(ab, cells))
    figure = figures.training_batch(crops, x, color.normalize_ab(ab))
    assert isinstance(figure, PhotoFigure)
    pictures = np.array([axes.images[0].get_array() for axes in figure.axes]).reshape(
        3, 2, 64, 64, 3
    )
    np.testing.assert_array_equal(pictures[0], crops.permute(0, 2, 3, 1))
    # Without hints the input is grey; the hint's cell, and nothing else, has a colour.
    spread = pictures[1].max(axis=-1).astype(int) - pictures[1].min(axis=-1)
    assert spread[0].max() <= 1
    assert spread[1, 6:8, 10:12].min() > 3
    spread[1, 6:8, 10:12] = 0
    assert spread[1].max() <= 1
    assert [axes.get_title() for axes in figure.axes[2:4]] == ["0 hints", "1 hint"]
    shown, _ = color.srgb_to_lab(torch.tensor(pictures[2]).permute(0, 3, 1, 2) / 255)
    assert abs(float(shown.median()) - 70) < 1


def test_kept_shares_counts_gates_and_their_distance_from_the_budget() -> None:
    gates = torch.tensor([[1.0, 1, 1, 0], [0, 0, 0, 1]])
    figure = figures.kept_shares(gates, 0.5)
    filled = [box.get_facecolor()[2] < 0.9 for box in figure.axes[0].patches]
    assert filled == gates.flatten().bool().tolist()
    text = " ".join(words(figure))
    assert "share 0.75     (0.75 $-$ 0.5)$^2$ = 0.06" in text
    assert "share 0.25     (0.25 $-$ 0.5)$^2$ = 0.06" in text
    assert "share 0.50     (0.50 $-$ 0.5)$^2$ = 0.00" in text
    assert {"photo A", "photo B", "(ii) together"} <= set(words(figure))


def row(step: int, **values: float) -> dict[str, float]:
    return {"step": step, "crops": step * 64, "huber": 1 / step, "psnr10": float("nan"), **values}


def test_learning_curves_leave_out_what_was_not_measured() -> None:
    history = [row(10), row(20, psnr10=19.0), row(30), row(40, psnr10=21.5)]
    figure = figures.learning_curves(history, grey=18.25)
    (loss,) = (line for line in lines(figure).values())
    np.testing.assert_allclose(loss, [[10, 0.1], [20, 0.05], [30, 1 / 30], [40, 0.025]])
    quality = lines(figure, 1)
    np.testing.assert_allclose(quality["with 10 hints"], [[20, 19], [40, 21.5]])
    assert set(quality["the grey photos"][:, 1]) == {18.25}
    assert figure.axes[1].get_ylabel() == "PSNR (dB)"


def test_gate_training_has_a_panel_a_run() -> None:
    runs = {"one": [(0.5, 0.25), (0.4, 0.0)], "two": [(0.6, 1.0)]}
    figure = figures.gate_training(runs, 0.3)
    assert [axes.get_title() for axes in figure.axes] == ["one", "two"]
    curves = lines(figure)
    np.testing.assert_allclose(curves["sampled (training)"], [[0, 0.5], [1, 0.4]])
    np.testing.assert_allclose(curves["logit > 0 (use)"], [[0, 0.25], [1, 0.0]])
    assert set(curves[r"budget $\beta$ = 0.3"][:, 1]) == {0.3}


def test_phases_follow_one_another() -> None:
    logs = {"64 px": [row(10), row(20, psnr10=20.0)], "224 px": [row(5, psnr10=21.0)]}
    figure = figures.phases(logs)
    (curve,) = (xy for xy in lines(figure).values() if len(xy) == 2 and xy[0, 1] == 20)
    # Thousands of crops: 20 steps of 64, then 5 more.
    np.testing.assert_allclose(curve, [[1.28, 20.0], [1.6, 21.0]])
    assert words(figure) == ["64 px", "224 px"]


def gated_log(kept: float, used: float) -> list[dict[str, float]]:
    """Three rows of 640 crops, the last one with PSNR; attention keeps .1 more than FFN."""
    names = ("kept_attention", "kept_ffn", "open_attention", "open_ffn")
    shares = dict(zip(names, (kept + 0.05, kept - 0.05, used + 0.05, used - 0.05), strict=True))
    return [row(10, **shares), row(20, **shares), row(30, psnr10=28.0 + kept, **shares)]


NO_SHARES = dict.fromkeys(
    ("kept_attention", "kept_ffn", "open_attention", "open_ffn"), float("nan")
)


def test_gated_runs_show_shares_and_quality_against_crops() -> None:
    logs = {
        "icolorit-t": [row(10, **NO_SHARES), row(20, psnr10=28.5, **NO_SHARES)],
        "acolvit-t-0.9": gated_log(0.875, 0.75),
        "acolvit-t-0.5": gated_log(0.5, 0.625),
        "static-t-0.5": [row(30, psnr10=28.25, **NO_SHARES)],
        "acolvit-t-0.5-bare": gated_log(0.5, 0.375),
    }
    figure = figures.gated_runs(logs, {"acolvit-t-0.9": 0.9, "acolvit-t-0.5": 0.5})
    quality = lines(figure, 1)
    assert list(quality) == list(logs)
    # Thousands of crops: 20 or 30 steps of 64.
    np.testing.assert_allclose(quality["icolorit-t"], [[1.28, 28.5]])
    np.testing.assert_allclose(quality["acolvit-t-0.9"], [[1.92, 28.875]])
    # Shares of all sub-layers, as drawn for 0.9 and then for 0.5: budget, sampled, in use.
    shares = [line.get_xydata() for line in figure.axes[0].get_lines()][:6]
    assert [xy[0, 1] for xy in shares] == pytest.approx([0.9, 0.875, 0.75, 0.5, 0.5, 0.625])
    np.testing.assert_allclose(shares[1][:, 0], [0.64, 1.28, 1.92])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == list(logs)


def test_controls_have_the_colour_of_their_model_and_lines_of_their_own() -> None:
    runs = ["icolorit-t", "acolvit-t-0.5", "static-t-0.5", "acolvit-t-0.5-bare"]
    logs = {name: gated_log(0.5, 0.5) for name in runs}
    drawn = figures.gated_runs(logs, {"acolvit-t-0.5": 0.5}).axes[1].get_lines()
    colors = [line.get_color() for line in drawn]
    assert colors == [MODEL_COLORS["icolorit-t"], *[MODEL_COLORS["acolvit-t-0.5"]] * 3]
    looks = {(line.get_linestyle(), line.get_marker()) for line in drawn[1:]}
    assert len(looks) == 3
