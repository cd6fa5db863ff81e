"""Reading the table that `colorlib table2` wrote."""

import os
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from colorlib.benchmark.tasks import Subject
from colorlib.files import DataError
from colorlib.tables.reading import read_lines

_WORDS = ("stage", "engine", "model", "gates")
_COUNTS = ("batch", "threads", "photos", "repeats")


def read_speed(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The lines of a table, see `read_lines`. Raises DataError for a file that is not one."""
    return read_lines(path, _WORDS, _COUNTS, {*_WORDS, *_COUNTS, "budget", "ms"})


def speed_row(lines: Sequence[dict[str, Any]], subject: Subject) -> dict[str, Any]:
    """The line of `subject`. Raises DataError where there is none."""
    for line in lines:
        if is_of(line, subject):
            return line
    raise DataError(f"the table has no line of {subject}")


def is_of(line: dict[str, Any], subject: Subject) -> bool:
    """Whether a line is that of `subject`."""
    return asdict(subject).items() <= line.items()
