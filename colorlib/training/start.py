"""What a run starts from: its weights, the importances of sub-layers, and a frozen teacher."""

from contextlib import suppress

import torch
from torch import Tensor

from colorlib import checkpoints
from colorlib.evaluate import HintedPhotos, importance
from colorlib.files import CheckpointError, ConfigError, DataError, PhotoError
from colorlib.model import IMPORTANCE_GAIN, ColViT, importance_bias, top_importance
from colorlib.training.config import RunConfig
from colorlib.training.data import Entry

IMPORTANCE_PHOTOS = 48


def start_weights(
    model: ColViT, config: RunConfig, entries: list[Entry]
) -> list[list[float]] | None:
    """Give `model` its start weights; returns the importances its gates start from, if any."""
    source = _source(config)
    if source is not None:
        new = checkpoints.transfer(model, source.state_dict())
        unexpected = [key for key in new if not _belongs_to_gates(key)]
        if unexpected:
            raise CheckpointError(f"start {config.start!r} has no {unexpected[0]}")
    learned = config.gates.start == "importance"
    if not learned and not config.gates.static:
        return None
    lost = _measured_importance(_dense(config, source), entries)
    if learned:
        with torch.no_grad():
            bias = importance_bias(lost, 0 if config.model.budget else config.gates.budget)
            for block, start in zip(model.blocks, bias, strict=True):
                block.decision.linear.bias.copy_(start)
            if config.model.budget:
                model.budget_gain.fill_(IMPORTANCE_GAIN)
    return lost.tolist()


def _source(config: RunConfig) -> ColViT | None:
    return checkpoints.load_model(config.start) if config.start else None


def _dense(config: RunConfig, source: ColViT | None) -> ColViT:
    if source is None or source.policy or source.config["pattern"]:
        raise ConfigError(
            f"run {config.name!r} measures a trained dense network, for its importances or for "
            f"hard photos: set start to one (it is {config.start!r})"
        )
    return source


def _measured_importance(source: ColViT, entries: list[Entry]) -> Tensor:
    every = max(1, len(entries) // IMPORTANCE_PHOTOS)
    photos = []
    for entry in entries[::every][:IMPORTANCE_PHOTOS]:
        with suppress(PhotoError):  # training reports it
            photos.append(entry.open())
    if not photos:
        raise DataError(f"none of {IMPORTANCE_PHOTOS} photos tried can be opened")
    return importance(source, HintedPhotos(photos, side=source.img_size))


def fix_pattern(model: ColViT, importances: list[list[float]] | None, budget: float) -> None:
    """Leave out all but the most important sub-layers of `model`; the others do not learn."""
    pattern = top_importance(torch.tensor(importances), budget).tolist()
    model.fix_pattern(pattern)
    for block, (attention, ffn) in zip(model.blocks, pattern, strict=True):
        # Several processes would wait for the gradients of what does not run.
        parts = ((block.norm1, attention), (block.attn, attention), (block.norm2, ffn))
        for part, kept in (*parts, (block.mlp, ffn)):
            part.requires_grad_(kept)


def teacher(config: RunConfig, device: torch.device) -> ColViT | None:
    """The dense network that says which photos are hard, at the size of the run; frozen."""
    if config.gates.target == "same":
        return None
    source = _dense(config, _source(config))
    return checkpoints.resized(source, config.model.img_size).to(device).requires_grad_(False)


def _belongs_to_gates(key: str) -> bool:
    return "decision" in key or key.startswith(("policy_token", "budget_"))
