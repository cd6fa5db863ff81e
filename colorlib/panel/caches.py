"""A small memory of what was computed last."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")


class Newest:
    """Keeps the last few values that were made: what undo comes back to is there at once."""

    def __init__(self, count: int):
        self._count = count
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of `key`, made if it is not there."""
        if key not in self._values:
            self._values[key] = make()
            while len(self._values) > self._count:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]
