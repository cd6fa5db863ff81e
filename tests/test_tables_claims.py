"""Questions to gates: intervals and words by hand, and the tables they are read from."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from colorlib import checkpoints
from colorlib.errors import DataError
from colorlib.tables import claims
from colorlib.tables.claims import (
    NOTHING,
    Answers,
    Interval,
    mean_interval,
    one_for_all,
    rank_interval,
    rank_interval_of,
)


def test_intervals_say_on_which_side_they_are() -> None:
    assert [Interval(0, *ends).sign for ends in ((0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1))] == [
        1,
        -1,
        0,
    ]
    assert NOTHING.sign == 0
    assert Interval(0.314, -0.001, 0.5).text() == "+0.31 [+0.00, +0.50]"
    assert Interval(0.314, -0.06, 0.5).text(1) == "+0.3 [-0.1, +0.5]"
    assert NOTHING.text() == "-"


def test_the_correlation_is_scipys_and_lies_in_its_interval() -> None:
    random = np.random.default_rng(0)
    x = random.integers(0, 4, 200)
    y = x + random.normal(0, 2, 200)
    found = rank_interval(x, y)
    assert found.value == pytest.approx(spearmanr(x, y).statistic)
    assert found.low < found.value < found.high
    # The bootstrap's interval and that of the formula are of about one width.
    by_formula = rank_interval_of(found.value, 200)
    assert found.low == pytest.approx(by_formula.low, abs=0.05)
    assert found.high == pytest.approx(by_formula.high, abs=0.05)
    assert rank_interval(x, y) == found  # the same draws


def test_several_measurements_of_a_photo_are_drawn_together() -> None:
    """Ten copies of each photo are no more photos: the interval stays as wide."""
    random = np.random.default_rng(1)
    x, y = random.normal(size=(2, 30))
    single = rank_interval(x, y)
    copies = rank_interval(*(np.repeat(values[:, None], 10, axis=1) for values in (x, y)))
    assert copies.value == pytest.approx(single.value)
    assert copies.high - copies.low == pytest.approx(single.high - single.low, rel=0.02)


def test_what_is_constant_goes_with_nothing() -> None:
    assert rank_interval(np.full(9, 12), np.arange(9)) is NOTHING
    assert rank_interval_of(None, 400) is NOTHING
    assert rank_interval_of(0.3, 3) is NOTHING
    assert rank_interval_of(1.0, 10) == (1, 1, 1)
    with pytest.raises(DataError, match=r"\[3\] and \[4\] cannot be compared"):
        rank_interval(np.zeros(3), np.zeros(4))


def test_one_odd_photo_makes_no_rule() -> None:
    """Of 24 photos the hardest alone keeps more: it is missing in a third of the drawn sets."""
    kept, hardness = np.full(24, 12), np.arange(24)
    kept[-1] = 13
    found = rank_interval(kept, hardness)
    assert found.value > 0.3
    assert found.low == found.sign == 0


def test_the_interval_of_a_known_correlation_by_hand() -> None:
    # artanh .5 = .549306; sqrt(1.125 / 97) = .107694, times 1.96 = .211080;
    # tanh .338226 = .325896, tanh .760386 = .641304.
    assert rank_interval_of(0.5, 100) == pytest.approx((0.5, 0.325896, 0.641304), abs=1e-5)


def test_the_interval_of_a_mean_by_hand() -> None:
    # 1, 2, 3: mean 2, deviation 1, error 1 / sqrt 3 = .57735; t of 2 at 97.5% is 4.30265.
    assert mean_interval([1, 2, 3]) == pytest.approx((2, 2 - 2.48414, 2 + 2.48414), abs=1e-4)
    assert mean_interval([5.0])[0] == 5
    assert math.isnan(mean_interval([5.0]).low)


def test_one_pattern_for_all_by_hand() -> None:
    """Kept by 3, 1, 2 and 2 of three photos, 8 / 3 each: the three most kept."""
    gates = torch.tensor(
        [[[1, 0], [1, 1]], [[1, 0], [0, 1]], [[1, 1], [1, 0]]],
    )
    assert one_for_all(gates).tolist() == [[True, False], [True, True]]


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_one_pattern_keeps_as_many(photos: int, seed: int) -> None:
    gates = torch.rand(photos, 4, 2, generator=torch.Generator().manual_seed(seed)) < 0.6
    mean = float(gates.flatten(1).sum(dim=1).double().mean())
    assert abs(int(one_for_all(gates).sum()) - mean) <= 0.5
    alike = gates[:1].expand(photos, 4, 2)
    assert torch.equal(one_for_all(alike), gates[0])


def answer(spread: float, hard: Interval, worth: float) -> Answers:
    return Answers("a", "cub200", 100, spread, 0.5, 3, hard, worth)


UP, DOWN, NONE = Interval(0.5, 0.3, 0.7), Interval(-0.5, -0.7, -0.3), Interval(0.1, -0.1, 0.3)


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((1.9, UP, 0.02), ("nearly static", "hard keep more", "worth nothing")),
        ((2.0, DOWN, -0.02), ("varies", "hard keep less", "worth nothing")),
        ((6.0, NONE, 0.03), ("varies", "no order seen", "worth something")),
        ((6.0, NOTHING, -0.03), ("varies", "no order seen", "better exchanged")),
    ],
)
def test_words_follow_from_numbers(numbers: tuple[Any, ...], words: tuple[str, ...]) -> None:
    found = answer(*numbers)
    assert found.words == words
    assert not found.adaptive
    assert ", ".join(words) in str(found)


def test_adaptive_is_all_three() -> None:
    assert answer(4.0, UP, 0.1).adaptive


def test_every_gated_network_of_the_repository_answers() -> None:
    """As its card says; words cannot be held here, as they follow the weights."""
    found = claims.answers()
    gated = {name for name in checkpoints.available() if checkpoints.card(name)["model"]["policy"]}
    assert gated <= {one.model.partition("@")[0] for one in found}
    assert "gallery" not in {one.place for one in found}
    for one in found:
        name = one.model.partition("@")[0]
        card = checkpoints.card(name) if name in gated else claims.run_cards()[name]
        figures = card["adaptivity"][one.place]
        assert (one.spread, one.worth) == (figures["kept_range"], figures["swap_db"])
        assert one.photos == card["measured"][one.place]["photos"] > 100


def write_card(path: Path, psnr: float, **entries: Any) -> None:
    measured = {"psnr": {"10": psnr}, "gmac": {"10": 0.8207}, "photos": 50}
    card = {"model": {}, "measured": {"gallery": measured, "cub200": measured}, **entries}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(card), encoding="utf-8")


def test_networks_beside_the_static_control(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    for name, psnr in {"acolvit-t-0.5": 28.04, "acolvit-t-any": 27.0}.items():
        checkpoints_file = tmp_path / "checkpoints" / f"{name}.safetensors"
        dial = {"cub200": {"0.5": {"psnr": 27.9, "gmac": 0.9}}} if name.endswith("any") else {}
        write_card(checkpoints_file.with_suffix(".json"), psnr, dial=dial)
        checkpoints_file.touch()
    write_card(tmp_path / "runs" / "static-t-0.5.json", 28.0)
    _, *lines = claims.beside_static().splitlines()
    (line,) = lines  # neither budgets without a control nor the gallery
    own, *others = ["28.00 (0.82 G)", "+0.04 (0.82 G)", "-0.10 (0.90 G)", "-"]
    assert line.split() == f"budget 0.5, cub200 {own} {' '.join(others)}".split()


def write_table(folder: Path, photos: int = 40) -> tuple[Path, Path]:
    """Photos that keep the more the more edges they have; segments count down."""
    random = np.random.default_rng(0)
    names = [f"p{number}" for number in range(photos)]
    lines = [f"cub200,{name},50.00,{i / 1000:.5f},{photos - i}" for i, name in enumerate(names)]
    contents = folder / "contents.csv"
    contents.write_text(
        "\n".join(["set,photo,colorfulness,edges,segments", *lines, "imagenet,q,1,1,1", ""])
    )
    arrays: dict[str, np.ndarray] = {}
    for row in ("a@0.5", "icolorit-t"):
        for count in (1, 10):
            kept = np.arange(photos) * 20 // photos + (count == 1)
            gates = (np.arange(24) < kept[:, None]).reshape(photos, 12, 2)
            start = f"cub200|{row}|{count}|"
            arrays |= {start + "photo": np.array(names), start + "gates": gates}
            arrays[start + "delta_e"] = random.normal(size=photos).astype(np.float32)
    np.savez(folder / "table1.npz", **arrays)
    return folder / "table1.csv", contents


def test_correlations_of_a_landed_table(tmp_path: Path) -> None:
    table, contents = write_table(tmp_path)
    found = claims.correlations(table, contents, "a@0.5", (1, 10))
    assert {place for place, _ in found} == {"cub200"}
    # 40 photos, two and two keep as many: ranks 1.5, 1.5, 3.5 ... against 1, 2, 3 ...
    assert found["cub200", "edges"].value == pytest.approx(1, abs=1e-3)
    assert found["cub200", "segments"].value == pytest.approx(-1, abs=1e-3)
    assert found["cub200", "colorfulness"] is NOTHING
    assert found["cub200", claims.HARDNESS].sign == 0
    # One hint always keeps one more than ten do: a weak order, and sure.
    assert -0.2 < found["cub200", claims.HINTS].value < 0
    assert found["cub200", claims.HINTS].sign == -1
    text = claims.side_by_side(found)
    assert text.splitlines()[0].split() == ["cub200"]
    assert any(line.split()[:2] == ["edges", "+1.00"] for line in text.splitlines())


def test_a_table_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    table, contents = write_table(tmp_path)
    with pytest.raises(DataError, match="has no photos of b at 1, 10 hints"):
        claims.correlations(table, contents, "b", (1, 10))
    contents.write_text(contents.read_text().replace("p7,", "p70,"))
    with pytest.raises(DataError, match="has no photo p7 of cub200"):
        claims.correlations(table, contents, "a@0.5", (1, 10))
