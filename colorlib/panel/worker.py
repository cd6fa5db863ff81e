"""A thread that does the newest of what it is asked."""

import threading
from collections.abc import Callable, Hashable


class Worker:
    """Does jobs one after another, in a thread that ends when there is nothing left to do.

    A job that waits is replaced by a later one with the same key, so that a hundred requests
    made during one long job cost one. `failed` is called with what a job raises.
    """

    def __init__(self, failed: Callable[[Exception], None]):
        self._failed = failed
        self._jobs: dict[Hashable, Callable[[], None]] = {}
        self._changed = threading.Condition()
        self._busy = False

    def submit(self, key: Hashable, job: Callable[[], None]) -> None:
        """Do `job` soon, in place of one with this key that has not begun."""
        with self._changed:
            self._jobs[key] = job
            if not self._busy:
                self._busy = True
                threading.Thread(target=self._run, daemon=True, name="panel").start()

    def wait(self, seconds: float) -> None:
        """Wait until nothing is left to do. Raises TimeoutError when that takes longer."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._busy, seconds):
                raise TimeoutError(f"the panel is still at work after {seconds:g} seconds")

    def stop(self) -> None:
        """Drop the jobs that have not begun."""
        with self._changed:
            self._jobs.clear()

    def _run(self) -> None:
        while job := self._next():
            try:
                job()
            except Exception as error:
                self._failed(error)

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            if self._jobs:
                return self._jobs.pop(next(iter(self._jobs)))
            self._busy = False
            self._changed.notify_all()
            return None
