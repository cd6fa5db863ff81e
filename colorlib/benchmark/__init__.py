"""Table 2: how fast the network is, against what its arithmetic would allow."""

from colorlib.benchmark.machine import ceiling, describe
from colorlib.benchmark.plain import PlainEngine
from colorlib.benchmark.reading import read_speed, speed_row
from colorlib.benchmark.tasks import Subject, evenly
from colorlib.benchmark.timing import Times, measure
from colorlib.model import threads

__all__ = [
    "PlainEngine",
    "Subject",
    "Times",
    "ceiling",
    "describe",
    "evenly",
    "measure",
    "read_speed",
    "speed_row",
    "threads",
]
