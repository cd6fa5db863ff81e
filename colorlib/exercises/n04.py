"""Checks of notebook 04: eq. 9, the weight of eq. 10, the averaged weights."""

from typing import Any

import torch
from torch import Tensor

from colorlib.exercises.verdict import Wrong, call, compare, exercise, numbers
from colorlib.training.losses import sparsity


@exercise(
    "04.1",
    "Now each photo must meet the budget by itself, and none can lend layers to another.",
)
def check_04_1(answer: Any) -> None:
    """Eq. 9 per image: a function of gates [B, depth, 2] and a budget, giving a scalar."""
    random = torch.Generator().manual_seed(5)
    for photos, depth, budget in ((3, 7, 0.45), (5, 12, 0.3), (3, 12, 0.9)):
        gates = _gates(photos, depth, random)
        given = numbers(call(answer, gates.clone(), budget), ())
        share = gates.mean(dim=1)
        by_image = (share - budget) ** 2
        mistakes = {
            "This is the other reading: the share is taken over the batch before it is squared; "
            "take it of each photo": sparsity(gates, budget, "batch"),
            "The two squares, of attention and of FFN, are added in eq. 9; here their mean is "
            "taken": by_image.mean(),
            "Attention and FFN have a budget each: here they are thrown together before the "
            "square": ((share.mean(dim=1) - budget) ** 2).mean(),
            "The photos' losses are added up; take their mean, or a larger batch would weigh "
            "more beside the Huber loss": by_image.sum(),
            "The distance to the budget is not squared": (share - budget).sum(dim=1).mean(),
            "The distance to the budget is taken as |...|; eq. 9 squares it": (
                (share - budget).abs().sum(dim=1).mean()
            ),
            "The kept layers are counted, not divided by the number of layers L": (
                (gates.sum(dim=1) - budget) ** 2
            )
            .sum(dim=1)
            .mean(),
        }
        compare(
            given,
            sparsity(gates, budget, "image"),
            mistakes,
            f"gates [{photos}, {depth}, 2] and budget {budget:g}",
        )


@exercise(
    "04.2",
    "Every gate of a kind feels the same pull, needed or not: which of them should stay is "
    "for the Huber loss to say.",
)
def check_04_2(answer: Any) -> None:
    """The gradient of eq. 9 over the batch: gates [B, depth, 2], budget -> [B, depth, 2]."""
    random = torch.Generator().manual_seed(6)
    for photos, depth, budget in ((3, 7, 0.45), (5, 12, 0.3), (3, 12, 0.9)):
        gates = _gates(photos, depth, random)
        right = _gradient(gates, budget, "batch")
        given = numbers(call(answer, gates.clone(), budget), None)
        if given.shape != right.shape:
            try:
                given = given.expand(right.shape)
            except RuntimeError:
                raise Wrong(
                    f"For gates {list(right.shape)} the gradient has that shape too (or spreads "
                    f"to it), and yours is {list(given.shape)}"
                ) from None
        mistakes = {
            "A gate's share in the mean is 1 / (B L), not 1 / L: the mean runs over the photos "
            "too": right * photos,
            "A gate's share in the mean is 1 / (B L), not 1 / B: the mean runs over the layers "
            "too": right * depth,
            "The inner derivative is missing: each gate is one of B L in the mean": (
                right * photos * depth
            ),
            "The 2 that comes down from the square is missing": right / 2,
            "The sign is turned: where too much is kept, a larger gate makes the loss larger": (
                -right
            ),
            "This is the gradient of the reading per image": _gradient(gates, budget, "image"),
            "The loss is the square's value; asked is its derivative by each gate": (
                sparsity(gates, budget).expand_as(gates)
            ),
        }
        compare(given, right, mistakes, f"gates [{photos}, {depth}, 2] and budget {budget:g}")


@exercise(
    "04.3",
    "Colour pulls the share slope / (4 lambda) off its budget: with ten times the weight only a "
    "tenth of the way.",
)
def check_04_3(answer: Any) -> None:
    """Where the two losses balance: a function of slope, weight and budget, giving a share."""
    inside = ((0.08, 0.25, 0.4), (0.3, 1.0, 0.5), (0.4, 10.0, 0.3), (-0.1, 0.5, 0.7))
    for slope, weight, budget in (*inside, (1.0, 0.5, 0.8), (-0.9, 0.5, 0.3)):
        free = budget + slope / (4 * weight)
        mistakes = {
            "A share lies between 0 and 1: clip it": free,
            "A 2 is missing: there are two squares, of attention and of FFN, and each gives a 2 "
            "when it is derived": budget + slope / (2 * weight),
            "The 4 is missing: 2 lambda (s - beta)^2 has the derivative 4 lambda (s - beta)": (
                budget + slope / weight
            ),
            "The sign is turned: where a larger share lowers the Huber loss, training settles "
            "above the budget": budget - slope / (4 * weight),
            "The weight is on the wrong side: a larger one holds the share nearer to the budget": (
                budget + slope * weight / 4
            ),
            "The weight is missing: eq. 9 counts lambda times": budget + slope / 4,
            "This is the way from the budget to where training settles; add the budget": (
                slope / (4 * weight)
            ),
            "This is the budget itself, as if the Huber loss did not pull": budget,
        }
        compare(
            numbers(call(answer, slope, weight, budget), ()),
            _settled_share(slope, weight, budget),
            mistakes,
            f"slope {slope:g}, weight {weight:g} and budget {budget:g}",
        )


@exercise("04.4", "The average forgets slowly: with decay d it looks back about 1 / (1 - d) steps.")
def check_04_4(answer: Any) -> None:
    """The moving average: a function of a list of values and a decay, giving the last average."""
    random = torch.Generator().manual_seed(7)
    for count, decay in ((1, 0.9), (2, 0.9), (3, 0.5), (30, 0.98)):
        values = torch.randn(count, generator=random).double().tolist()
        given = numbers(call(answer, list(values), decay), ())
        right = _average(values, decay, values[0])
        compare(
            given,
            torch.tensor(right),
            {
                "The roles are swapped: decay is the weight of the old average, 1 - decay that of "
                "the new value": torch.tensor(_average(values, 1 - decay, values[0])),
                "It starts from 0, which drags the first averages down; start from the first "
                "value": torch.tensor(_average(values, decay, 0.0, first=0)),
                "This is the plain mean, in which the first steps count as much as the last": (
                    torch.tensor(values).double().mean()
                ),
                "The last value is left out": torch.tensor(
                    _average(values[:-1] or values, decay, values[0])
                ),
            },
            f"{count} value{'' if count == 1 else 's'} and decay {decay:g}",
        )


def _gates(photos: int, depth: int, random: torch.Generator) -> Tensor:
    """Gates of which attention keeps many and FFN few, so that mix-ups are seen."""
    return (torch.rand(photos, depth, 2, generator=random) < torch.tensor([0.8, 0.35])).float()


def _settled_share(slope: float, weight: float, budget: float) -> float:
    """The s in [0, 1] where -slope s + 2 weight (s - budget)^2 is least."""
    return min(1.0, max(0.0, budget + slope / (4 * weight)))


def _average(values: list[float], decay: float, start: float, first: int = 1) -> float:
    average = start
    for value in values[first:]:
        average = decay * average + (1 - decay) * value
    return average


def _gradient(gates: Tensor, budget: float, reading: Any) -> Tensor:
    leaf = gates.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sparsity(leaf, budget, reading), leaf)
    return gradient
