"""Notebook 08: checks of cells, from the window to the photo, undo, the newest request."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from colorlib.course.grading import Wrong, call, exercise

GRID = 112  # cells of 2 x 2 pixels along a side of the network's 224


@exercise(
    "08.1",
    "The network sees every photo as a square, so the two sides are scaled each by itself.",
)
def check_08_1(answer: Any) -> None:
    """The cell of a click: a function of row, column, height and width, giving (row, column)."""
    cases = [
        (150, 220, 300, 451),
        (299, 0, 300, 451),
        (7, 130, 75, 131),
        (3, 50, 56, 112),
        (2021, 3999, 3000, 4000),
        (611, 409, 640, 427),
    ]
    mistakes: dict[str, Callable[..., tuple[int, int]]] = {
        "Row and column have changed places": lambda r, c, h, w: _cell(c, r, w, h),
        "Those are pixels of the 224; a cell is 2 x 2 of them, so there are 112": (
            lambda r, c, h, w: _cell(r, c, h, w, 2 * GRID)
        ),
        "Both sides are scaled alike here; the network sees a square, whatever the photo was": (
            lambda r, c, h, w: _cell(r, c, max(h, w), max(h, w))
        ),
        "The height belongs to the row and the width to the column": (
            lambda r, c, h, w: _cell(r, c, w, h)
        ),
        "A pixel's place is its middle, half a pixel on: row 3 of 56 is at 3.5": (
            lambda r, c, h, w: (GRID * r // h, GRID * c // w)
        ),
        "Do not round to the nearest: the cell that a place lies in begins before it": (
            lambda r, c, h, w: (round(GRID * (r + 0.5) / h), round(GRID * (c + 0.5) / w))
        ),
        "The last pixel is no special case: pixels are as wide as any other, 112 / height": (
            lambda r, c, h, w: (r * (GRID - 1) // (h - 1), c * (GRID - 1) // (w - 1))
        ),
    }
    given = [_two(call(answer, *case), "(row, column)") for case in cases]
    right = [_cell(*case) for case in cases]
    if given == right:
        return
    for diagnosis, mistake in mistakes.items():
        if given == [mistake(*case) for case in cases]:
            raise Wrong(f"{diagnosis}.")
    for case, one, wanted in zip(cases, given, right, strict=True):
        if one != wanted:
            row, column, height, width = case
            raise Wrong(
                f"Row {row}, column {column} of a photo of {height} x {width} pixels: "
                f"it gives {_said(one)} where {_said(wanted)} is right."
            )


@exercise(
    "08.2",
    "This is all that a zoom and a drag of the photo change, and why a click hits its pixel at "
    "any of them.",
)
def check_08_2(answer: Any) -> None:
    """From the window to the photo: (x, y, stage, photo, zoom, middle) -> (row, column)."""
    draw = np.random.default_rng(8)
    cases = []
    for zoom in (1.0, 1.5, 8.0):
        for stage in ((900, 600), (400, 700)):
            photo = tuple(int(side) for side in draw.integers(200, 3000, 2))
            middle = tuple(
                float(share) * side for share, side in zip((0.4, 0.7), photo, strict=True)
            )
            x, y = (float(at) for at in draw.uniform(0, 400, 2))
            cases.append((x, y, stage, photo, zoom, middle))
    mistakes: dict[str, Callable[..., tuple[float, float]]] = {
        "Row and column have changed places: y goes with the row": (
            lambda *case: _to_photo(*case)[::-1]
        ),
        "So the photo would fill the stage and lose its sides: all of it is seen at zoom 1, so "
        "take the smaller of the two scales": lambda x, y, s, p, z, m: _to_photo(
            x, y, s, p, z, m, max
        ),
        "The photo is not stretched: one scale for rows and columns, the smaller": _stretched,
        "The zoom is missing": lambda x, y, s, p, z, m: _to_photo(x, y, s, p, 1.0, m),
        "The scale is screen pixels for one of the photo: divide by it": _multiplied,
        "This is measured from the stage's corner; `middle` is in the middle of the stage": (
            lambda x, y, s, p, z, m: _to_photo(x + s[0] / 2, y + s[1] / 2, s, p, z, m)
        ),
        "This takes the photo's own middle; once it is moved, another place is there": (
            lambda x, y, s, p, z, m: _to_photo(x, y, s, p, z, (p[0] / 2, p[1] / 2))
        ),
        "`stage` is (width, height), as x comes before y": (
            lambda x, y, s, p, z, m: _to_photo(x, y, s[::-1], p, z, m)
        ),
        "`photo` is (height, width), as row comes before column": (
            lambda x, y, s, p, z, m: _to_photo(x, y, s, p[::-1], z, m)
        ),
    }
    given = [_two(call(answer, *case), "(row, column)") for case in cases]

    def same(function: Callable[..., tuple[float, float]]) -> bool:
        return np.allclose(given, [function(*case) for case in cases], rtol=0, atol=1e-6)

    if same(_to_photo):
        return
    for diagnosis, mistake in mistakes.items():
        if same(mistake):
            raise Wrong(f"{diagnosis}.")
    gap = np.abs(np.array(given) - [_to_photo(*case) for case in cases]).max()
    raise Wrong(f"It is off by up to {gap:.2g} of the photo's pixels.")


@exercise(
    "08.3",
    "Whole states, kept in two lists: nothing has to be computed backwards, so nothing can go "
    "wrong on the way.",
)
def check_08_3(answer: Any) -> None:
    """Undo and redo: a function of a list of actions, giving the colour at the end."""
    cases = [
        ["red"],
        ["red", "blue"],
        ["red", "undo"],
        ["red", "blue", "undo"],
        ["red", "blue", "undo", "redo"],
        ["red", "blue", "green", "undo", "undo"],
        ["red", "blue", "green", "undo", "undo", "redo"],
        ["red", "blue", "green", "undo", "undo", "redo", "redo"],
        ["undo", "red"],
        ["red", "undo", "undo", "blue", "undo"],
        ["red", "redo"],
        ["red", "blue", "undo", "green", "redo"],
        ["red", "undo", "redo", "redo", "undo"],
    ]
    given = []
    for case in cases:
        colour = call(answer, list(case))
        if not isinstance(colour, str):
            raise Wrong(f"the name of a colour was expected, not {colour!r}")
        given.append(colour)
    if given == [_after(case) for case in cases]:
        return
    mistakes: dict[str, Callable[[list[str]], str]] = {
        "A new colour after an undo leaves nothing to redo: what was taken back is another "
        "story's": lambda case: _after(case, forget=False),
        "Only one step is kept: every colour since the beginning can be taken back": _one_step,
        "Undo changes nothing here": lambda case: _after([a for a in case if a != "undo"]),
        "Redo changes nothing here: it does again what was taken back last": (
            lambda case: _after([a for a in case if a != "redo"])
        ),
        "Redo comes back with the step that was taken back first; the last one is nearer": (
            lambda case: _after(case, nearest=False)
        ),
    }
    for diagnosis, mistake in mistakes.items():
        if given == [mistake(case) for case in cases]:
            raise Wrong(f"{diagnosis}.")
    for case, colour in zip(cases, given, strict=True):
        if colour != _after(case):
            raise Wrong(f"After {', '.join(case)} it is {_after(case)}, not {colour}.")


@exercise(
    "08.4",
    "However fast the hand and however slow the network: one answer is on its way, one request "
    "waits, and the last is always drawn.",
)
def check_08_4(answer: Any) -> None:
    """The newest request: a function of times and work, giving the indices that are drawn."""
    cases = [
        ([0.0], 50.0),
        ([0.0, 100.0, 200.0], 50.0),
        ([0.0, 16.0, 32.0, 48.0, 64.0, 80.0], 50.0),
        ([0.0, 16.0, 32.0, 48.0, 64.0, 80.0], 1000.0),
        ([5.0, 21.0, 37.0, 300.0, 316.0, 332.0], 40.0),
        ([0.0, 10.0, 20.0, 95.0, 96.0, 97.0, 210.0], 60.0),
    ]
    given = [_indices(call(answer, list(times), work)) for times, work in cases]
    if given == [_drawn(*case) for case in cases]:
        return
    mistakes: dict[str, Callable[[list[float], float], list[int]]] = {
        "Every request is drawn, so they queue up and the picture lags behind the hand: of those "
        "that wait only the newest counts": lambda times, work: list(range(len(times))),
        "What comes while the kernel is busy is lost, and with it the last one: the newest of "
        "them has to wait": _lossy,
        "Nothing is drawn before the hand rests: start at once whenever the kernel is free": (
            _patient
        ),
        "Of those that wait, the first is taken; the hand is no longer there": (
            lambda times, work: _drawn(times, work, first=True)
        ),
        "Only the last is drawn: between, the picture should follow as fast as it can": (
            lambda times, work: [len(times) - 1]
        ),
        "Count from 0, as Python does": lambda times, work: [n + 1 for n in _drawn(times, work)],
    }
    for diagnosis, mistake in mistakes.items():
        if given == [mistake(*case) for case in cases]:
            raise Wrong(f"{diagnosis}.")
    for (times, work), one in zip(cases, given, strict=True):
        if one != _drawn(times, work):
            asked = ", ".join(f"{time:g}" for time in times)
            raise Wrong(
                f"Asked at {asked} ms, {work:g} ms each: it draws {one} where "
                f"{_drawn(times, work)} is right."
            )


def _cell(row: int, column: int, height: int, width: int, grid: int = GRID) -> tuple[int, int]:
    return (2 * row + 1) * grid // (2 * height), (2 * column + 1) * grid // (2 * width)


def _to_photo(
    x: float,
    y: float,
    stage: Sequence[float],
    photo: Sequence[float],
    zoom: float,
    middle: Sequence[float],
    choose: Callable[..., float] = min,
) -> tuple[float, float]:
    scale = zoom * choose(stage[0] / photo[1], stage[1] / photo[0])
    return middle[0] + (y - stage[1] / 2) / scale, middle[1] + (x - stage[0] / 2) / scale


def _stretched(
    x: float, y: float, s: Sequence[float], p: Sequence[float], z: float, m: Sequence[float]
) -> tuple[float, float]:
    return m[0] + (y - s[1] / 2) * p[0] / s[1] / z, m[1] + (x - s[0] / 2) * p[1] / s[0] / z


def _multiplied(
    x: float, y: float, s: Sequence[float], p: Sequence[float], z: float, m: Sequence[float]
) -> tuple[float, float]:
    scale = z * min(s[0] / p[1], s[1] / p[0])
    return m[0] + (y - s[1] / 2) * scale, m[1] + (x - s[0] / 2) * scale


def _after(actions: Sequence[str], forget: bool = True, nearest: bool = True) -> str:
    past: list[str] = []
    future: list[str] = []
    now = "grey"
    for action in actions:
        if action == "undo":
            if past:
                future.append(now)
                now = past.pop()
        elif action == "redo":
            if future:
                past.append(now)
                now = future.pop(-1 if nearest else 0)
        else:
            past.append(now)
            now = action
            if forget:
                future.clear()
    return now


def _one_step(actions: Sequence[str]) -> str:
    before = now = "grey"
    for action in actions:
        if action in ("undo", "redo"):
            before, now = now, before
        else:
            before, now = now, action
    return now


def _drawn(times: Sequence[float], work: float, first: bool = False) -> list[int]:
    found: list[int] = []
    free, last = 0.0, -1
    while last < len(times) - 1:
        start = max(free, times[last + 1])
        newest = max(index for index, time in enumerate(times) if time <= start)
        found.append(last + 1 if first else newest)
        last, free = newest, start + work
    return found


def _lossy(times: Sequence[float], work: float) -> list[int]:
    found, free = [], -math.inf
    for index, time in enumerate(times):
        if time >= free:
            found.append(index)
            free = time + work
    return found


def _patient(times: Sequence[float], work: float) -> list[int]:
    later = [*times[1:], math.inf]
    return [index for index, time in enumerate(times) if later[index] - time > work]


def _two(given: Any, what: str) -> tuple[float, float]:
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str) or len(given) != 2:
        raise Wrong(f"two numbers were expected, {what}, not {given!r}")
    try:
        return float(given[0]), float(given[1])
    except (TypeError, ValueError):
        raise Wrong(f"two numbers were expected, {what}, not {given!r}") from None


def _indices(given: Any) -> list[int]:
    if not isinstance(given, Sequence | np.ndarray) or isinstance(given, str):
        raise Wrong(f"a list of indices was expected, not {given!r}")
    return [int(index) for index in given]


def _said(pair: tuple[float, float]) -> str:
    return f"({pair[0]:g}, {pair[1]:g})"
