"""What stands on a checkpoint's card: the figures of one network on sets of photos."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from tqdm.auto import tqdm

from colorlib.color import denormalize_ab
from colorlib.evaluate import Evaluation, HintedPhotos, adaptivity
from colorlib.metrics import border_ratio, standard_error
from colorlib.model import ATTENTION, FFN, ColViT, Costs, macs
from colorlib.paper import PAPER
from colorlib.photos import Photo
from colorlib.training.losses import huber

COUNTS = (0, 1, 5, 10, 50)  # hints a photo
MAIN_COUNT = 10  # what is measured at one count only is measured at this one
DIAL = (0.25, 0.3, 0.5, 0.7, 0.9, 1.0)  # budgets at which a network with a dial is measured
DIAL_DEFAULT = 1.0  # the network's, when it is told no budget
DIAL_ADAPTIVITY = 0.5
ADAPTIVITY_PHOTOS = 20  # of fewer photos the spread and the correlation say nothing
ADAPTIVITY_PASSES = 3  # the dense network, exchanged patterns, everything kept
BLOCK = 5  # cells a side of the wide hints that a network is tried with
PICTURE_PASSES = 1  # wide hints

# Multiply-adds in 1e9 by budget: the paper's ImageNet rows. Its Oxford rows have others for 0.7,
# 0.5 and 0.3.
PAPER_GMAC = {
    budget: PAPER["imagenet", f"acolvit-t-{budget}", MAIN_COUNT]["gmac"]
    for budget in (0.9, 0.7, 0.5, 0.3)
}


class OneSet:
    """A network on one set of photos; no pass through the network is made twice."""

    def __init__(self, model: ColViT, photos: Sequence[Photo], bar: "tqdm[Any]"):
        self.model = model
        self.given = HintedPhotos(photos, MAIN_COUNT, model.img_size)
        self.dial: bool = model.config["budget"]
        self._bar = bar
        self._done: dict[tuple[int, float | None], Evaluation] = {}

    def run(self, count: int = MAIN_COUNT, budget: float | None = None) -> Evaluation:
        """Run the network with `count` hints a photo, unless that was done before."""
        if self.dial and budget is None:
            budget = DIAL_DEFAULT
        if (count, budget) in self._done:
            return self._done[count, budget]
        at_count = self.given if count == MAIN_COUNT else self.given.with_hints(count)
        result = at_count.run(self.model, budget=budget)
        self._bar.update()
        # The colours of a set are large: keep those that are asked for again.
        if count == MAIN_COUNT and budget in (None, DIAL_DEFAULT, DIAL_ADAPTIVITY):
            self._done[count, budget] = result
        return result

    def measured(self, counts: Sequence[int]) -> dict[str, Any]:
        """Mean PSNR, kept share and multiply-adds at each of `counts` and at 10 hints.

        At 10 hints also: the PSNR with each 5 x 5 cells wide, the steps of ab across patch
        borders over those elsewhere, and how far ab is from the hints at their pixels.
        """
        by_count = {
            str(count): self._numbers(self.run(count)) for count in sorted({*counts, MAIN_COUNT})
        }
        main = self.run()
        shares = main.gates.double().mean(dim=(0, 1))
        patch, budget = self.model.config["patch_size"], DIAL_DEFAULT if self.dial else None
        wide = self.given.with_blocks(BLOCK).run(self.model, budget=budget).psnr
        self._bar.update(PICTURE_PASSES)
        each = {
            key: {count: numbers[key] for count, numbers in by_count.items()}
            for key in ("psnr", "kept", "gmac")
        }
        return {
            "photos": len(main.psnr),
            "grey": rounded(self.given.grey().psnr.mean(), 3),
            "psnr": each["psnr"],
            "standard_error": rounded(standard_error(main.psnr), 3),
            "psnr_blocks": rounded(wide.mean(), 3),
            "border_ratio": rounded(border_ratio(denormalize_ab(main.ab), patch), 3),
            "hint_error": rounded(main.hint_error, 3),
            "kept": each["kept"],
            "kept_attention": rounded(shares[ATTENTION], 4),
            "kept_ffn": rounded(shares[FFN], 4),
            "gmac": each["gmac"],
        }

    def dialled(self) -> dict[str, dict[str, Any]]:
        """By budget: PSNR, kept share and multiply-adds at 10 hints."""
        return {str(budget): self._numbers(self.run(budget=budget)) for budget in DIAL}

    def _numbers(self, one: Evaluation) -> dict[str, float | None]:
        spent = macs(one.gates, self.model.costs).double().mean() / 1e9
        return {
            "psnr": rounded(one.psnr.mean(), 3),
            "kept": rounded(one.gates.double().mean(), 4),
            "gmac": rounded(spent, 4),
        }

    def adaptivity(self, dense: ColViT) -> dict[str, Any]:
        """See `adaptivity.adaptivity`; of a network with a dial at half the budget."""
        budget = DIAL_ADAPTIVITY if self.dial else None
        hardness = self.given.run(dense).losses(huber)
        own = self.run(budget=budget)
        found: dict[str, Any] = {} if budget is None else {"budget": budget}
        figures = adaptivity(self.model, own, hardness, budget)
        self._bar.update(ADAPTIVITY_PASSES)
        for key, value in figures.items():
            found[key] = value if isinstance(value, int) else rounded(value, 4)
        return found


def entries(
    model: ColViT,
    sets: Mapping[str, Sequence[Photo]],
    counts: Sequence[int] = COUNTS,
    dense: ColViT | None = None,
    bar: bool = False,
) -> dict[str, Any]:
    """The card's entries that are measured, each {set: ...}; `bar` shows how far it is.

    "measured": see `OneSet.measured`; "dial" for a network with one; with `dense`, the network
    whose loss says how hard a photo is, "adaptivity" of a gated `model` on the sets with at
    least 20 photos.
    """
    dial = model.config["budget"]
    adaptive = {
        name
        for name, photos in sets.items()
        if dense is not None and model.policy and len(photos) >= ADAPTIVITY_PHOTOS
    }
    passes = len({*counts, MAIN_COUNT}) + PICTURE_PASSES + (len(DIAL) - 1) * dial
    total = passes * len(sets) + ADAPTIVITY_PASSES * len(adaptive)
    result: dict[str, Any] = {"measured": {}}
    with tqdm(total=total, disable=not bar) as progress:
        for name, photos in sets.items():
            progress.set_description(name)
            one = OneSet(model, photos, progress)
            result["measured"][name] = one.measured(counts)
            if dial:
                result.setdefault("dial", {})[name] = one.dialled()
            if dense is not None and name in adaptive:
                result.setdefault("adaptivity", {})[name] = one.adaptivity(dense)
    return result


def budget_entry(
    asked: float, measured: Mapping[str, Mapping[str, Any]], costs: Costs
) -> dict[str, Any]:
    """What a gated network was asked to keep, and what it keeps at 10 hints over all photos.

    `measured` is the card's entry. "note" says so where the multiply-adds that the paper
    prints for this budget mean another share.
    """
    count = str(MAIN_COUNT)
    total = sum(one["photos"] for one in measured.values())
    means = {
        key: sum(one["photos"] * one[key][count] for one in measured.values()) / total
        for key in ("kept", "gmac")
    }
    entry: dict[str, Any] = {
        "asked": asked,
        **{key: rounded(value, 4) for key, value in means.items()},
    }
    if asked in PAPER_GMAC:
        keep = paper_keep(asked, costs)
        # Elsewhere the two differ by rounding and by attention's and FFN's unequal shares.
        if round(keep, 1) != asked:
            entry["note"] = (
                f"Budget {asked} is read as a share of the sub-layers, as eq. 9 has it. The "
                f"paper prints {PAPER_GMAC[asked]:.2f} G multiply-adds for it, which would be a "
                f"mean keep of {keep:.2f}."
            )
    return entry


def paper_keep(budget: float, costs: Costs) -> float:
    """The share of sub-layers, as many attentions as FFNs, that makes the paper's GMAC."""
    spent = PAPER_GMAC[budget] * 1e9 - costs.fixed
    return spent / (costs.dense - costs.fixed)


def stored(model: ColViT) -> ColViT:
    """A copy of `model` whose weights are rounded to fp16, as a checkpoint's are."""
    result = copy.deepcopy(model).eval()
    for value in result.state_dict().values():
        if value.is_floating_point():
            value.copy_(value.half())
    return result


def fp16_loss(model: ColViT, given: HintedPhotos) -> float:
    """By how many dB the mean PSNR changes, up or down, when the weights are stored as fp16."""
    before, after = given.run(model).psnr, given.run(stored(model)).psnr
    return abs(float(after.mean() - before.mean()))


def rounded(value: float | Tensor, digits: int) -> float | None:
    """A number as it stands on a card; None, JSON's null, for one that is not finite."""
    number = float(value)
    return round(number, digits) if math.isfinite(number) else None
