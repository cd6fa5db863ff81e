"""The checks of notebook 03: stubs, the solutions, and the mistakes that they name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from colorlib.course import n03

ROOT = Path(__file__).resolve().parent.parent
CHECKS = [
    n03.check_03_1,
    n03.check_03_2,
    n03.check_03_3,
    n03.check_03_4,
]
NAMES = ["head", "straight_through", "can_depend", "multiply_adds"]


@pytest.fixture(scope="module")
def solutions(solutions_of: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the code cells of the solutions notebook define."""
    return solutions_of("03_gated_vit")


@pytest.mark.parametrize("check", CHECKS)
def test_stubs_are_not_done_yet(check: Callable[..., Any]) -> None:
    def stub(*arguments: Any) -> Any: ...

    def dots(*arguments: Any) -> Any:
        return ...

    assert {check(answer).status for answer in (..., stub, dots)} == {"not done yet"}


@pytest.mark.parametrize(("check", "name"), zip(CHECKS, NAMES, strict=True))
def test_solutions_are_correct(
    check: Callable[..., Any], name: str, solutions: dict[str, Any]
) -> None:
    verdict = check(solutions[name])
    assert verdict.status == "correct", verdict


@pytest.mark.parametrize("check", CHECKS)
def test_what_is_no_answer_is_wrong(check: Callable[..., Any]) -> None:
    assert check(3).message == "a function was expected, not 3"
    assert "stops with ZeroDivisionError" in check(lambda *_: 1 / 0).message
    assert check(lambda *_: "text").status == "wrong"


def says(verdict: Any, text: str) -> None:
    assert verdict.status == "wrong", verdict
    assert text in verdict.message


HEADS = {
    "not divided": lambda q, k, v: torch.softmax(q @ k.T, -1) @ v,
    "divided by d;": lambda q, k, v: torch.softmax(q @ k.T / q.shape[1], -1) @ v,
    "number of tokens": lambda q, k, v: torch.softmax(q @ k.T / q.shape[0] ** 0.5, -1) @ v,
    "over the queries": lambda q, k, v: torch.softmax(q @ k.T / q.shape[1] ** 0.5, 0) @ v,
    "no softmax": lambda q, k, v: q @ k.T / q.shape[1] ** 0.5 @ v,
    "divide by its sum": lambda q, k, v: (q @ k.T / q.shape[1] ** 0.5).exp() @ v,
    "changed places": lambda q, k, v: torch.softmax(k @ q.T / q.shape[1] ** 0.5, -1) @ v,
    "meet V": lambda q, k, v: torch.softmax(q @ k.T / q.shape[1] ** 0.5, -1),
    "one row a token": lambda q, k, v: (torch.softmax(q @ k.T / q.shape[1] ** 0.5, -1) @ v)[0],
    "is right": lambda q, k, v: torch.softmax(q @ k.T / q.shape[1] ** 0.5, -1) @ v * 1.1,
}


@pytest.mark.parametrize("message", HEADS)
def test_head_mistakes(message: str) -> None:
    says(n03.check_03_1(HEADS[message]), message)


def soft(logit: Tensor, temperature: float) -> Tensor:
    return torch.sigmoid(logit / temperature)


def hard(logit: Tensor) -> Tensor:
    return (logit > 0).float()


GATES = {
    "a gate is 0 or 1": soft,
    "no gradient flows": lambda m, t: hard(m),
    "changed places": lambda m, t: 1 - hard(m) + soft(m, t) - soft(m, t).detach(),
    "Everything is kept": lambda m, t: (soft(m, t) > 0).float(),
    "what is added must be 0": lambda m, t: hard(m) + soft(m, t),
    "detach one of the two": lambda m, t: hard(m) + soft(m, t) - soft(m, t),
    "it is the logit's": lambda m, t: hard(m) + m - m.detach(),
    "does not change with the temperature": lambda m, t: hard(m) + soft(m, 1) - soft(m, 1).detach(),
    "wrong sign": lambda m, t: hard(m) - soft(m, t) + soft(m, t).detach(),
    "comes twice": lambda m, t: hard(m) + 2 * (soft(m, t) - soft(m, t).detach()),
    "For the gradient at temperature": lambda m, t: (
        hard(m) + 0.3 * (soft(m, t) - soft(m, t).detach())
    ),
    "The shape is": lambda m, t: hard(m)[0],
}


@pytest.mark.parametrize("message", GATES)
def test_straight_through_mistakes(message: str) -> None:
    says(n03.check_03_2(GATES[message]), message)


def test_straight_through_that_never_meets_the_logit() -> None:
    def stray(logit: Tensor, temperature: float) -> Tensor:
        other = logit.detach().requires_grad_()
        return hard(logit) + soft(other, temperature) - soft(other, temperature).detach()

    says(n03.check_03_2(stray), "does not reach the logit")


def test_straight_through_is_checked_where_gradients_are_off(solutions: dict[str, Any]) -> None:
    with torch.no_grad():
        assert n03.check_03_2(solutions["straight_through"]).status == "correct"


DEPENDS = {
    "own attention comes after": lambda kept: [any(kept[: n + 1]) for n in range(len(kept))],
    "Block 1 decides before": lambda kept: [True for _ in kept],
    "learns nothing there": lambda kept: [n > 0 for n in range(len(kept))],
    "keeps in all later ones": lambda kept: [False, *kept[:-1]],
    "one entry a block": lambda kept: [any(kept)],
    "Which attentions": lambda kept: [False for _ in kept],
}


@pytest.mark.parametrize("message", DEPENDS)
def test_can_depend_mistakes(message: str) -> None:
    says(n03.check_03_3(DEPENDS[message]), message)


# Multiply-adds by hand: 196 * 1024 * 192, 196 * 192 * 9 * 512, and with N = 197, d = 192
# 4 N d^2 + 2 N^2 d and 8 N d^2.
EMBEDDING, HEAD = 38_535_168, 173_408_256
ATTENTION = 4 * 197 * 192**2 + 2 * 197**2 * 192
FFN = 8 * 197 * 192**2
ATTENTION_196 = 4 * 196 * 192**2 + 2 * 196**2 * 192
FFN_196 = 8 * 196 * 192**2


def cost(gates: Tensor, attention: int = ATTENTION, ffn: int = FFN) -> int:
    kept = gates.sum(dim=0)
    return EMBEDDING + HEAD + int(kept[0]) * attention + int(kept[1]) * ffn


COSTS = {
    "not G": lambda gates: cost(gates) / 1e9,
    "not M": lambda gates: cost(gates) / 1e6,
    "twice as much": lambda gates: 2 * cost(gates),
    "The embedding and the head are missing": lambda gates: cost(gates) - EMBEDDING - HEAD,
    "The head is missing": lambda gates: cost(gates) - HEAD,
    "The embedding is missing": lambda gates: cost(gates) - EMBEDDING,
    "changed places": lambda gates: cost(gates, FFN, ATTENTION),
    "everything kept": lambda gates: cost(torch.ones(12, 2)),
    "197, not 196": lambda gates: cost(gates, ATTENTION_196, FFN_196),
    "skipped sub-layers": lambda gates: cost(~gates),
    "It is more": lambda gates: 0.9 * cost(gates),
    "It is less": lambda gates: 1.1 * cost(gates),
    "A number is right": lambda gates: "1.4 G",
}


@pytest.mark.parametrize("message", COSTS)
def test_multiply_adds_mistakes(message: str) -> None:
    says(n03.check_03_4(COSTS[message]), message)


def test_multiply_adds_with_and_without_decisions() -> None:
    assert n03.check_03_4(cost).status == "correct"
    assert n03.check_03_4(lambda gates: cost(gates) + 12 * 2 * 192).status == "correct"
    assert n03.check_03_4(lambda gates: torch.tensor(cost(gates))).status == "correct"
