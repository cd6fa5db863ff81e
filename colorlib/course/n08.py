"""Notebook 08: checks of cells, from the window to the photo, undo, the newest request."""

import math
from collections.abc import Sequence
from typing import Any

from colorlib.course.grading import exercise
from colorlib.hints import cell_of

GRID = 112  # cells of 2 x 2 pixels along a side of the network's 224


def _cell(row: int, column: int, height: int, width: int) -> tuple[int, int]:
    return cell_of(row, height, GRID), cell_of(column, width, GRID)


exercise(
    "08.1",
    "The network sees every photo as a square, so the two sides are scaled each by itself.",
    right=_cell,
    cases=[
        (150, 220, 300, 451),
        (299, 0, 300, 451),
        (7, 130, 75, 131),
        (3, 50, 56, 112),
        (2021, 3999, 3000, 4000),
        (611, 409, 640, 427),
    ],
    mistakes={
        "Row and column have changed places": lambda r, c, h, w: _cell(c, r, w, h),
        "A pixel's place is its middle, half a pixel on: row 3 of 56 is at 3.5": (
            lambda r, c, h, w: (GRID * r // h, GRID * c // w)
        ),
        "Do not round to the nearest: the cell that a place lies in begins before it": (
            lambda r, c, h, w: (round(GRID * (r + 0.5) / h), round(GRID * (c + 0.5) / w))
        ),
    },
)


Pair = Sequence[float]


def _to_photo(
    x: float, y: float, stage: Pair, photo: Pair, zoom: float, middle: Pair, fit: Any = min
) -> tuple[float, float]:
    scale = zoom * fit(stage[0] / photo[1], stage[1] / photo[0])
    return middle[0] + (y - stage[1] / 2) / scale, middle[1] + (x - stage[0] / 2) / scale


exercise(
    "08.2",
    "This is all that a zoom and a drag of the photo change, and why a click hits its pixel at "
    "any of them.",
    right=lambda x, y, stage, photo, zoom, middle: _to_photo(x, y, stage, photo, zoom, middle),
    cases=[
        (120.5, 310.0, (900, 600), (1200, 1800), 1.0, (480.0, 1260.0)),
        (33.0, 371.0, (400, 700), (2500, 300), 1.5, (1000.0, 210.0)),
        (288.0, 14.0, (900, 600), (640, 427), 8.0, (256.0, 299.0)),
    ],
    mistakes={
        "Row and column have changed places: y goes with the row": (
            lambda *case: _to_photo(*case)[::-1]
        ),
        "So the photo would fill the stage and lose its sides: all of it is seen at zoom 1, so "
        "take the smaller of the two scales": lambda x, y, s, p, z, m: _to_photo(
            x, y, s, p, z, m, max
        ),
        "This is measured from the stage's corner; `middle` is in the middle of the stage": (
            lambda x, y, s, p, z, m: _to_photo(x + s[0] / 2, y + s[1] / 2, s, p, z, m)
        ),
    },
)


def _after(actions: Sequence[str], forget: bool = True) -> str:
    past: list[str] = []
    future: list[str] = []
    now = "grey"
    for action in actions:
        if action == "undo" and past:
            future.append(now)
            now = past.pop()
        elif action == "redo" and future:
            past.append(now)
            now = future.pop()
        elif action not in ("undo", "redo"):
            past.append(now)
            now, future = action, [] if forget else future
    return now


def _one_step(actions: Sequence[str]) -> str:
    before = now = "grey"
    for action in actions:
        before, now = (now, before) if action in ("undo", "redo") else (now, action)
    return now


exercise(
    "08.3",
    "Whole states, kept in two lists: nothing has to be computed backwards, so nothing can go "
    "wrong on the way.",
    right=_after,
    cases=[
        (actions.split(),)
        for actions in (
            "red",
            "red blue",
            "red blue undo",
            "red blue undo redo",
            "red blue green undo undo",
            "red blue green undo undo redo redo",
            "undo red",
            "red undo undo blue undo",
            "red redo",
            "red blue undo green redo",
            "red undo redo redo undo",
        )
    ],
    mistakes={
        "A new colour after an undo leaves nothing to redo: what was taken back is another "
        "story's": lambda actions: _after(actions, forget=False),
        "Only one step is kept: every colour since the beginning can be taken back": _one_step,
    },
)


def _drawn(times: Sequence[float], work: float) -> list[int]:
    found: list[int] = []
    free, last = 0.0, -1
    while last < len(times) - 1:
        start = max(free, times[last + 1])
        newest = max(index for index, time in enumerate(times) if time <= start)
        found.append(newest)
        last, free = newest, start + work
    return found


def _lossy(times: Sequence[float], work: float) -> list[int]:
    found, free = [], -math.inf
    for index, time in enumerate(times):
        if time >= free:
            found.append(index)
            free = time + work
    return found


exercise(
    "08.4",
    "However fast the hand and however slow the network: one answer is on its way, one request "
    "waits, and the last is always drawn.",
    right=_drawn,
    cases=[
        ([0.0], 50.0),
        ([0.0, 100.0, 200.0], 50.0),
        ([0.0, 16.0, 32.0, 48.0, 64.0, 80.0], 50.0),
        ([0.0, 16.0, 32.0, 48.0, 64.0, 80.0], 1000.0),
        ([5.0, 21.0, 37.0, 300.0, 316.0, 332.0], 40.0),
        ([0.0, 10.0, 20.0, 95.0, 96.0, 97.0, 210.0], 60.0),
    ],
    mistakes={
        "Every request is drawn, so they queue up and the picture lags behind the hand: of those "
        "that wait only the newest counts": lambda times, work: list(range(len(times))),
        "What comes while the kernel is busy is lost, and with it the last one: the newest of "
        "them has to wait": _lossy,
    },
)
