"""What runs the network: `eager.py` with PyTorch."""

from colorlib.engines.eager import EagerEngine, pick_device

__all__ = ["EagerEngine", "pick_device"]
