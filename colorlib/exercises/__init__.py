"""The checks that the notebooks' exercises call: `exercises.check_01_2(answer)`.

Each says "not done yet", "correct", or what is wrong. One file a notebook.
"""

from colorlib.exercises.n01 import check_01_1, check_01_2, check_01_3, check_01_4
from colorlib.exercises.n02 import check_02_1, check_02_2, check_02_3, check_02_4
from colorlib.exercises.n03 import check_03_1, check_03_2, check_03_3, check_03_4
from colorlib.exercises.n04 import check_04_1, check_04_2, check_04_3, check_04_4
from colorlib.exercises.n05 import check_05_1, check_05_2, check_05_3, check_05_4
from colorlib.exercises.n06 import check_06_1, check_06_2, check_06_3, check_06_4, check_06_5
from colorlib.exercises.n07 import check_07_1, check_07_2, check_07_3, check_07_4
from colorlib.exercises.n08 import check_08_1, check_08_2, check_08_3, check_08_4

__all__ = [
    "check_01_1",
    "check_01_2",
    "check_01_3",
    "check_01_4",
    "check_02_1",
    "check_02_2",
    "check_02_3",
    "check_02_4",
    "check_03_1",
    "check_03_2",
    "check_03_3",
    "check_03_4",
    "check_04_1",
    "check_04_2",
    "check_04_3",
    "check_04_4",
    "check_05_1",
    "check_05_2",
    "check_05_3",
    "check_05_4",
    "check_06_1",
    "check_06_2",
    "check_06_3",
    "check_06_4",
    "check_06_5",
    "check_07_1",
    "check_07_2",
    "check_07_3",
    "check_07_4",
    "check_08_1",
    "check_08_2",
    "check_08_3",
    "check_08_4",
]
