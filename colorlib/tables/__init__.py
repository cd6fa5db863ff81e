"""Table 1: the quality of every model on every set of photos, beside what the paper has.

    colorlib table1 --data DATASETS --out table1.csv

`make_table` measures, `read_table` reads what it wrote, `beside_paper` compares, and `paired` is
the difference of two rows photo by photo, with its uncertainty.
"""

from colorlib.paper import PAPER
from colorlib.tables.paper import beside_paper
from colorlib.tables.reading import paired, per_photo, read_table
from colorlib.tables.sets import find_sets
from colorlib.tables.table1 import make_table

__all__ = ["PAPER", "beside_paper", "find_sets", "make_table", "paired", "per_photo", "read_table"]
