"""Networks beside the static controls of a made-up table, by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from colorlib.course.n07 import beside_static
from colorlib.files import ColorlibError

PHOTOS = np.array(["p", "q"])
# Row -> PSNR of two photos, and GMAC.
ROWS = {
    "icolorit-t": ((28.2, 30.2), 1.43),
    "static-t-0.5": ((27.0, 29.0), 0.82),
    "acolvit-t-0.5": ((27.2, 29.0), 0.83),
    "acolvit-t-any@0.5": ((26.9, 28.9), 0.9),
}


def write_table(folder: Path, rows: list[str]) -> Path:
    lines, arrays = ["set,model,budget,hints,photos,psnr,gmac"], {}
    for row in rows:
        psnr, gmac = ROWS[row]
        model, _, budget = row.partition("@")
        for hints in (1, 10):
            lines.append(f"cub200,{model},{budget},{hints},2,{np.mean(psnr)},{gmac}")
            arrays[f"cub200|{row}|{hints}|photo"] = PHOTOS
            arrays[f"cub200|{row}|{hints}|psnr"] = np.array(psnr) - (hints == 1)
    (folder / "table1.csv").write_text("\n".join(lines))
    np.savez(folder / "table1.npz", **arrays)
    return folder / "table1.csv"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder whose cards say what was seen; the bare variant has numbers, too."""
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    for place in ("checkpoints", "runs"):
        (tmp_path / place).mkdir()
    measured = {"cub200": {"photos": 2, "psnr": {"10": 27.85}, "gmac": {"10": 0.71}}}
    cards = {
        "checkpoints/acolvit-t-0.5": {"crops_seen": 16000},
        "checkpoints/acolvit-t-any": {"crops_seen": 24000},
        "runs/static-t-0.5": {"crops_seen": 16000},
        "runs/acolvit-t-0.5-bare": {"crops_seen": 8000, "measured": measured},
    }
    for name, card in cards.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"model": {}, **card}))
        (tmp_path / f"{name}.safetensors").touch()
    return tmp_path


def test_networks_beside_the_static_control(data: Path) -> None:
    """Of .2 and 0 the mean is .1, its error .1, and t of 1 at 97.5% is 12.706: 1.27 either way."""
    head, line, crops = beside_static(write_table(data, [*ROWS])).splitlines()
    assert head.split(maxsplit=1)[0] == "static"
    cells = ("28.00 (0.82 G)", "+0.10 [-1.17, +1.37] (0.83 G)", "-0.10 [-0.10, -0.10] (0.90 G)")
    assert line.split() == f"cub200, budget 0.5 {' '.join(cells)} -0.15 (0.71 G)".split()
    assert crops == "crops seen: static 16,000, gated 16,000, dial 24,000, bare 8,000"


def test_what_was_not_measured_is_a_dash(data: Path) -> None:
    card = data / "runs" / "acolvit-t-0.5-bare.json"
    card.write_text(card.read_text().replace('"photos": 2', '"photos": 3'))
    _, line, _ = beside_static(write_table(data, ["static-t-0.5"])).splitlines()
    assert line.split()[-3:] == ["-", "-", "-"]


def test_a_table_without_controls_is_refused(data: Path) -> None:
    with pytest.raises(ColorlibError, match="no row static-t-BUDGET"):
        beside_static(write_table(data, ["icolorit-t"]))
