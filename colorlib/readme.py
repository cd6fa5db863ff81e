"""The tables of README.md: python -m colorlib.readme writes them, from data/results.

Nobody types their numbers; a test holds that README has what the landed tables say.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from colorlib.benchmark import read_speed, report
from colorlib.files import ColorlibError, DataError, atomic_write, data_dir
from colorlib.tables import read_table
from colorlib.tables.readme import block


def table1(results: Path) -> str:
    """Table 1 from `results`, Markdown."""
    return block(read_table(results / "table1.csv"))


def table2(results: Path) -> str:
    """Table 2 from `results`, Markdown."""
    path = results / "table2.csv"
    lines = read_speed(path)
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return f"{report.block(lines, about)}\n\n{report.kept_block(lines)}"


# Between <!-- NAME --> and <!-- end of NAME --> stands what NAME's function gives.
BLOCKS: dict[str, Callable[[Path], str]] = {"table 1": table1, "table 2": table2}


def with_blocks(text: str, results: Path) -> str:
    """README's `text` with its blocks made of the tables in `results`. Raises DataError."""
    for name, make in BLOCKS.items():
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        before, found, rest = text.partition(start)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise DataError(f"README.md must have the lines {start} and {end}, in this order")
        text = f"{before}{start}\n{make(results)}\n{end}{after}"
    return text


def main() -> int:
    """Write them into README.md beside the data folder; 0 on success, 2 with a line of why."""
    readme = data_dir().parent / "README.md"
    try:
        text = with_blocks(readme.read_text(encoding="utf-8"), data_dir() / "results")
    except (ColorlibError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with atomic_write(readme) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
