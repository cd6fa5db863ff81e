"""Checks of notebook 07: the exchange, ranks, the price of adapting, how many photos it takes."""

import math
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau, pearsonr, rankdata, spearmanr
from torch import Tensor

from colorlib.exercises.verdict import call, compare, exercise, numbers
from colorlib.training.losses import sparsity


@exercise(
    "07.1",
    "Each pattern is used once, so that the set costs what it cost before; and nobody keeps the "
    "own one, or gets one from near by.",
)
def check_07_1(answer: Any) -> None:
    """Whose pattern each photo gets: a function of the numbers kept [n], giving n indices."""
    random = np.random.default_rng(7)
    for count in (6, 7, 11):
        kept = random.permutation(24)[:count]  # no two alike
        given = numbers(call(answer, kept.copy()), (count,))
        order = kept.argsort()
        right = _takes_from(order, count // 2)
        compare(given, right, _wrong_exchanges(order), f"kept {kept.tolist()}")


def _takes_from(order: np.ndarray, steps: int) -> Tensor:
    """Each photo's giver, `steps` further on in `order`, in a circle."""
    givers = np.empty_like(order)
    givers[order] = np.roll(order, -steps)
    return torch.from_numpy(givers).double()


def _wrong_exchanges(order: np.ndarray) -> dict[str, Tensor]:
    count = len(order)
    half = count // 2
    in_circle = torch.from_numpy(np.roll(order, -half)).double()
    places = torch.from_numpy(order.argsort()).double()
    return {
        "Every photo keeps its own pattern": torch.arange(count).double(),
        "The list must be put in order of the numbers kept first": (
            (torch.arange(count) + half) % count
        ),
        "These are the givers in the order of the list; the first number must be of the first "
        "photo": in_circle,
        "These are places in the ordered list; asked are the photos that stand there": (
            (places + half) % count
        ),
        "This is the ordered list itself": torch.from_numpy(order),
        "Who keeps least and who keeps most change places here, and in the middle neighbours do "
        "(or one keeps its own); go half the list on": _mirrored(order),
        "This is one place further on: a neighbour in the list keeps about as much; go half the "
        "list on": _takes_from(order, 1),
        "This goes the other way (in a falling order, or to whom each photo gives): begin with "
        "who keeps least, and take from further on": _takes_from(order, count - half),
    }


def _mirrored(order: np.ndarray) -> Tensor:
    givers = np.empty_like(order)
    givers[order] = order[::-1]
    return torch.from_numpy(givers).double()


@exercise("07.2", "Ranks ask for the order alone: no photo far out can pull the number along.")
def check_07_2(answer: Any) -> None:
    """Spearman's rank correlation of two lists, with ties: a function of x and y."""
    random = np.random.default_rng(8)
    for count, levels in ((9, 4), (20, 3), (12, 100)):
        x = random.integers(10, 10 + levels, count).astype(float)
        x[:2] = 10, 9 + levels  # never constant
        y = np.exp(random.normal(0, 1.5, count) + 0.6 * (x > np.median(x)))
        given = numbers(call(answer, x.tolist(), y.tolist()), ())
        right = spearmanr(x, y).statistic
        compare(given, right, _wrong_correlations(x, y), f"two lists of {count}")


def _wrong_correlations(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    count, right = len(x), spearmanr(x, y).statistic
    places = [rankdata(values, method="ordinal") for values in (x, y)]
    gaps = rankdata(x) - rankdata(y)
    return {
        "This is Pearson's correlation of the values: take their ranks first": (
            pearsonr(x, y).statistic
        ),
        "Photos that keep as many must have the same rank, the mean of their places": (
            pearsonr(*places).statistic
        ),
        "The short formula with 6 times the sum of d^2 holds only where no two are equal; "
        "correlate the ranks": 1 - 6 * float((gaps**2).sum()) / (count * (count**2 - 1)),
        "This is Kendall's tau, another one": kendalltau(x, y).statistic,
        "The sign is turned": -right,
        "This is the correlation squared": right**2,
    }


@exercise(
    "07.3",
    "Read per image, eq. 9 fines every difference between photos, whatever it is for: a network "
    "that obeys it fully cannot do what Figure 3 shows.",
)
def check_07_3(answer: Any) -> None:
    """Eq. 9 per image less eq. 9 over the batch: a function of gates [photos, depth, 2]."""
    random = torch.Generator().manual_seed(9)
    for photos, depth in ((2, 12), (5, 12), (7, 6)):
        own = torch.rand(photos, 1, 1, generator=random)  # so that photos differ in what they keep
        drawn = torch.rand(photos, depth, 2, generator=random)
        gates = (drawn < own * torch.tensor([1.0, 0.6]) + 0.2).double()
        given = numbers(call(answer, gates.clone()), ())
        compare(given, _price(gates), _wrong_prices(gates), f"gates [{photos}, {depth}, 2]")


def _price(gates: Tensor) -> Tensor:
    return sparsity(gates, 0.5, "image") - sparsity(gates, 0.5, "batch")


def _wrong_prices(gates: Tensor) -> dict[str, Tensor]:
    shares = gates.mean(dim=1)
    variances = shares.var(dim=0, unbiased=False)
    return {
        "The squares of attention and FFN are added in eq. 9; here their mean is taken": (
            variances.mean()
        ),
        "It is divided by the photos less one; eq. 9 takes a plain mean": shares.var(dim=0).sum(),
        "This is the standard deviation; eq. 9 squares": variances.sqrt().sum(),
        "Attention and FFN are thrown together first; eq. 9 has a square for each": (
            gates.mean(dim=(1, 2)).var(unbiased=False)
        ),
        "This is the variance of the single gates; take each photo's shares first": (
            gates.var(dim=(0, 1), unbiased=False).sum()
        ),
        "The sign is turned: per image costs more": -_price(gates),
        "This is eq. 9 per image (for a budget of one half); take off that over the batch": (
            sparsity(gates, 0.5, "image")
        ),
    }


@exercise(
    "07.4",
    "Half the correlation takes about four times the photos: a page of examples can show only "
    "very strong rules.",
)
def check_07_4(answer: Any) -> None:
    """How many photos until the interval leaves 0: a function of rho, giving a whole number."""
    for rho in (0.1, 0.2, 0.35, 0.6, -0.3):
        right = math.floor(_exact_photos(rho)) + 1
        compare(numbers(call(answer, rho), ()), right, _wrong_photos(rho), f"rho = {rho:g}")


def _exact_photos(rho: float, reach: float = 1.96) -> float:
    """Where the interval of `reach` standard errors ends at 0; not whole."""
    return (reach / math.atanh(rho)) ** 2 * (1 + rho**2 / 2) + 3


def _wrong_photos(rho: float) -> dict[str, float]:
    exact = _exact_photos(rho)
    step = 1.96 * math.sqrt(1 + rho**2 / 2)
    return {
        "Round up: with fewer photos the interval still holds 0": math.floor(exact),
        "It must be a whole number: round up": exact,
        "The 3 is missing: the error is sqrt((1 + rho^2 / 2) / (n - 3))": math.ceil(exact) - 3,
        "z is artanh(rho), not rho": math.ceil((step / rho) ** 2 + 3),
        "The interval reaches 1.96 standard errors, not one": math.ceil(_exact_photos(rho, 1)),
        "Solve for n - 3: the reach of the interval is to be squared": (
            math.ceil(step / math.atanh(abs(rho)) + 3)
        ),
    }
