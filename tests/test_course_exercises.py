"""The checks of the exercises: stubs, the published solutions, and every diagnosed mistake."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from colorlib.course import check, grading
from colorlib.course.grading import exercise
from colorlib.course.n02 import _nearest_hint

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
        (lambda x: 6 if x == 3 else x.append(1.0) or x, "your function changed what it was given"),
        (lambda x: "six", "numbers were expected, not 'six'"),
        (lambda x: np.asarray(x) ** 2, "That is the square."),
        (lambda x: [[6, 0], [0, 0]], "For x = 3 it gives [[6, 0], [0, 0]] where 6 is right."),
        (lambda x: 3 * np.asarray(x), "For x = 3 it gives 9 where 6 is right."),
        (lambda x: [2 * one for one in x] if x != 3 else 6.1, "For x = 3 it gives 6.1 where 6 is"),
    ):
        assert double(answer).status == "wrong"
        assert double(answer).message.startswith(message)


def test_right_answers_in_tensors_are_right() -> None:
    def paired(one: np.ndarray, other: np.ndarray) -> torch.Tensor:
        d = torch.tensor(one - other)
        return torch.stack((d.mean(), d.std() / len(d) ** 0.5))

    assert check("05.2", paired).status == "correct"


@pytest.mark.parametrize(
    ("number", "answer", "message"),
    [
        ("01.2", (65, 105, 256), "expected: three whole numbers (red, green, blue), each from 0"),
        ("01.2", (255, 255, 255), "your colour has L = 100.0: lighter than royal blue, 47.8"),
        ("01.2", (65, 105, 225), "the L is right, but it is only 0 away in ab"),
        ("02.2", 224**2 / 100, "that is pixels; a hint has 2 x 2 of them"),
        ("02.2", 125.44, "hints come whole"),
        ("02.2", 125, "125 hints cover 0.996% of the network's 50,176 pixels"),
        ("02.4", _nearest_hint, "against the nearest hint you gain +0.00 dB with 10 hints"),
        ("02.4", lambda X: _nearest_hint(X) / 110, "Lab units"),
        ("02.4", lambda X: _nearest_hint(X) * torch.nan, "NaN"),
        ("02.4", lambda X: _nearest_hint(X)[0], "[2, 224, 224] came back"),
        # The right function may have more parameters than the exercise has.
        ("03.4", lambda _: 5, "For gates = numbers [12, 2] it gives 5 where 1.4"),
        ("08.3", lambda _: "mauve", "For actions = [red] it gives mauve where red is right."),
    ],
)
def test_an_answer_is_told_what_is_wrong_with_it(number: str, answer: Any, message: str) -> None:
    feedback = check(number, answer)
    assert feedback.status == "wrong"
    assert message in feedback.message


def test_gradients_that_a_notebook_has_switched_off() -> None:
    def gate(logit: torch.Tensor, t: float) -> torch.Tensor:
        soft = torch.sigmoid(logit / t)
        return (logit > 0) + soft - soft.detach()

    with torch.no_grad():
        assert check("03.2", gate).status == "correct"
