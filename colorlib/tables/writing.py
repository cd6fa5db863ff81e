"""Writing a table: whole or not at all, the same bytes on every system."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colorlib.files import atomic_write


def write_lines(path: Path, columns: Sequence[str], lines: Sequence[Mapping[str, str]]) -> None:
    """A CSV with `columns`; a line may lack some."""
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def write_about(path: Path, content: Mapping[str, Any]) -> None:
    """How a table was made, as JSON."""
    with atomic_write(path) as temporary:
        text = json.dumps(content, indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8", newline="\n")
