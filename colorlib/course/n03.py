"""Notebook 03: pictures of tokens, attention, decisions, skipping and costs; its checks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from PIL import Image
from torch import Tensor
from torch.nn.functional import softmax

from colorlib.course import style
from colorlib.course.grading import call, exercise
from colorlib.model import ColViT, Costs, macs
from colorlib.paper import PAPER

POLICY_COLOR = "#CC79A7"
# Dark to light in one go, so that it reads in grey as well.
AMOUNT_MAP = "magma"
PART_COLORS = {
    "embedding": "#b0b0b0",
    "head": "#555555",
    "decisions": POLICY_COLOR,
    "attention": style.ATTENTION_COLOR,
    "FFN": style.FFN_COLOR,
}


@style.styled()
def position_code(code: ArrayLike, patch: tuple[int, int] = (7, 7)) -> Figure:
    """Draw the code [N, dim] of a square grid, and how alike `patch` and the others are in it.

    Alike is the cosine of the angle between two codes, 1 for equal ones.
    """
    values = np.asarray(code)
    grid = round(len(values) ** 0.5)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    alike = (unit @ unit[patch[0] * grid + patch[1]]).reshape(grid, grid)
    # A JPEG, as so many fine waves make a PNG large.
    figure, (left, right) = style.photo_figure(1, 2, (11.5, 3.9), width_ratios=(1.5, 1))
    shown = left.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    left.set(xlabel="channel of the token", ylabel="patch, in reading order")
    left.set_title("The position code of every patch")
    figure.colorbar(shown, ax=left, label="added value")
    shown = right.imshow(alike, cmap=AMOUNT_MAP, vmax=1)
    style.frame(right, patch[0] - 0.5, patch[1] - 0.5, 1, 1, ec="#56B4E9")
    right.set(xlabel="patch column", ylabel="patch row")
    right.set_title(f"Codes like that of patch {patch}")
    figure.colorbar(shown, ax=right, label="cosine")
    return figure


@style.styled()
def position_bias(table: ArrayLike) -> Figure:
    """Draw the relative position bias of each head: table [(2g-1)^2, heads], one picture a head."""
    values = np.asarray(table)
    reach = (round(len(values) ** 0.5) - 1) // 2
    # A key to the right of its query has a negative offset in the table; shown as one looks.
    squares = values.T.reshape(-1, 2 * reach + 1, 2 * reach + 1)[:, ::-1, ::-1]
    limit = float(np.abs(values).max())
    edge = reach + 0.5
    figure, axes = style.new_figure(1, len(squares), (11, 3.9), sharey=True)
    for head, (panel, square) in enumerate(zip(axes, squares, strict=True), start=1):
        shown = panel.imshow(
            square, cmap="PuOr_r", vmin=-limit, vmax=limit, extent=(-edge, edge, edge, -edge)
        )
        panel.plot(0, 0, "+", color="black", markersize=12)
        panel.set_title(f"Head {head}")
        panel.set_xlabel("columns to the right")
    axes[0].set_ylabel("rows down")
    figure.colorbar(shown, ax=axes, label="added to the logit")
    return figure


@style.styled()
def hint_attention(
    picture: np.ndarray, row: float, col: float, change: ArrayLike, maps: Sequence[ArrayLike | None]
) -> Figure:
    """Draw who listens to the hinted patch, block by block, and what its hint changed in the end.

    picture: uint8 [S, S, 3] with the hint at `row`, `col`; change: [S, S], the distance
    in ab between the answers with and without the hint; maps: a block's attention that each
    patch [g, g] pays to the hinted one, as a multiple of an even share, or None where the
    block skips its attention.
    """
    ran = [np.asarray(one) for one in maps if one is not None]
    top = max([2.0, *(float(np.quantile(one, 0.995)) for one in ran)])
    columns = -(-len(maps) // 2)
    widths = [1.45] + [1] * columns
    figure, axes = style.photo_figure(2, 1 + columns, (11.5, 4.4), width_ratios=widths)
    photo, answer = axes[:, 0]
    style.show_picture(photo, picture, "answer and hint")
    style.show_picture(answer, np.asarray(change), "what it changed", cmap=AMOUNT_MAP)
    for panel in (photo, answer):
        panel.plot(col, row, "o", mfc="none", mec="white", mew=2.5, markersize=11)
        panel.plot(col, row, "o", mfc="none", mec="black", mew=1, markersize=13)
    blocks = axes[:, 1:]
    for index, (panel, one) in enumerate(zip(blocks.flat, maps, strict=False)):
        values = np.full((1, 1), np.nan) if one is None else np.asarray(one)
        look = {"cmap": AMOUNT_MAP, "norm": LogNorm(1 / 8, top)}
        style.show_picture(panel, values, f"block {index + 1}", **look)
        if one is None:
            style.frame(panel, -0.5, -0.5, 1, 1, fill=True, fc=style.SKIPPED_COLOR, ec="white")
            panel.text(0, 0, "skipped", ha="center", va="center")
    label = "attention paid to the hinted patch,\nas a multiple of an even share"
    scale = figure.colorbar(blocks[0, 0].images[0], ax=blocks, label=label)
    ticks = [2.0**power for power in range(-3, 8) if 2.0**power <= top]
    scale.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks], minor=False)
    scale.minorticks_off()
    return figure


@style.styled()
def decisions(ranges: ArrayLike, logits: ArrayLike) -> Figure:
    """Draw what decisions can go by, and what they are, block by block.

    ranges: [depth, 2], how far the policy token and the mean patch token at the input of a block
    differ between photos; logits: [depth, B, 2] of B photos.
    """
    values = np.asarray(logits)
    policy, mean = np.asarray(ranges).T
    block = np.arange(1, len(values) + 1)
    figure, (left, right) = style.new_figure(1, 2, (11, 4.2), width_ratios=(1, 1.35))
    left.plot(block, mean, "s--", color=style.OTHER_COLOR, label="mean patch token")
    left.plot(block, policy, "o-", color=POLICY_COLOR, label="policy token")
    left.set(xlabel="block", xticks=block, ylim=(-0.05 * float(mean.max()), None))
    left.set_ylabel("range over the photos\n(mean over channels)")
    left.set_title("How much photos differ at the input")
    left.legend(frameon=False)
    for gate, (name, color, marker) in enumerate(style.GATES):
        x = np.repeat(block + (gate - 0.5) * 0.36, values.shape[1])
        marks = values[..., gate].ravel()
        right.plot(x, marks, marker, color=color, label=name, alpha=0.55)
    right.axhline(0, color="black", lw=1.5)
    right.margins(y=0.14)
    right.set(xlabel="block", xticks=block, ylabel="logit")
    right.set_title("Decisions: one mark an input, above 0 keeps")
    right.legend(frameon=False, ncols=2, loc="best")
    return figure


@style.styled()
def gumbel_sigmoid(
    logits: ArrayLike, kept: ArrayLike, forward: ArrayLike, backward: Mapping[float, ArrayLike]
) -> Figure:
    """Draw sampling against the sigmoid; the step forward; the slope backward at each temperature.

    kept: share of draws kept at each of `logits`; forward: the hard gates; backward: gradients
    of the gates by temperature. All of the length of `logits`.
    """
    x = np.asarray(logits)
    figure, (drawn, step, slope) = style.new_figure(1, 3, (11.5, 3.9), sharex=True)
    drawn.plot(x, 1 / (1 + np.exp(-x)), color=style.OTHER_COLOR, label="sigmoid")
    every = slice(None, None, max(1, len(x) // 16))
    drawn.plot(x[every], np.asarray(kept)[every], "o", color=POLICY_COLOR, label="kept draws")
    drawn.set(ylabel="share of draws kept", title="Sampling: logit + noise > 0")
    drawn.legend(frameon=False)
    step.plot(x, np.asarray(forward), color="black", drawstyle="steps-mid")
    step.set(ylabel="value of the gate", title="Forward: a step")
    looks = (("#009E73", "-"), ("#D55E00", "--"), ("#56B4E9", "-."))
    for (color, dashes), (temperature, values) in zip(looks, backward.items(), strict=True):
        slope.plot(x, np.asarray(values), dashes, color=color, label=f"τ = {temperature:g}")
    slope.set(ylabel="gradient of the gate", title="Backward: the sigmoid's slope")
    slope.legend(frameon=False)
    for panel in (drawn, step, slope):
        panel.set_xlabel("logit")
    return figure


@style.styled()
def paths(pictures: Sequence[np.ndarray], gates: ArrayLike, gmacs: Sequence[float]) -> Figure:
    """Draw answers with the path each took: pictures uint8 [S, S, 3], gates [B, depth, 2], cost."""
    patterns = np.asarray(gates) > 0.5
    look: dict[str, Any] = {"height_ratios": (3, 1), "squeeze": False}
    figure, axes = style.photo_figure(2, len(pictures), (11, 4.9), **look)
    for column, (picture, pattern) in enumerate(zip(pictures, patterns, strict=True)):
        style.show_picture(axes[0, column], picture)
        path = axes[1, column]
        style.draw_gates(path, pattern.T * [[1], [2]], block=1)
        path.set(aspect="equal", yticks=())
        path.set_xticks((0, len(pattern) - 1), ("block 1", str(len(pattern))))
        title = f"{pattern.sum()} of {pattern.size} kept: {gmacs[column]:.2f} G"
        path.set_title(title, fontsize=13)
    axes[1, 0].set_yticks((0, 1), ("attention", "FFN"))
    return figure


@style.styled()
def pixel_shuffle(feature: ArrayLike, ab: ArrayLike, picture: np.ndarray) -> Figure:
    """Draw the head's last step: one channel [g, g] of a, all pixels of a [S, S], and the photo."""
    a = np.asarray(ab)
    limit = float(np.abs(a).max())
    figure, (small, large, photo) = style.photo_figure(1, 3, (11, 3.9))
    scale = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit}
    side = np.asarray(feature).shape[0]
    style.show_picture(small, np.asarray(feature), f"channel 0: {side} x {side}", **scale)
    style.show_picture(large, a, "all 256 of them: a of every pixel", **scale)
    figure.colorbar(large.images[0], ax=[small, large], label="a / 110", shrink=0.85)
    style.show_picture(photo, picture, "a and b with the photo's L")
    return figure


@style.styled()
def costs(parts: Mapping[str, float], depth: int, by_kept: Mapping[int, float]) -> Figure:
    """Draw where the multiply-adds go, and what is left of them when sub-layers are skipped.

    parts: G for "embedding", "attention" and "FFN" (of one block) and "head"; by_kept: G by the
    number of sub-layers kept. Lines are drawn where the paper's Table 1 has two of its models.
    """
    figure, (whole, skipped) = style.new_figure(2, 1, (11, 5.6), height_ratios=(1, 2.6))
    order = ["embedding", *["attention", "FFN"] * depth, "head"]
    end = 0.0
    for name in order:
        whole.barh(0, parts[name], left=end, color=PART_COLORS[name], edgecolor="white", lw=1.2)
        end += parts[name]
    whole.set(yticks=(), xlim=(0, end), xlabel="G multiply-adds of one photo")
    whole.set_title(f"All kept: {end:.2f} G", loc="left")
    handles = [Rectangle((0, 0), 1, 1, color=PART_COLORS[name]) for name in parts]
    names = [f"{depth} x {name}" if name in ("attention", "FFN") else name for name in parts]
    whole.legend(handles, names, ncols=4, frameon=False, loc="lower right", bbox_to_anchor=(1, 1))
    ticks = [str(kept) for kept in by_kept]
    bars = skipped.bar(ticks, list(by_kept.values()), color="#8fb3cc", width=0.62)
    skipped.bar_label(bars, fmt="%.2f", fontsize=13, padding=2)
    for budget in (0.5, 0.3):
        gmac = PAPER["imagenet", f"acolvit-t-{budget}", 10]["gmac"]
        skipped.axhline(gmac, color="black", lw=1.5, ls="--")
        label = f"the paper's T-{budget}: {gmac:.2f}"
        skipped.text(len(ticks) - 0.4, gmac, label, va="bottom", ha="right", fontsize=12)
    skipped.margins(y=0.12)
    skipped.set(xlabel=f"sub-layers kept, of {2 * depth}", ylabel="G multiply-adds")
    return figure


def network(grey: np.ndarray, coloured: np.ndarray) -> Figure:
    """Show the way from X to ab, and below it one block: the decision and the two switches.

    The photos, uint8 [S, S, 3], stand at its two ends. It is drawn in network.svg; network.png is
    a browser's picture of that, 1150 x 625 pixels, with two grey squares for the photos.
    """
    with Image.open(Path(__file__).with_name("network.png")) as drawing:
        sheet = drawing.convert("RGB")
    for left, photo in ((11, grey), (1001, coloured)):
        sheet.paste(Image.fromarray(photo).resize((138, 138)), (left, 51))
    return style.pictures([np.asarray(sheet)], [""], width=10.4)


def _head(Q: Tensor, K: Tensor, V: Tensor) -> Tensor:
    return softmax(Q @ K.T / Q.shape[-1] ** 0.5, -1) @ V


exercise(
    "03.1",
    "Every token asks all the others, and takes their values in proportion.",
    right=_head,
    cases=[
        tuple(torch.randn(3, tokens, d, generator=torch.Generator().manual_seed(1)).double())
        for tokens, d in ((7, 4), (5, 16))
    ],
    mistakes={
        "Q Kᵀ is not divided by the root of d": lambda Q, K, V: softmax(Q @ K.T, -1) @ V,
        "Q Kᵀ is divided by d; its root is right": lambda Q, K, V: (
            softmax(Q @ K.T / Q.shape[-1], -1) @ V
        ),
        "8 is the root of d in our network; d is Q.shape[-1]": lambda Q, K, V: (
            softmax(Q @ K.T / 8, -1) @ V
        ),
        "The softmax runs over the queries: each row, not each column, must sum to 1": (
            lambda Q, K, V: softmax(Q @ K.T / Q.shape[-1] ** 0.5, 0) @ V
        ),
    },
)


def _straight_through(logit: Tensor, temperature: float) -> Tensor:
    soft = torch.sigmoid(logit / temperature)
    return (logit > 0).float() + soft - soft.detach()


def _with_slopes(function: Any, logit: Tensor, temperature: float) -> Tensor:
    """Return the gates of `function` and their slopes by the logits: [2, n]; no slope counts 0."""

    def both(logit: Tensor, temperature: float) -> Tensor | None:
        # A notebook may have switched gradients off.
        with torch.enable_grad():
            leaf = logit.clone().requires_grad_()
            gates = function(leaf, temperature)
            if gates is None or gates is ...:
                return None
            slopes = None
            if gates.requires_grad:
                (slopes,) = torch.autograd.grad(gates.sum(), leaf, allow_unused=True)
        return torch.stack((gates.detach(), torch.zeros(6) if slopes is None else slopes))

    return call(both, logit, temperature)


exercise(
    "03.2",
    "A step forward, a slope backward: that is how a yes or no can be learned.",
    right=_straight_through,
    cases=[(torch.tensor([-3.0, -0.7, 0.0, 0.2, 1.5, 4.0]), tau) for tau in (1.0, 0.5, 3.0)],
    ask=_with_slopes,
    mistakes={
        "Forward this is the sigmoid; a gate is 0 or 1": lambda logit, temperature: torch.sigmoid(
            logit / temperature
        ),
        "The values are right, but no gradient flows: a comparison has none, nor has what is "
        "detached. Add something that is 0 and has the gradient of the sigmoid": (
            lambda logit, temperature: (logit > 0).float()
        ),
        "The gradient does not change with the temperature: logit / temperature goes in": (
            lambda logit, temperature: _straight_through(logit, 1.0)
        ),
    },
)

exercise(
    "03.3",
    "The policy token meets the photo in an attention, and nowhere else.",
    right=lambda kept: [any(kept[:block]) for block in range(12)],
    cases=[
        ([digit == "1" for digit in path],)
        for path in ("111111111111", "000000000000", "001000000000", "011010110001", "100000000000")
    ],
    mistakes={
        "A block's own attention comes after its decision": lambda kept: [
            any(kept[: block + 1]) for block in range(12)
        ],
        "What the policy token has learned in one block it keeps in all later ones": lambda kept: [
            False,
            *kept[:-1],
        ],
    },
)

# A-ColViT-T at 224 pixels: 14 x 14 patches and the policy token, whose 192 numbers are read.
COSTS = ColViT().costs
WITHOUT_POLICY = ColViT(policy=False).costs


def _macs(gates: Tensor, costs: Costs = COSTS) -> float:
    return float(macs(gates, costs))


exercise(
    "03.4",
    "And with it, you have the paper's column of GFLOPs.",
    right=_macs,
    cases=[(torch.arange(24).reshape(12, 2) % every == 0,) for every in (1, 2, 3, 5, 25)],
    mistakes={
        "Give multiply-adds, not G": lambda gates: _macs(gates) / 1e9,
        "The embedding and the head are missing; they always run": lambda gates: (
            _macs(gates) - COSTS.fixed
        ),
        "Attention and FFN have changed places: column 0 is attention": lambda gates: _macs(
            gates.flip(1)
        ),
        "The policy token is a token too: 197, not 196": lambda gates: _macs(gates, WITHOUT_POLICY),
    },
    # Decisions may be counted or not, and M rounded to thousands.
    relative=5e-5,
)
