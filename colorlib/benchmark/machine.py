"""What a speed was measured on: speeds of different machines cannot be compared."""

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from colorlib.model import threads

PACKAGES = ("torch", "onnxruntime", "numpy")


def describe() -> dict[str, Any]:
    """The processor, its cores and instructions, the system, and the versions that count."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def ceiling(count: int) -> float:
    """Measure FLOP/s of a large float32 matrix product on `count` threads: no network exceeds it.

    The best of a few; takes 0.3 seconds at most, and leaves the global random numbers alone.
    """
    # Zeros would draw less power, and clock higher, than a network does.
    left, right = torch.randn(2, 512, 512, generator=torch.Generator().manual_seed(0))
    times: list[float] = []
    with threads(count):
        left @ right  # the first product also loads libraries
        while len(times) < 8 and sum(times) < 0.3:
            start = time.perf_counter()
            left @ right
            times.append(time.perf_counter() - start)
    return 2 * len(left) ** 3 / min(times)


def _processor() -> str:
    """Its name, where the system tells it."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
