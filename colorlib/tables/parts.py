"""Measured cells on disk, so that a table that was stopped goes on where it was."""

import hashlib
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from colorlib.files import atomic_write
from colorlib.tables.measure import Ruler, Values
from colorlib.tables.rows import NO_COLOUR, Row
from colorlib.tables.sets import TestSet

PROTOCOL = 1  # raise it with any change of what is measured: cells of older ones are not used


@dataclass(frozen=True)
class Cell:
    """A row on a set (or a part of it) at a number of hints."""

    photos: TestSet
    row: Row
    hints: int

    def file_name(self, ruler: Ruler) -> str:
        """Another one wherever other numbers would be measured."""
        names = [path.stem for path in self.photos.paths]
        # Without colours there is nothing that hints could change.
        hints = 0 if self.row.model == NO_COLOUR else self.hints
        depends_on: dict[str, Any] = {
            "protocol": PROTOCOL,
            "row": [self.row.model, self.row.budget, self.row.sha256],
            "photos": [(path.name, path.stat().st_size) for path in self.photos.paths],
            "hints": [hints, ruler.hints.fingerprint(names, hints)],
            "side": ruler.side,
            "lpips": sorted(ruler.lpips),
        }
        digest = hashlib.sha256(json.dumps(depends_on).encode()).hexdigest()[:16]
        title = re.sub(r"[^\w.@-]", "_", f"{self.photos.name}-{self.row.label}-{hints}")
        return f"{title}-{digest}.npz"


def save(path: Path, values: Values) -> None:
    """Write a cell, whole or not at all."""
    with atomic_write(path) as temporary:
        np.savez_compressed(temporary, **values)  # type: ignore[arg-type]


def load(path: Path) -> Values | None:
    """What `save` wrote; None where there is nothing, or nothing whole."""
    try:
        # Opened here, as numpy leaves a damaged file open.
        with path.open("rb") as file, np.load(file) as content:
            return dict(content)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None
