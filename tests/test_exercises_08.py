"""The checks of notebook 08: typical mistakes. (Stubs and solutions: test_exercises.)"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from colorlib.course import n08
from colorlib.course.grading import Feedback
from colorlib.hints import Hints

CHECKS = {
    "cell_of": n08.check_08_1,
    "to_photo": n08.check_08_2,
    "after": n08.check_08_3,
    "drawn": n08.check_08_4,
}


@pytest.mark.parametrize("check", CHECKS.values())
def test_answers_of_another_kind_are_wrong_and_not_errors(check: Callable[..., Feedback]) -> None:
    for answer in ("0.5", 3, lambda *_: "pink", lambda *_: np.zeros((3, 7)), lambda: 0.0):
        assert check(answer).status == "wrong"


def test_the_cells_are_those_of_hints() -> None:
    def cell_of(row: int, column: int, height: int, width: int) -> list[int]:
        return Hints([row], [column], [(0, 0)], (height, width)).cells()[0].tolist()

    assert n08.check_08_1(cell_of).status == "correct"


CELLS = {
    "changed places": lambda r, c, h, w: (112 * (c + 0.5) // w, 112 * (r + 0.5) // h),
    "pixels of the 224": lambda r, c, h, w: (224 * (r + 0.5) // h, 224 * (c + 0.5) // w),
    "scaled alike": lambda r, c, h, w: (
        112 * (r + 0.5) // max(h, w),
        112 * (c + 0.5) // max(h, w),
    ),
    "height belongs": lambda r, c, h, w: (112 * (r + 0.5) // w, 112 * (c + 0.5) // h),
    "half a pixel": lambda r, c, h, w: (int(r * 112 / h), int(c * 112 / w)),
    "round": lambda r, c, h, w: (round(112 * (r + 0.5) / h), round(112 * (c + 0.5) / w)),
    "last pixel": lambda r, c, h, w: (r * 111 // (h - 1), c * 111 // (w - 1)),
    "is right": lambda r, c, h, w: (0, 0),
}


@pytest.mark.parametrize("diagnosis", CELLS)
def test_mistakes_in_cells_are_named(diagnosis: str) -> None:
    verdict = n08.check_08_1(CELLS[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def scale(stage: Any, photo: Any, zoom: float) -> float:
    return zoom * min(stage[0] / photo[1], stage[1] / photo[0])


def photo_place(
    x: float, y: float, stage: Any, photo: Any, zoom: float, middle: Any
) -> tuple[float, float]:
    s = scale(stage, photo, zoom)
    return middle[0] + (y - stage[1] / 2) / s, middle[1] + (x - stage[0] / 2) / s


PLACES = {
    "changed places": lambda *case: photo_place(*case)[::-1],
    "fill the stage": lambda x, y, s, p, z, m: photo_place(
        x, y, s, p, z * max(s[0] / p[1], s[1] / p[0]) / min(s[0] / p[1], s[1] / p[0]), m
    ),
    "not stretched": lambda x, y, s, p, z, m: (
        m[0] + (y - s[1] / 2) / (z * s[1] / p[0]),
        m[1] + (x - s[0] / 2) / (z * s[0] / p[1]),
    ),
    "zoom is missing": lambda x, y, s, p, z, m: photo_place(x, y, s, p, 1, m),
    "divide by it": lambda x, y, s, p, z, m: (
        m[0] + (y - s[1] / 2) * scale(s, p, z),
        m[1] + (x - s[0] / 2) * scale(s, p, z),
    ),
    "from the stage's corner": lambda x, y, s, p, z, m: (
        m[0] + y / scale(s, p, z),
        m[1] + x / scale(s, p, z),
    ),
    "own middle": lambda x, y, s, p, z, m: photo_place(x, y, s, p, z, (p[0] / 2, p[1] / 2)),
    "(width, height)": lambda x, y, s, p, z, m: photo_place(x, y, s[::-1], p, z, m),
    "(height, width)": lambda x, y, s, p, z, m: photo_place(x, y, s, p[::-1], z, m),
    "off by up to": lambda *_: (0.0, 0.0),
}


@pytest.mark.parametrize("diagnosis", PLACES)
def test_mistakes_in_places_are_named(diagnosis: str) -> None:
    verdict = n08.check_08_2(PLACES[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def remembers(actions: list[str]) -> str:
    """Forgets no future when something new is done."""
    past, now, future = [], "grey", []
    for action in actions:
        if action == "undo" and past:
            future.append(now)
            now = past.pop()
        elif action == "redo" and future:
            past.append(now)
            now = future.pop()
        elif action not in ("undo", "redo"):
            past.append(now)
            now = action
    return now


def toggles(actions: list[str]) -> str:
    before = now = "grey"
    for action in actions:
        before, now = (now, before) if action in ("undo", "redo") else (now, action)
    return now


def stack(actions: list[str]) -> str:
    """Undo without redo."""
    states = ["grey"]
    for action in actions:
        if action == "undo":
            states = states[:-1] or states
        elif action != "redo":
            states.append(action)
    return states[-1]


HISTORIES = {
    "nothing to redo": remembers,
    "Only one step": toggles,
    "Redo changes nothing": stack,
    "Undo changes nothing": lambda actions: ["grey", *(a for a in actions if a[-2:] != "do")][-1],
    "After red it is red": lambda actions: "grey",
}


@pytest.mark.parametrize("diagnosis", HISTORIES)
def test_mistakes_in_undo_are_named(diagnosis: str) -> None:
    verdict = n08.check_08_3(HISTORIES[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message


def loses(times: list[float], work: float) -> list[int]:
    found, free = [], 0.0
    for index, time in enumerate(times):
        if time >= free:
            found.append(index)
            free = time + work
    return found


REQUESTS = {
    "queue up": lambda times, work: list(range(len(times))),
    "is lost": loses,
    "hand rests": lambda times, work: [
        i for i in range(len(times)) if i + 1 == len(times) or times[i + 1] - times[i] > work
    ],
    "Only the last": lambda times, work: [len(times) - 1],
    "is right": lambda times, work: [0],
}


@pytest.mark.parametrize("diagnosis", REQUESTS)
def test_mistakes_in_requests_are_named(diagnosis: str) -> None:
    verdict = n08.check_08_4(REQUESTS[diagnosis])
    assert verdict.status == "wrong"
    assert diagnosis in verdict.message
