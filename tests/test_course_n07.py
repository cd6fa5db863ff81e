"""The text of notebook 07: words from numbers, controls, correlations, what is in photos."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from colorlib import checkpoints, table1
from colorlib.course import n07
from colorlib.course.n07 import NOTHING, edges, segments
from colorlib.files import ColorlibError, data_dir
from colorlib.metrics import colorfulness
from colorlib.photos import open_photo
from colorlib.table1 import Interval

UP, DOWN, NONE = Interval(0.5, 0.3, 0.7), Interval(-0.5, -0.7, -0.3), Interval(0.1, -0.1, 0.3)
ZERO = Interval(0, 0, 0)


def test_whether_photos_differ_and_who_keeps_more() -> None:
    assert [n07.words(std, NONE, ZERO)[0] for std in (0.4, 1.0)] == ["nearly static", "varies"]
    orders = [n07.words(2.0, hard, ZERO)[1] for hard in (UP, DOWN, NONE, NOTHING)]
    assert orders == ["hard keep more", "hard keep less", "no order seen", "no order seen"]


@pytest.mark.parametrize(
    ("worth", "word"),
    [
        ((0.03, 0.01, 0.05), "worth something"),
        ((0.029, 0.01, 0.048), "no worth seen"),  # sure of its sign, and small
        ((0.08, -0.01, 0.17), "no worth seen"),  # large, and not sure
        ((-0.04, -0.05, -0.03), "better exchanged"),
        ((-0.04, -0.09, 0.01), "no worth seen"),
        ((0.01, -0.009, 0.029), "worth nothing"),
        ((-0.01, -0.03, 0.01), "no worth seen"),  # may be as much as 0.03
        ((0, 0, 0), "worth nothing"),
        ((0.1, math.nan, math.nan), "no worth seen"),
    ],
)
def test_a_worth_needs_sign_and_size(worth: tuple[float, float, float], word: str) -> None:
    assert n07.words(2.0, NONE, Interval(*worth))[2] == word


def write_card(folder: Path, name: str, kind: str = "checkpoints", **entries: Any) -> None:
    path = folder / kind / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"model": {}, "measured": {}, **entries}), encoding="utf-8")
    if kind == "checkpoints":
        path.with_suffix(".safetensors").touch()


def test_answers_are_read_from_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    measured = {place: {"photos": 100} for place in ("gallery", "cub200")}
    found = {"kept_mean": 11.5, "kept_std": 2.5, "static": 0.25, "spearman": 0.5}
    found |= {"swap_db": 0.1, "swap_db_se": 0.02}
    still = {**found, "kept_std": 0.0, "static": 1.0, "spearman": None, "swap_db": 0.0}
    own = {"gallery": found, "cub200": {**found, "budget": 0.5}}
    write_card(tmp_path, "icolorit-t")
    write_card(tmp_path, "acolvit-t-any", measured=measured, adaptivity=own)
    still["swap_db_se"] = 0.0
    write_card(tmp_path, "trial", "runs", measured=measured, adaptivity={"cub200": still})
    answers = n07.answers()
    assert [*answers.index] == [("acolvit-t-any@0.5", "cub200"), ("trial", "cub200")]
    assert answers.iloc[0].tolist() == [
        "11.5 ± 2.50",
        "6",
        n07.rank_interval_of(0.5, 100).text(),
        "-0.10 [-0.14, -0.06]",  # Student's t of 99 at 97.5% is 1.98
        *n07.AS_THE_PAPER,
    ]
    assert answers.iloc[1].tolist()[2:] == [
        *("-", "+0.00 [+0.00, +0.00]", "nearly static", "no order seen", "worth nothing")
    ]


def test_every_gated_network_of_the_repository_answers() -> None:
    """On the three test sets; which words, the weights say."""
    names = [name.partition("@")[0] for name, _ in n07.answers().index]
    gated = {name for name in checkpoints.available() if checkpoints.card(name)["model"]["policy"]}
    assert gated <= set(names) <= set(n07.cards())
    assert all(names.count(name) == 3 for name in names)


def write_gates(folder: Path, turned: str = "", photos: int = 40) -> tuple[Path, Path]:
    """Photos that keep the more the more edges they have; segments count down.

    The photos of the run `turned` stand in another order.
    """
    random = np.random.default_rng(0)
    names = [f"p{number}" for number in range(photos)]
    lines = [f"cub200,{name},50.00,{i / 1000:.5f},{photos - i}" for i, name in enumerate(names)]
    contents = folder / "contents.csv"
    contents.write_text("\n".join(["set,photo,colorfulness,edges,segments", *lines, ""]))
    table, arrays = ["set,model,budget,hints,photos,psnr"], {}
    for row, cells in (("a@0.5", "a,0.5"), ("icolorit-t", "icolorit-t,")):
        for count in (1, 10):
            kept = np.arange(photos) * 20 // photos + (count == 1)
            gates = (np.arange(24) < kept[:, None]).reshape(photos, 12, 2)
            table.append(f"cub200,{cells},{count},1,1")
            start = f"cub200|{row}|{count}|"
            own = names[::-1] if turned == f"{row}|{count}" else names
            arrays |= {start + "photo": np.array(own), start + "gates": gates}
            arrays[start + "delta_e"] = random.normal(size=photos).astype(np.float32)
    (folder / "table1.csv").write_text("\n".join(table))
    np.savez(folder / "table1.npz", **arrays)
    return folder / "table1.csv", contents


def test_correlations_of_a_table(tmp_path: Path) -> None:
    table, contents = write_gates(tmp_path)
    found = n07.rank_correlations(table, contents, "a@0.5")["cub200"]
    # 40 photos, two and two keep as many: ranks 1.5, 1.5, 3.5 ... against 1, 2, 3 ...
    assert found["edges"].value == pytest.approx(1, abs=1e-3)
    assert found["segments"].value == pytest.approx(-1, abs=1e-3)
    assert math.isnan(found["colorfulness"].value)
    assert found[n07.HARDNESS].sign == 0
    # One hint always keeps one more than ten do, however far apart the photos are.
    assert found[n07.HINTS] == (-1, -1, -1)
    with pytest.raises(ColorlibError, match="has no row b"):
        n07.rank_correlations(table, contents, "b")
    contents.write_text(contents.read_text().replace("p7,", "p70,"))
    with pytest.raises(ColorlibError, match="has no photo p7 of cub200"):
        n07.rank_correlations(table, contents, "a@0.5")


@pytest.mark.parametrize("run", ["icolorit-t|10", "a@0.5|1"])
def test_photos_are_compared_by_name(tmp_path: Path, run: str) -> None:
    """Rows of the same photos in another order would be paired wrongly."""
    table, contents = write_gates(tmp_path, turned=run)
    with pytest.raises(ColorlibError, match=r"cub200 in .* not of the same photos"):
        n07.rank_correlations(table, contents, "a@0.5")


def quarters(side: int = 64) -> np.ndarray:
    """Four plain colours."""
    colours = np.array([[[200, 30, 30], [30, 200, 30]], [[30, 30, 200], [220, 220, 30]]], np.uint8)
    return colours.repeat(side // 2, axis=0).repeat(side // 2, axis=1)


def test_edges_by_hand() -> None:
    plain = np.full((40, 40, 3), 90, np.uint8)
    assert edges(plain) == pytest.approx(0, abs=1e-12)
    # Black and white halves, a step of 1: in both columns beside it the filter (1, 0, -1) gives
    # 1, over the root of 2 as there are two directions; 2 of 40 columns.
    plain[:, :20], plain[:, 20:] = 0, 255
    assert edges(plain) == pytest.approx(2 / 40 / np.sqrt(2), rel=1e-4)


def test_segments_by_hand() -> None:
    # A speck under the least size belongs to what is around it.
    speck = np.full((64, 64, 3), 90, np.uint8)
    speck[30:34, 30:34] = 255
    assert [segments(quarters()), segments(speck)] == [4, 1]


def test_a_table_of_contents(tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "imagenet" / "val"
    folder.mkdir(parents=True)
    for number in range(2):
        Image.fromarray(quarters(80 + 10 * number)).save(folder / f"photo_{number}.JPEG")
    n07.make_contents(tmp_path, tmp_path / "contents.csv")
    head, _, line = (tmp_path / "contents.csv").read_text().splitlines()
    assert head == "set,photo,colorfulness,edges,segments"
    rgb = open_photo(folder / "photo_1.JPEG").resized(n07.SIDE).rgb
    numbers = f"{float(colorfulness(rgb)):.2f},{edges(rgb):.5f},{segments(rgb)}"
    assert line == f"imagenet,photo_1,{numbers}"


def test_the_landed_table_is_of_the_test_sets(shared_dir: Path) -> None:
    """Every photo is there; of two in each set the numbers come out again."""
    path = data_dir() / "results" / "contents.csv"
    landed = table1.read_csv(path, n07.FEATURES, ("set", "photo")).set_index(["set", "photo"])
    sets, _ = table1.find_sets(shared_dir / "datasets" / "paper")
    assert {*landed.index} == {(one.name, path.stem) for one in sets for path in one.paths}
    for one in sets:
        for path in (one.paths[0], one.paths[-1]):
            again = n07.measure(open_photo(path).resized(n07.SIDE).rgb[None])
            for name, (_, digits) in n07.FEATURES.items():
                allowed = 10.0**-digits if name != "segments" else 1  # a tie may fall otherwise
                number = landed.loc[(one.name, path.stem)][name]
                assert number == pytest.approx(float(again[name][0]), abs=allowed)
