"""The checks of the exercises: stubs, the published solutions, and every diagnosed mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from colorlib.course import check, grading
from colorlib.course.grading import Wrong, call, exercise

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks" / "solutions").glob("*.ipynb"))
for path in NOTEBOOKS:
    check(f"{path.name[:2]}.1")
EXERCISES = grading.EXERCISES.copy()
MISTAKES = [(number, text) for number, each in EXERCISES.items() for text in each.mistakes]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_published_solutions_are_correct(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    space: dict[str, Any] = {}
    results = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            code, _, asked = "".join(cell["source"]).partition("check(")
            exec(code, space)
            if asked:
                result = eval(f"check({asked}", space)
                results[result.exercise] = result.status
    own = [number for number in EXERCISES if number[:2] == path.name[:2]]
    assert results == dict.fromkeys(own, "correct")


@pytest.mark.parametrize("number", EXERCISES)
def test_stubs_are_not_done_yet(number: str) -> None:
    assert check(number).status == "not done yet"
    if EXERCISES[number].mistakes:  # it asks for a function
        for stub in (lambda *_: ..., lambda *_: None):
            assert check(number, stub).status == "not done yet"


@pytest.mark.parametrize(("number", "text"), MISTAKES)
def test_every_mistake_gets_its_own_diagnosis(number: str, text: str) -> None:
    feedback = check(number, EXERCISES[number].mistakes[text])
    assert (feedback.status, feedback.message) == ("wrong", f"{text}.")


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """The check of an exercise of one's own: twice a number, or a list of them."""
    monkeypatch.setattr(grading, "EXERCISES", EXERCISES.copy())
    exercise(
        "01.9",
        "Twice is twice.",
        right=lambda x: 2 * np.asarray(x),
        cases=[(3,), ([1.0, 2.0],)],
        mistakes={"That is the square": lambda x: np.asarray(x) ** 2},
    )
    return lambda answer: check("01.9", answer)


def test_a_check_says_what_is_wrong_and_never_raises(double: Callable[[Any], Any]) -> None:
    assert repr(double(lambda x: 2 * np.asarray(x))) == "Exercise 01.9: correct. Twice is twice."
    for answer, message in (
        (4, "a function was expected, not 4"),
        (lambda x: np.asarray(x) / 0, "It stops with RuntimeWarning: "),
        (lambda: 4, "It stops with TypeError: "),
        (lambda x: "six", "numbers were expected, not 'six'"),
        (lambda x: np.asarray(x) ** 2, "That is the square."),
        (lambda x: [[6, 0], [0, 0]], "For x = 3 it gives [[6, 0], [0, 0]] where 6 is right."),
        (lambda x: 3 * np.asarray(x), "For x = 3 it gives 9 where 6 is right."),
        (lambda x: [2 * one for one in x] if x != 3 else 6.1, "For x = 3 it gives 6.1 where 6 is"),
    ):
        assert double(answer).status == "wrong"
        assert double(answer).message.startswith(message)


def test_an_answer_must_not_change_what_it_is_given() -> None:
    with pytest.raises(Wrong, match="your function changed what it was given"):
        call(lambda values: values.append(1.0) or values, [1.0])


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("03.4", 5, "For gates = numbers [12, 2] it gives 5 where 1.4"),
        ("08.3", "mauve", "For actions = [red] it gives mauve where red is right."),
    ],
)
def test_a_right_function_may_have_more_parameters(number: str, answer: Any, message: str) -> None:
    assert check(number, lambda _: answer).message.startswith(message)


def test_right_answers_in_tensors_are_right() -> None:
    def paired(one: np.ndarray, other: np.ndarray) -> torch.Tensor:
        d = torch.tensor(one - other)
        return torch.stack((d.mean(), d.std() / len(d) ** 0.5))

    assert check("05.2", paired).status == "correct"


@pytest.mark.parametrize(
    ("colour", "message"),
    [
        ((65, 105, 256), "expected: three whole numbers (red, green, blue), each from 0 to 255"),
        ((65.5, 105, 225), "expected: three whole numbers"),
        ((255, 255, 255), "your colour has L = 100.0: lighter than royal blue, 47.8"),
        ((65, 105, 225), "the L is right, but it is only 0 away in ab"),
    ],
)
def test_a_colour_unlike_royal_blue(colour: tuple[float, ...], message: str) -> None:
    assert check("01.2", colour).message.startswith(message)


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (224**2 / 100, "that is pixels; a hint has 2 x 2 of them"),
        (125.44, "hints come whole"),
        (125, "125 hints cover 0.996% of the network's 50,176 pixels"),
    ],
)
def test_a_wrong_count_of_hints(count: float, message: str) -> None:
    assert check("02.2", count).message.startswith(message)


def test_the_contest_wants_more_than_the_nearest_hint() -> None:
    from colorlib.course.n02 import _nearest_hint

    assert check("02.4", _nearest_hint).message.startswith(
        "against the nearest hint you gain +0.00 dB with 10 hints (coffee +0.0"
    )
    assert "Lab units" in check("02.4", lambda X: _nearest_hint(X) / 110).message
    assert "NaN" in check("02.4", lambda X: _nearest_hint(X) * torch.nan).message
    assert "[2, 224, 224] came back" in check("02.4", lambda X: _nearest_hint(X)[0]).message


def test_gradients_that_a_notebook_has_switched_off() -> None:
    with torch.no_grad():
        right = EXERCISES["03.2"]
        right.test(
            lambda logit, t: (
                (logit > 0) + torch.sigmoid(logit / t) - torch.sigmoid(logit / t).detach()
            )
        )
