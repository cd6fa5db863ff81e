"""How fast a run is, against what its device can do, and sending without waiting."""

import time

import torch
from torch import Tensor

from colorlib.model import ColViT, macs

# Enough work to fill the device, in milliseconds: 0.3 and 1,100 GFLOP.
_SIDE = {"cpu": 512}
_LARGE_SIDE = 8192
_TIMES = 8
_SECONDS = 0.3


def matrix_ceiling(device: torch.device, dtype: torch.dtype) -> float:
    """FLOP/s that `device` reaches at a large square matrix product in `dtype`: best of a few.

    No network gets there, but how near it comes says what is left to gain. Takes 0.3 seconds
    at most, and leaves the global random numbers alone.
    """
    side = _SIDE.get(device.type, _LARGE_SIDE)
    generator = torch.Generator(device).manual_seed(0)
    # Zeros would draw less power, and clock higher, than a network does.
    left, right = (
        torch.randn(side, side, device=device, generator=generator).to(dtype) for _ in range(2)
    )
    left @ right  # the first product also loads libraries
    times: list[float] = []
    while len(times) < _TIMES and sum(times) < _SECONDS:
        _wait(device)
        start = time.perf_counter()
        left @ right
        _wait(device)
        times.append(time.perf_counter() - start)
    return 2 * side**3 / min(times)


def training_flops(model: ColViT, teacher: ColViT | None = None) -> int:
    """FLOPs to learn from one image: two a multiply-add, forward and twice that backward.

    In training every sub-layer runs, whatever its gate (eq. 8), but not what a fixed pattern
    leaves out. A teacher only goes forward.
    """
    spent = 3 * int(macs(model.fixed_gates, model.costs))
    return 2 * (spent + (teacher.costs.dense if teacher else 0))


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor` on `device`, which is not waited for."""
    # A copy from memory that is not pinned would wait.
    pinned = tensor.pin_memory() if device.type == "cuda" else tensor
    return pinned.to(device, non_blocking=True)


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
