"""What is in the photos of the test sets: python -m colorlib.tables contents

    python -m colorlib.tables contents --data DATASETS --out data/results/contents.csv

A line a photo. It depends on no network, so it stays as it is when a checkpoint changes.
"""

import argparse
import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from colorlib.files import ColorlibError, DataError, atomic_write
from colorlib.metrics import colorfulness, edges, segments
from colorlib.photos import open_photo
from colorlib.tables.sets import TestSet, find_sets, not_measured

SIDE = 224  # as the networks see the photos: squashed to this many pixels
# Column -> how it is measured, and its digits behind the point.
FEATURES = {"colorfulness": (colorfulness, 2), "edges": (edges, 5), "segments": (segments, 0)}


def measure(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Each of `FEATURES` of photos uint8 [n, SIDE, SIDE, 3]: float64 [n]."""
    return {name: how(rgb).astype(np.float64) for name, (how, _) in FEATURES.items()}


def make_contents(sets: Sequence[TestSet], out: Path, bar: bool = False) -> int:
    """Measure every photo of `sets`, write the table, and return how many photos it has."""
    todo = [(one.name, path) for one in sets for path in one.paths]
    with atomic_write(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "photo", *FEATURES])
        for place, path in tqdm(todo, disable=not bar):
            found = measure(open_photo(path).resized(SIDE).rgb[None])
            cells = [f"{found[name][0]:.{digits}f}" for name, (_, digits) in FEATURES.items()]
            writer.writerow([place, path.stem, *cells])
    return len(todo)


def read_contents(path: str | os.PathLike[str]) -> dict[str, dict[str, dict[str, float]]]:
    """{set: {photo: {feature: number}}} of a table that `make_contents` wrote; DataError."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                numbers = {name: float(line[name]) for name in FEATURES}
                found.setdefault(line["set"], {})[line["photo"]] = numbers
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"cannot read {path} as a table of contents: {error!r}") from error
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; 0 on success, 2 with one clear line on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m colorlib.tables contents",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, metavar="ROOT", help="folder of the test sets (none: the gallery)")
    add("--out", type=Path, default=Path("contents.csv"), metavar="CSV", help="(contents.csv)")
    add("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args(arguments)
    try:
        sets, absent = find_sets(options.data)
        for line in not_measured(sets, absent):
            print(line, file=sys.stderr)
        count = make_contents(sets, options.out, not options.quiet)
    except ColorlibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {count} photos")
    return 0
