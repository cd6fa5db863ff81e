"""What a speed was measured on: speeds of different machines cannot be compared."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from colorlib.model import threads
from colorlib.training.speed import matrix_ceiling

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
    """FLOP/s of a large matrix product in float32 on `count` threads: what no network exceeds."""
    with threads(count):
        return matrix_ceiling(torch.device("cpu"), torch.float32)


def _processor() -> str:
    """Its name, where the system tells it."""
    table = Path("/proc/cpuinfo")
    if table.is_file():
        for line in table.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
