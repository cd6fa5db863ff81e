"""Which sub-layers run: the decision network, its sampling, and what a decision costs.

A gate is kept (1) or skipped (0). Gates of a batch are [B, depth, 2]; the last axis is
(attention, FFN), as in the paper's M^a and M^f.
"""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from colorlib.files import ConfigError

DecisionInput = Literal["policy", "policy+mean", "raw policy"]
ATTENTION, FFN = 0, 1


class DecisionNetwork(nn.Module):
    """Eq. 7: two linear maps of what block l receives, one logit each for attention and FFN.

    `sees="raw policy"` is what the authors released: the policy token as it is, and a bias.
    Ours are a normalised input (without learned scale, so that the logits do not drift with
    depth) and smaller start weights: of the policy token alone in `"policy"`, and in
    `"policy+mean"` of the mean of the patch tokens besides. A logit above 0 is a probability
    of keeping above a half.
    """

    def __init__(self, dim: int, sees: DecisionInput = "policy"):
        super().__init__()
        if sees not in get_args(DecisionInput):
            choices = ", ".join(map(repr, get_args(DecisionInput)))
            raise ConfigError(f"decision_input is {sees!r}; it must be one of {choices}")
        self.sees = sees
        self.linear = nn.Linear(2 * dim if sees == "policy+mean" else dim, 2)
        self.draw_start()

    def draw_start(self) -> None:
        """Draw the start weights; the biases become 0."""
        if self.sees == "raw policy":
            nn.init.xavier_uniform_(self.linear.weight)
        else:
            nn.init.normal_(self.linear.weight, std=0.02)
        nn.init.zeros_(self.linear.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [B, 1 + N, dim], the policy token first -> logits [B, 2]."""
        if self.sees == "raw policy":
            return self.linear(tokens[:, 0])
        inputs = [tokens[:, 0]]
        if self.sees == "policy+mean":
            inputs.append(tokens[:, 1:].mean(dim=1))
        normed = [F.layer_norm(z, z.shape[-1:], eps=1e-6) for z in inputs]
        return self.linear(torch.cat(normed, dim=-1))


def logistic_noise(shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
    """Standard logistic noise, float32: the difference of two Gumbel draws.

    Gumbel-softmax over the two classes keep and skip is a sigmoid of logit plus this noise
    (Maddison et al. 2016), so sampling a gate needs one draw, not two.
    """
    device = generator.device if generator is not None else None
    u = torch.rand(shape, generator=generator, device=device)
    return torch.logit(u.clamp(1e-6, 1 - 1e-6))


def straight_through(
    logits: Tensor, noise: Tensor | None = None, temperature: float = 1.0
) -> Tensor:
    """Hard gates whose gradient is that of the soft ones; same shape and device as `logits`.

    Forward: 1 where logit + noise > 0, else 0 (float32). Backward: the derivative of
    sigmoid((logit + noise) / temperature), the straight-through estimator. Without noise it
    is the decision taken at inference.
    """
    if temperature <= 0:
        raise ConfigError(f"temperature is {temperature}; it must be above 0")
    logits = logits.float()
    noisy = logits if noise is None else logits + noise
    soft = torch.sigmoid(noisy / temperature)
    hard = (noisy > 0).float()
    # soft - soft is exactly 0, so the value stays exactly 0 or 1.
    return hard + (soft - soft.detach())


IMPORTANCE_GAIN = 8.0


def importance_bias(importance: Tensor, budget: float, gain: float = IMPORTANCE_GAIN) -> Tensor:
    """Logits [depth, 2] that start the gates at the budget, the most important kept (ours).

    `importance` [depth, 2] is what the dense network loses (dB of PSNR) when that one
    sub-layer is dropped. With r = (rank + 1/2) / depth within attention and FFN, 1 being the
    most important, the bias is gain * (r - (1 - budget)): its sign keeps the top `budget`.
    A dial's bias is the one of budget 0, and `gain` what each decision adds times the budget.
    """
    return gain * ((_ranks(importance) + 0.5) / len(importance) - (1 - budget))


def top_importance(importance: Tensor, budget: float) -> Tensor:
    """The fixed pattern, bool [depth, 2], that keeps the most important sub-layers (ours).

    round(budget * 2 depth) of them, as many attentions as FFNs, or one more.
    """
    kept = math.floor(budget * importance.numel() + 0.5)
    return _ranks(importance) >= len(importance) - torch.tensor([(kept + 1) // 2, kept // 2])


def _ranks(importance: Tensor) -> Tensor:
    """0 for the least important of each kind; the deeper of two equals counts as more."""
    return importance.argsort(dim=0, stable=True).argsort(dim=0)


@dataclass(frozen=True)
class Costs:
    """Multiply-adds of one image: what always runs, and what a kept sub-layer adds."""

    embedding: int
    attention: int
    ffn: int
    decision: int
    head: int
    depth: int

    @classmethod
    def of(
        cls,
        grid: tuple[int, int],
        *,
        patch_size: int,
        dim: int,
        depth: int,
        mlp_ratio: float,
        decision_dim: int,
        budget: bool = False,
    ) -> "Costs":
        """By the formulas of FFN 2 N d (r d) and attention 4 N d^2 + 2 N^2 d.

        N counts the policy token where there is one (`decision_dim` > 0: the length of the
        vector that the decision network reads). `budget`: one number is embedded besides.
        """
        patches = grid[0] * grid[1]
        tokens = patches + (decision_dim > 0)
        return cls(
            embedding=patches * 4 * patch_size**2 * dim + budget * dim,
            attention=4 * tokens * dim**2 + 2 * tokens**2 * dim,
            ffn=2 * tokens * dim * int(mlp_ratio * dim),
            decision=2 * decision_dim,
            head=patches * dim * 9 * 2 * patch_size**2,
            depth=depth,
        )

    @property
    def dense(self) -> int:
        """Multiply-adds with every sub-layer kept."""
        return self.fixed + self.depth * (self.attention + self.ffn)

    @property
    def fixed(self) -> int:
        """Multiply-adds that no gate can save: embedding, decisions, head."""
        return self.embedding + self.depth * self.decision + self.head


def macs(gates: Tensor, costs: Costs) -> Tensor:
    """Multiply-adds (int64, shape [...]) of the pattern `gates` [..., depth, 2]."""
    if gates.shape[-2:] != (costs.depth, 2):
        raise ConfigError(
            f"gates have shape {tuple(gates.shape)}; the last two axes must be ({costs.depth}, 2)"
        )
    kept = (gates.detach() > 0.5).long().sum(dim=-2)
    return costs.fixed + kept[..., ATTENTION] * costs.attention + kept[..., FFN] * costs.ffn
