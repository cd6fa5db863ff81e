"""Checks of notebook 06: what gates allow, Amdahl, a table's images a second, shared paths."""

import math
from functools import partial
from typing import Any

import numpy as np

from colorlib.exercises.verdict import call, compare, exercise, numbers
from colorlib.paper import PAPER_SPEED

# Some diagnoses lie close to one another.
_compare = partial(compare, tolerance=1e-9, relative=1e-6)


@exercise(
    "06.1",
    "A photo that costs much counts for much, as it takes the time. So the costs are averaged, "
    "and not the speed-ups.",
)
def check_06_1(answer: Any) -> None:
    """The speed-up that the arithmetic allows: a function of dense GMAC and the photos' GMAC."""
    dense = 1.43
    for gmacs in ((0.46, 0.46), (0.3, 0.9, 1.4), (0.21, 1.43), (0.5, 0.7, 0.8, 1.2, 0.6)):
        spent = sum(gmacs) / len(gmacs)
        mistakes = {
            "Each photo's speed-up is averaged here; what a set takes is the sum of the costs": (
                sum(dense / gmac for gmac in gmacs) / len(gmacs)
            ),
            "This is the share that is left: a speed-up is dense over what is left": spent / dense,
            "This is the share that is saved, not how many times as fast it gets": (
                1 - spent / dense
            ),
            "All photos' costs are added up, but the dense network's is of one photo": (
                dense / sum(gmacs)
            ),
            "This is the median photo's; the costs are to be averaged": (
                dense / float(np.median(gmacs))
            ),
            "This is the cheapest photo's": dense / min(gmacs),
            "This is the dearest photo's": dense / max(gmacs),
        }
        given = numbers(call(answer, dense, list(gmacs)), ())
        where = f"photos of {', '.join(f'{gmac:g}' for gmac in gmacs)} GMAC"
        _compare(given, dense / spent, mistakes, where)


@exercise(
    "06.2",
    "With 0 kept it is the limit, all of the time over what always runs: Amdahl's law.",
)
def check_06_2(answer: Any) -> None:
    """Amdahl: a function of ms that always run, ms of one sub-layer, and how many are kept."""
    for always, each, kept in ((6.1, 1.5, 5), (4.5, 1.2, 12), (2.0, 0.5, 0), (5.0, 1.1, 24)):
        whole, left = always + 24 * each, always + kept * each
        mistakes = {
            "What always runs is missing above: the dense network has it, too": 24 * each / left,
            "What always runs is missing below: skipping does not get rid of it": (
                whole / (kept * each) if kept else math.inf
            ),
            "Embedding, decisions and head are missing: this would be so if all could be skipped": (
                24 / kept if kept else math.inf
            ),
            "It is upside down: a speed-up is the old time over the new": left / whole,
            "This is the new time; asked is how many times as fast": left,
            "This is the share of the time that is saved": 1 - left / whole,
            "`kept` run, and the others are skipped; here it is the other way round": (
                whole / (always + (24 - kept) * each)
            ),
            "There are 12 blocks, but 24 sub-layers": (always + 12 * each) / left,
        }
        where = f"{always:g} ms always, {each:g} ms a sub-layer, {kept} kept"
        _compare(numbers(call(answer, always, each, kept), ()), whole / left, mistakes, where)


@exercise(
    "06.3",
    "A median takes no notice of the call during which the machine did something else; the mean "
    "over photos has room for each photo's own path.",
)
def check_06_3(answer: Any) -> None:
    """Images a second: a function of seconds [rounds, photos]."""
    random = np.random.default_rng(6)
    for rounds, photos in ((5, 4), (9, 3), (4, 7)):
        seconds = random.uniform(0.01, 0.05, photos) * random.uniform(0.98, 1.1, (rounds, photos))
        seconds[rounds - 1, 0] *= 8  # something else took the processor
        medians = np.median(seconds, axis=0)
        mistakes = {
            "One slow call spoils it: take the median over the rounds, not their mean": (
                1 / seconds.mean()
            ),
            "The median is taken over the photos; take it over the rounds, photo by photo": (
                1 / float(np.median(seconds, axis=1).mean())
            ),
            "This is the median of all calls; dear photos then do not count": (
                1 / float(np.median(seconds))
            ),
            "Of the medians take the mean, as each photo has its own path": (
                1 / float(np.median(medians))
            ),
            "Photos a second are averaged here; average the times, then turn them over": (
                float((1 / medians).mean())
            ),
            "These are seconds a photo": float(medians.mean()),
            "These are milliseconds a photo": 1e3 * float(medians.mean()),
            "Per photo: here the times of all photos are added up": 1 / float(medians.sum()),
            "The fastest round is what can be, not what is": 1 / float(seconds.min(axis=0).mean()),
        }
        given = numbers(call(answer, seconds.copy()), ())
        _compare(given, 1 / float(medians.mean()), mistakes, f"[{rounds}, {photos}] seconds")


@exercise(
    "06.4",
    "So the paper's T-0.5 gets 94% of what its arithmetic allows, and its T-0.3 only 69%: the "
    "less is left to compute, the more weighs what cannot be skipped.",
)
def check_06_4(answer: Any) -> None:
    """The share of the allowed speed-up: a function of images/s and GMAC, dense and gated."""
    dense = PAPER_SPEED["icolorit-t"]
    others = [row for name, row in PAPER_SPEED.items() if name != "icolorit-t"]
    for row in (*others, {"images": 61.0, "gmac": 0.9}):
        speed, allowed = row["images"] / dense["images"], dense["gmac"] / row["gmac"]
        mistakes = {
            "This is the speed-up; set it in relation to what the arithmetic allows": speed,
            "This is what the arithmetic allows; which share of it was reached?": allowed,
            "It is upside down: reached over allowed": allowed / speed,
            "Multiply-adds skipped, and time saved, are no speed-ups: a speed-up is a ratio": (
                (1 - 1 / speed) / (1 - 1 / allowed)
            ),
            "A speed-up of 1 means nothing gained, but here the ratio of the ratios is asked": (
                (speed - 1) / (allowed - 1)
            ),
            "The speed-up is multiplied with the allowed one: divide": speed * allowed,
            "This is what is missing": 1 - speed / allowed,
            "It is in percent; 1 is all of it": 100 * speed / allowed,
        }
        rates = [float(value) for value in (dense["images"], row["images"])]
        given = numbers(call(answer, *rates, float(dense["gmac"]), float(row["gmac"])), ())
        where = f"{row['images']:g} images/s at {row['gmac']:g} GMAC"
        _compare(given, speed / allowed, mistakes, where)


@exercise(
    "06.5",
    "At 64 photos whatever is kept now and then runs nearly always. Gates that are the same for "
    "all photos cost the same in any batch; so do photos sorted by their path.",
)
def check_06_5(answer: Any) -> None:
    """Sub-layers that a batch runs in which one photo's gate is enough: (shares, batch)."""
    random = np.random.default_rng(7)
    still = np.array([[1, 0], [1, 1], [0, 0]], dtype=float)  # gates that look at no photo
    for shares, batch in (
        (np.full((12, 2), 0.5), 1),
        (np.full((12, 2), 0.3), 4),
        (random.uniform(0, 1, (12, 2)), 64),
        (random.uniform(0, 0.2, (6, 2)), 8),
        (still, 16),
    ):
        right = float((1 - (1 - shares) ** batch).sum())
        mistakes = {
            "This is what one photo runs; in a batch it is enough that any photo keeps it": (
                float(shares.sum())
            ),
            "This is what all photos of the batch keep; one that keeps it is enough": (
                float((shares**batch).sum())
            ),
            "This is what no photo of the batch keeps": float(((1 - shares) ** batch).sum()),
            "Chances of the photos cannot simply be added: more than one may keep it": (
                float(np.minimum(1, batch * shares).sum())
            ),
            "Each gate has a share of its own; here the power is taken of their mean": (
                shares.size * (1 - (1 - float(shares.mean())) ** batch)
            ),
            "This is a share; asked is how many sub-layers, so the sum over all": (
                right / shares.size
            ),
            "That is per block; asked is how many sub-layers, so the sum over all": (
                right / len(shares)
            ),
            "This is all photos' work together; the batch runs a sub-layer once": batch
            * float(shares.sum()),
        }
        given = numbers(call(answer, shares.copy(), batch), ())
        where = f"{shares.size} shares, {float(shares.mean()):.2f} in the mean, {batch} photos"
        _compare(given, right, mistakes, where)
