"""What a check says of an answer: not done yet, correct, or what is wrong.

Most exercises ask for a function. They have cases, a right function, and wrong ones, each with
its diagnosis: an answer that agrees with a wrong function in all cases is told what is wrong.
"""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor


class Wrong(Exception):
    """What is wrong with an answer, for the student to read."""


class NotDone(Exception):
    """The student's function is still a stub."""


@dataclass(frozen=True)
class Feedback:
    """The result of a check; a notebook shows its text."""

    exercise: str
    status: Literal["not done yet", "correct", "wrong"]
    message: str = ""

    def __repr__(self) -> str:
        return f"Exercise {self.exercise}: {self.status}. {self.message}"


@dataclass(frozen=True)
class Exercise:
    """What is said of a right answer, a test that raises `Wrong`, and diagnosed wrong functions."""

    praise: str
    test: Callable[[Any], None]
    mistakes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


EXERCISES: dict[str, Exercise] = {}  # by their numbers, such as "03.1"


def check(number: str, answer: Any = ...) -> Feedback:
    """Check the answer to an exercise; "03.1" is the first one of notebook 03.

    An answer of `...` is not done yet, and so is a function that returns `...` or None. Whatever
    else a student's code does, the notebook goes on: an error of its own is named as wrong.
    """
    import_module(f"colorlib.course.n{number[:2]}")  # which adds its exercises
    exercise = EXERCISES[number]
    if answer is ...:
        return Feedback(number, "not done yet", "Put your answer in place of the dots.")
    try:
        exercise.test(answer)
    except NotDone:
        return Feedback(number, "not done yet", "Your function returns nothing so far.")
    except Wrong as error:
        return Feedback(number, "wrong", str(error))
    except Exception as error:
        return Feedback(number, "wrong", f"It stops with {type(error).__name__}: {error}")
    return Feedback(number, "correct", exercise.praise)


def call(function: Any, *case: Any) -> Any:
    """Return what a student's function gives; NotDone while that is None or `...`."""
    if not callable(function):
        raise Wrong(f"a function was expected, not {function!r}")
    given = deepcopy(case)
    result = function(*given)
    if result is None or result is ...:
        raise NotDone
    if not all(map(np.array_equal, given, case)):
        raise Wrong("your function changed what it was given: make something new instead")
    return result


def exercise(
    number: str,
    praise: str,
    right: Callable[..., Any],
    cases: Sequence[tuple[Any, ...]],
    mistakes: Mapping[str, Callable[..., Any]],
    ask: Callable[..., Any] = call,
    relative: float = 1e-4,
    tolerance: float = 1e-6,
) -> None:
    """Add an exercise that asks for a function: `right`, or one that agrees with it in all `cases`.

    `mistakes` are wrong functions by their diagnoses. Functions give numbers, in whatever holds
    them, or a text; numbers agree within the share `relative` of them, or within `tolerance`.
    `ask(function, *case)` is what is compared, if that is not what the function gives.
    """

    def agree(given: Any, wanted: Any) -> bool:
        if isinstance(wanted, str):
            return bool(given == wanted)
        found, other = alike(given, wanted)
        same = found.shape == other.shape
        return same and torch.allclose(found, other, relative, tolerance)

    def test(answer: Any) -> None:
        given = [ask(answer, *case) for case in cases]
        wanted = [ask(right, *case) for case in cases]
        if all(map(agree, given, wanted)):
            return
        for diagnosis, mistake in mistakes.items():
            if all(map(agree, given, [ask(mistake, *case) for case in cases])):
                raise Wrong(f"{diagnosis}.")
        for case, one, other in zip(cases, given, wanted, strict=True):
            if not agree(one, other):
                # Not strict: `right` may have parameters of its own, with defaults.
                arguments = zip(signature(right).parameters, map(brief, case), strict=False)
                where = ", ".join(f"{name} = {text}" for name, text in arguments)
                raise Wrong(f"For {where} it gives {different(one, other)} is right.")

    EXERCISES[number] = Exercise(praise, test, mistakes)


def numbers(given: Any) -> Tensor:
    """Return numbers in double precision; Wrong if they are none."""
    try:
        if isinstance(given, list | tuple):
            return torch.stack([numbers(one) for one in given]) if given else torch.empty(0)
        # A copy, as tensors have no negative strides, which array[..., ::-1] has.
        given = given.copy() if isinstance(given, np.ndarray) else given
        return torch.as_tensor(given).detach().double()
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"numbers were expected, not {given!r}") from None


def alike(given: Any, wanted: Any) -> tuple[Tensor, Tensor]:
    """Return both as numbers, `given` in the shape of `wanted` where it can be brought to it."""
    found, other = numbers(given), numbers(wanted)
    if found.numel() == other.numel():
        return found.reshape(other.shape), other
    try:
        return found.expand(other.shape), other
    except RuntimeError:
        return found, other


def different(given: Any, wanted: Any) -> str:
    """Say what was given "where" what was wanted; of many numbers, those that differ most."""
    if not isinstance(wanted, str):
        given, wanted = alike(given, wanted)
        if given.shape == wanted.shape and given.numel() > 6:
            worst = int((given - wanted).abs().nan_to_num(torch.inf).argmax())
            given, wanted = given.flatten()[worst], wanted.flatten()[worst]
    return f"{brief(given)} where {brief(wanted)}"


def brief(value: Any) -> str:
    """Write a value in a few characters: many numbers are only told by their shape."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and len(value) <= 12:
        return f"[{', '.join(map(brief, value))}]"
    array = np.asarray(value)
    if array.size > 12:
        return f"numbers {list(array.shape)}"
    return f"{array.item():.6g}" if array.ndim == 0 else brief(array.tolist())
