"""Intervals of means and rank correlations, by hand and beside scipy."""

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from colorlib.course.n07 import NOTHING, rank_interval, rank_interval_of, rank_interval_within
from colorlib.table1 import mean_interval


def test_the_correlation_is_scipys_and_lies_in_its_interval():
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


def test_within_each_photo_by_hand():
    """Orders 1, -1, none and, of ranks 1.5, 1.5, 3, root 3 / 2; photos differ by far more."""
    kept = [[1, 2, 3], [93, 92, 91], [50, 50, 50], [20, 20, 21]]
    found = rank_interval_within(kept, [1, 10, 50])
    each = [1, -1, 0, math.sqrt(3) / 2]
    assert found == pytest.approx(mean_interval(each))
    assert rank_interval_within(np.full((5, 3), 12), [1, 10, 50]) == (0, 0, 0)
    assert rank_interval_within([[1], [2]], [10]) == (0, 0, 0)


def test_what_is_constant_goes_with_nothing():
    assert rank_interval(np.full(9, 12), np.arange(9)) is NOTHING
    assert rank_interval_of(None, 400) is NOTHING
    assert rank_interval_of(0.3, 3) is NOTHING
    assert rank_interval_of(1.0, 10) == (1, 1, 1)


def test_one_odd_photo_makes_no_rule():
    """Of 24 photos the hardest alone keeps more: it is missing in a third of the drawn sets."""
    kept, hardness = np.full(24, 12), np.arange(24)
    kept[-1] = 13
    found = rank_interval(kept, hardness)
    assert found.value > 0.3
    assert found.low == found.sign == 0


def test_the_interval_of_a_known_correlation_by_hand():
    # artanh .5 = .549306; sqrt(1.125 / 97) = .107694, times 1.96 = .211080;
    # tanh .338226 = .325896, tanh .760386 = .641304.
    assert rank_interval_of(0.5, 100) == pytest.approx((0.5, 0.325896, 0.641304), abs=1e-5)
