"""Reading a table that `colorlib table1` wrote: its lines, and the numbers of each photo."""

import csv
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from colorlib.files import DataError
from colorlib.paper import DENSE
from colorlib.tables.intervals import Interval, mean_interval

_WORDS = ("set", "model", "hint_source", "note")
_COUNTS = ("hints", "photos")


def read_table(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The lines of a table, see `read_lines`. Raises DataError for a file that is not one."""
    return read_lines(path, _WORDS, _COUNTS, {"set", "model", "budget", "hints", "psnr"})


def read_lines(
    path: str | os.PathLike[str],
    words: Collection[str],
    counts: Collection[str],
    needed: Collection[str],
) -> list[dict[str, Any]]:
    """A CSV's lines: `words` as they are, `counts` whole numbers, floats in the other columns.

    None where nothing was measured. Raises DataError for a file that cannot be read so, or
    has not all the columns `needed`.
    """

    def value(key: str, text: str) -> Any:
        if key in words:
            return text
        if not text:
            return None
        return int(text) if key in counts else float(text)

    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            absent = set(needed) - set(reader.fieldnames or ())
            if absent:
                raise ValueError(f"it has no column {', '.join(sorted(absent))}")
            return [{key: value(key, text) for key, text in line.items()} for line in reader]
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {path} as a table: {error}") from error


def per_photo(
    path: str | os.PathLike[str], place: str, row: str, hints: int
) -> dict[str, np.ndarray]:
    """The numbers of each photo: "photo" has their names [n], the other columns float32 [n].

    `path` is the table's, its numbers lie in the .npz beside it; `place` is a set, `row` a
    model, NAME@BUDGET of one with a dial. "gates" is bool [n, depth, 2]. Raises DataError when
    they are not there.
    """
    source = Path(path).with_suffix(".npz")
    start = f"{place}|{row}|{hints}|"
    try:
        with np.load(source) as content:
            found = {
                key.removeprefix(start): content[key] for key in content if key.startswith(start)
            }
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read {source}: {error}") from error
    if not found:
        raise DataError(f"{source} has no photos of {row} on {place} with {hints} hints")
    return found


def paired(
    path: str | os.PathLike[str],
    place: str,
    row: str,
    against: str,
    hints: int,
    column: str = "psnr",
) -> Interval:
    """By how much `row` is above `against`: the mean over the photos, and its 95% interval.

    Both are compared photo by photo, on those that both were measured on. Hard photos are hard
    for both, so this interval is far shorter than that of either mean. Raises DataError where
    nothing can be compared.
    """
    one, other = (per_photo(path, place, name, hints) for name in (row, against))
    _, own, others = np.intersect1d(one["photo"], other["photo"], return_indices=True)
    if column not in one or column not in other or not len(own):
        raise DataError(f"{row} and {against} on {place}: {column} is not there for both")
    return mean_interval(one[column][own].astype(np.float64) - other[column][others])


def against_dense(
    path: str | os.PathLike[str], place: str, column: str = "psnr"
) -> dict[tuple[str, int], Interval]:
    """Each other row that `column` was measured for, `paired` with iColoriT-T, by (row, hints)."""
    cells = [(row_name(line), line) for line in read_table(path) if line["set"] == place]
    return {
        (row, line["hints"]): paired(path, place, row, DENSE, line["hints"], column)
        for row, line in cells
        if row != DENSE and line[column] is not None
    }


def row_name(line: dict[str, Any]) -> str:
    """The row of a line of `read_table`: its model, with @BUDGET for one with a dial."""
    return line["model"] if line["budget"] is None else f"{line['model']}@{line['budget']:g}"
