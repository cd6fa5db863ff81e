"""Checks of notebook 07: shares, ranks, the price of adapting, how many photos it takes."""

import math
from typing import Any

import numpy as np
import torch
from scipy.stats import kendalltau, pearsonr, spearmanr
from torch import Tensor

from colorlib.exercises.verdict import Wrong, call, exercise
from colorlib.gates import Costs
from colorlib.training.losses import sparsity

# A-ColViT-T's, as in notebook 03: 14 x 14 patches of 16 x 16 pixels, and the policy token.
_COSTS = Costs.of((14, 14), patch_size=16, dim=192, depth=12, mlp_ratio=4.0, decision_dim=192)


@exercise(
    "07.1",
    "By this T-0.3's 0.46 G are a fifth of the sub-layers; and on flowers T-0.5 keeps more "
    "than on birds.",
)
def check_07_1(answer: Any) -> None:
    """The share of sub-layers: a function of G multiply-adds and `Costs`, giving 0 to 1."""
    other = Costs.of((7, 7), patch_size=16, dim=96, depth=6, mlp_ratio=4.0, decision_dim=96)
    for costs in (_COSTS, other):
        layers = costs.depth * (costs.attention + costs.ffn)
        for share in (0.2, 0.47, 0.9):
            spent = (costs.fixed + share * layers) / 1e9
            mistakes = {
                "What no gate can save (embedding, decisions, head) is to be taken off first": (
                    spent * 1e9 / layers
                ),
                "This is the share of all multiply-adds; take off what always runs, above and "
                "below": spent * 1e9 / costs.dense,
                "What always runs is taken off above, and must be taken off below, too": (
                    (spent * 1e9 - costs.fixed) / costs.dense
                ),
                "That is of one block; there are `costs.depth`": share * costs.depth,
                "This is how many sub-layers; asked is the share of 2 x depth": (
                    share * 2 * costs.depth
                ),
                "This is in G; `costs` are plain multiply-adds, 1e9 times as many": (
                    (spent - costs.fixed) / layers
                ),
                "This is the share that is skipped": 1 - share,
            }
            _compare(_number(call(answer, spent, costs)), share, mistakes, f"{spent:.3f} G")


@exercise("07.2", "Ranks ask for the order alone: no photo far out can pull the number along.")
def check_07_2(answer: Any) -> None:
    """Spearman's rank correlation of two lists, with ties: a function of x and y."""
    random = np.random.default_rng(8)
    for count, levels in ((9, 4), (20, 3), (12, 100)):
        x = random.integers(10, 10 + levels, count).astype(float)
        x[:2] = 10, 9 + levels  # never constant
        y = np.exp(random.normal(0, 1.5, count) + 0.6 * (x > np.median(x)))
        places = [values.argsort(kind="stable").argsort(kind="stable") for values in (x, y)]
        gaps = places[0] - places[1]
        mistakes = {
            "This is Pearson's correlation of the values: take their ranks first": (
                pearsonr(x, y).statistic
            ),
            "Photos that keep as many must have the same rank, the mean of their places": (
                pearsonr(*places).statistic
            ),
            "The short formula with 6 times the sum of d^2 holds only where no two are equal; "
            "give equals their mean rank, and correlate the ranks": (
                1 - 6 * float((gaps**2).sum()) / (count * (count**2 - 1))
            ),
            "This is Kendall's tau, another one": kendalltau(x, y).statistic,
            "The sign is turned": -spearmanr(x, y).statistic,
            "This is the correlation squared": spearmanr(x, y).statistic ** 2,
        }
        given = _number(call(answer, x.tolist(), y.tolist()))
        _compare(given, spearmanr(x, y).statistic, mistakes, f"two lists of {count}")


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
        shares = gates.mean(dim=1)
        variances = shares.var(dim=0, unbiased=False)
        right = float(sparsity(gates, 0.5, "image") - sparsity(gates, 0.5, "batch"))
        mistakes: dict[str, float | Tensor] = {
            "The squares of attention and FFN are added in eq. 9; here their mean is taken": (
                variances.mean()
            ),
            "It is divided by the photos less one; eq. 9 takes a plain mean": (
                shares.var(dim=0).sum()
            ),
            "This is the standard deviation; eq. 9 squares": variances.sqrt().sum(),
            "Attention and FFN are thrown together first; eq. 9 has a square for each": (
                gates.mean(dim=(1, 2)).var(unbiased=False)
            ),
            "This is the variance of the single gates; take each photo's shares first": (
                gates.var(dim=(0, 1), unbiased=False).sum()
            ),
            "The sign is turned: per image costs more": -right,
            "This is eq. 9 per image (for a budget of one half); take off that over the batch": (
                sparsity(gates, 0.5, "image")
            ),
        }
        given = _number(call(answer, gates.clone()))
        _compare(given, right, mistakes, f"gates [{photos}, {depth}, 2]")


@exercise(
    "07.4",
    "Half the correlation takes about four times the photos: a page of examples can show only "
    "very strong rules.",
)
def check_07_4(answer: Any) -> None:
    """How many photos until the interval leaves 0: a function of rho, giving a whole number."""
    for rho in (0.1, 0.2, 0.35, 0.6, -0.3):
        step = 1.96 * math.sqrt(1 + rho**2 / 2)
        exact = (step / math.atanh(abs(rho))) ** 2 + 3
        right = math.floor(exact) + 1
        mistakes: dict[str, float | Tensor] = {
            "Round up: with fewer photos the interval still holds 0": math.floor(exact),
            "It must be a whole number: round up": exact,
            "The 3 is missing: the error is sqrt((1 + rho^2 / 2) / (n - 3))": right - 3,
            "A negative rho needs as many photos as the positive one": (
                math.floor((step / math.atanh(rho)) ** 2) if rho < 0 else right
            ),
            "z is artanh(rho), not rho": math.floor((step / rho) ** 2 + 3) + 1,
            "The interval reaches 1.96 standard errors, not one": (
                math.floor((step / 1.96 / math.atanh(abs(rho))) ** 2 + 3) + 1
            ),
            "Solve for n - 3: the reach of the interval is to be squared": (
                math.floor(step / math.atanh(abs(rho)) + 3) + 1
            ),
        }
        _compare(_number(call(answer, rho)), right, mistakes, f"rho = {rho:g}")


def _number(given: Any) -> float:
    """The student's number; Wrong when it is none."""
    try:
        tensor = torch.as_tensor(given).detach().double()
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"a number was expected, not {given!r}") from None
    if tensor.numel() != 1:
        raise Wrong(f"one number was expected, and yours has the shape {list(tensor.shape)}")
    return float(tensor)


def _compare(
    given: float, right: float, mistakes: dict[str, Any], where: str, tolerance: float = 1e-6
) -> None:
    """Wrong, with the diagnosis that fits, unless `given` is `right`."""

    def near(other: float) -> bool:
        return math.isclose(given, other, rel_tol=1e-4, abs_tol=tolerance)

    if near(right):
        return
    for diagnosis, value in mistakes.items():
        if near(float(value)):
            raise Wrong(f"{diagnosis}. (Seen for {where}.)")
    raise Wrong(f"For {where} it gives {given:.6g} where {right:.6g} is right")
