"""95% intervals of means and of rank correlations."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm, rankdata
from scipy.stats import t as students_t

from colorlib.files import DataError
from colorlib.metrics import standard_error

LEVEL = 0.95
DRAWS = 2000  # of the bootstrap


class Interval(NamedTuple):
    """A number and the ends of its 95% interval; all NaN where there is nothing to measure."""

    value: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval lies on one side of 0, else 0."""
        return int(self.low > 0) - int(self.high < 0)

    def text(self, digits: int = 2) -> str:
        """Such as "+0.31 [+0.12, +0.47]", or "-" for NaN."""
        if math.isnan(self.value):
            return "-"
        # + 0.0 makes -0.00 of a tiny negative number 0.00.
        value, low, high = (f"{round(one, digits) + 0.0:+.{digits}f}" for one in self)
        return f"{value} [{low}, {high}]"


NOTHING = Interval(math.nan, math.nan, math.nan)


def mean_interval(values: ArrayLike) -> Interval:
    """The mean of [n] with the interval of Student's t; NaN ends for a single number."""
    array = np.asarray(values, dtype=np.float64)
    return interval_of_mean(float(array.mean()), standard_error(array), len(array))


def interval_of_mean(mean: float, error: float, photos: int) -> Interval:
    """The same from a mean over `photos` and its standard error, as a card has them."""
    if photos < 2:
        return Interval(mean, math.nan, math.nan)
    reach = error * float(students_t.ppf((1 + LEVEL) / 2, photos - 1))
    return Interval(mean, mean - reach, mean + reach)


def rank_interval(kept: ArrayLike, feature: ArrayLike) -> Interval:
    """Spearman's rank correlation of two [n], a number a photo.

    The interval is a bootstrap's: photos are drawn with replacement, and of the correlations of
    `DRAWS` such sets the middle 95% are taken. NaN where either is constant; a drawn set in
    which one is shows no order, and counts as 0. (Left out, a single photo that keeps more than
    all others would look like a sure rule.)
    """
    one, other = (np.asarray(values, dtype=np.float64) for values in (kept, feature))
    if one.shape != other.shape or one.ndim != 1 or not len(one):
        raise DataError(f"{list(one.shape)} and {list(other.shape)} cannot be compared by ranks")
    whole = _spearman(one[None], other[None])[0]
    if math.isnan(whole):
        return NOTHING
    chosen = np.random.default_rng(0).integers(len(one), size=(DRAWS, len(one)))
    drawn = np.nan_to_num(_spearman(one[chosen], other[chosen]))
    low, high = np.percentile(drawn, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return Interval(float(whole), float(low), float(high))


def rank_interval_within(kept: ArrayLike, feature: ArrayLike) -> Interval:
    """The mean over the photos of each one's own rank correlation, of [n, k] with [k].

    So that what differs between photos does not hide what happens within each. A photo whose
    numbers are all the same shows no order, and counts as 0.
    """
    each = np.asarray(kept, dtype=np.float64)
    rising = np.asarray(feature, dtype=np.float64)
    if each.ndim != 2 or each.shape[1:] != rising.shape or not each.size:
        raise DataError(f"{list(each.shape)} and {list(rising.shape)} cannot be compared by ranks")
    return mean_interval(np.nan_to_num(_spearman(each, np.broadcast_to(rising, each.shape))))


def rank_interval_of(rho: float | None, photos: int) -> Interval:
    """The interval of a rank correlation of which only the number of photos is known.

    By Fisher's z = artanh(rho), whose standard error is sqrt((1 + rho^2 / 2) / (n - 3)) for
    ranks (Bonett and Wright 2000). None, a constant's, is NaN, and so are fewer than 4 photos.
    """
    if rho is None or math.isnan(rho) or photos < 4:
        return NOTHING
    if abs(rho) >= 1:
        return Interval(rho, rho, rho)
    reach = float(norm.ppf((1 + LEVEL) / 2)) * math.sqrt((1 + rho**2 / 2) / (photos - 3))
    low, high = (math.tanh(math.atanh(rho) + step) for step in (-reach, reach))
    return Interval(rho, low, high)


def _spearman(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of each row of two [m, n]: float64 [m], NaN where one is constant."""
    ranks = [rankdata(values, axis=1) for values in (one, other)]
    a, b = (values - values.mean(axis=1, keepdims=True) for values in ranks)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    products = (a * b).sum(axis=1)
    return np.divide(products, scale, out=np.full(len(scale), np.nan), where=scale > 0)
