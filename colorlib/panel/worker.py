"""A thread that does the newest of what it is asked."""

import threading
from collections.abc import Callable, Hashable


class Worker:
    """Runs jobs one after another in a thread of its own.

    A job that waits is replaced by a later one with the same key, so that a hundred requests
    made during one long job cost one. `failed` is called with what a job raises.
    """

    def __init__(self, failed: Callable[[Exception], None]):
        self._failed = failed
        self._jobs: dict[Hashable, Callable[[], None]] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False

    def submit(self, key: Hashable, job: Callable[[], None]) -> None:
        """Do `job` soon, in place of one with this key that has not begun."""
        with self._changed:
            self._jobs[key] = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="panel")
                self._thread.start()
            self._changed.notify_all()

    def wait(self, seconds: float = 60.0) -> bool:
        """Wait until nothing is left to do; False when that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._jobs or self._busy), seconds)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._jobs)
                job = self._jobs.pop(next(iter(self._jobs)))
                self._busy = True
            try:
                job()
            except Exception as error:
                self._failed(error)
