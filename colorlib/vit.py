"""The network: iColoriT-T, and A-ColViT-T, which decides photo by photo what to skip.

One class is both. With `policy=False` it is iColoriT-T (Yun et al. 2022), name for name, so
that its published state dict loads unchanged; with `policy=True` a policy token joins the
patch tokens (eq. 2) and a decision network in every block reads it (eqs. 7 and 8).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from timm.layers import PatchEmbed
from timm.models import register_model
from torch import Tensor, nn

from colorlib.files import CheckpointError, ConfigError
from colorlib.gates import ATTENTION, FFN, Costs, DecisionInput, straight_through
from colorlib.layers import PUBLISHED_GRID, Block, Head, position_code

# A-ColViT as its authors' code has it; eq. 9 is then read as "joint" (`losses.sparsity`).
AS_RELEASED: dict[str, Any] = {
    "policy": True,
    "decision_input": "raw policy",
    "position_bias": False,
    "policy_code": True,
}


@dataclass(frozen=True)
class Prediction:
    """What the network answers.

    ab: [B, 2, S, S] in [-1, 1]; times 110 it is ab of Lab. gates: [B, depth, 2], what ran:
    bool, or float 0/1 with the straight-through gradient when training. gate_logits: the
    same shape, or None where the gates were not decided by the network.
    """

    ab: Tensor
    gates: Tensor
    gate_logits: Tensor | None


class ColViT(nn.Module):
    """iColoriT-T (`policy=False`) or A-ColViT-T (`policy=True`, the paper's).

    As the authors released it (`AS_RELEASED`): decisions read the raw policy token (see
    `DecisionNetwork`), `position_bias=False` leaves out the bias tables of attention, and with
    `policy_code=True` the position code counts the policy token too. `code_grid` is the grid
    whose patches the code counts (see `position_code`).

    Ours, not the paper's: `decision_input="policy+mean"`, and
    `budget=True`, with which the share to keep is an argument of every call, embedded into
    the policy token and added to the decisions. `pattern` [depth][2] (1: keep, 0: skip; needs
    policy=False) fixes what runs, for every photo alike: the control for learned gates.

    Raises ConfigError for settings out of range and sizes that do not divide.
    """

    def __init__(
        self,
        img_size: int = 224,
        patch_size: int = 16,
        dim: int = 192,
        depth: int = 12,
        heads: int = 3,
        mlp_ratio: float = 4.0,
        policy: bool = True,
        decision_input: DecisionInput = "policy",
        budget: bool = False,
        position_bias: bool = True,
        policy_code: bool = False,
        code_grid: int = PUBLISHED_GRID,
        pattern: Sequence[Sequence[int]] | None = None,
    ):
        super().__init__()
        for name, size in {
            "patch_size": patch_size,
            "dim": dim,
            "depth": depth,
            "heads": heads,
            "mlp_ratio": mlp_ratio,
            "code_grid": code_grid,
        }.items():
            if not size > 0:
                raise ConfigError(f"{name} is {size}; it must be above 0")
        if img_size % patch_size or img_size < 2 * patch_size:
            raise ConfigError(
                f"img_size {img_size} must be a multiple of patch_size {patch_size}, at least twice"
            )
        if dim % heads:
            raise ConfigError(f"dim {dim} must be a multiple of heads {heads}")
        if budget and not policy:
            raise ConfigError("budget=True needs policy=True: without gates nothing can be saved")
        if policy_code and not policy:
            raise ConfigError("policy_code=True needs policy=True: there is no token to count")
        if pattern is not None and policy:
            raise ConfigError("a fixed pattern needs policy=False: it leaves nothing to decide")
        self.config: dict[str, Any] = {
            "img_size": img_size,
            "patch_size": patch_size,
            "dim": dim,
            "depth": depth,
            "heads": heads,
            "mlp_ratio": mlp_ratio,
            "policy": policy,
            "decision_input": decision_input,
            "budget": budget,
            "position_bias": position_bias,
            "policy_code": policy_code,
            "code_grid": code_grid,
            "pattern": None,
        }
        self.img_size = img_size
        self.grid = img_size // patch_size
        self.policy = policy
        self.patch_embed = PatchEmbed(img_size, patch_size, in_chans=4, embed_dim=dim)
        code = position_code(self.grid, dim, counted=code_grid, policy=policy_code)
        self.register_buffer("pos_embed", code, persistent=False)
        self.pos_embed: Tensor
        blocks = nn.ModuleList(
            Block(
                dim, heads, self.grid, mlp_ratio, decision_input if policy else None, position_bias
            )
            for _ in range(depth)
        )
        self.blocks = cast("Sequence[Block]", blocks)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = Head(dim, patch_size)
        self.apply(_init_linear)
        # What runs where nothing decides; on the device, so that no step has to send it there.
        self.register_buffer("fixed_gates", torch.ones(depth, 2).bool(), persistent=False)
        self.fixed_gates: Tensor
        if pattern is not None:
            self.fix_pattern(pattern)
        if policy:
            # Being learned, the token holds its own position code too (eq. 2), if none is added.
            self.policy_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
            if policy_code:
                nn.init.trunc_normal_(self.policy_token, std=0.02, a=-0.02, b=0.02)
            for block in self.blocks:
                block.gate.draw_start()
        if budget:
            self.budget_embed = nn.Linear(1, dim)
            self.budget_gain = nn.Parameter(torch.zeros(depth, 2))
            nn.init.normal_(self.budget_embed.weight, std=0.02)
            nn.init.zeros_(self.budget_embed.bias)

    def fix_pattern(self, pattern: Sequence[Sequence[int]]) -> None:
        """Run only the sub-layers that `pattern` [depth][2] keeps (1), for every photo."""
        rows = [[int(gate) for gate in pair] for pair in pattern]
        shapes = [len(rows), *{len(pair) for pair in rows}]
        if shapes != [len(self.blocks), 2] or not {gate for pair in rows for gate in pair} <= {
            0,
            1,
        }:
            raise ConfigError(f"pattern {rows} is not of {len(self.blocks)} pairs of 0 and 1")
        self.config["pattern"] = rows
        self.fixed_gates.copy_(torch.tensor(rows))

    @property
    def costs(self) -> Costs:
        """Multiply-adds of one image, part by part."""
        keys = ("patch_size", "dim", "depth", "mlp_ratio")
        reads = 2 if self.config["decision_input"] == "policy+mean" else 1
        return Costs.of(
            (self.grid, self.grid),
            decision_dim=self.policy * reads * self.config["dim"],
            budget=self.config["budget"],
            **{key: self.config[key] for key in keys},
        )

    def embed(
        self, x: Tensor, budget: Tensor | None = None, position: Tensor | None = None
    ) -> Tensor:
        """X [B, 4, S, S] -> tokens Z [B, N, dim], the policy token first (eq. 2)."""
        code = self.pos_embed if position is None else position
        counted = int(self.config["policy_code"])
        z = self.patch_embed(x) + code[:, counted:]
        if not self.policy:
            return z
        token = self.policy_token.expand(len(x), -1, -1)
        if counted:
            token = token + code[:, :1]
        if budget is not None:
            token = token + self.budget_embed(budget[:, None, None])
        return torch.cat([token.to(z.dtype), z], dim=1)

    def decide(self, block: int, z: Tensor, budget: Tensor | None = None) -> Tensor:
        """Eq. 7: the logits [B, 2] of keeping attention and FFN of `block`, given its input z."""
        logits = self.blocks[block].gate(z).float()
        if budget is not None:
            logits = logits + self.budget_gain[block] * budget[:, None]
        return logits

    def decode(self, z: Tensor) -> Tensor:
        """Tokens of the last block -> ab [B, 2, S, S] in [-1, 1]; the policy token is left out."""
        return self.head(self.norm(z[:, 1:] if self.policy else z), self.grid)

    def forward(
        self,
        x: Tensor,
        budget: float | Tensor | None = None,
        *,
        gates: Tensor | None = None,
        noise: Tensor | None = None,
        temperature: float = 1.0,
        position: Tensor | None = None,
    ) -> Prediction:
        """X [B, 4, S, S] (eq. 1, `hints.network_input`) -> Prediction.

        When training, both sub-layers of a block run and are multiplied by straight-through
        gates (eq. 8); `noise` [B, depth, 2] is the logistic noise of Gumbel-sigmoid sampling.
        Else a skipped sub-layer is not computed, and each image takes its own path through
        the network, whatever its neighbours in the batch.

        `gates` ([depth, 2] or [B, depth, 2]) overrules the decisions. `budget` (0 to 1, one
        number or [B]) is for models made with budget=True. `position`, shaped as `pos_embed`,
        takes the place of the position code. Raises ConfigError for an input of another shape.
        """
        forced = self.checked_gates(x, gates)
        share = self.checked_budget(budget, x)
        z = self.embed(x, share, position)
        if forced is None and not self.policy:
            return self._unconditional(z)
        run = _masked if self.training else _skipping
        chosen, logits = [], []
        for index, block in enumerate(self.blocks):
            if forced is not None:
                gate = forced[:, index]
            else:
                logits.append(self.decide(index, z, share))
                drawn = None if noise is None else noise[:, index]
                gate = self._gate(logits[-1], drawn, temperature)
            z = run(z, block.attention, gate[:, ATTENTION])
            z = run(z, block.ffn, gate[:, FFN])
            chosen.append(gate)
        return Prediction(
            self.decode(z), torch.stack(chosen, 1), torch.stack(logits, 1) if logits else None
        )

    def _unconditional(self, z: Tensor) -> Prediction:
        """The same sub-layers for every image: all, or those of the fixed pattern."""
        pattern = self.config["pattern"] or [[1, 1]] * len(self.blocks)
        for block, (attention, ffn) in zip(self.blocks, pattern, strict=True):
            z = z + block.attention(z) if attention else z
            z = z + block.ffn(z) if ffn else z
        gates = self.fixed_gates.expand(len(z), -1, -1)
        return Prediction(self.decode(z), gates.float() if self.training else gates, None)

    def _gate(self, logits: Tensor, noise: Tensor | None, temperature: float) -> Tensor:
        if self.training:
            return straight_through(logits, noise, temperature)
        return (logits if noise is None else logits + noise) > 0

    def checked_gates(self, x: Tensor, gates: Tensor | None) -> Tensor | None:
        """`gates` for each image [B, depth, 2], None where there are none.

        Raises ConfigError where they, or X, are of another shape than `forward` takes.
        """
        side, depth = self.img_size, len(self.blocks)
        if x.ndim != 4 or x.shape[1:] != (4, side, side):
            raise ConfigError(
                f"the network takes X of shape [B, 4, {side}, {side}], not {list(x.shape)}"
            )
        if gates is None:
            return None
        if gates.shape not in ((depth, 2), (len(x), depth, 2)):
            raise ConfigError(
                f"gates have shape {list(gates.shape)}, not [{depth}, 2] or [{len(x)}, {depth}, 2]"
            )
        gates = gates.to(x.device).expand(len(x), depth, 2)
        return gates.float() if self.training else gates > 0.5

    def checked_budget(self, budget: float | Tensor | None, x: Tensor) -> Tensor | None:
        """The share to keep of each image [B]; None for a model without a budget.

        Raises ConfigError for a budget where there is none, and one outside of 0 to 1.
        """
        if self.config["budget"] is False:
            if budget is not None:
                raise ConfigError("this model has no budget to set; one made with budget=True has")
            return None
        share = torch.as_tensor(1.0 if budget is None else budget).float()
        # Reading a tensor waits for its device; in training it is drawn, not given.
        if not self.training and not bool(((share >= 0) & (share <= 1)).all()):
            raise ConfigError(f"budget is {budget}; it is the share to keep, 0 to 1")
        if share.shape not in ((), (1,), (len(x),)):
            raise ConfigError(f"budget has shape {list(share.shape)}, not [] or [{len(x)}]")
        return share.to(x).expand(len(x))


def _masked(z: Tensor, sublayer: Any, gate: Tensor) -> Tensor:
    """Eq. 8 as it is trained: the sub-layer runs, and its result is multiplied by the gate."""
    return z + gate[:, None, None].to(z.dtype) * sublayer(z)


def _skipping(z: Tensor, sublayer: Any, keep: Tensor) -> Tensor:
    """Eq. 8 as it is used: only the images that keep the sub-layer go through it."""
    if bool(keep.all()):
        return z + sublayer(z)
    if not bool(keep.any()):
        return z
    index = keep.nonzero().squeeze(1)
    return z.index_add(0, index, sublayer(z[index]).to(z.dtype))


def _init_linear(module: nn.Module) -> None:
    """As iColoriT: Xavier-uniform weights, biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _create(defaults: dict[str, Any], pretrained: bool, kwargs: dict[str, Any]) -> ColViT:
    if pretrained:
        raise CheckpointError("for trained weights use colorlib.checkpoints.load_model(name)")
    # timm passes these to every model; they speak of downloads, which there are none of.
    for unused in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        kwargs.pop(unused, None)
    return ColViT(**{**defaults, **kwargs})


@register_model
def icolorit_tiny_patch16_224(pretrained: bool = False, **kwargs: Any) -> ColViT:
    """iColoriT-T, 6.44 M parameters, 1.43 G multiply-adds."""
    return _create({"policy": False}, pretrained, kwargs)


@register_model
def acolvit_tiny_patch16_224(pretrained: bool = False, **kwargs: Any) -> ColViT:
    """A-ColViT-T whose decisions read the policy token, as in the paper's text."""
    return _create({"policy": True}, pretrained, kwargs)
