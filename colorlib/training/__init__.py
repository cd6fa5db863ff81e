"""Training iColoriT-T and A-ColViT-T: `python -m colorlib.training data/configs/NAME.toml`."""

from colorlib.training.config import RunConfig, load_config
from colorlib.training.loop import train
from colorlib.training.state import Run

__all__ = ["Run", "RunConfig", "load_config", "train"]
