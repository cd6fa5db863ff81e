"""The checks of notebook 02: stubs, the solutions, and typical mistakes."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from colorlib.course import n02

CHECKS = [
    n02.check_02_1,
    n02.check_02_2,
    n02.check_02_3,
    n02.check_02_4,
]


@pytest.fixture(scope="module")
def solved(solutions_of: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """What the solutions notebook defines."""
    return solutions_of("02_hint_sampling")


@pytest.mark.parametrize("check", CHECKS)
def test_stubs_are_not_done_yet(check: Any) -> None:
    assert check(...).status == "not done yet"
    if check is not n02.check_02_2:
        assert check(lambda *_: None).status == "not done yet"


def test_solutions_are_correct(solved: dict[str, Any]) -> None:
    for check, name in zip(CHECKS, ("cell_of", "hint_count", "draw_map", "paint"), strict=True):
        verdict = check(solved[name])
        assert verdict.status == "correct", verdict


def share(row: int, col: int, shape: Any, offset: float = 0.5) -> tuple[float, float]:
    return (row + offset) / shape[0], (col + offset) / shape[1]


@pytest.mark.parametrize(
    ("cell_of", "diagnosis"),
    [
        (lambda *place: tuple(112 * s for s in share(*place)), "cut the fraction off"),
        (lambda *place: tuple(round(112 * s) for s in share(*place)), "instead of rounding"),
        (lambda *place: tuple(int(112 * s) for s in share(*place))[::-1], "row comes first"),
        (lambda *place: tuple(int(224 * s) for s in share(*place)), "a cell is 2 x 2 of them"),
        (lambda *place: tuple(int(112 * s) for s in share(*place, 0.0)), "by its centre"),
        (
            lambda row, col, shape: tuple(int(112 * s) for s in share(row, col, shape[::-1])),
            "rows go with shape[0]",
        ),
        (lambda row, col, shape: 7, "a pair (row, column) was expected"),
        (lambda row, col, shape: (-1, -1), "you say (-1, -1)"),
    ],
)
def test_02_1_names_the_mistake(cell_of: Any, diagnosis: str) -> None:
    verdict = n02.check_02_1(cell_of)
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


@pytest.mark.parametrize(
    ("count", "diagnosis"),
    [
        (math.ceil(224**2 / 100), "a hint has 2 x 2"),
        (125, "a little under 1 %"),
        (125.44, "hints come whole"),
        (math.ceil(112**2 / 100 / 4), "112 x 112 counts cells"),
        (1000, "1,000 hints cover 7.97%"),
        ("126", "a whole number of hints was expected"),
    ],
)
def test_02_2_names_the_mistake(count: Any, diagnosis: str) -> None:
    verdict = n02.check_02_2(count)
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def drawn(cells: Any, ab: Any, size: int = 2) -> torch.Tensor:
    """The hint map, in the slow and clear way."""
    result = torch.zeros(3, 224, 224)
    for (row, col), (a, b) in zip(cells, ab, strict=True):
        square = (slice(2 * row, 2 * row + size), slice(2 * col, 2 * col + size))
        result[0][square], result[1][square], result[2][square] = float(a), float(b), 1.0
    return result


def test_02_3_takes_the_slow_way_too() -> None:
    assert n02.check_02_3(drawn).status == "correct"
    assert n02.check_02_3(lambda cells, ab: drawn(cells, ab).numpy()).status == "correct"


@pytest.mark.parametrize(
    ("draw_map", "diagnosis"),
    [
        (lambda cells, ab: drawn(cells[:, ::-1], ab), "rows and columns are swapped"),
        (lambda cells, ab: drawn(cells, ab[:, ::-1]), "a and b are swapped"),
        (lambda cells, ab: drawn(cells, ab).roll(1, 0), "the mask comes last"),
        (lambda cells, ab: drawn(cells, ab) / torch.tensor([110.0, 110.0, 1.0])[:, None, None],
         "network_input divides by 110"),
        (lambda cells, ab: torch.cat((drawn(cells, ab)[:2], 1 - drawn(cells, ab)[2:])),
         "the wrong way round"),
        (lambda cells, ab: drawn(cells, ab, size=1), "only one pixel of each cell"),
        (lambda cells, ab: drawn(cells[::-1], ab[::-1]), "the later one must win"),
        (lambda cells, ab: drawn(cells, 0 * ab), "are not the hints' colours"),
        (lambda cells, ab: torch.zeros(3, 224, 224), "the mask is empty"),
        (lambda cells, ab: drawn(cells // 2, ab), "24 are right"),
        (lambda cells, ab: drawn(cells, ab)[None], "[1, 3, 224, 224] came back"),
        (lambda cells, ab: "a map", "a map [3, 224, 224] was expected"),
    ],
)  # fmt: skip
def test_02_3_names_the_mistake(draw_map: Any, diagnosis: str) -> None:
    verdict = n02.check_02_3(draw_map)
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


@pytest.mark.parametrize(
    ("paint", "diagnosis"),
    [
        (lambda X: 0 * X[:, 1:3] + torch.tensor([[[[5.0]], [[15.0]]]]), "is asked"),
        (lambda X: X[:, 1:3], "give back Lab units"),
        (lambda X: X[:, 1:3] / X[:, 3:], "there is NaN or infinity"),
        (lambda X: X, "[1, 4, 224, 224] came back"),
        (lambda X: X.zero_()[:, 1:3], "changed X"),
        (lambda X: 3, "int came back"),
    ],
)
def test_02_4_names_the_mistake(paint: Any, diagnosis: str) -> None:
    verdict = n02.check_02_4(paint)
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def test_02_4_measures_against_the_nearest_hint() -> None:
    """The baseline itself gains nothing."""

    def nearest_hint(X: torch.Tensor) -> torch.Tensor:
        rows, cols = torch.nonzero(X[0, 3], as_tuple=True)
        grid = np.moveaxis(np.indices((224, 224)), 0, -1)[:, :, None]
        places = torch.stack((rows, cols), -1).numpy()
        nearest = torch.tensor(((grid - places) ** 2).sum(-1).argmin(-1))
        return 110 * X[:, 1:3, rows, cols][:, :, nearest]

    verdict = n02.check_02_4(nearest_hint)
    assert "you gain +0.00 dB" in verdict.message
    assert "coffee +0.0, flower +0.0, heron +0.0" in verdict.message
