"""Times that can be compared on a machine that does other things as well.

What is compared runs in turn, photo by photo, in one process, so that whatever slows the
machine down slows all of it; medians leave out what hits a single call.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from tqdm.auto import tqdm

from colorlib.files import ConfigError

Name = TypeVar("Name", bound=Hashable)
Task = Callable[[int], object]  # does its work on the photo (or batch) of that number


@dataclass(frozen=True)
class Times:
    """Seconds of each call, [repeats, photos]: by the clock, and of the process on all cores."""

    wall: np.ndarray
    cpu: np.ndarray

    @property
    def ms(self) -> float:
        """Milliseconds a call: of each photo the median, of these the mean."""
        return _typical(self.wall)

    @property
    def cpu_ms(self) -> float:
        """The same of processor time."""
        return _typical(self.cpu)

    def percentile(self, share: float) -> float:
        """Milliseconds that `share` percent of all calls stay below."""
        return 1e3 * float(np.percentile(self.wall, share))


def measure(
    tasks: Mapping[Name, Task], photos: int, repeats: int, bar: str | None = None
) -> dict[Name, Times]:
    """Time every task on each of `photos` photos, `repeats` times, all in turn.

    Before that each runs once, which does not count. Their order turns round by round, so that
    none always follows the same other. `bar` is the title of a progress bar. Raises ConfigError
    where there is nothing to measure.
    """
    if not tasks or photos < 1 or repeats < 1:
        raise ConfigError(f"{len(tasks)} tasks, {photos} photos, {repeats} repeats: all must be >0")
    names = list(tasks)
    times = {name: np.empty((2, repeats, photos)) for name in names}
    for task in tasks.values():
        task(0)
    rounds = [(repeat, photo) for repeat in range(repeats) for photo in range(photos)]
    for number, (repeat, photo) in enumerate(tqdm(rounds, bar, leave=False, disable=bar is None)):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            times[name][:, repeat, photo] = _timed(tasks[name], photo)
    return {name: Times(wall, cpu) for name, (wall, cpu) in times.items()}


def _timed(task: Task, photo: int) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    task(photo)
    return time.perf_counter() - wall, time.process_time() - cpu


def _typical(seconds: np.ndarray) -> float:
    return 1e3 * float(np.median(seconds, axis=0).mean())
