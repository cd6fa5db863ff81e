"""A network small enough for tests, with weights that make everything in it count."""

import torch
from torch import nn

from colorlib.model import ColViT

TINY = {"img_size": 32, "patch_size": 8, "dim": 24, "depth": 2, "heads": 2}


def tiny(seed: int = 0, std: float = 0.2, **settings: object) -> ColViT:
    """Random in all parameters, also in those that a new network starts at 0 or 1."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ColViT(**{**TINY, **settings})
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=std)
    return model.eval()
