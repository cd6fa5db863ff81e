"""What holds for the checks of each notebook from 04 on: stubs, and the solutions as published."""

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import test_exercises_04
import test_exercises_05
import test_exercises_06
import test_exercises_07
import test_exercises_08

from colorlib.course.grading import Feedback

# Notebook -> the name in its solutions -> the check.
CHECKS: dict[str, dict[str, Callable[..., Feedback]]] = {
    "04_training": test_exercises_04.CHECKS,
    "05_table1_quality": test_exercises_05.CHECKS,
    "06_table2_speed": test_exercises_06.CHECKS,
    "07_easiest_and_hardest": test_exercises_07.CHECKS,
    "08_interactive_panel": test_exercises_08.CHECKS,
}
EACH = [(notebook, name) for notebook, checks in CHECKS.items() for name in checks]


@pytest.fixture(scope="module")
def solutions(solutions_of: Callable[[str], dict[str, Any]]) -> Callable[[str], dict[str, Any]]:
    """What the code cells of a solutions notebook define, executed once."""
    return cache(solutions_of)


@pytest.mark.parametrize(("notebook", "name"), EACH)
def test_solutions_are_correct(
    notebook: str, name: str, solutions: Callable[[str], dict[str, Any]]
) -> None:
    assert CHECKS[notebook][name](solutions(notebook)[name]).status == "correct"


@pytest.mark.parametrize(("notebook", "name"), EACH)
def test_stubs_are_not_done_yet(notebook: str, name: str) -> None:
    for stub in (..., lambda *_: ..., lambda *_: None):
        assert CHECKS[notebook][name](stub).status == "not done yet"
