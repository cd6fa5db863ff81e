"""The checks of notebook 07: typical mistakes. (Stubs and solutions: test_exercises.)"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau, pearsonr, rankdata, spearmanr
from torch import Tensor

from colorlib.course import n07
from colorlib.course.grading import Feedback
from colorlib.tables.intervals import rank_interval_of
from colorlib.training.adaptivity import exchanged
from colorlib.training.losses import sparsity

CHECKS = {
    "exchange": n07.check_07_1,
    "rank_correlation": n07.check_07_2,
    "price_of_adapting": n07.check_07_3,
    "photos_needed": n07.check_07_4,
}


@pytest.fixture(scope="module")
def solutions(solutions_of: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the code cells of the solutions notebook define."""
    return solutions_of("07_easiest_and_hardest")


@pytest.mark.parametrize("check", CHECKS.values())
def test_answers_of_another_kind_are_wrong_and_not_errors(check: Callable[..., Feedback]) -> None:
    for answer in ("0.5", 3, lambda *_: "red", lambda *_: torch.zeros(3), lambda: 0.0):
        assert check(answer).status == "wrong"


def taken(kept: np.ndarray, steps: int) -> np.ndarray:
    order = np.argsort(kept)
    givers = np.empty_like(order)
    givers[order] = np.roll(order, -steps)
    return givers


def mirrored(kept: np.ndarray) -> np.ndarray:
    order = np.argsort(kept)
    givers = np.empty_like(order)
    givers[order] = order[::-1]
    return givers


def falling(kept: np.ndarray) -> np.ndarray:
    return taken(-kept, len(kept) // 2)


EXCHANGES = {
    "keeps its own": lambda kept: np.arange(len(kept)),
    "put in order": lambda kept: np.roll(np.arange(len(kept)), -(len(kept) // 2)),
    "in the order of the list": lambda kept: np.roll(np.argsort(kept), -(len(kept) // 2)),
    "places in the ordered list": lambda kept: (
        (np.argsort(np.argsort(kept)) + len(kept) // 2) % len(kept)
    ),
    "ordered list itself": np.argsort,
    "in the middle neighbours": mirrored,
    "one place further on": lambda kept: taken(kept, 1),
    "in a falling order": falling,
    "to whom each photo gives": lambda kept: taken(kept, -(len(kept) // 2)),
    "the shape [6]": lambda kept: kept[:2],
    "is right": lambda kept: np.zeros(len(kept)),
}


def plain_ranks(values: list[float]) -> np.ndarray:
    return rankdata(values, method="ordinal")


def short_formula(x: list[float], y: list[float]) -> float:
    d, n = rankdata(x) - rankdata(y), len(x)
    return 1 - 6 * float((d**2).sum()) / (n * (n**2 - 1))


RANKS = {
    "Pearson's": lambda x, y: pearsonr(x, y).statistic,
    "the same rank": lambda x, y: pearsonr(plain_ranks(x), plain_ranks(y)).statistic,
    "short formula": short_formula,
    "Kendall's tau": lambda x, y: kendalltau(x, y).statistic,
    "sign is turned": lambda x, y: -spearmanr(x, y).statistic,
    "squared": lambda x, y: spearmanr(x, y).statistic ** 2,
    "is right": lambda x, y: 2.0,
}


def shares(M: Tensor) -> Tensor:
    return M.mean(dim=1)


PRICES = {
    "here their mean": lambda M: shares(M).var(dim=0, unbiased=False).mean(),
    "photos less one": lambda M: shares(M).var(dim=0).sum(),
    "standard deviation": lambda M: shares(M).std(dim=0, unbiased=False).sum(),
    "thrown together": lambda M: M.mean(dim=(1, 2)).var(unbiased=False),
    "single gates": lambda M: M.var(dim=(0, 1), unbiased=False).sum(),
    "sign is turned": lambda M: -shares(M).var(dim=0, unbiased=False).sum(),
    "eq. 9 per image": lambda M: sparsity(M, 0.5, "image"),
    "is right": lambda M: 7.0,
}


def exact(rho: float, z: float) -> float:
    return 1.96**2 * (1 + rho**2 / 2) / z**2 + 3


PHOTOS = {
    "Round up": lambda rho: math.floor(exact(rho, math.atanh(rho))),
    "whole number": lambda rho: exact(rho, math.atanh(rho)),
    "The 3 is missing": lambda rho: math.ceil(exact(rho, math.atanh(rho)) - 3),
    "artanh(rho), not rho": lambda rho: math.ceil(exact(rho, rho)),
    "1.96 standard errors": lambda rho: math.ceil((1 + rho**2 / 2) / math.atanh(rho) ** 2 + 3),
    "to be squared": lambda rho: math.ceil(
        1.96 * math.sqrt(1 + rho**2 / 2) / math.atanh(abs(rho)) + 3
    ),
    "is right": lambda rho: 10_000,
}


@pytest.mark.parametrize(
    ("name", "diagnosis", "answer"),
    [
        (name, diagnosis, answer)
        for name, mistakes in zip(CHECKS, (EXCHANGES, RANKS, PRICES, PHOTOS), strict=True)
        for diagnosis, answer in mistakes.items()
    ],
)
def test_mistakes_are_named(name: str, diagnosis: str, answer: Callable[..., Any]) -> None:
    verdict = CHECKS[name](answer)
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def test_the_exchange_taught_is_the_one_of_the_notebook(solutions: dict[str, Any]) -> None:
    """Where no two photos keep as many: those of 5, 1, 4, 0 and 2 of six gates."""
    kept = torch.tensor([5, 1, 4, 0, 2])
    gates = (torch.arange(6) < kept[:, None]).reshape(5, 3, 2)
    givers = solutions["exchange"](kept.numpy())
    assert givers.tolist() == [1, 2, 3, 4, 0]  # in order 3, 1, 4, 2, 0: two further on
    assert torch.equal(exchanged(gates, torch.zeros(5)), gates[givers])


@pytest.mark.parametrize(("rho", "photos"), [(0.5, 18), (-0.2, 99), (0.1, 387)])
def test_the_photos_taught_are_those_of_the_interval(rho: float, photos: int) -> None:
    """artanh .5 = .5493: 3.8416 x 1.125 / .3017 + 3 = 17.3; the others alike."""
    assert rank_interval_of(rho, photos).sign != 0
    assert rank_interval_of(rho, photos - 1).sign == 0
    assert photos == math.ceil(exact(rho, math.atanh(rho)))
