"""Every picture and table of the notebooks can be drawn; what they show, the notebooks have."""

import math
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from colorlib import color, files, hints, photos, table2
from colorlib.course import n01, n02, n03, n04, n05, n06, n07, style
from colorlib.table1 import Interval

RANDOM = np.random.default_rng(0)
PHOTO = photos.gallery("flower").resized(56)
L, AB = color.srgb_to_lab(PHOTO.tensor())
HINTS = hints.evaluation_hints(PHOTO, 5)
MAP = hints.hint_map(HINTS)
BIG_L, BIG_AB = color.srgb_to_lab(photos.gallery("flower").resized(224).tensor())
X = hints.network_input(BIG_L, MAP)
PIXELS = RANDOM.integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
GATES = RANDOM.random((6, 12, 2)) < 0.5
LOGITS = RANDOM.normal(size=(6, 12, 2))
NAMES = [f"a photo with a long name, {index}" for index in range(6)]
SURE, UNSURE = Interval(0.1, 0.05, 0.15), Interval(-0.02, -0.06, 0.02)
LOG = [
    {
        "step": step,
        "crops": 8.0 * step,
        "huber": 0.1,
        "psnr10": math.nan if step % 2 else 20.0 + step,
        **dict.fromkeys(("kept_attention", "kept_ffn", "open_attention", "open_ffn"), 0.5),
    }
    for step in range(6)
]
BOTH = {"acolvit-t-0.5": np.arange(6), "acolvit-t-any": np.arange(6) * 2.0}
RANKS = pd.DataFrame({place: {"edges": SURE, "segments": UNSURE} for place in ("a", "b")})

FIGURES: dict[str, Callable[[], Figure]] = {
    "pictures": lambda: style.pictures(PIXELS[:5], NAMES[:5], columns=3),
    "split": lambda: n01.split(PHOTO.rgb, L, AB),
    "ramps": lambda: n01.ramps(np.linspace(0, 1, 5), np.linspace(0, 100, 5)),
    "cards": lambda: n01.cards(["a", "b"], PIXELS[0, 0, :2], np.array([[50, -0.2, 9], [99, 0, 1]])),
    "same_lightness": lambda: n01.same_lightness(70.0, torch.zeros(1, 2, 1, 5)),
    "channels": lambda: n01.channels(AB),
    "cloud": lambda: n01.cloud(AB[0].flatten(1).T.numpy()),
    "gamut_slices": lambda: n01.gamut_slices({L: color.gamut(L, 8.0) for L in (30.0, 70.0)}),
    "nearest": lambda: n01.nearest(70.0, np.array([[90, 90]]), np.array([[40, 40]]), step=4.0),
    "half_grey": lambda: n01.half_grey([PHOTO.rgb] * 2, ["a", "b"], columns=2),
    "one_hint": lambda: n02.one_hint(BIG_L, BIG_AB, MAP, (3, 7), 2),
    "four_channels": lambda: n02.four_channels(X),
    "to_scale": lambda: n02.to_scale(BIG_L, [MAP, MAP]),
    "densities": lambda: n02.densities(*RANDOM.integers(0, 112, (2, 50, 2)), grid=112),
    "counts": lambda: n02.counts({"a": [1, 2, 2], "b": [0, 9]}, dict.fromkeys("ab", np.ones(129))),
    "hinted": lambda: n02.hinted([PHOTO.rgb] * 2, [HINTS] * 2, "ab", 2),
    "spreading": lambda: n02.spreading(PHOTO.rgb, [HINTS], [PHOTO.rgb], ["one hint"]),
    "psnr_by_count": lambda: n02.psnr_by_count({"a": [1, 2], "b": [2, 2.1]}, [1, 10]),
    "network": lambda: n03.network(PIXELS[0], PIXELS[1]),
    "position_code": lambda: n03.position_code(RANDOM.normal(size=(196, 8))),
    "position_bias": lambda: n03.position_bias(RANDOM.normal(size=(27 * 27, 3))),
    "hint_attention": lambda: n03.hint_attention(
        PIXELS[0], 3, 4, PIXELS[0, ..., 0], [RANDOM.uniform(0.1, 9, (14, 14)), None]
    ),
    "decisions": lambda: n03.decisions(RANDOM.random((12, 2)), LOGITS.transpose(1, 0, 2)),
    "gumbel_sigmoid": lambda: n03.gumbel_sigmoid(
        np.arange(9) - 4, np.ones(9), np.ones(9), {1.0: np.ones(9), 5.0: np.zeros(9)}
    ),
    "paths": lambda: n03.paths(PIXELS[:3], GATES[:3], [0.5, 0.6, 0.7]),
    "pixel_shuffle": lambda: n03.pixel_shuffle(np.ones((14, 14)), np.ones((56, 56)), PIXELS[0]),
    "costs": lambda: n03.costs(
        {"embedding": 0.1, "attention": 0.04, "FFN": 0.06, "head": 0.2}, 12, {24: 1.4, 0: 0.2}
    ),
    "loss_shapes": n04.loss_shapes,
    "training_batch": lambda: n04.training_batch(
        torch.from_numpy(PIXELS[:2]).permute(0, 3, 1, 2),
        torch.cat((X, X)),
        torch.cat((X, X))[:, 1:3],
    ),
    "kept_shares": lambda: n04.kept_shares(torch.from_numpy(GATES[:3, :, 0]), 0.5),
    "learning_curves": lambda: n04.learning_curves(LOG, 18.0),
    "gate_training": lambda: n04.gate_training({"a": [(0.5, 0.6)], "b": [(0.3, 0.4)]}, 0.3),
    "phases": lambda: n04.phases({"112 px": LOG, "224 px": LOG}),
    "gated_runs": lambda: n04.gated_runs(
        dict.fromkeys(("acolvit-t-0.5", "static-t-0.5", "acolvit-t-0.5-bare"), LOG),
        {"acolvit-t-0.5": 0.5},
    ),
    "equal_steps": n05.equal_steps,
    "differences": lambda: n05.differences({"a": {("static-t-0.5", 10): SURE}, "b": {}}, 10),
    "quality_and_cost": lambda: n05.quality_and_cost(
        dict.fromkeys(("acolvit-t-0.5", "acolvit-t-any@0.5", "static-t-0.5"), (0.8, SURE)),
        n05.paper_curve("oxford17", 10),
        10,
    ),
    "figure_two": lambda: n05.figure_two([(PHOTO.rgb, HINTS, [PHOTO.rgb])] * 2, ["hints", "truth"]),
    "amdahl": lambda: n06.amdahl(
        {"embedding": 1.0, "head": 2.0, "decisions": 0.1, "attention": 0.5, "FFN": 0.7},
        {24: 17.0, 12: 10.0, 0: 3.0},
        {24: 1.4, 12: 0.8, 0: 0.2},
    ),
    "curve": lambda: n06.curve(table2.read_table(files.data_dir() / "results" / "table2.csv")),
    "shared_paths": lambda: n06.shared_paths({"acolvit-t-any@0.5": {1: 6.0, 4: 9.0}}),
    "extremes": lambda: n07.extremes(PIXELS, NAMES, BOTH, BOTH),
    "who_keeps_what": lambda: n07.who_keeps_what(
        dict.fromkeys(BOTH, GATES), NAMES, dict.fromkeys(BOTH, np.ones(6))
    ),
    "many_photos": lambda: n07.who_keeps_what(
        {"a": GATES.repeat(5, 0)}, NAMES * 5, {"a": np.ones(30)}
    ),
    "margins": lambda: n07.margins({"a": LOGITS, "b": LOGITS}),
    "exchanges": lambda: n07.exchanges({"a": {"swap": np.ones(6)}}, {("a", "swap"): SURE}),
    "goes_with": lambda: n07.goes_with(
        BOTH, {"edges": np.ones(6)}, {(name, "edges"): SURE for name in BOTH}
    ),
    "with_hints": lambda: n07.with_hints((1, 10), {"a": np.ones((6, 2)), "b": np.ones((6, 2))}),
    "correlations": lambda: n07.correlations({"acolvit-t-0.5": RANKS, "acolvit-t-any@0.5": RANKS}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_picture_is_shown_once_as_png_or_jpeg(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    before = dict(plt.rcParams)
    figure = FIGURES[name]()
    figure._ipython_display_()
    (data,) = shown
    (kind,) = {"image/png", "image/jpeg"} & set(data)
    assert (kind == "image/jpeg") == isinstance(figure, style.PhotoFigure)
    assert dict(plt.rcParams) == before
    assert not plt.get_fignums()


def test_table_1_beside_the_papers() -> None:
    column = "lpips_vgg_icolorit"
    heads = ("row", "photos", "gmac", column)
    rows = (
        ("icolorit-t", 370, 1.4307, 0.1),
        ("acolvit-t-0.9", 370, 1.29, 0.0991),
        ("levin-2004", 100, math.nan, 0.13),
    )
    lines = pd.DataFrame(rows, columns=heads).assign(
        set="cub200", hints=5, **{f"{column}_se": 0.001}
    )
    gains = {("acolvit-t-0.9", 5): Interval(-0.0009, -0.0012, -0.0006)}
    table = n05.table(lines, "cub200", gains, column)
    title, *_, dense, theirs, own, printed, levin = str(table).splitlines()
    assert title == (
        "LPIPS by VGG, fed [0, 1]: cub200, 370 photos, and the paper's by VGG, fed [0, 1]: "
        "CUB-200-2011 test"
    )
    assert dense.split() == ["icolorit-t", "ours", "1.43", "0.100", "±0.001"]
    assert theirs.split() == ["the", "paper's", "1.43", "0.010"]
    assert own.split() == ["acolvit-t-0.9", "ours", "1.29", "0.099", "±0.001", "-0.001"]
    # What the paper prints there as the difference, -0.004, is not that of its two values.
    assert printed.split() == ["the", "paper's", "1.32", "0.096", "+0.086*"]
    assert levin.split() == ["levin-2004", "(100)", "ours", "0.130", "±0.001"]
    html = table._repr_html_()
    assert html == n05.table(lines, "cub200", gains, column)._repr_html_()
    assert f"color: {n05.BETTER_COLOR}" in html  # less LPIPS is better


def test_table_2_beside_the_papers() -> None:
    landed = table2.read_table(files.data_dir() / "results" / "table2.csv")
    table = n06.table(landed)
    printed = table.texts.loc[("the paper, on its CPU", "acolvit-t-0.3")]
    assert printed.tolist()[-4:] == ["2.15", "3.11", "69%", "2.15"]
    own = table2.speed_row(landed, table2.Subject("eager", "acolvit-t-0.5"))
    shown = table.texts.loc[("eager: PyTorch, skipping", "acolvit-t-0.5")]
    assert shown["images/s"] == f"{own['images_per_s']:.1f}"
    assert shown["reached"] == f"{own['over_dense'] / own['allowed']:.0%}"
    assert "the paper" not in str(n06.table(landed, batch=16))


def test_runs_are_compared_at_as_many_crops() -> None:
    def row(crops: float, psnr10: float, used: tuple[float, float]) -> dict[str, float]:
        shares = dict(zip(("open_attention", "open_ffn"), used, strict=True))
        return {"crops": crops, "huber": 0.09, "psnr10": psnr10, **shares}

    none = (math.nan, math.nan)
    logs = {
        "icolorit-t": [row(160, 26.0, none), row(320, 28.0, none)],
        # In use (.4 + .5) / 2 = .45; 27.87 - 28 = -.13.
        "gated": [row(160, math.nan, (1, 1)), row(320, 27.87, (0.4, 0.5))],
        "short": [row(160, 26.05, none)],  # compared with the dense one at 160 crops
        "long": [row(480, 29.0, (1, 0))],
    }
    header, *lines = n04.comparison(logs, "icolorit-t").splitlines()
    assert header.endswith("against icolorit-t")
    assert [line.split() for line in lines] == [
        ["icolorit-t", "-", "0.0900", "0.0900", "28.00", "+0.00"],
        ["gated", "0.45", "0.0900", "0.0900", "27.87", "-0.13"],
        ["short", "-", "0.0900", "0.0900", "26.05", "+0.05"],
        ["long", "0.50", "0.0900", "0.0900", "29.00", "-"],
    ]
