"""Which engine runs a network."""

from importlib.util import find_spec
from typing import Literal, Protocol, get_args

import torch
from torch import Tensor

from colorlib.engines.eager import EagerEngine
from colorlib.files import ConfigError
from colorlib.vit import ColViT, Prediction

EngineName = Literal["onnx", "approximate", "eager"]


class Engine(Protocol):
    """What every engine is: a network that can be called."""

    model: ColViT

    @property
    def device(self) -> torch.device:
        """Where it runs."""

    def __call__(
        self,
        x: Tensor,
        budget: float | Tensor | None = None,
        gates: Tensor | None = None,
    ) -> Prediction:
        """As `EagerEngine`."""


def why_not_onnx() -> str | None:
    """What ONNX Runtime lacks here, in one line; None where nothing is missing."""
    missing = [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]
    if not missing:
        return None
    names = " and ".join(missing)
    return f"{names} not installed: pip install {' '.join(missing)}"


def make_engine(
    model: ColViT, name: EngineName, device: torch.device | str | None = None
) -> Engine:
    """The engine `name` for `model`: "onnx", "approximate" (see `ApproximateEngine`) or "eager".

    `device` None is where the model is for "eager", and the CPU for the others. Raises
    ConfigError for another name, and where ONNX Runtime is missing or does not run.
    """
    if name == "eager":
        return EagerEngine(model, device)
    names = get_args(EngineName)
    if name not in names:
        raise ConfigError(f"engine is {name!r}; it must be one of {', '.join(names)}")
    if device is not None and torch.device(device).type != "cpu":
        raise ConfigError(f"the engine {name!r} runs on the CPU, not on {device}: take 'eager'")
    missing = why_not_onnx()
    if missing:
        raise ConfigError(f"the engine {name!r} needs ONNX Runtime: {missing}")
    # Here, as it need not be installed.
    from colorlib.engines.onnx import ApproximateEngine, OnnxEngine

    return OnnxEngine(model) if name == "onnx" else ApproximateEngine(model)
