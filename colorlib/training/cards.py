"""What stands on a checkpoint's card: the figures of one network on sets of photos."""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from tqdm.auto import tqdm

from colorlib.color import denormalize_ab
from colorlib.metrics import border_ratio, standard_error
from colorlib.model import ATTENTION, FFN, ColViT, Costs, macs
from colorlib.paper import PAPER
from colorlib.photos import Photo
from colorlib.training.adaptivity import adaptivity
from colorlib.training.validation import Validation

COUNTS = (0, 1, 5, 10, 50)  # hints a photo
MAIN_COUNT = 10  # what is measured at one count only is measured at this one
DIAL = (0.25, 0.3, 0.5, 0.7, 0.9, 1.0)  # budgets at which a network with a dial is measured
DIAL_DEFAULT = 1.0  # the network's, when it is told no budget
DIAL_ADAPTIVITY = 0.5
ADAPTIVITY_PHOTOS = 20  # of fewer photos the spread and the correlation say nothing
ADAPTIVITY_PASSES = 3  # the dense network, exchanged patterns, everything kept
BLOCK = 5  # cells a side of the wide hints that a network is tried with
PICTURE_PASSES = 2  # colours at borders and at hints, wide hints

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
        self.validation = Validation(photos, MAIN_COUNT, model.img_size)
        self.dial: bool = model.config["budget"]
        self._bar = bar
        self._done: dict[tuple[int, float | None], tuple[Tensor, Tensor]] = {}

    def run(self, count: int = MAIN_COUNT, budget: float | None = None) -> tuple[Tensor, Tensor]:
        """PSNR [n] and gates [n, depth, 2] at `count` hints (see `Validation.measure`)."""
        if self.dial and budget is None:
            budget = DIAL_DEFAULT
        key = count, budget
        if key not in self._done:
            at_count = self.validation
            if count != MAIN_COUNT:
                at_count = at_count.with_hints(count)
            self._done[key] = at_count.measure(self.model, budget=budget)
            self._bar.update()
        return self._done[key]

    def measured(self, counts: Sequence[int]) -> dict[str, Any]:
        """Mean PSNR, kept share and multiply-adds at each of `counts` and at 10 hints.

        At 10 hints also: the PSNR with each 5 x 5 cells wide, the steps of ab across patch
        borders over those elsewhere, and how far ab is from the hints at their pixels.
        """
        runs = {str(count): self.run(count) for count in sorted({*counts, MAIN_COUNT})}
        scores, gates = self.run()
        shares = gates.double().mean(dim=(0, 1))
        grey = self.validation.grey_psnr()
        patch, budget = self.model.config["patch_size"], DIAL_DEFAULT if self.dial else None
        colours, _ = self.validation.answers(self.model, budget=budget)
        wide, _ = self.validation.with_blocks(BLOCK).measure(self.model, budget=budget)
        self._bar.update(PICTURE_PASSES)
        return {
            "photos": len(scores),
            "grey": rounded(grey.mean(), 3),
            "psnr": {count: rounded(psnr.mean(), 3) for count, (psnr, _) in runs.items()},
            "standard_error": rounded(standard_error(scores), 3),
            "psnr_blocks": rounded(wide.mean(), 3),
            "border_ratio": rounded(border_ratio(denormalize_ab(colours), patch), 3),
            "hint_error": rounded(self.validation.hint_error(colours), 3),
            "kept": {count: _kept(ran) for count, (_, ran) in runs.items()},
            "kept_attention": rounded(shares[ATTENTION], 4),
            "kept_ffn": rounded(shares[FFN], 4),
            "gmac": {count: self._gmac(ran) for count, (_, ran) in runs.items()},
        }

    def dialled(self) -> dict[str, dict[str, Any]]:
        """By budget: PSNR, kept share and multiply-adds at 10 hints."""
        runs = {str(budget): self.run(budget=budget) for budget in DIAL}
        return {
            budget: {
                "psnr": rounded(psnr.mean(), 3),
                "kept": _kept(gates),
                "gmac": self._gmac(gates),
            }
            for budget, (psnr, gates) in runs.items()
        }

    def adaptivity(self, dense: ColViT) -> dict[str, Any]:
        """See `adaptivity.adaptivity`; of a network with a dial at half the budget."""
        budget = DIAL_ADAPTIVITY if self.dial else None
        hardness = self.validation.losses(dense)
        own = self.run(budget=budget)
        found: dict[str, Any] = {} if budget is None else {"budget": budget}
        figures = adaptivity(self.model, own, hardness, self.validation, budget)
        self._bar.update(ADAPTIVITY_PASSES)
        for key, value in figures.items():
            found[key] = value if isinstance(value, int) else rounded(value, 4)
        return found

    def _gmac(self, gates: Tensor) -> float | None:
        return rounded(macs(gates, self.model.costs).double().mean() / 1e9, 4)


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


def fp16_loss(model: ColViT, validation: Validation) -> float:
    """By how many dB the mean PSNR changes, up or down, when the weights are stored as fp16."""
    before, _ = validation.measure(model)
    after, _ = validation.measure(stored(model))
    return abs(float(after.mean() - before.mean()))


def rounded(value: float | Tensor, digits: int) -> float | None:
    """A number as it stands on a card; None, JSON's null, for one that is not finite."""
    number = float(value)
    return round(number, digits) if math.isfinite(number) else None


def _kept(gates: Tensor) -> float | None:
    return rounded(gates.double().mean(), 4)
