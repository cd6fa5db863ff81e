"""The checks of notebook 06: typical mistakes. (Stubs and solutions: test_exercises.)"""

from collections.abc import Callable

import numpy as np
import pytest

from colorlib.course import n06
from colorlib.course.grading import Feedback

CHECKS = {
    "allowed_speedup": n06.check_06_1,
    "amdahl": n06.check_06_2,
    "images_per_second": n06.check_06_3,
    "share_reached": n06.check_06_4,
    "run_by_a_batch": n06.check_06_5,
}


@pytest.mark.parametrize("check", CHECKS.values())
def test_answers_of_another_kind_are_wrong_and_not_errors(check: Callable[..., Feedback]) -> None:
    for answer in ("0.5", 3, lambda *_: "red", lambda *_: np.zeros(3), lambda: 0.0):
        assert check(answer).status == "wrong"


ALLOWED = {
    "speed-up is averaged": lambda dense, gmacs: np.mean([dense / gmac for gmac in gmacs]),
    "share that is left": lambda dense, gmacs: np.mean(gmacs) / dense,
    "share that is saved": lambda dense, gmacs: 1 - np.mean(gmacs) / dense,
    "added up": lambda dense, gmacs: dense / sum(gmacs),
    "median photo's": lambda dense, gmacs: dense / np.median(gmacs),
    "cheapest photo's": lambda dense, gmacs: dense / min(gmacs),
    "dearest photo's": lambda dense, gmacs: dense / max(gmacs),
    "is right": lambda dense, gmacs: 2.0,
}


@pytest.mark.parametrize("diagnosis", ALLOWED)
def test_mistakes_in_what_is_allowed_are_named(diagnosis: str) -> None:
    verdict = n06.check_06_1(ALLOWED[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


AMDAHL = {
    "missing above": lambda f, e, k: 24 * e / (f + k * e),
    "missing below": lambda f, e, k: (f + 24 * e) / (k * e),
    "if all could be skipped": lambda f, e, k: 24 / k,
    "upside down": lambda f, e, k: (f + k * e) / (f + 24 * e),
    "new time": lambda f, e, k: f + k * e,
    "time that is saved": lambda f, e, k: 1 - (f + k * e) / (f + 24 * e),
    "other way round": lambda f, e, k: (f + 24 * e) / (f + (24 - k) * e),
    "12 blocks": lambda f, e, k: (f + 12 * e) / (f + k * e),
    "is right": lambda f, e, k: 1.5,
}


@pytest.mark.parametrize("diagnosis", AMDAHL)
def test_mistakes_in_amdahls_law_are_named(diagnosis: str) -> None:
    verdict = n06.check_06_2(AMDAHL[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


RATES = {
    "not their mean": lambda t: 1 / t.mean(),
    "taken over the photos": lambda t: 1 / np.median(t, axis=1).mean(),
    "median of all calls": lambda t: 1 / np.median(t),
    "Of the medians take the mean": lambda t: 1 / np.median(np.median(t, axis=0)),
    "turn them over": lambda t: (1 / np.median(t, axis=0)).mean(),
    "seconds a photo": lambda t: np.median(t, axis=0).mean(),
    "milliseconds a photo": lambda t: 1e3 * np.median(t, axis=0).mean(),
    "added up": lambda t: 1 / np.median(t, axis=0).sum(),
    "fastest round": lambda t: 1 / t.min(axis=0).mean(),
    "is right": lambda t: 30.0,
}


@pytest.mark.parametrize("diagnosis", RATES)
def test_mistakes_in_images_a_second_are_named(diagnosis: str) -> None:
    verdict = n06.check_06_3(RATES[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


SHARES = {
    "This is the speed-up": lambda a, b, c, d: b / a,
    "what the arithmetic allows": lambda a, b, c, d: c / d,
    "upside down": lambda a, b, c, d: (c / d) / (b / a),
    "are no speed-ups": lambda a, b, c, d: (1 - a / b) / (1 - d / c),
    "nothing gained": lambda a, b, c, d: (b / a - 1) / (c / d - 1),
    "multiplied": lambda a, b, c, d: b / a * c / d,
    "what is missing": lambda a, b, c, d: 1 - (b / a) / (c / d),
    "percent": lambda a, b, c, d: 100 * (b / a) / (c / d),
    "is right": lambda a, b, c, d: 0.5,
}


@pytest.mark.parametrize("diagnosis", SHARES)
def test_mistakes_in_the_share_reached_are_named(diagnosis: str) -> None:
    verdict = n06.check_06_4(SHARES[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def test_the_paper_reaches_69_percent() -> None:
    """50.8 / 23.6 = 2.15254 of 1.43 / 0.46 = 3.10870; the check names what is right."""
    message = n06.check_06_4(lambda a, b, c, d: 0.94 if b == 40 else -1.0).message
    assert "50.8 images/s at 0.46 GMAC" in message
    assert "0.692426" in message


BATCHES = {
    "what one photo runs": lambda p, n: p.sum(),
    "what all photos of the batch keep": lambda p, n: (p**n).sum(),
    "what no photo": lambda p, n: ((1 - p) ** n).sum(),
    "simply be added": lambda p, n: np.minimum(1, n * p).sum(),
    "their mean": lambda p, n: p.size * (1 - (1 - p.mean()) ** n),
    "This is a share": lambda p, n: (1 - (1 - p) ** n).mean(),
    "per block": lambda p, n: (1 - (1 - p) ** n).sum() / len(p),
    "all photos' work": lambda p, n: n * p.sum(),
    "is right": lambda p, n: 5.0,
}


@pytest.mark.parametrize("diagnosis", BATCHES)
def test_mistakes_in_a_batch_are_named(diagnosis: str) -> None:
    verdict = n06.check_06_5(BATCHES[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def test_drawn_batches_agree_with_the_right_answer() -> None:
    """Three gates kept by .5, .1 and 1 of photos, 4 a batch: .9375 + .3439 + 1."""
    kept = np.random.default_rng(0).random((20000, 4, 3)) < [0.5, 0.1, 1.0]
    assert kept.any(axis=1).sum(axis=1).mean() == pytest.approx(0.9375 + 0.3439 + 1, abs=0.02)
    assert (1 - (1 - np.array([0.5, 0.1, 1.0])) ** 4).sum() == pytest.approx(2.2814)
