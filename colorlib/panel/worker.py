"""A thread that does the newest of what it is asked."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor, wait


class Worker:
    """Does jobs one after another in a thread, which ends when the Worker is forgotten.

    A job that waits is replaced by a later one with the same key, so that a hundred requests
    made during one long job cost one. `failed` is called with what a job raises.
    """

    def __init__(self, failed: Callable[[Exception], None]):
        self._failed = failed
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="panel")
        self._jobs: dict[Hashable, Future[None]] = {}

    def submit(self, key: Hashable, job: Callable[[], None]) -> None:
        """Do `job` soon, in place of one with this key that has not begun."""
        if key in self._jobs:
            self._jobs[key].cancel()
        self._jobs[key] = self._pool.submit(self._do, job)

    def wait(self, seconds: float) -> None:
        """Wait until nothing is left to do. Raises TimeoutError when that takes longer."""
        if wait([*self._jobs.values()], seconds).not_done:
            raise TimeoutError(f"the panel is still at work after {seconds:g} seconds")

    def stop(self) -> None:
        """Drop the jobs that have not begun, and take no others."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:
            self._failed(error)
