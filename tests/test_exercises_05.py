"""The checks of notebook 05: typical mistakes. (Stubs and solutions: test_exercises.)"""

import math
from collections.abc import Callable

import numpy as np
import pytest

from colorlib.course import n05
from colorlib.course.grading import Feedback
from colorlib.paper import PAPER

CHECKS = {
    "psnr_of_set": n05.check_05_1,
    "paired_difference": n05.check_05_2,
    "kept_share": n05.check_05_3,
    "can_be_right": n05.check_05_4,
}


@pytest.mark.parametrize("check", CHECKS.values())
def test_answers_of_another_kind_are_wrong_and_not_errors(check: Callable[..., Feedback]) -> None:
    for answer in ("0.5", 3, lambda *_: "red", lambda *_: np.zeros((3, 7)), lambda: 0.0):
        assert check(answer).status == "wrong"


def floored(errors: np.ndarray) -> np.ndarray:
    return np.maximum(errors, 1e-5)


def decibels(errors: np.ndarray) -> np.ndarray:
    return -10 * np.log10(errors)


MEANS = {
    "dB of the mean": lambda errors: decibels(floored(errors).mean()),
    "floor is missing": lambda errors: np.mean(
        [-10 * math.log10(error) if error else math.inf for error in errors]
    ),
    "added up": lambda errors: decibels(floored(errors)).sum(),
    "sign is turned": lambda errors: -decibels(floored(errors)).mean(),
    "10 in front": lambda errors: 2 * decibels(floored(errors)).mean(),
    "natural logarithm": lambda errors: -10 * np.log(floored(errors)).mean(),
    "is right": lambda errors: 30.0,
}


@pytest.mark.parametrize("diagnosis", MEANS)
def test_mistakes_in_psnr_are_named(diagnosis: str) -> None:
    verdict = n05.check_05_1(MEANS[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def error(values: np.ndarray) -> float:
    return values.std(ddof=1) / len(values) ** 0.5


PAIRS = {
    "asks by how much": lambda x, y: (np.mean(y - x), error(x - y)),
    "signs of the differences": lambda x, y: (np.abs(x - y).mean(), error(x - y)),
    "median": lambda x, y: (np.median(x - y), error(x - y)),
    "the sum": lambda x, y: ((x - y).sum(), error(x - y)),
    "spread of the photos": lambda x, y: ((x - y).mean(), (x - y).std(ddof=1)),
    "measured on different photos": lambda x, y: (
        (x - y).mean(),
        math.hypot(error(x), error(y)),
    ),
    "added up": lambda x, y: ((x - y).mean(), error(x) + error(y)),
    "n - 1": lambda x, y: ((x - y).mean(), (x - y).std() / len(x) ** 0.5),
    "not by its root": lambda x, y: ((x - y).mean(), (x - y).std(ddof=1) / len(x)),
    "variance": lambda x, y: ((x - y).mean(), (x - y).var(ddof=1) / len(x) ** 0.5),
    "two numbers": lambda x, y: (x - y).mean(),
    "is right": lambda x, y: (0.0, 0.0),
}


@pytest.mark.parametrize("diagnosis", PAIRS)
def test_mistakes_in_paired_differences_are_named(diagnosis: str) -> None:
    verdict = n05.check_05_2(PAIRS[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


FIXED, DENSE = 0.2119, 1.4365  # embedding and head; with 12 x (43.951 + 58.098) M on top

SHARES = {
    "share of all": lambda gmac: gmac / DENSE,
    "sub-layers alone": lambda gmac: (gmac - FIXED) / DENSE,
    "take it off": lambda gmac: gmac / (DENSE - FIXED),
    "is skipped": lambda gmac: (DENSE - gmac) / (DENSE - FIXED),
    "there are 12": lambda gmac: 12 * (gmac - FIXED) / (DENSE - FIXED),
    "is right": lambda gmac: gmac,
}


@pytest.mark.parametrize("diagnosis", SHARES)
def test_mistakes_in_the_share_are_named(diagnosis: str) -> None:
    verdict = n05.check_05_3(SHARES[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def test_the_papers_shares() -> None:
    """With equal shares of attention and FFN: .905, .70, .47 and .20 of the sub-layers."""
    shares = {"0.9": 0.905, "0.7": 0.70, "0.5": 0.47, "0.3": 0.20}
    assert n05.COSTS.dense == pytest.approx(DENSE * 1e9, rel=1e-4)
    for budget, share in shares.items():
        gmac = PAPER["imagenet", f"acolvit-t-{budget}", 1]["gmac"]
        kept = (gmac * 1e9 - n05.COSTS.fixed) / (n05.COSTS.dense - n05.COSTS.fixed)
        assert kept == pytest.approx(share, abs=0.006)
    for reader in (lambda gmac: (gmac - 0.212) / 1.2174, lambda gmac: (gmac - 0.212) / 1.2246):
        assert n05.check_05_3(reader).status == "correct"


def units(one: float, other: float, printed: float, digits: int) -> int:
    return round((one - other - printed) * 10**digits)


ROUNDINGS = {
    "asks for equality": lambda *case: units(*case) == 0,
    "two units": lambda *case: abs(units(*case)) <= 2,
    "forgets the sign": lambda a, b, p, n: abs(units(abs(a - b), 0, abs(p), n)) <= 1,
    "turned round": lambda *case: abs(units(*case)) > 1,
    "round before you compare": lambda a, b, p, n: abs(a - b - p) <= 10**-n,
    "True or False": lambda *case: units(*case),
}


@pytest.mark.parametrize("diagnosis", ROUNDINGS)
def test_mistakes_in_rounding_are_named(diagnosis: str) -> None:
    verdict = n05.check_05_4(ROUNDINGS[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message
