"""The paper's Figure 3 as three questions to a network's gates, whose answers follow from numbers.

1. Do photos differ in what they keep? 2. Do the hard ones keep more? 3. Is a photo's own pattern
worth anything? The thresholds stand below, so that the words follow from the numbers.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from scipy.stats import t as students_t
from torch import Tensor

from colorlib import checkpoints
from colorlib.errors import DataError
from colorlib.files import data_dir
from colorlib.metrics import standard_error
from colorlib.tables.contents import read_contents
from colorlib.tables.reading import per_photo

# 1: sub-layers between the photos at 5 and 95%; two of 24 are 0.1 G of the paper's 1.43.
STATIC_RANGE = 2.0
WORTH_DB = 0.03  # 3: what another seed may turn round
LEVEL = 0.95  # of the intervals
DRAWS = 2000
HARDNESS = "error of the dense network"
HINTS = "number of hints"


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


def rank_interval(
    kept: ArrayLike, feature: ArrayLike, draws: int = DRAWS, seed: int = 0
) -> Interval:
    """Spearman's rank correlation of two [n], or of two [n, k] (k measurements of each photo).

    The interval is a bootstrap's: photos are drawn with replacement, each with all of its
    measurements, and of the correlations of `draws` such sets the middle 95% are taken. NaN
    where either is constant; a drawn set in which one is shows no order, and counts as 0. (Left
    out, a single photo that keeps more than all others would look like a sure rule.)
    """
    one, other = (np.asarray(values, dtype=np.float64) for values in (kept, feature))
    if one.shape != other.shape or one.ndim not in (1, 2) or not len(one):
        raise DataError(f"{list(one.shape)} and {list(other.shape)} cannot be compared by ranks")
    whole = _spearman(one.reshape(1, -1), other.reshape(1, -1))[0]
    if math.isnan(whole):
        return NOTHING
    chosen = np.random.default_rng(seed).integers(len(one), size=(draws, len(one)))
    drawn = _spearman(*(values[chosen].reshape(draws, -1) for values in (one, other)))
    low, high = np.percentile(np.nan_to_num(drawn), (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return Interval(float(whole), float(low), float(high))


def rank_interval_of(rho: float | None, photos: int) -> Interval:
    """The interval of a rank correlation of which only the number of photos is known.

    By Fisher's z = artanh(rho), whose standard error is sqrt((1 + rho^2 / 2) / (n - 3)) for
    ranks (Bonett and Wright 2000). None, a constant's, is NaN, and so are fewer than 4 photos.
    """
    if rho is None or math.isnan(rho) or photos < 4:
        return NOTHING
    if abs(rho) >= 1:
        return Interval(rho, rho, rho)
    reach = 1.96 * math.sqrt((1 + rho**2 / 2) / (photos - 3))
    low, high = (math.tanh(math.atanh(rho) + step) for step in (-reach, reach))
    return Interval(rho, low, high)


def mean_interval(differences: ArrayLike) -> Interval:
    """The mean of [n] with the interval of Student's t; NaN ends for a single number."""
    values = np.asarray(differences, dtype=np.float64)
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan)
    reach = standard_error(values) * float(students_t.ppf((1 + LEVEL) / 2, len(values) - 1))
    return Interval(mean, mean - reach, mean + reach)


def one_for_all(gates: Tensor) -> Tensor:
    """One pattern for all photos, bool [depth, 2], that keeps as many as they do: [n, depth, 2].

    The sub-layers that most photos keep; of equals the first.
    """
    votes = (gates > 0.5).sum(dim=0).flatten()
    count = round(float((gates > 0.5).double().sum() / len(gates)))
    pattern = torch.zeros_like(votes, dtype=torch.bool)
    pattern[votes.argsort(descending=True, stable=True)[:count]] = True
    return pattern.reshape(gates.shape[1:])


@dataclass(frozen=True)
class Answers:
    """What a network answers to the three questions on one set of photos.

    spread: sub-layers between the photos at 5 and 95%, of all; static: the share of sub-layers
    that are the same for all photos; hard: rank correlation of the number kept with the loss
    of the dense network; worth: dB of PSNR with own patterns, less that with another photo's.
    """

    model: str
    place: str
    photos: int
    spread: float
    static: float
    patterns: int
    hard: Interval
    worth: float

    @property
    def words(self) -> tuple[str, str, str]:
        """An answer to each question, by the thresholds of this module."""
        varies = "nearly static" if self.spread < STATIC_RANGE else "varies"
        order = {1: "hard keep more", -1: "hard keep less", 0: "no order seen"}[self.hard.sign]
        if abs(self.worth) < WORTH_DB:
            return varies, order, "worth nothing"
        return varies, order, "worth something" if self.worth > 0 else "better exchanged"

    @property
    def adaptive(self) -> bool:
        """Whether all three answers are the paper's."""
        return self.words == ("varies", "hard keep more", "worth something")

    def __str__(self) -> str:
        return (
            f"{self.model:18} {self.place:9} {self.spread:4.1f}   {self.hard.text():23}"
            f"{self.worth:+.2f} dB   {', '.join(self.words)}"
        )


def answers() -> list[Answers]:
    """Of every card with figures on its gates: the shipped networks', then those in data/runs.

    On the test sets; the gallery is too small. A network with a dial is named with the budget
    at which it was measured.
    """
    cards = {name: checkpoints.card(name) for name in checkpoints.available()}
    return [
        _answers(name, place, card)
        for name, card in {**cards, **run_cards()}.items()
        for place in card.get("adaptivity", {})
        if place != "gallery"
    ]


def run_cards() -> dict[str, dict[str, Any]]:
    """The cards in data/runs, by name: controls and trials whose weights are not shipped."""
    paths = sorted((data_dir() / "runs").glob("*.json"))
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def beside_static() -> str:
    """PSNR at 10 hints of the static controls, and how far other networks are from them: text.

    Of each budget that has a control in data/runs: the network of this budget, its bare variant
    where there is one, and the network with a dial set to it; on the test sets of their cards.
    """
    shipped = {name: checkpoints.card(name) for name in checkpoints.available()}
    cards = {**shipped, **run_cards()}
    dial = cards.get("acolvit-t-any", {}).get("dial", {})
    lines = [f"{'':24}{'static':>17}{'gated':>17}{'dial':>17}{'bare':>17}"]
    for budget in ("0.9", "0.7", "0.5", "0.3"):
        static = cards.get(f"static-t-{budget}", {"measured": {}})
        for place, control in static["measured"].items():
            if place == "gallery":
                continue
            gated, bare = (
                _at_ten(cards.get(name, {}).get("measured", {}).get(place))
                for name in (f"acolvit-t-{budget}", f"acolvit-t-{budget}-bare")
            )
            others = (gated, dial.get(place, {}).get(budget), bare)
            own = _at_ten(control)
            assert own is not None
            cells = "".join(
                f"{one['psnr'] - own['psnr']:+8.2f} ({one['gmac']:.2f} G)" if one else f"{'-':>17}"
                for one in others
            )
            lines.append(
                f"budget {budget}, {place:11}{own['psnr']:8.2f} ({own['gmac']:.2f} G){cells}"
            )
    return "\n".join(lines)


def _at_ten(measured: dict[str, Any] | None) -> dict[str, float] | None:
    return measured and {key: measured[key]["10"] for key in ("psnr", "gmac")}


def _answers(name: str, place: str, card: dict[str, Any]) -> Answers:
    found = card["adaptivity"][place]
    photos = card["measured"][place]["photos"]
    return Answers(
        model=f"{name}@{found['budget']:g}" if "budget" in found else name,
        place=place,
        photos=photos,
        spread=found["kept_range"],
        static=found["static"],
        patterns=found["patterns"],
        hard=rank_interval_of(found["spearman"], photos),
        worth=found["swap_db"],
    )


def correlations(
    table: str | os.PathLike[str],
    contents: str | os.PathLike[str],
    row: str,
    counts: Sequence[int] = (1, 5, 10, 50),
    dense: str = "icolorit-t",
) -> dict[tuple[str, str], Interval]:
    """What the number kept goes with: {(set, feature): rank correlation} of a landed table.

    `row` is a model, NAME@BUDGET of one with a dial. The features of `contents` and the colour
    error (Delta E) of the `dense` network are taken at 10 hints, the number of hints over all of
    `counts`. Sets that the table lacks are passed over. Raises DataError when a file cannot be
    read, or lacks a photo.
    """
    found = {}
    for place, features in read_contents(contents).items():
        try:
            runs = {count: per_photo(table, place, row, count) for count in {*counts, 10}}
        except DataError:
            continue
        kept = {count: run["gates"].sum(axis=(1, 2)) for count, run in runs.items()}
        names = runs[10]["photo"].tolist()
        absent = [name for name in names if name not in features]
        if absent:
            raise DataError(f"{contents} has no photo {absent[0]} of {place}: make it again")
        for feature in features[names[0]]:
            values = [features[name][feature] for name in names]
            found[place, feature] = rank_interval(kept[10], values)
        error = per_photo(table, place, dense, 10)["delta_e"]
        found[place, HARDNESS] = rank_interval(kept[10], error)
        each = np.stack([kept[count] for count in counts], axis=1)
        found[place, HINTS] = rank_interval(each, np.broadcast_to(counts, each.shape))
    if not found:
        raise DataError(f"{table} has no photos of {row} at {', '.join(map(str, counts))} hints")
    return found


def side_by_side(found: Mapping[tuple[str, str], Interval]) -> str:
    """What `correlations` found as text: a line a feature, a column a set."""
    sets = list(dict.fromkeys(place for place, _ in found))
    features = list(dict.fromkeys(feature for _, feature in found))
    lines = [" " * 30 + "".join(f"{place:22}" for place in sets)]
    lines += [
        f"  {feature:28}" + "".join(f"{found[place, feature].text():22}" for place in sets)
        for feature in features
    ]
    return "\n".join(line.rstrip() for line in lines)


def _spearman(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of each row of two [m, n]: float64 [m], NaN where one is constant."""
    ranks = [rankdata(values, axis=1) for values in (one, other)]
    a, b = (values - values.mean(axis=1, keepdims=True) for values in ranks)
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    products = (a * b).sum(axis=1)
    return np.divide(products, scale, out=np.full(len(scale), np.nan), where=scale > 0)
