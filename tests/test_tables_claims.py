"""Questions to gates: the words that follow from numbers, and the cards they are read from."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from colorlib import checkpoints
from colorlib.course import n07 as claims
from colorlib.course.n07 import Answers, answers, in_words
from colorlib.table1 import NOTHING, Interval, rank_interval_of

UP, DOWN, NONE = Interval(0.5, 0.3, 0.7), Interval(-0.5, -0.7, -0.3), Interval(0.1, -0.1, 0.3)
ZERO, GAIN = Interval(0, 0, 0), Interval(0.1, 0.06, 0.14)


def answer(std: float = 2.0, hard: Interval = NONE, worth: Interval = ZERO) -> Answers:
    return Answers("a", "cub200", 12.0, std, 0.75, hard, worth)


@pytest.mark.parametrize(("std", "word"), [(0.4, "nearly static"), (1.0, "varies")])
def test_whether_photos_differ(std: float, word: str) -> None:
    assert answer(std=std).words[0] == word


@pytest.mark.parametrize(
    ("hard", "word"),
    [
        (UP, "hard keep more"),
        (DOWN, "hard keep less"),
        (NONE, "no order seen"),
        (NOTHING, "no order seen"),
    ],
)
def test_who_keeps_more(hard: Interval, word: str) -> None:
    assert answer(hard=hard).words[1] == word


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
    assert answer(worth=Interval(*worth)).words[2] == word


def test_adaptive_is_all_three() -> None:
    assert answer(4.0, UP, GAIN).adaptive
    for one in (answer(0.9, UP, GAIN), answer(4.0, NONE, GAIN), answer(4.0, UP, ZERO)):
        assert not one.adaptive


def test_the_text_has_the_numbers() -> None:
    found = [answer(0.4, UP, Interval(-0.001, -0.02, 0.01)), answer(std=3)]
    head, name, first, second = in_words(found).splitlines()
    assert (head.split()[0], name) == ("kept", "a")
    assert first.split(maxsplit=11) == [
        *("cub200", "12.0", "±", "0.40", "18", "+0.50", "[+0.30,", "+0.70]"),
        *("+0.00", "[-0.02,", "+0.01]", "nearly static, hard keep more, worth nothing"),
    ]
    assert second.endswith("varies, no order seen, worth nothing")


def write_card(folder: Path, name: str, shipped: bool = True, **entries: Any) -> None:
    places = {place: {"photos": photos} for place, photos in (("gallery", 20), ("cub200", 100))}
    card = {"model": {}, "measured": places, **entries}
    path = folder / ("checkpoints" if shipped else "runs") / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(card), encoding="utf-8")
    if shipped:
        path.with_suffix(".safetensors").touch()


def figures(**others: Any) -> dict[str, Any]:
    own = {"kept_mean": 11.5, "kept_std": 2.5, "static": 0.25, "spearman": 0.5}
    return {**own, "swap_db": 0.1, "swap_db_se": 0.02, **others}


def test_answers_are_read_from_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLORLIB_DATA", str(tmp_path))
    write_card(tmp_path, "icolorit-t")
    own = {"gallery": figures(), "cub200": figures(budget=0.5)}
    write_card(tmp_path, "acolvit-t-any", adaptivity=own)
    still = figures(kept_std=0.0, static=1.0, spearman=None, swap_db=0.0, swap_db_se=0.0)
    write_card(tmp_path, "trial", shipped=False, adaptivity={"cub200": still})
    dial, trial = answers()
    assert (dial.model, dial.place) == ("acolvit-t-any@0.5", "cub200")
    assert (dial.mean, dial.std, dial.fixed) == (11.5, 2.5, 0.25)
    assert dial.hard == rank_interval_of(0.5, 100)
    # Student's t of 99 at 97.5% is 1.98422.
    assert dial.worth == pytest.approx((0.1, 0.1 - 0.0396844, 0.1 + 0.0396844), abs=1e-6)
    assert dial.adaptive
    assert trial.words == ("nearly static", "no order seen", "worth nothing")
    assert trial.hard is NOTHING


def test_every_gated_network_of_the_repository_answers() -> None:
    """On the three test sets; which words, the weights say."""
    places: dict[str, set[str]] = {}
    for one in answers():
        places.setdefault(one.model.partition("@")[0], set()).add(one.place)
        # A swap's error is that of some 400 paired photos, so between 0 and 0.1 dB.
        assert 0 <= one.worth.high - one.worth.low < 0.4
    gated = {name for name in checkpoints.available() if checkpoints.card(name)["model"]["policy"]}
    assert gated <= set(places)
    for found in places.values():
        assert len(found) == 3
        assert "gallery" not in found
    assert set(places) <= set(claims.cards())
