"""What the number of kept sub-layers goes with, from a landed table 1 and a table of contents."""

import os
from collections.abc import Mapping

import numpy as np

from colorlib.files import DataError
from colorlib.paper import DENSE
from colorlib.tables.contents import read_contents
from colorlib.tables.intervals import Interval, rank_interval, rank_interval_within
from colorlib.tables.reading import per_photo, read_table, row_name

HARDNESS = "error of the dense network"
HINTS = "number of hints"
COUNT = 10  # hints, where one number of them is asked for


def correlations(
    table: str | os.PathLike[str], contents: str | os.PathLike[str], row: str
) -> dict[tuple[str, str], Interval]:
    """What the number kept goes with: {(set, feature): rank correlation} of a landed table.

    `row` is a model, NAME@BUDGET of one with a dial; it is asked on each set that the table has
    it on. The features of `contents` and the colour error (Delta E) of the dense network are
    compared over the photos at 10 hints, the number of hints within each photo over all counts of
    the table. Raises DataError when a file cannot be read, or lacks a photo.
    """
    counts: dict[str, list[int]] = {}
    for line in read_table(table):
        if row_name(line) == row:
            counts.setdefault(line["set"], []).append(line["hints"])
    if not counts:
        raise DataError(f"{table} has no row {row}")
    features = read_contents(contents)
    found = {}
    for place, tried in counts.items():
        runs = {count: per_photo(table, place, row, count) for count in {*tried, COUNT}}
        dense = per_photo(table, place, DENSE, COUNT)
        names = _same_names(f"{place} in {table}", *runs.values(), dense)
        kept = {count: run["gates"].sum(axis=(1, 2)) for count, run in runs.items()}
        absent = [name for name in names if name not in features.get(place, {})]
        if absent:
            raise DataError(f"{contents} has no photo {absent[0]} of {place}: make it again")
        for feature in features[place][names[0]]:
            values = [features[place][name][feature] for name in names]
            found[place, feature] = rank_interval(kept[COUNT], values)
        found[place, HARDNESS] = rank_interval(kept[COUNT], dense["delta_e"])
        each = np.stack([kept[count] for count in tried], axis=1)
        found[place, HINTS] = rank_interval_within(each, tried)
    return found


def _same_names(where: str, *runs: Mapping[str, np.ndarray]) -> list[str]:
    """The photos of all `runs`, which must have the same in one order."""
    names: list[str] = runs[0]["photo"].tolist()
    if any(run["photo"].tolist() != names for run in runs):
        raise DataError(f"{where}: its rows are not of the same photos: make the table again")
    return names


def side_by_side(found: Mapping[tuple[str, str], Interval]) -> str:
    """What `correlations` found as text: a line a feature, a column a set."""
    sets = list(dict.fromkeys(place for place, _ in found))
    features = list(dict.fromkeys(feature for _, feature in found))
    lines = [" " * 30 + "".join(f"{place:22}" for place in sets)]
    lines += [
        f"  {feature:28}" + "".join(f"{found[place, feature].text():22}" for place in sets)
        for feature in features
    ]
    return "\n".join(line.rstrip() for line in lines)
