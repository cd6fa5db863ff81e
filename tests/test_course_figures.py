"""How pictures are shown, and what nbval cannot hold, as no notebook shows it."""

import math
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from colorlib.course import n04, style


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
