"""What runs the network: `eager.py` with PyTorch, `onnx.py` with ONNX Runtime, faster on a CPU."""

from colorlib.engines.choice import Engine, EngineName, make_engine, why_not_onnx
from colorlib.engines.eager import EagerEngine, pick_device
from colorlib.engines.threads import threads

__all__ = [
    "EagerEngine",
    "Engine",
    "EngineName",
    "make_engine",
    "pick_device",
    "threads",
    "why_not_onnx",
]
