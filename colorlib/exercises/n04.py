"""Checks of notebook 04: eq. 9, the learning rate, the averaged weights."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from colorlib.exercises.verdict import Wrong, call, exercise
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
        given = _tensor(call(answer, gates.clone(), budget), ())
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
        _compare(
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
        given = _tensor(call(answer, gates.clone(), budget), None)
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
        _compare(given, right, mistakes, f"gates [{photos}, {depth}, 2] and budget {budget:g}")


@exercise("04.3", "A gentle start, a long way down, and 0 at the end: that is all there is to it.")
def check_04_3(answer: Any) -> None:
    """The learning rate: a function of step, steps, peak and warmup, giving a number."""
    for steps, peak, warmup in ((1000, 1e-3, 100), (400, 5e-4, 40), (50, 2e-3, 0)):

        def mistaken(t: int, steps: int = steps, peak: float = peak) -> dict[str, float]:
            half = 0.5 * peak * (1 + math.cos(math.pi * t / steps))
            return {
                "In the warm-up (step < warmup) the rate rises in a straight line from 0": half,
                "The cosine is taken of degrees? Python's math.cos wants radians: pi t / T": (
                    0.5 * peak * (1 + math.cos(180 * t / steps))
                ),
                "The cosine swings between -1 and 1; halve 1 + cos(...), so that the rate ends "
                "at 0": peak * math.cos(math.pi * t / steps),
                "Half a cosine wave takes T steps: its argument is pi t / T": (
                    0.5 * peak * (1 + math.cos(2 * math.pi * t / steps))
                ),
                "This is a straight line down; the cosine stays up longer and lands softly": (
                    peak * (1 - t / steps)
                ),
            }

        for t in [0, warmup // 2, warmup, *range(warmup, steps, max(1, steps // 25)), steps]:
            right = _learning_rate(t, steps, peak, warmup)
            where = f"step {t} of {steps}, peak {peak:g}, warm-up {warmup}"
            given = float(_tensor(call(answer, t, steps, peak, warmup), ()))
            if t == warmup > 0 and math.isclose(given, peak, rel_tol=1e-6):
                raise Wrong(
                    "The cosine counts from step 0, not from the end of the warm-up: at "
                    f"{where} the rate is {right:.6g}, not the full peak"
                )
            _compare(
                torch.tensor(given, dtype=torch.float64),
                torch.tensor(right, dtype=torch.float64),
                {text: torch.tensor(value).double() for text, value in mistaken(t).items()},
                where,
                1e-9,
            )


@exercise("04.4", "The average forgets slowly: with decay d it looks back about 1 / (1 - d) steps.")
def check_04_4(answer: Any) -> None:
    """The moving average: a function of a list of values and a decay, giving the last average."""
    random = torch.Generator().manual_seed(7)
    for count, decay in ((1, 0.9), (2, 0.9), (3, 0.5), (30, 0.98)):
        values = torch.randn(count, generator=random).double().tolist()
        given = _tensor(call(answer, list(values), decay), ())
        right = _average(values, decay, values[0])
        _compare(
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


def _learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """What timm's CosineLRScheduler answers, with lr_min 0 and the warm-up inside the cosine."""
    if step < warmup:
        return peak * step / warmup
    return 0.5 * peak * (1 + math.cos(math.pi * step / steps))


def _average(values: list[float], decay: float, start: float, first: int = 1) -> float:
    average = start
    for value in values[first:]:
        average = decay * average + (1 - decay) * value
    return average


def _gradient(gates: Tensor, budget: float, reading: Any) -> Tensor:
    leaf = gates.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(sparsity(leaf, budget, reading), leaf)
    return gradient


def _tensor(given: Any, shape: tuple[int, ...] | torch.Size | None) -> Tensor:
    """The student's numbers, of `shape` (None: of any); Wrong when they are none."""
    try:
        tensor = torch.as_tensor(given).detach().double()
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"numbers were expected, not {given!r}") from None
    if shape is not None and tensor.numel() == math.prod(shape):
        tensor = tensor.reshape(shape)
    if shape is not None and tensor.shape != shape:
        expected = f"the shape {list(shape)}" if len(shape) else "one number"
        raise Wrong(f"{expected} was expected, and yours has the shape {list(tensor.shape)}")
    return tensor


def _compare(
    given: Tensor,
    right: Tensor,
    mistakes: Mapping[str, Tensor],
    where: str,
    tolerance: float = 1e-6,
) -> None:
    """Wrong, with the diagnosis that fits, unless `given` is `right`."""
    right = right.double()

    def near(other: Tensor) -> bool:
        return torch.allclose(given, other.double(), rtol=1e-4, atol=tolerance)

    if near(right):
        return
    for diagnosis, value in mistakes.items():
        if near(value):
            raise Wrong(f"{diagnosis}. (Seen for {where}.)")
    difference = (given - right).abs()
    place = int(difference.argmax())
    raise Wrong(
        f"For {where} it gives {float(given.flatten()[place]):.6g} where "
        f"{float(right.flatten()[place]):.6g} is right"
    )
