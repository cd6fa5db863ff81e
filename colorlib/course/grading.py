"""What a check says of an answer: not done yet, correct, or what is wrong."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from typing import Any, Literal

import torch
from torch import Tensor


class Wrong(Exception):
    """Raised inside a check: what is wrong with the answer, for the student to read."""


@dataclass(frozen=True)
class Feedback:
    """The result of a check; a notebook shows its text."""

    exercise: str
    status: Literal["not done yet", "correct", "wrong"]
    message: str = ""

    def __repr__(self) -> str:
        text = f"Exercise {self.exercise}: {self.status}"
        return f"{text}. {self.message}" if self.message else text


CHECKS: dict[str, Callable[..., Feedback]] = {}  # by the exercise's number, such as "03.1"


def check(number: str, answer: Any = ...) -> Feedback:
    """Check the answer to an exercise, "03.1" is the first of notebook 03."""
    import_module(f"colorlib.course.n{number[:2]}")
    return CHECKS[number](answer)


def exercise(
    number: str, praise: str
) -> Callable[[Callable[[Any], None]], Callable[..., Feedback]]:
    """Make a check of a function that raises `Wrong`; `praise` says what the answer shows.

    An answer of `...` is not done yet, and so is a function that returns `...` or None. An
    answer that fails in an error of its own is wrong, and the error is named.
    """

    def decorate(test: Callable[[Any], None]) -> Callable[..., Feedback]:
        @wraps(test)
        def check(answer: Any = ...) -> Feedback:
            if answer is ...:
                return Feedback(number, "not done yet", "Put your answer in place of the dots.")
            try:
                test(answer)
            except NotDone:
                return Feedback(number, "not done yet", "Your function returns nothing so far.")
            except Wrong as error:
                return Feedback(number, "wrong", str(error))
            except Exception as error:
                # Whatever a student's code does, the notebook goes on and says what happened.
                return Feedback(number, "wrong", f"It stops with {type(error).__name__}: {error}")
            return Feedback(number, "correct", praise)

        CHECKS[number] = check
        return check

    return decorate


class NotDone(Exception):
    """Raised inside a check when the student's function is still a stub."""


def call(function: Any, *arguments: Any) -> Any:
    """The answer of a student's function; NotDone while it returns None or `...`."""
    if not callable(function):
        raise Wrong(f"a function was expected, not {function!r}")
    result = function(*arguments)
    if result is None or result is ...:
        raise NotDone
    return result


def numbers(given: Any, shape: tuple[int, ...] | None = None) -> Tensor:
    """The student's numbers in double precision, of `shape` (None: of any); Wrong if not such."""
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


def compare(
    given: Tensor,
    right: Tensor | float,
    mistakes: Mapping[str, Tensor | float],
    where: str,
    tolerance: float = 1e-6,
    relative: float = 1e-4,
) -> None:
    """Wrong, with the diagnosis that fits, unless `given`, see `numbers`, is `right`.

    Either is near enough within the share `relative` of it, or within `tolerance`.
    """

    def near(other: Tensor | float) -> bool:
        value = torch.as_tensor(other, dtype=torch.float64)
        return torch.allclose(given.double(), value, rtol=relative, atol=tolerance)

    if near(right):
        return
    for diagnosis, value in mistakes.items():
        if near(value):
            raise Wrong(f"{diagnosis}. (Seen for {where}.)")
    expected = torch.as_tensor(right, dtype=torch.float64).expand(given.shape)
    place = int((given - expected).abs().argmax())
    raise Wrong(
        f"For {where} it gives {float(given.flatten()[place]):.6g} where "
        f"{float(expected.flatten()[place]):.6g} is right"
    )
