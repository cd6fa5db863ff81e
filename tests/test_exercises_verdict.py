"""What a check answers, whatever the student hands in."""

from typing import Any

import pytest

from colorlib.course.grading import Feedback, Wrong, call, exercise


@exercise("09.1", "Twice is twice.")
def check_value(answer: Any) -> None:
    if answer != 4:
        raise Wrong(f"{answer} is not twice 2")


@exercise("09.2", "Twice is twice.")
def check_function(double: Any) -> None:
    if call(double, 2) != 4:
        raise Wrong("twice 2 is 4")


def test_a_stub_is_not_done_yet() -> None:
    for verdict in (
        check_value(...),
        check_value(),
        check_function(...),
        check_function(lambda _: ...),
        check_function(lambda _: None),
    ):
        assert verdict.status == "not done yet"


def test_right_and_wrong_answers() -> None:
    assert check_value(4) == Feedback("09.1", "correct", "Twice is twice.")
    assert check_value(5) == Feedback("09.1", "wrong", "5 is not twice 2")
    assert check_function(lambda x: 2 * x).status == "correct"
    assert check_function(lambda x: x).message == "twice 2 is 4"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda x: x / 0, "It stops with ZeroDivisionError: division by zero"),
        (lambda: 4, "It stops with TypeError: "),
        (4, "a function was expected, not 4"),
    ],
)
def test_a_check_never_raises(answer: Any, message: str) -> None:
    verdict = check_function(answer)
    assert verdict.status == "wrong"
    assert verdict.message.startswith(message)


def test_a_notebook_shows_the_same_text_each_time() -> None:
    assert repr(check_value(4)) == "Exercise 09.1: correct. Twice is twice."
    assert repr(check_value()) == (
        "Exercise 09.1: not done yet. Put your answer in place of the dots."
    )
    assert repr(Feedback("09.1", "correct")) == "Exercise 09.1: correct"
