"""How pictures are shown, and what stands in tables; the pictures are drawn by the notebooks."""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from colorlib import files, table2
from colorlib.course import n04, n05, n06, style
from colorlib.table1 import Interval


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_picture_is_shown_once_as_png_or_jpeg(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[dict[str, Any]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    before = dict(plt.rcParams)
    photo = np.zeros((6, 8, 3), np.uint8)
    figure = n04.loss_shapes() if kind == "png" else style.pictures([photo] * 3, ["a", "b", "c"], 2)
    figure._ipython_display_()
    assert [{*data} for data in shown] == [{f"image/{kind}", "text/plain"}]
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
        kept = {"kept_attention": 0.5, "kept_ffn": 0.25}
        return {"crops": crops, "huber": 0.09, "psnr10": psnr10, **kept, **shares}

    none = (math.nan, math.nan)
    logs = {
        "icolorit-t": [row(160, 26.0, none), row(320, 28.0, none)],
        # In use (.4 + .5) / 2 = .45; 27.87 - 28 = -.13.
        "gated": [row(160, math.nan, (1, 1)), row(320, 27.87, (0.4, 0.5))],
        "short": [row(160, 26.05, none)],  # compared with the dense one at 160 crops
        "long": [row(480, 29.0, (1, 0))],
    }
    table = n04.comparison(logs, "icolorit-t")
    assert table.columns[-1] == "against icolorit-t"
    assert table.drop(columns=["sampled", "first loss", "last loss"]).T.to_dict("list") == {
        "icolorit-t": ["-", "28.00", "+0.00"],
        "gated": ["0.45", "27.87", "-0.13"],
        "short": ["-", "26.05", "+0.05"],
        "long": ["0.50", "29.00", "-"],
    }
