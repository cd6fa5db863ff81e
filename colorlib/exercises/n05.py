"""Checks of notebook 05: PSNR of a set, paired differences, what a GMAC keeps, rounding."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from colorlib.exercises.n03 import COSTS
from colorlib.exercises.verdict import Wrong, call, compare, exercise, numbers
from colorlib.metrics.squared_error import MSE_FLOOR

# Two values, the difference printed beside them, and the digits of all three.
_CASES = [
    (0.162, 0.151, 0.002, 3),  # Oxford, T-0.3 at 5 hints
    (0.092, 0.093, 0.0, 3),  # ImageNet, T-0.7 at 5 hints
    (0.129, 0.130, 0.001, 3),  # Oxford, T-0.5 at 10 hints: the sign
    (0.094, 0.093, 0.002, 3),
    (0.120, 0.113, 0.006, 3),
    (25.83, 25.69, 0.14, 2),
    (25.34, 25.69, 0.35, 2),
    (25.34, 25.69, -0.33, 2),
    (25.34, 25.69, -0.36, 2),
    (20.31, 20.31, 0.0, 2),
]


@exercise(
    "05.1",
    "The mean of the decibels: so one hard photo cannot drown the others, as it would in the "
    "mean of the squared errors.",
)
def check_05_1(answer: Any) -> None:
    """PSNR of a set: a function of the photos' mean squared errors on [0, 1], giving dB."""
    for errors in ((0.004, 0.0007, 0.02), (0.0, 0.001), (0.01, 0.01, 1e-7, 3e-4)):
        given = numbers(call(answer, np.array(errors)), ())
        floored = [max(error, MSE_FLOOR) for error in errors]
        mean = sum(floored) / len(errors)
        mistakes = {
            "This is the dB of the mean squared error; a table has the mean of the photos' dB": (
                _decibels(mean)
            ),
            "The floor is missing: under 1e-5 (50 dB) the error counts as 1e-5": sum(
                _decibels(error) if error else math.inf for error in errors
            )
            / len(errors),
            "The dB are added up; take their mean": sum(map(_decibels, floored)),
            "The sign is turned: a smaller error has more dB": -sum(map(_decibels, floored))
            / len(errors),
            "A power has 10 in front of log10; the 20 is for an amplitude, a root of it": 2
            * sum(map(_decibels, floored))
            / len(errors),
            "The natural logarithm is not log10": sum(map(_decibels, floored))
            / len(errors)
            * math.log(10),
        }
        right = sum(map(_decibels, floored)) / len(errors)
        compare(given, right, mistakes, f"the errors {', '.join(f'{e:g}' for e in errors)}")


@exercise(
    "05.2",
    "What all photos have in common, being hard or easy for both, is gone from this error.",
)
def check_05_2(answer: Any) -> None:
    """A paired difference: a function of two rows' values [n], giving (mean, standard error)."""
    random = np.random.default_rng(2)
    for count in (3, 12, 100):
        other = random.normal(25, 4, count)
        one = other + random.normal(-0.1, 0.3, count)
        mean, error = _pair(call(answer, one.copy(), other.copy()))
        difference = one - other
        right = float(difference.mean())
        compare(mean, right, _mean_mistakes(difference), f"the mean of {count} photos")
        right = float(difference.std(ddof=1)) / math.sqrt(count)
        where = f"the standard error of {count} photos"
        compare(error, right, _error_mistakes(one, other), where)


def _mean_mistakes(difference: np.ndarray) -> dict[str, float]:
    mean = float(difference.mean())
    return {
        "The sign is turned: it asks by how much the first is above the second": -mean,
        "The signs of the differences are lost; some photos gain and some lose": float(
            np.abs(difference).mean()
        ),
        "This is the median; the table takes means": float(np.median(difference)),
        "This is the sum, not the mean": mean * len(difference),
    }


def _error_mistakes(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    count, difference = len(one), one - other
    root, spread = math.sqrt(count), float(difference.std(ddof=1))
    both = math.sqrt(one.var(ddof=1) + other.var(ddof=1))
    return {
        "This is the spread of the photos; the error of their mean is smaller by the root of "
        "their number": spread,
        "This treats the two rows as if they had been measured on different photos": both / root,
        "These are the two standard errors added up, as for different photos": float(
            one.std(ddof=1) + other.std(ddof=1)
        )
        / root,
        "The n - 1 is missing: the mean was taken from the same photos": float(
            difference.std() / root
        ),
        "It is divided by the number of photos, not by its root": spread / count,
        "The variance stands where its root, the standard deviation, belongs": spread**2 / root,
    }


@exercise(
    "05.3",
    "So the paper's T-0.3 keeps a fifth of its sub-layers, and its T-0.5 a little less than half.",
)
def check_05_3(answer: Any) -> None:
    """From GMAC to the share kept: a function of GMAC, giving a share."""
    dense, fixed = COSTS.dense / 1e9, COSTS.fixed / 1e9
    for gmac in (0.46, 0.79, 1.32, 0.9):
        mistakes = {
            "This is the share of all the multiply-adds; embedding and head always run": gmac
            / dense,
            "This share is of all multiply-adds; divide by those of the sub-layers alone": (
                (gmac - fixed) / dense
            ),
            "What always runs is still in it: take it off before you divide": gmac
            / (dense - fixed),
            "This is the share that is skipped": (dense - gmac) / (dense - fixed),
            "Here all 12 blocks' gates are counted as one: there are 12": 12
            * (gmac - fixed)
            / (dense - fixed),
        }
        right = (gmac - fixed) / (dense - fixed)
        given = numbers(call(answer, gmac), ())
        # Wide enough for a reader who leaves the policy token out.
        compare(given, right, mistakes, f"{gmac:g} GMAC", tolerance=0.006)


@exercise(
    "05.4",
    "Three numbers are rounded by half a unit each: together they reach one and a half. So one "
    "unit apart may be rounding, and two is a slip.",
)
def check_05_4(answer: Any) -> None:
    """Whether a printed difference can be right: (one, other, printed, digits) -> bool."""
    answers = []
    for case in _CASES:
        given = call(answer, *case)
        if not isinstance(given, bool | np.bool_):
            raise Wrong(f"True or False was expected, not {given!r}")
        answers.append(bool(given))
    units = [_units(one - other - printed, digits) for one, other, printed, digits in _CASES]
    right = [abs(unit) <= 1 for unit in units]
    if answers == right:
        return
    for diagnosis, pattern in _rounding_mistakes(units).items():
        if answers == pattern:
            raise Wrong(diagnosis)
    index = next(i for i, pair in enumerate(zip(answers, right, strict=True)) if len({*pair}) == 2)
    one, other, printed, digits = _CASES[index]
    raise Wrong(
        f"For {one:g}, {other:g} and {printed:g} with {digits} digits it says {answers[index]}: "
        f"the last digits are {abs(units[index])} apart. (Floats: 0.162 - 0.151 is not exactly "
        "0.011; round before you compare)"
    )


def _rounding_mistakes(units: Sequence[int]) -> dict[str, list[bool]]:
    """What each gives for the cases, which are so many `units` of the last digit apart."""
    unsigned = [
        _units(abs(one - other) - abs(printed), digits) for one, other, printed, digits in _CASES
    ]
    return {
        "It asks for equality: but the difference may have been taken before the values were "
        "rounded, and be off by one in the last digit": [unit == 0 for unit in units],
        "It allows two units of the last digit; the roundings reach one and a half at most, so "
        "two is a slip": [abs(unit) <= 2 for unit in units],
        "It forgets the sign: a gain printed as a loss is a slip": [
            abs(unit) <= 1 for unit in unsigned
        ],
        "True and False are turned round: True says that the difference can be right": [
            abs(unit) > 1 for unit in units
        ],
    }


def _units(difference: float, digits: int) -> int:
    return round(difference * 10**digits)


def _decibels(error: float) -> float:
    return -10 * math.log10(error)


def _pair(given: Any) -> tuple[Tensor, Tensor]:
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) or len(given) != 2:
        raise Wrong(f"two numbers were expected, (mean, standard error), not {given!r}")
    return numbers(given[0], ()), numbers(given[1], ())
