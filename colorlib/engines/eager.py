"""PyTorch, operation by operation: every device, sub-layers truly skipped."""

import torch
from torch import Tensor

from colorlib.vit import ColViT, Prediction


def pick_device() -> torch.device:
    """The fastest kind of device here: an NVIDIA GPU, then Apple's, then the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


class EagerEngine:
    """Runs a ColViT for inference, in evaluation mode and without gradients.

    `device` moves the model there; None leaves it where it is. A model in training mode is
    in training mode again after each call, and later changes to its weights count.
    """

    def __init__(self, model: ColViT, device: torch.device | str | None = None):
        self.model = model if device is None else model.to(device)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def __call__(
        self,
        x: Tensor,
        budget: float | Tensor | None = None,
        gates: Tensor | None = None,
    ) -> Prediction:
        """X [B, 4, S, S] (`hints.network_input`) -> Prediction on the CPU, gates bool.

        `budget` (0 to 1) is for models made with one, `gates` bool [depth, 2] or
        [B, depth, 2] overrules the decisions. Raises ConfigError for what does not fit.
        """
        training = self.model.training
        # Both walk through all modules, so only where there is something to change.
        if training:
            self.model.eval()
        try:
            with torch.inference_mode():
                answer = self.model(x.to(self.device), budget, gates=gates)
        finally:
            if training:
                self.model.train()
        # Copies made out here are ordinary tensors, that may be changed and learned from.
        logits = answer.gate_logits
        return Prediction(
            _plain(answer.ab), _plain(answer.gates), None if logits is None else _plain(logits)
        )


def _plain(values: Tensor) -> Tensor:
    return values.cpu().clone()
