"""The paper's Figure 3 as three questions to a network's gates, whose answers follow from numbers.

1. Do photos differ in what they cost? 2. Do the hard ones keep more? 3. Is a photo's own pattern
worth anything? The thresholds stand below, so that the words follow from the numbers.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from colorlib import checkpoints
from colorlib.files import data_dir
from colorlib.tables.intervals import Interval, interval_of_mean, rank_interval_of

# 1: of the number kept. One sub-layer is the least by which two photos can differ: where photos
# are typically less than that from the mean, one number says what they cost. (A standard
# deviation, as percentiles of whole numbers are whole themselves, and jump.)
STATIC_STD = 1.0
WORTH_DB = 0.03  # 3: a chosen size of interest; less is not seen in a picture


@dataclass(frozen=True)
class Answers:
    """What a network answers to the three questions on one set of photos.

    mean, std: of the number of sub-layers that photos keep; fixed: the share of gates that are
    the same for all photos; hard: rank correlation of the number kept with the loss of the dense
    network; worth: dB of PSNR with own patterns, less that with another photo's.
    """

    model: str
    place: str
    mean: float
    std: float
    fixed: float
    hard: Interval
    worth: Interval

    @property
    def words(self) -> tuple[str, str, str]:
        """An answer to each question, by the thresholds of this module."""
        varies = "nearly static" if self.std < STATIC_STD else "varies"
        order = {1: "hard keep more", -1: "hard keep less", 0: "no order seen"}[self.hard.sign]
        return varies, order, self._worth()

    def _worth(self) -> str:
        """Sign and size are both needed for a word that says something."""
        value, low, high = self.worth
        if self.worth.sign and abs(value) >= WORTH_DB:
            return "worth something" if value > 0 else "better exchanged"
        nothing = max(-low, high) < WORTH_DB
        return "worth nothing" if nothing else "no worth seen"

    @property
    def adaptive(self) -> bool:
        """Whether all three answers are the paper's."""
        return self.words == ("varies", "hard keep more", "worth something")

    def __str__(self) -> str:
        return (
            f"  {self.place:9} {self.mean:4.1f} ± {self.std:.2f}   {24 * self.fixed:2.0f}   "
            f"{self.hard.text():22} {self.worth.text():22} {', '.join(self.words)}"
        )


def answers() -> list[Answers]:
    """Of every card with figures on its gates: the shipped networks', then those in data/runs.

    On the test sets; the gallery is too small. A network with a dial is named with the budget
    at which it was measured.
    """
    return [
        _answers(name, place, card)
        for name, card in cards().items()
        for place in card.get("adaptivity", {})
        if place != "gallery"
    ]


def in_words(found: Sequence[Answers]) -> str:
    """All answers as text: below each network's name a line a set."""
    lines = [f"{'':12}{'kept':11}  fixed  {'rank correlation':22} {'swap costs, dB':22} in words"]
    for name in dict.fromkeys(one.model for one in found):
        lines += [name, *(str(one) for one in found if one.model == name)]
    return "\n".join(lines)


def cards() -> dict[str, dict[str, Any]]:
    """The cards of the shipped networks, then those in data/runs, whose weights are not shipped."""
    shipped = {name: checkpoints.card(name) for name in checkpoints.available()}
    paths = sorted((data_dir() / "runs").glob("*.json"))
    return {**shipped, **{path.stem: json.loads(path.read_text("utf-8")) for path in paths}}


def _answers(name: str, place: str, card: dict[str, Any]) -> Answers:
    found = card["adaptivity"][place]
    photos = card["measured"][place]["photos"]
    error = found["swap_db_se"]
    return Answers(
        model=f"{name}@{found['budget']:g}" if "budget" in found else name,
        place=place,
        mean=found["kept_mean"],
        std=found["kept_std"],
        fixed=found["static"],
        hard=rank_interval_of(found["spearman"], photos),
        worth=interval_of_mean(found["swap_db"], math.nan if error is None else error, photos),
    )
