"""The parts of the network: position code, attention, block, and the head that paints."""

import torch
from timm.layers import Mlp
from torch import Tensor, nn
from torch.nn import functional as F

from colorlib.gates import DecisionInput, DecisionNetwork

# The published position code counts the 14 x 14 patches of a 224-pixel photo.
PUBLISHED_GRID = 14


def position_code(
    grid: int,
    dim: int,
    place: tuple[float, float] = (0.5, 0.5),
    counted: int = PUBLISHED_GRID,
    policy: bool = False,
) -> Tensor:
    """The fixed sin-cos code [1, grid * grid, dim] of a grid of patches.

    At 14 x 14 it is iColoriT's: the one-dimensional code of Vaswani et al. (base 10000, sine
    and cosine interleaved) over the 196 patches in reading order. A patch of a coarser grid
    covers several of these and takes the code of the one at `place` (down, right: 0 to below
    1) within it, its middle if not said. A finer grid takes them enlarged (bilinear).

    Of patches of another size than 16 iColoriT counts as many as there are: `counted` a side,
    instead of 14. With `policy` the count begins at the policy token, whose code comes first
    [1, 1 + grid * grid, dim]: the authors' code of 197 places.
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
        last = counted - 1  # which an offset that rounds to 1 would pass
        rows, cols = (
            [min(last, int((patch + offset) * counted / grid)) for patch in range(grid)]
            for offset in place
        )
        square = square[:, :, rows][:, :, :, cols]
    # A copy of its own: several processes could not send each other a view.
    return torch.cat([token, square.flatten(2).transpose(1, 2)], dim=1).contiguous()


def relative_position_index(grid: int) -> Tensor:
    """For each pair of patches the row of the bias table, int64 [grid^2, grid^2]."""
    rows, cols = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    coords = torch.stack([rows.flatten(), cols.flatten()])
    offsets = coords[:, :, None] - coords[:, None, :] + grid - 1
    return offsets[0] * (2 * grid - 1) + offsets[1]


class Attention(nn.Module):
    """Multi-head self-attention, eqs. 3 to 5, with iColoriT's relative position bias.

    Queries and values have a bias, keys none. The bias table speaks of pairs of patches;
    a policy token in front has no place on the grid and gets none. `biased=False` leaves the
    table out.
    """

    def __init__(self, dim: int, heads: int, grid: int, biased: bool = True):
        super().__init__()
        self.heads = heads
        self.biased = biased
        self.qkv = nn.Linear(dim, 3 * dim, bias=False)
        self.q_bias = nn.Parameter(torch.zeros(dim))
        self.v_bias = nn.Parameter(torch.zeros(dim))
        if biased:
            self.rpb_table = nn.Parameter(torch.empty((2 * grid - 1) ** 2, heads))
        self.proj = nn.Linear(dim, dim)
        if biased:
            self.register_buffer("relative_position_index", relative_position_index(grid))
            self.relative_position_index: Tensor
            nn.init.trunc_normal_(self.rpb_table, std=0.02)
        # What `position_bias` made last without gradients: the table it was made of, and it.
        self._made: tuple[Tensor, Tensor] | None = None

    def position_bias(self, tokens: int) -> Tensor:
        """The bias added to the logits, [1, heads, tokens, tokens]; 0 for a policy token.

        Where no gradient is wanted it is made anew only when the table has changed.
        """
        table = self.rpb_table
        # To compare values is cheap on the CPU only; a GPU would have to be waited for.
        if torch.is_grad_enabled() or table.device.type != "cpu":
            return self._position_bias(tokens)
        made = self._made
        if made is None or made[1].shape[-1] != tokens or not torch.equal(made[0], table):
            # Ordinary tensors even in inference mode, so that they may be used out of it.
            with torch.inference_mode(False), torch.no_grad():
                made = self._made = table.detach().clone(), self._position_bias(tokens)
        return made[1]

    def _position_bias(self, tokens: int) -> Tensor:
        # embedding, not indexing: its backward sums in a fixed order, so training is repeatable.
        pairs = F.embedding(self.relative_position_index, self.rpb_table).permute(2, 0, 1)
        extra = tokens - pairs.shape[-1]
        return F.pad(pairs, (extra, 0, extra, 0))[None]

    def forward(self, z: Tensor) -> Tensor:
        """Tokens [B, N, dim] -> [B, N, dim]."""
        batch, tokens, dim = z.shape
        bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])
        qkv = F.linear(z, self.qkv.weight, bias)
        q, k, v = qkv.reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mask = self.position_bias(tokens).to(q.dtype) if self.biased else None
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.proj(heads.transpose(1, 2).reshape(batch, tokens, dim))


class Block(nn.Module):
    """One transformer block, eq. 6: two sub-layers, each with its norm inside (pre-norm)."""

    def __init__(
        self,
        dim: int,
        heads: int,
        grid: int,
        mlp_ratio: float,
        decision: DecisionInput | None,
        biased: bool,
    ):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads, grid, biased)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.decision = DecisionNetwork(dim, decision) if decision else None

    @property
    def gate(self) -> DecisionNetwork:
        """The decision network; only a block of a network with a policy token has one."""
        assert self.decision is not None
        return self.decision

    def attention(self, z: Tensor) -> Tensor:
        """MSA(Z) of eq. 6, [B, N, dim] -> [B, N, dim]."""
        return self.attn(self.norm1(z))

    def ffn(self, z: Tensor) -> Tensor:
        """FFN(Z') of eq. 6, [B, N, dim] -> [B, N, dim]."""
        return self.mlp(self.norm2(z))


class Head(nn.Module):
    """iColoriT's local stabilizing layer and pixel shuffle: patch tokens -> ab."""

    def __init__(self, dim: int, patch_size: int):
        super().__init__()
        self.patch_size = patch_size
        # Reflect: a border patch then sees plausible neighbours instead of zeros.
        self.head = nn.Conv2d(
            dim, 2 * patch_size**2, kernel_size=3, padding=1, padding_mode="reflect"
        )

    def forward(self, tokens: Tensor, grid: int) -> Tensor:
        """[B, grid^2, dim] -> [B, 2, S, S] in [-1, 1]; channels are (p1 p2 c), c = a, b."""
        batch, _, dim = tokens.shape
        feature = self.head(tokens.transpose(1, 2).reshape(batch, dim, grid, grid)).tanh()
        p = self.patch_size
        pixels = feature.reshape(batch, p, p, 2, grid, grid).permute(0, 3, 4, 1, 5, 2)
        return pixels.reshape(batch, 2, grid * p, grid * p)
