"""`python -m colorlib.tables table1 ...` is `colorlib table1 ...`, as launchers want it."""

import sys
from collections.abc import Sequence

from colorlib.tables.table1 import main as table1

TABLES = {"table1": table1}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the table that the first argument names; the exit status is the table's."""
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in TABLES:
        print(f"error: no table {name!r}: give one of {', '.join(TABLES)}", file=sys.stderr)
        return 2
    return TABLES[name](rest)


if __name__ == "__main__":
    sys.exit(main())
