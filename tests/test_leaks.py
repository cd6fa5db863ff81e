"""How much of a hint leaks: the measure by hand, and the tool on one drawn photo."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from tools import leaks


def test_a_leak_by_hand() -> None:
    """Of a change of 10 on three pixels, two of them in a region of four, 2/3 fall inside."""
    before = torch.zeros(2, 2, 3)
    after, region = before.clone(), torch.zeros(2, 3, dtype=torch.bool)
    region[:, :2] = True
    after[:, 0] = torch.tensor([6.0, 8.0])[:, None]  # a distance of 10
    assert leaks.leak(before, after, region) == pytest.approx((2 / 3, 1 / 2))
    assert leaks.leak(before, before, region) == (0, 0)


def test_the_middle_of_a_region_is_far_from_the_photos_border_too() -> None:
    region = np.zeros((9, 12), bool)
    region[:, :5] = True
    assert leaks.middle(region)[1] == 2


@pytest.fixture
def two_halves(tmp_path):
    """BSDS500's layout with one photo: a dark left third, a light rest."""
    data = tmp_path / "a folder"
    for folder in ("images/test", "groundTruth/test"):
        (data / folder).mkdir(parents=True)
    drawn = np.ones((30, 45), np.uint16)
    drawn[:, 15:] = 2
    rgb = np.where(drawn[..., None] == 1, 60, 200).repeat(3, axis=2).astype(np.uint8)
    Image.fromarray(rgb).save(data / "images/test/1.jpg", quality=100)
    cell = np.empty((1, 1), object)
    cell[0, 0] = {"Segmentation": drawn}
    savemat(data / "groundTruth/test/1.mat", {"groundTruth": cell})
    return data


def test_levin_fills_the_photo_with_one_hint_and_stops_at_the_edge_for_a_grey_one(
    two_halves, tmp_path, monkeypatch, capsys
) -> None:
    out = tmp_path / "leaks.csv"
    monkeypatch.setattr("sys.argv", ["leaks.py", str(two_halves), "--models", "--out", str(out)])
    assert leaks.main() == 0
    alone, fenced = pd.read_csv(out).itertuples()
    # A single hint's colour is the only answer of the equations: everywhere, so 1/3 of it inside.
    assert alone.inside == pytest.approx(1 / 3, abs=0.01) == alone.area
    assert alone.reached == 1
    assert fenced.inside > 0.95
    assert "levin-2004" in capsys.readouterr().out


def test_a_folder_without_ground_truth_is_named(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["leaks.py", str(tmp_path), "--models"])
    assert leaks.main() == 2
    assert f"below {tmp_path}" in capsys.readouterr().err
