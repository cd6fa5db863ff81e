"""The checks of notebook 04: typical mistakes. (Stubs and solutions: test_exercises.)"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from colorlib.course import n04
from colorlib.course.grading import Feedback
from colorlib.training.losses import sparsity

CHECKS = {
    "sparsity_per_image": n04.check_04_1,
    "pull_of_eq9": n04.check_04_2,
    "settled_share": n04.check_04_3,
    "moving_average": n04.check_04_4,
}


@pytest.mark.parametrize("check", CHECKS.values())
def test_answers_of_another_kind_are_wrong_and_not_errors(check: Callable[..., Feedback]) -> None:
    for answer in ("0.5", 3, lambda *_: "red", lambda *_: torch.zeros(3, 7, 5), lambda: 0.0):
        assert check(answer).status == "wrong"


def shares(M: Tensor) -> Tensor:
    return M.mean(dim=1)


PER_IMAGE = {
    "other reading": lambda M, budget: ((M.mean(dim=(0, 1)) - budget) ** 2).sum(),
    "here their mean": lambda M, budget: ((shares(M) - budget) ** 2).mean(),
    "thrown together": lambda M, budget: ((M.mean(dim=(1, 2)) - budget) ** 2).mean(),
    "added up": lambda M, budget: ((shares(M) - budget) ** 2).sum(),
    "not squared": lambda M, budget: (shares(M) - budget).sum(dim=1).mean(),
    "|...|": lambda M, budget: (shares(M) - budget).abs().sum(dim=1).mean(),
    "counted, not divided": lambda M, budget: ((M.sum(dim=1) - budget) ** 2).sum(dim=1).mean(),
    "one number was expected": lambda M, budget: ((shares(M) - budget) ** 2).sum(dim=1),
    "is right": lambda M, budget: torch.tensor(7.0),
}


@pytest.mark.parametrize("diagnosis", PER_IMAGE)
def test_mistakes_in_eq_9_are_named(diagnosis: str) -> None:
    verdict = n04.check_04_1(PER_IMAGE[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def slope(M: Tensor, budget: float) -> Tensor:
    return (2 * (M.mean(dim=(0, 1)) - budget) / (M.shape[0] * M.shape[1])).expand(M.shape)


PULLS = {
    "not 1 / L": lambda M, budget: slope(M, budget) * M.shape[0],
    "not 1 / B": lambda M, budget: slope(M, budget) * M.shape[1],
    "inner derivative": lambda M, budget: slope(M, budget) * M.shape[0] * M.shape[1],
    "The 2 ": lambda M, budget: slope(M, budget) / 2,
    "sign": lambda M, budget: -slope(M, budget),
    "per image": lambda M, budget: (2 * (shares(M) - budget) / M.shape[0] / M.shape[1])[
        :, None
    ].expand(M.shape),
    "square's value": lambda M, budget: ((M.mean(dim=(0, 1)) - budget) ** 2).sum().expand(M.shape),
    "has that shape too": lambda M, budget: slope(M, budget)[:, :-1],
}


@pytest.mark.parametrize("diagnosis", PULLS)
def test_mistakes_in_the_gradient_are_named(diagnosis: str) -> None:
    verdict = n04.check_04_2(PULLS[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def test_a_gradient_that_spreads_to_the_shape_is_accepted() -> None:
    """Each gate of a kind feels the same, so two numbers are an answer."""
    assert n04.check_04_2(lambda M, budget: slope(M, budget)[0, 0]).status == "correct"


def clipped(share: float) -> float:
    return min(1, max(0, share))


SETTLED = {
    "clip it": lambda slope, weight, budget: budget + slope / (4 * weight),
    "A 2 is missing": lambda slope, weight, budget: clipped(budget + slope / (2 * weight)),
    "The 4 is missing": lambda slope, weight, budget: clipped(budget + slope / weight),
    "sign is turned": lambda slope, weight, budget: clipped(budget - slope / (4 * weight)),
    "on the wrong side": lambda slope, weight, budget: clipped(budget + slope * weight / 4),
    "weight is missing": lambda slope, weight, budget: clipped(budget + slope / 4),
    "add the budget": lambda slope, weight, budget: clipped(slope / (4 * weight)),
    "the budget itself": lambda slope, weight, budget: budget,
    "is right": lambda slope, weight, budget: 0.9,
}


@pytest.mark.parametrize("diagnosis", SETTLED)
def test_mistakes_in_the_settled_share_are_named(diagnosis: str) -> None:
    verdict = n04.check_04_3(SETTLED[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


@pytest.mark.parametrize("bound", [lambda share: min(1, share), lambda share: max(0, share)])
def test_a_share_clipped_on_one_side_only_is_named(bound: Callable[[float], float]) -> None:
    verdict = n04.check_04_3(lambda s, w, b: bound(b + s / (4 * w)))
    assert verdict.status == "wrong"
    assert "clip it" in verdict.message


def average(values: list[float], decay: float, start: float) -> float:
    for value in values:
        start = decay * start + (1 - decay) * value
    return start


AVERAGES = {
    "swapped": lambda values, decay: average(values[1:], 1 - decay, values[0]),
    "starts from 0": lambda values, decay: average(values, decay, 0.0),
    "plain mean": lambda values, decay: sum(values) / len(values),
    "last value is left out": lambda values, decay: average(values[1:-1], decay, values[0]),
    "is right": lambda values, decay: max(values) + 1,
}


@pytest.mark.parametrize("diagnosis", AVERAGES)
def test_mistakes_in_the_average_are_named(diagnosis: str) -> None:
    verdict = n04.check_04_4(AVERAGES[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


@pytest.mark.parametrize(
    ("slope", "weight", "budget", "settled"),
    [
        (0.2, 0.25, 0.5, 0.7),  # .5 + .2 / 1
        (0.8, 1.0, 0.3, 0.5),  # .3 + .8 / 4
        (0.8, 10.0, 0.3, 0.32),  # .3 + .8 / 40
        (-0.4, 1.0, 0.3, 0.2),  # .3 - .4 / 4
        (2.0, 0.1, 0.5, 1.0),  # .5 + 2 / .4 is beyond 1
        (-2.0, 0.1, 0.5, 0.0),
    ],
)
def test_the_share_taught_is_where_eq_10_is_least(
    slope: float, weight: float, budget: float, settled: float
) -> None:
    """Of all shares of 100 layers kept, by the eq. 9 that trains."""
    losses = []
    for kept in range(101):
        gates = torch.zeros(1, 100, 2, dtype=torch.float64)
        gates[:, :kept] = 1
        losses.append(float(-slope * kept / 100 + weight * sparsity(gates, budget)))
    assert losses.index(min(losses)) / 100 == pytest.approx(settled)
    assert n04._settled_share(slope, weight, budget) == pytest.approx(settled)


def test_the_average_taught_is_pytorchs() -> None:
    model = torch.nn.Linear(1, 1, bias=False).double()
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    values = [0.5, -1.0, 2.0, 0.25]
    for value in values:
        torch.nn.init.constant_(model.weight, value)
        averaged.update_parameters(model)
    taught = n04._average(values, 0.9, values[0])
    assert averaged.module.weight.item() == pytest.approx(taught)
