"""Notebook 08: checks of what a hint reaches, of which hint wins where, and of undo."""

from collections.abc import Sequence

import torch
from torch import Tensor

from colorlib.course.grading import exercise

SEEN = 5.0  # a change of ab that one sees at once


def _moved(before: Tensor, after: Tensor) -> Tensor:
    return (after - before).norm(dim=0) > SEEN


_RANDOM = torch.Generator().manual_seed(8)


def _photo(side: int, reach: float) -> tuple[Tensor, Tensor, Tensor]:
    """Return ab [2, side, side] before and after a hint, and a region of half of the pixels."""
    before = 20 * torch.randn(2, side, side, generator=_RANDOM)
    change = reach * torch.randn(2, side, side, generator=_RANDOM)
    region = torch.rand(side, side, generator=_RANDOM) < torch.linspace(0.2, 0.8, side)
    return before, before + change * torch.linspace(0, 1, side), region


exercise(
    "08.1",
    "Ask it of the region that was meant and of the rest: the second number is the leak.",
    right=lambda before, after, region: _moved(before, after)[region].float().mean(),
    cases=[_photo(12, 6.0), _photo(9, 20.0)],
    mistakes={
        "This is the share of the whole photo; only the pixels of the region are asked for": (
            lambda before, after, region: _moved(before, after).float().mean()
        ),
        "This is which share of the changed pixels lies in the region: divide by the number of "
        "pixels of the region": lambda before, after, region: (
            region[_moved(before, after)].float().mean()
        ),
        "This counts pixels; divide by how many the region has": lambda before, after, region: (
            _moved(before, after)[region].sum()
        ),
        "A pixel has moved by the length of (a, b): both at once, not each by itself": (
            lambda before, after, region: (
                ((after - before).abs() > SEEN).any(dim=0)[region].float().mean()
            )
        ),
    },
)


def _won(distances: Tensor) -> Tensor:
    """Return for distances [n, H, W] to each hint the share of pixels that is nearest to it [n]."""
    counts = distances.argmin(dim=0).flatten().bincount(minlength=len(distances))
    return counts / counts.sum()


def _apart(ab: Tensor, colours: Tensor) -> Tensor:
    return ab - colours[:, :, None, None]


exercise(
    "08.2",
    "Where two hints disagree, this is the border between them, in numbers.",
    right=lambda ab, colours: _won(_apart(ab, colours).norm(dim=1)),
    cases=[
        (strength * torch.randn(2, 12, 10, generator=_RANDOM), torch.tensor(colours))
        for strength, colours in (
            (20, [[24.0, 40.0], [40.0, -63.0]]),
            (20, [[24.0, 40.0], [40.0, -63.0], [0.0, 0.0], [-20.0, 5.0]]),
            (5, [[0.0, 0.0], [90.0, 90.0]]),  # of which one wins nothing
        )
    ],
    mistakes={
        "The other way round: the hint nearest in colour wins, not the farthest": (
            lambda ab, colours: _won(-_apart(ab, colours).norm(dim=1))
        ),
        "This counts pixels; divide by how many there are": lambda ab, colours: (
            _won(_apart(ab, colours).norm(dim=1)) * ab[0].numel()
        ),
        "This compares how far from grey the colours are; take the distance in the ab plane": (
            lambda ab, colours: _won((ab.norm(dim=0) - colours.norm(dim=1)[:, None, None]).abs())
        ),
        "This adds the differences of a and of b; the distance is the root of their squares": (
            lambda ab, colours: _won(_apart(ab, colours).abs().sum(dim=1))
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
            *("red", "undo red", "red blue undo", "red blue undo redo", "red undo undo redo"),
            *("red blue green undo undo", "red blue green undo undo redo redo", "red redo"),
            *("red undo undo blue undo", "red blue undo green redo", "red undo redo redo undo"),
        )
    ],
    mistakes={
        "A new colour after an undo leaves nothing to redo: what was taken back is another "
        "story's": lambda actions: _after(actions, forget=False),
        "Only one step is kept: every colour since the beginning can be taken back": _one_step,
    },
)
