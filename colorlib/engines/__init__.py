"""What runs the network: `eager.py` with PyTorch, `onnx.py` with ONNX Runtime, faster on a CPU."""

from colorlib.engines.choice import Engine, EngineName, make_engine, why_not_onnx
from colorlib.engines.eager import EagerEngine, pick_device

__all__ = [
    "EagerEngine",
    "Engine",
    "EngineName",
    "make_engine",
    "pick_device",
    "why_not_onnx",
]
