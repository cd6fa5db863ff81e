"""Table 1: the quality of every model on every set of photos, beside what the paper has.

    colorlib table1 --data DATASETS --out table1.csv

`make_table` measures, `read_table` reads what it wrote, `beside_paper` compares, and `paired` is
the difference of two rows photo by photo, with its uncertainty.
"""

from colorlib.paper import PAPER, PAPER_DIFFERENCES
from colorlib.tables.paper import STANDS_FOR, beside_paper, wrong_differences
from colorlib.tables.reading import (
    against_dense,
    paired,
    per_photo,
    read_table,
    row_name,
)
from colorlib.tables.rows import rows_of
from colorlib.tables.sets import find_sets
from colorlib.tables.table1 import make_table

__all__ = [
    "PAPER",
    "PAPER_DIFFERENCES",
    "STANDS_FOR",
    "against_dense",
    "beside_paper",
    "find_sets",
    "make_table",
    "paired",
    "per_photo",
    "read_table",
    "row_name",
    "rows_of",
    "wrong_differences",
]
