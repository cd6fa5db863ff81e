"""The network, all of it in this one file: iColoriT-T, and A-ColViT-T, which skips sub-layers.

Read from top to bottom: position code, attention (eqs. 3 to 5), decisions (eq. 7), block
(eqs. 6 and 8), head, the whole network (eq. 2), how it is used, and what it costs.

A gate is 1 where a sub-layer is kept and 0 where it is skipped. The gates of a batch are
[B, depth, 2]; the last axis is (attention, FFN), M^a and M^f of the paper.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple, cast, get_args

import torch
from timm.layers import Mlp, PatchEmbed, gen_relative_position_index
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from colorlib.files import ColorlibError

DecisionInput = Literal["policy", "policy+mean", "raw policy"]
ATTENTION, FFN = 0, 1
# The published position code counts the 14 x 14 patches of a 224-pixel photo.
PUBLISHED_GRID = 14

# A-ColViT as its authors' code has it; eq. 9 is then read as "joint" (`train.sparsity`).
AS_RELEASED: dict[str, Any] = {
    "policy": True,
    "decision_input": "raw policy",
    "position_bias": False,
    "policy_code": True,
}


def position_code(
    grid: int,
    dim: int,
    offset: tuple[float, float] = (0.5, 0.5),
    counted: int = PUBLISHED_GRID,
    policy: bool = False,
) -> Tensor:
    """Return the fixed sin-cos code [1, grid * grid, dim] of a grid of patches.

    At 14 x 14 it is iColoriT's: the one-dimensional code of Vaswani et al. (base 10000, sine
    and cosine interleaved) over the 196 patches in reading order. A patch of a coarser grid
    covers several of these and takes the code of the one at `offset` (down, right: 0 to below
    1) within it, by default its middle. A finer grid takes them enlarged (bilinear).

    For patches of another size than 16, iColoriT counts `counted` a side instead of 14. With
    `policy` the count begins at the policy token, whose code comes first
    [1, 1 + grid * grid, dim]: the authors' code of 197 positions.
    """
    position = torch.arange(counted**2 + policy, dtype=torch.float64)[:, None]
    channel = torch.arange(dim)
    angle = position / 10000.0 ** (2 * (channel // 2).double() / dim)
    code = torch.where(channel % 2 == 0, angle.sin(), angle.cos()).float()
    token, patches = code[None, : int(policy)], code[int(policy) :]
    square = patches.T.reshape(1, dim, counted, counted)
    if grid > counted:
        square = F.interpolate(square, size=(grid, grid), mode="bilinear", align_corners=False)
    elif grid < counted:
        last = counted - 1  # an offset that rounds to 1 would go beyond it
        rows, cols = (
            [min(last, int((patch + part) * counted / grid)) for patch in range(grid)]
            for part in offset
        )
        square = square[:, :, rows][:, :, :, cols]
    # Contiguous, as processes that train together cannot send each other a view.
    return torch.cat([token, square.flatten(2).transpose(1, 2)], dim=1).contiguous()


class Attention(nn.Module):
    """Multi-head self-attention, eqs. 3 to 5, with iColoriT's relative position bias.

    Queries and values have a bias, keys none. `biased=False` leaves out the position bias.
    """

    def __init__(self, dim: int, heads: int, grid: int, biased: bool = True):
        super().__init__()
        self.heads, self.biased = heads, biased
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        self.proj = nn.Linear(dim, dim)
        if biased:
            table = torch.empty((2 * grid - 1) ** 2, heads)
            self.rpb_table = nn.Parameter(nn.init.trunc_normal_(table, std=0.02))
            index = gen_relative_position_index((grid, grid))  # rows of the table, for each pair
            self.register_buffer("relative_position_index", index)
            self.relative_position_index: Tensor

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        if self.biased:  # our files leave out what follows from the grid
            state_dict.setdefault(f"{prefix}relative_position_index", self.relative_position_index)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def position_bias(self, tokens: int) -> Tensor:
        """Return the bias added to the logits, [1, heads, tokens, tokens].

        It is defined between patches; a policy token in front gets 0.
        """
        # embedding, not indexing: its backward sums in a fixed order, so training is repeatable.
        pairs = F.embedding(self.relative_position_index, self.rpb_table).permute(2, 0, 1)
        extra = tokens - pairs.shape[-1]
        return F.pad(pairs, (extra, 0, extra, 0))[None]

    def forward(self, z: Tensor) -> Tensor:
        """Attend from each token to all: Z [B, N, dim] -> [B, N, dim]."""
        B, N, dim = z.shape
        bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])  # [3 dim]
        qkv = F.linear(z, self.qkv.weight, bias)  # [B, N, 3 dim]
        qkv = qkv.reshape(B, N, 3, self.heads, dim // self.heads)  # [B, N, 3, h, d], dim = h d
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each [B, h, N, d]
        mask = self.position_bias(N).to(q.dtype) if self.biased else None  # [1, h, N, N]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)  # [B, h, N, d]
        y = y.transpose(1, 2).reshape(B, N, dim)  # the heads side by side: [B, N, dim]
        return self.proj(y)  # [B, N, dim]


class DecisionNetwork(nn.Module):
    """Eq. 7: two linear maps of the input of block l, one logit each for attention and FFN.

    `sees="raw policy"` is what the authors released: the policy token as it is, and a bias.
    Ours have a normalised input (without learned scale, so that the logits do not drift with
    depth) and smaller start weights: `"policy"` sees the policy token, `"policy+mean"` also
    the mean of the patch tokens. A logit above 0 is a probability of keeping above a half.
    """

    def __init__(self, dim: int, sees: DecisionInput = "policy"):
        super().__init__()
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

    def forward(self, z: Tensor) -> Tensor:
        """Read tokens Z [B, N, dim], the policy token first, and return logits [B, 2]."""
        seen = z[:, :1]  # [B, 1, dim], the policy token
        if self.sees == "policy+mean":
            seen = torch.cat([seen, z[:, 1:].mean(dim=1, keepdim=True)], dim=1)  # [B, 2, dim]
        if self.sees != "raw policy":
            seen = F.layer_norm(seen, seen.shape[-1:], eps=1e-6)
        return self.linear(seen.flatten(1))


def logistic_noise(shape: tuple[int, ...], generator: torch.Generator | None = None) -> Tensor:
    """Draw standard logistic noise, float32: the difference of two Gumbel draws.

    Gumbel-softmax over the two classes keep and skip is a sigmoid of logit plus this noise
    (Maddison et al. 2016), so sampling a gate needs one draw, not two.
    """
    device = generator.device if generator is not None else None
    u = torch.rand(shape, generator=generator, device=device)
    return torch.logit(u.clamp(1e-6, 1 - 1e-6))


def straight_through(
    logits: Tensor, noise: Tensor | None = None, temperature: float = 1.0
) -> Tensor:
    """Return hard gates whose gradient is that of the soft ones; same shape as `logits`.

    Forward: 1 where logit + noise > 0, else 0 (float32). Backward: the derivative of
    sigmoid((logit + noise) / temperature), the straight-through estimator. Without noise it
    is the decision taken at inference.
    """
    assert temperature > 0, temperature
    logits = logits.float()
    noisy = logits if noise is None else logits + noise
    soft = torch.sigmoid(noisy / temperature)
    hard = (noisy > 0).float()
    # soft - soft is exactly 0, so the value stays exactly 0 or 1.
    return hard + (soft - soft.detach())


class Block(nn.Module):
    """One transformer block, eq. 6: two sub-layers, each with its norm inside (pre-norm).

    `config` is that of `ColViT`; without a policy token there is no `decision` (eq. 7).
    """

    def __init__(self, config: dict[str, Any], grid: int):
        super().__init__()
        dim = config["dim"]
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, config["heads"], grid, config["position_bias"])
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * config["mlp_ratio"]))
        if config["policy"]:
            self.decision = DecisionNetwork(dim, config["decision_input"])

    def attention(self, z: Tensor) -> Tensor:
        """Return MSA(Z) of eq. 6, [B, N, dim] -> [B, N, dim]."""
        return self.attn(self.norm1(z))

    def ffn(self, z: Tensor) -> Tensor:
        """Return FFN(Z') of eq. 6, [B, N, dim] -> [B, N, dim]."""
        return self.mlp(self.norm2(z))


def _masked(z: Tensor, sublayer: Any, gate: Tensor) -> Tensor:
    """Apply eq. 8 in training: the result of the sub-layer is multiplied by its gate [B]."""
    return z + gate[:, None, None].to(z.dtype) * sublayer(z)


def _skipping(z: Tensor, sublayer: Any, keep: Tensor) -> Tensor:
    """Apply eq. 8 in use: only the images that keep the sub-layer ([B] bool) go through it."""
    if bool(keep.all()):
        return z + sublayer(z)
    if not bool(keep.any()):
        return z
    index = keep.nonzero().squeeze(1)
    return z.index_add(0, index, sublayer(z[index]).to(z.dtype))


class Head(nn.Module):
    """iColoriT's local stabilizing layer and pixel shuffle: patch tokens -> ab."""

    def __init__(self, dim: int, patch_size: int):
        super().__init__()
        self.patch_size = patch_size
        # Reflect: a border patch then sees plausible neighbours instead of zeros.
        self.head = nn.Conv2d(
            dim, 2 * patch_size**2, kernel_size=3, padding=1, padding_mode="reflect"
        )

    def forward(self, z: Tensor, grid: int) -> Tensor:
        """Paint patch tokens Z [B, g^2, dim], g = grid, as ab [B, 2, S, S] in [-1, 1]."""
        B, _, dim = z.shape
        g, p = grid, self.patch_size
        square = z.transpose(1, 2).reshape(B, dim, g, g)  # [B, dim, g, g]
        pixels = self.head(square).tanh()  # [B, 2 p^2, g, g]
        pixels = pixels.reshape(B, p, p, 2, g, g)  # a patch's rows, its columns, (a, b)
        pixels = pixels.permute(0, 3, 4, 1, 5, 2)  # [B, 2, g, p, g, p]
        return pixels.reshape(B, 2, g * p, g * p)  # [B, 2, S, S]


class Prediction(NamedTuple):
    """What the network answers."""

    ab: Tensor  # [B, 2, S, S] in [-1, 1]; times 110 it is ab of Lab
    # [B, depth, 2], what ran: bool, or 0.0 and 1.0 with the straight-through gradient in training
    gates: Tensor
    gate_logits: Tensor | None  # [B, depth, 2]; None where the network did not decide


class ColViT(nn.Module):
    """iColoriT-T (`policy=False`) or A-ColViT-T (`policy=True`, the paper's).

    iColoriT-T (Yun et al. 2022) is here name for name, so that its published state dict loads
    unchanged. In A-ColViT-T a policy token joins the patch tokens (eq. 2) and a decision
    network in every block reads it (eqs. 7 and 8).

    As the authors released it (`AS_RELEASED`): decisions read the raw policy token (see
    `DecisionNetwork`), `position_bias=False` leaves out the bias tables of attention, and with
    `policy_code=True` the position code counts the policy token too. `code_grid` is the grid
    whose patches the code counts (see `position_code`).

    Ours, not the paper's: `decision_input="policy+mean"`, and
    `budget=True`, with which the share to keep is an argument of every call, embedded into
    the policy token and added to the decisions. `pattern` [depth][2] (1: keep, 0: skip; needs
    policy=False) fixes what runs, for every photo alike: the control for learned gates.

    Raises ColorlibError for settings out of range and sizes that do not divide.
    """

    # What timm's own models have; `checkpoints` fills in what its entry points know.
    default_cfg: dict[str, Any]
    pretrained_cfg: dict[str, Any]
    grad_checkpointing: bool = False

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
        # The arguments, as a checkpoint's card keeps them.
        config = {key: value for key, value in locals().items() if key not in ("self", "__class__")}
        super().__init__()
        self.config: dict[str, Any] = config | {"pattern": None}
        _check(self.config, pattern)
        self.img_size = img_size
        self.grid = img_size // patch_size
        self.policy = policy
        self.patch_embed = PatchEmbed(img_size, patch_size, in_chans=4, embed_dim=dim)
        code = position_code(self.grid, dim, counted=code_grid, policy=policy_code)
        self.register_buffer("pos_embed", code, persistent=False)
        self.pos_embed: Tensor
        blocks = nn.ModuleList(Block(self.config, self.grid) for _ in range(depth))
        self.blocks = cast("Sequence[Block]", blocks)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.head = Head(dim, patch_size)
        self.apply(_init_linear)
        # The gates of a network without decisions; a buffer, so that it already is on the device.
        self.register_buffer("fixed_gates", torch.ones(depth, 2).bool(), persistent=False)
        self.fixed_gates: Tensor
        if pattern is not None:
            self.fix_pattern(pattern)
        if policy:
            # A learned token contains its own position code (eq. 2), unless one is added.
            self.policy_token = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
            if policy_code:
                nn.init.trunc_normal_(self.policy_token, std=0.02, a=-0.02, b=0.02)
            for block in self.blocks:
                block.decision.draw_start()
        if budget:
            self.budget_embed = nn.Linear(1, dim)
            self.budget_gain = nn.Parameter(torch.zeros(depth, 2))
            nn.init.normal_(self.budget_embed.weight, std=0.02)
            nn.init.zeros_(self.budget_embed.bias)

    def fix_pattern(self, pattern: Sequence[Sequence[int]]) -> None:
        """Run only the sub-layers that `pattern` [depth][2] keeps (1), for every photo."""
        rows = [[int(gate) for gate in pair] for pair in pattern]
        pairs = [[0, 0], [0, 1], [1, 0], [1, 1]]
        if len(rows) != len(self.blocks) or any(pair not in pairs for pair in rows):
            raise ColorlibError(f"pattern {rows} is not of {len(self.blocks)} pairs of 0 and 1")
        self.config["pattern"] = rows
        self.fixed_gates.copy_(torch.tensor(rows))

    def embed(
        self, x: Tensor, budget: Tensor | None = None, position: Tensor | None = None
    ) -> Tensor:
        """Embed X [B, 4, S, S] as tokens Z [B, N, dim], the policy token first (eq. 2)."""
        code = self.pos_embed if position is None else position
        first = int(self.config["policy_code"])  # 1 where the policy token has a code, too
        z = self.patch_embed(x) + code[:, first:]  # [B, grid^2, dim]
        if not self.policy:
            return z
        token = self.policy_token.expand(len(x), -1, -1)  # [B, 1, dim]
        if first:
            token = token + code[:, :1]
        if budget is not None:
            token = token + self.budget_embed(budget[:, None, None])
        return torch.cat([token.to(z.dtype), z], dim=1)

    def decide(self, block: int, z: Tensor, budget: Tensor | None = None) -> Tensor:
        """Return logits [B, 2] of keeping attention and FFN of `block`; Z is its input (eq. 7)."""
        logits = self.blocks[block].decision(z).float()
        if budget is not None:
            logits = logits + self.budget_gain[block] * budget[:, None]
        return logits

    def decode(self, z: Tensor) -> Tensor:
        """Paint the last block's tokens as ab [B, 2, S, S]; the policy token is left out."""
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
        """Colour X [B, 4, S, S] (eq. 1, `hints.network_input`).

        While decisions learn, both sub-layers of a block run and are multiplied by
        straight-through gates (eq. 8); `noise` [B, depth, 2] is the logistic noise of
        Gumbel-sigmoid sampling. Otherwise (in use, and in training where decisions need no
        gradient) a skipped sub-layer is not computed, and each image takes its own path through
        the network, whatever its neighbours in the batch.

        `gates` ([depth, 2] or [B, depth, 2]) overrules the decisions. `budget` (0 to 1, one
        number or [B]) is for models made with budget=True. `position`, shaped as `pos_embed`,
        replaces the position code. Raises ColorlibError for gates and budgets that do not fit.
        """
        share, forced = self.checked(x, budget, gates)  # [B] and [B, depth, 2]
        z = self.embed(x, share, position)  # [B, N, dim]
        z, ran, logits = self._run(z, share, forced, noise, temperature)
        return Prediction(self.decode(z), ran, logits)

    def _run(
        self,
        z: Tensor,
        share: Tensor | None,
        forced: Tensor | None,
        noise: Tensor | None = None,
        temperature: float = 1.0,
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Run tokens through the blocks; also return gates [B, depth, 2], and logits or None."""
        pattern = self.config["pattern"] or [[1, 1]] * len(self.blocks)
        decided, logits = [], []
        for index, block in enumerate(self.blocks):
            sublayers: Sequence[Any] = (block.attention, block.ffn)
            if self.grad_checkpointing and torch.is_grad_enabled():
                sublayers = [partial(checkpoint, part, use_reentrant=False) for part in sublayers]
            if forced is None and not self.policy:  # the same for every image
                for sublayer, keep in zip(sublayers, pattern[index], strict=True):
                    z = z + sublayer(z) if keep else z
                continue
            if forced is not None:
                gate = forced[:, index]  # [B, 2]
            else:
                logit = self.decide(index, z, share)  # [B, 2]
                logits.append(logit)
                drawn = None if noise is None else noise[:, index]
                learns = self.training and block.decision.linear.weight.requires_grad
                # While they learn 0.0 or 1.0 with a gradient, else bool.
                gate = straight_through(logit, drawn, temperature) if learns else logit > 0
            apply = _skipping if gate.dtype == torch.bool else _masked  # eq. 8
            z = apply(z, sublayers[ATTENTION], gate[:, ATTENTION])  # [B, N, dim]
            z = apply(z, sublayers[FFN], gate[:, FFN])  # [B, N, dim]
            decided.append(gate)
        gates = self.fixed_gates.expand(len(z), -1, -1)
        gates = torch.stack(decided, 1) if decided else gates.float() if self.training else gates
        return z, gates, torch.stack(logits, 1) if logits else None

    def forward_features(self, x: Tensor, budget: float | Tensor | None = None) -> Tensor:
        """Return the tokens that the head reads, [B, N, dim], the policy token first."""
        share, _ = self.checked(x, budget, None)
        return self.norm(self._run(self.embed(x, share), share, None)[0])

    def set_grad_checkpointing(self, enable: bool = True) -> None:
        """Compute each sub-layer again in the backward pass, instead of keeping what it made."""
        self.grad_checkpointing = enable

    def no_weight_decay(self) -> set[str]:
        """Name the parameters, besides those of one dimension, that timm is not to decay."""
        kinds = ("policy_token", "rpb_table", "budget_gain")
        return {name for name, _ in self.named_parameters() if name.endswith(kinds)}

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """Say which parameters belong to which depth, for timm's learning rates by layer."""
        blocks = r"^blocks\.(\d+)" if coarse else [(r"^blocks\.(\d+)", None), (r"^norm", (99999,))]
        return {"stem": r"^(?:patch_embed|policy_token|budget_)", "blocks": blocks}

    def checked(
        self, x: Tensor, budget: float | Tensor | None, gates: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the share to keep [B] and the gates [B, depth, 2] of each image of X, or None.

        Raises ColorlibError for gates and budgets that `forward` does not take.
        """
        side, shape = self.img_size, (len(x), len(self.blocks), 2)
        assert x.shape == (len(x), 4, side, side), f"X {list(x.shape)}, side {side}"
        if gates is not None:
            if gates.shape not in (shape[1:], shape):
                one, each = list(shape[1:]), list(shape)
                raise ColorlibError(f"gates have shape {list(gates.shape)}, not {one} or {each}")
            gates = gates.to(x.device).expand(shape)
            gates = gates.float() if self.training else gates > 0.5
        if not self.config["budget"]:
            if budget is not None:
                raise ColorlibError("this model has no budget to set; one made with it has")
            return None, gates
        share = torch.as_tensor(1.0 if budget is None else budget).float()
        # This check makes the CPU wait for a GPU. In training the budget is drawn, within 0 to 1.
        if not self.training and not bool(((share >= 0) & (share <= 1)).all()):
            raise ColorlibError(f"budget is {budget}; it is the share to keep, 0 to 1")
        assert share.shape in ((), (1,), (len(x),)), share.shape
        return share.to(x).expand(len(x)), gates

    @property
    def costs(self) -> "Costs":
        """Multiply-adds of one image: FFN 2 N d (r d), attention 4 N d^2 + 2 N^2 d."""
        config, dim, patches = self.config, self.config["dim"], self.grid**2
        tokens, pixels = patches + self.policy, config["patch_size"] ** 2
        seen = dim * (2 if config["decision_input"] == "policy+mean" else 1)
        return Costs(
            embedding=patches * 4 * pixels * dim + config["budget"] * dim,
            attention=4 * tokens * dim**2 + 2 * tokens**2 * dim,
            ffn=2 * tokens * dim * int(config["mlp_ratio"] * dim),
            decision=self.policy * 2 * seen,
            head=patches * dim * 9 * 2 * pixels,
            depth=config["depth"],
        )


def _check(config: dict[str, Any], pattern: Any) -> None:
    """Raise ColorlibError for a network that cannot be."""
    for name in ("patch_size", "dim", "depth", "heads", "mlp_ratio", "code_grid"):
        if not config[name] > 0:
            raise ColorlibError(f"{name} is {config[name]}; it must be above 0")
    side, patch, dim, heads = (config[key] for key in ("img_size", "patch_size", "dim", "heads"))
    policy, sees = config["policy"], config["decision_input"]
    for fits, need in (
        (side % patch == 0, f"img_size {side} must be a multiple of patch_size {patch}"),
        (side >= 2 * patch, f"img_size {side} must be at least twice patch_size {patch}"),
        (dim % heads == 0, f"dim {dim} must be a multiple of heads {heads}"),
        (sees in get_args(DecisionInput), f"{sees!r} is none of {get_args(DecisionInput)}"),
        (policy or not config["budget"], "budget=True needs policy=True"),
        (policy or not config["policy_code"], "policy_code=True needs policy=True"),
        (not policy or pattern is None, "pattern needs policy=False: it leaves nothing to decide"),
    ):
        if not fits:
            raise ColorlibError(need)


def _init_linear(module: nn.Module) -> None:
    """Draw a linear layer's start as iColoriT: Xavier-uniform weights, biases 0."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def predict(
    model: ColViT, x: Tensor, budget: float | Tensor | None = None, gates: Tensor | None = None
) -> Prediction:
    """Colour X [B, 4, S, S] with `model` in evaluation mode, on its device, without gradients.

    `budget` and `gates` are as in `ColViT.forward`. The answer is on the CPU, its gates bool.
    """
    training = model.training
    # Both walk through all modules, so only where there is something to change.
    if training:
        model.eval()
    try:
        with torch.inference_mode():
            made = model(x.to(model.pos_embed.device), budget, gates=gates)
    finally:
        if training:
            model.train()
    # Copies made out here are ordinary tensors, which may be changed and learned from.
    logits = None if made.gate_logits is None else made.gate_logits.cpu().clone()
    return Prediction(made.ab.cpu().clone(), made.gates.cpu().clone(), logits)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Run PyTorch on `count` threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Costs:
    """Multiply-adds of one image: what always runs, and what a kept sub-layer adds."""

    embedding: int
    attention: int
    ffn: int
    decision: int
    head: int
    depth: int

    @property
    def dense(self) -> int:
        """Multiply-adds with every sub-layer kept."""
        return self.fixed + self.depth * (self.attention + self.ffn)

    @property
    def fixed(self) -> int:
        """Multiply-adds that no gate can save: embedding, decisions, head."""
        return self.embedding + self.depth * self.decision + self.head


def macs(gates: Tensor, costs: Costs) -> Tensor:
    """Count the multiply-adds (int64, shape [...]) of the pattern `gates` [..., depth, 2]."""
    assert gates.shape[-2:] == (costs.depth, 2), gates.shape
    kept = (gates.detach() > 0.5).long().sum(dim=-2)
    return costs.fixed + kept[..., ATTENTION] * costs.attention + kept[..., FFN] * costs.ffn
