"""The checks of notebook 04: stubs, the solutions as published, and typical mistakes."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from colorlib import exercises
from colorlib.exercises import n04
from colorlib.exercises.verdict import Verdict

CHECKS = {
    "sparsity_per_image": exercises.check_04_1,
    "pull_of_eq9": exercises.check_04_2,
    "learning_rate": exercises.check_04_3,
    "moving_average": exercises.check_04_4,
}


@pytest.fixture(scope="module")
def solutions(solutions_of: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the code cells of the solutions notebook define."""
    return solutions_of("04_training")


@pytest.mark.parametrize("name", CHECKS)
def test_solutions_are_correct(name: str, solutions: dict[str, Any]) -> None:
    assert CHECKS[name](solutions[name]).status == "correct"


@pytest.mark.parametrize("check", CHECKS.values())
def test_stubs_are_not_done_yet(check: Callable[..., Verdict]) -> None:
    for stub in (..., lambda *_: ..., lambda *_: None):
        assert check(stub).status == "not done yet"


@pytest.mark.parametrize("check", CHECKS.values())
def test_answers_of_another_kind_are_wrong_and_not_errors(check: Callable[..., Verdict]) -> None:
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
    verdict = exercises.check_04_1(PER_IMAGE[diagnosis])
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
    verdict = exercises.check_04_2(PULLS[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def test_a_gradient_that_spreads_to_the_shape_is_accepted() -> None:
    """Each gate of a kind feels the same, so two numbers are an answer."""
    assert exercises.check_04_2(lambda M, budget: slope(M, budget)[0, 0]).status == "correct"


def half_wave(x: float, peak: float) -> float:
    return 0.5 * peak * (1 + math.cos(x))


def rate(after: Callable[[int, int, float, int], float]) -> Callable[..., float]:
    """A learning rate with the right warm-up, and `after` it."""
    return lambda t, T, peak, w: peak * t / w if t < w else after(t, T, peak, w)


RATES = {
    "straight line from 0": lambda t, T, peak, w: half_wave(math.pi * t / T, peak),
    "radians": rate(lambda t, T, peak, w: half_wave(180 * t / T, peak)),
    "halve 1 + cos": rate(lambda t, T, peak, w: peak * math.cos(math.pi * t / T)),
    "Half a cosine wave": rate(lambda t, T, peak, w: half_wave(2 * math.pi * t / T, peak)),
    "straight line down": rate(lambda t, T, peak, w: peak * (1 - t / T)),
    "counts from step 0": rate(lambda t, T, peak, w: half_wave(math.pi * (t - w) / (T - w), peak)),
    "is right": rate(lambda t, T, peak, w: 0.7 * peak),
}


@pytest.mark.parametrize("diagnosis", RATES)
def test_mistakes_in_the_learning_rate_are_named(diagnosis: str) -> None:
    verdict = exercises.check_04_3(RATES[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


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
    verdict = exercises.check_04_4(AVERAGES[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def test_the_schedule_taught_is_the_one_that_trains() -> None:
    """timm's scheduler, called as the training loop calls it."""
    # After colorlib, whose guard lets timm import beside any build of torchvision.
    from timm.scheduler import CosineLRScheduler

    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1e-3)
    schedule = CosineLRScheduler(optimizer, t_initial=200, warmup_t=20, t_in_epochs=False)
    for t in range(200):
        schedule.step_update(t)
        taught = n04._learning_rate(t, 200, 1e-3, 20)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(taught, rel=1e-9), t


def test_the_average_taught_is_pytorchs() -> None:
    model = torch.nn.Linear(1, 1, bias=False).double()
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    values = [0.5, -1.0, 2.0, 0.25]
    for value in values:
        torch.nn.init.constant_(model.weight, value)
        averaged.update_parameters(model)
    taught = n04._average(values, 0.9, values[0])
    assert averaged.module.weight.item() == pytest.approx(taught)
