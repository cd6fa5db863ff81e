"""Notebook 03: pictures of tokens, attention, decisions, skipping and costs; its checks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn.functional import softmax

from colorlib.course import style
from colorlib.course.grading import call, exercise
from colorlib.model import Costs, macs
from colorlib.paper import PAPER

GATE_COLORS = (style.ATTENTION_COLOR, style.FFN_COLOR)
POLICY_COLOR, TOKEN_COLOR, SKIPPED_COLOR, INK = "#CC79A7", "#9db9cc", "#e4e4e4", "#222222"
# A path to draw, any will do: which sub-layers (attention, FFN) the drawn network keeps.
DRAWN_PATH = ("11", "01", "10", "11", "00", "01", "11", "10", "01", "00", "11", "11")

# Dark to light in one go, so that it reads in grey as well.
AMOUNT_MAP = "magma"


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
    figure, axes = style.photo_figure(1, 2, (11.5, 3.9), width_ratios=(1.5, 1))
    left, right = axes[0]
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
    for head, (panel, square) in enumerate(zip(axes[0], squares, strict=True), start=1):
        shown = panel.imshow(
            square, cmap="PuOr_r", vmin=-limit, vmax=limit, extent=(-edge, edge, edge, -edge)
        )
        panel.plot(0, 0, "+", color="black", markersize=12)
        panel.set_title(f"Head {head}")
        panel.set_xlabel("columns to the right")
    axes[0, 0].set_ylabel("rows down")
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
    top = max([2.0, *(float(np.quantile(np.asarray(m), 0.995)) for m in maps if m is not None)])
    figure, _ = style.photo_figure(size=(11.5, 4.4))
    figure.clear()
    columns = -(-len(maps) // 2)
    layout = figure.add_gridspec(2, columns + 2, width_ratios=[1.45] + [1] * columns + [0.08])
    photo, answer = figure.add_subplot(layout[0, 0]), figure.add_subplot(layout[1, 0])
    style.show_picture(photo, picture, "answer and hint")
    style.show_picture(answer, np.asarray(change), "what it changed", cmap=AMOUNT_MAP)
    for axes in (photo, answer):
        axes.plot(col, row, "o", mfc="none", mec="white", mew=2.5, markersize=11)
        axes.plot(col, row, "o", mfc="none", mec="black", mew=1, markersize=13)
    shown = None
    for index, one in enumerate(maps):
        panel = figure.add_subplot(layout[index // columns, 1 + index % columns])
        panel.set_title(f"block {index + 1}", fontsize=13)
        if one is None:
            panel.set(xticks=(), yticks=(), aspect="equal", facecolor=SKIPPED_COLOR)
            panel.spines[:].set_visible(False)
            panel.text(0.5, 0.5, "skipped", ha="center", va="center", transform=panel.transAxes)
        else:
            shown = panel.imshow(np.asarray(one), cmap=AMOUNT_MAP, norm=LogNorm(1 / 8, top))
            panel.set_axis_off()
    if shown is not None:
        bar = figure.add_subplot(layout[:, -1])
        label = "attention paid to the hinted patch,\nas a multiple of an even share"
        scale = figure.colorbar(shown, cax=bar, label=label)
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
    figure, axes = style.new_figure(1, 2, (11, 4.2), width_ratios=(1, 1.35))
    left, right = axes[0]
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
    figure, axes = style.new_figure(1, 3, (11.5, 3.9), sharex=True)
    drawn, step, slope = axes[0]
    drawn.plot(x, 1 / (1 + np.exp(-x)), color=style.OTHER_COLOR, label="sigmoid")
    every = slice(None, None, max(1, len(x) // 16))
    drawn.plot(x[every], np.asarray(kept)[every], "o", color=POLICY_COLOR, label="kept draws")
    drawn.set(ylabel="share of draws kept", title="Sampling: logit + noise > 0")
    drawn.legend(frameon=False)
    step.plot(x, np.asarray(forward), color="black", drawstyle="steps-mid")
    step.set(ylabel="value of the gate", title="Forward: a step")
    for color, (temperature, values) in zip(
        ("#009E73", "#D55E00", "#56B4E9", "#000000"), backward.items(), strict=False
    ):
        dashes = {0: "-", 1: "--", 2: "-."}[len(slope.lines) % 3]
        slope.plot(x, np.asarray(values), dashes, color=color, label=f"τ = {temperature:g}")
    slope.set(ylabel="gradient of the gate", title="Backward: the sigmoid's slope")
    slope.legend(frameon=False)
    for panel in axes[0]:
        panel.set_xlabel("logit")
    return figure


@style.styled()
def paths(pictures: Sequence[np.ndarray], gates: ArrayLike, gmacs: Sequence[float]) -> Figure:
    """Draw answers with the path each took: pictures uint8 [S, S, 3], gates [B, depth, 2], cost."""
    patterns = np.asarray(gates) > 0.5
    figure, axes = style.photo_figure(2, len(pictures), (11, 4.9), height_ratios=(3, 1))
    for column, (picture, pattern) in enumerate(zip(pictures, patterns, strict=True)):
        style.show_picture(axes[0, column], picture)
        path = axes[1, column]
        _draw_path(path, pattern)
        title = f"{pattern.sum()} of {pattern.size} kept: {gmacs[column]:.2f} G"
        path.set_title(title, fontsize=13)
        if column == 0:
            path.set_yticks((0, 1), ("FFN", "attention"))
    return figure


@style.styled()
def pixel_shuffle(feature: ArrayLike, ab: ArrayLike, picture: np.ndarray) -> Figure:
    """Draw the head's last step: one channel [g, g] of a, all pixels of a [S, S], and the photo."""
    a = np.asarray(ab)
    limit = float(np.abs(a).max())
    figure, axes = style.photo_figure(1, 3, (11, 3.9))
    scale = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit}
    small, large, photo = axes[0]
    side = np.asarray(feature).shape[0]
    style.show_picture(small, np.asarray(feature), f"channel 0: {side} x {side}", **scale)
    style.show_picture(large, a, "all 256 of them: a of every pixel", **scale)
    figure.colorbar(large.images[0], ax=axes[0, :2], label="a / 110", shrink=0.85)
    style.show_picture(photo, picture, "a and b with the photo's L")
    return figure


@style.styled()
def costs(parts: Mapping[str, float], depth: int, by_kept: Mapping[int, float]) -> Figure:
    """Draw where the multiply-adds go, and what is left of them when sub-layers are skipped.

    parts: G for "embedding", "attention" and "FFN" (of one block) and "head"; by_kept: G by the
    number of sub-layers kept. Lines are drawn where the paper's Table 1 has two of its models.
    """
    colors = {"attention": style.ATTENTION_COLOR, "FFN": style.FFN_COLOR, "head": "#555555"}
    figure, axes = style.new_figure(2, 1, (11, 6), height_ratios=(1, 2.6))
    whole, skipped = axes[:, 0]
    order = ["embedding", *["attention", "FFN"] * depth, "head"]
    left = 0.0
    for name in order:
        width = parts[name]
        color = colors.get(name, "#b0b0b0")
        whole.barh(0, width, left=left, color=color, edgecolor="white", lw=1.2)
        left += width
    whole.set(yticks=(), xlim=(0, left), xlabel="G multiply-adds of one photo")
    whole.set_title(f"All kept: {left:.2f} G", loc="left")
    handles = [Rectangle((0, 0), 1, 1, color=colors.get(name, "#b0b0b0")) for name in parts]
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


def _draw_path(axes: Axes, pattern: np.ndarray) -> None:
    """Draw a block a column, attention above FFN; skipped sub-layers are pale."""
    for block, kept in enumerate(pattern):
        for gate, color in enumerate(GATE_COLORS):
            face = color if kept[gate] else SKIPPED_COLOR
            axes.add_patch(Rectangle((block - 0.42, 0.58 - gate), 0.84, 0.84, color=face))
    axes.set(xlim=(-0.6, len(pattern) - 0.4), ylim=(-0.6, 1.6), yticks=(), aspect="equal")
    axes.set_xticks((0, len(pattern) - 1), ("block 1", str(len(pattern))))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@style.styled()
def network(grey: np.ndarray, coloured: np.ndarray) -> Figure:
    """Draw the way from X to ab, and below it one block: the decision and the two switches.

    grey, coloured: uint8 [S, S, 3], shown at the two ends.
    """
    figure, axes = style.new_figure(size=(11.5, 6.6))
    sheet = axes[0, 0]
    sheet.set(xlim=(0, 115), ylim=(0, 66), aspect="equal")
    sheet.set_axis_off()
    # Input and output, with the steps next to them.
    for shift, color in ((3, "#dddddd"), (2, "#f3d9a4"), (1, "#cfd8f2")):
        _rectangle(sheet, 1 + shift, 44 + shift, 14, 14, color)
    for left, picture in ((1, grey), (100, coloured)):
        sheet.imshow(picture, extent=(left, left + 14, 44, 58), zorder=3)
        _rectangle(sheet, left, 44, 14, 14, "none", zorder=4)
    _box(sheet, 80.5, 47, 11.5, 10, "3 x 3 conv\ntanh", "#dddddd")
    sheet.text(95.9, 53.2, "pixel\nshuffle", ha="center", fontsize=12)
    # The policy token in front of the patch tokens.
    for row in (0, 1, 2, 3, 5):
        _rectangle(sheet, 25, 57 - 3 * row, 4.5, 2.4, TOKEN_COLOR if row else POLICY_COLOR)
    sheet.text(27.25, 46.2, "⋮", ha="center", va="center", fontsize=16)
    sheet.text(27.25, 61.2, "policy", ha="center", fontsize=12, color="#a0457a")
    # The twelve blocks, with a path through them.
    for index, kept in enumerate(DRAWN_PATH):
        x = 34.5 + 3.6 * index
        _rectangle(sheet, x, 45, 3.0, 14, "white")
        for row, (keep, color) in enumerate(zip(kept, GATE_COLORS, strict=True)):
            face = color if keep == "1" else SKIPPED_COLOR
            _rectangle(sheet, x + 0.4, 52.5 - 7 * row, 2.2, 6, face, lw=0)
    for top, bottom in ((41.7, 1.5), (44.7, 113.5)):
        sheet.plot((top, bottom), (45, 33.5), color="#888888", lw=1, ls=":")
    for start, stop in ((18.5, 24), (30.5, 34), (77.8, 80.2), (92.3, 99.6)):
        _arrow(sheet, (start, 52), (stop, 52))
    blocks = "12 blocks: attention above, FFN below;\nthe pale ones are skipped for this photo"
    for x, top, text in (
        (9.5, 43, "X (eq. 1)\n4 x 224 x 224"),
        (27.25, 41, "Z (eq. 2)\n197 x 192"),
        (56, 43, blocks),
        (86.3, 43, "head, on the\npatch tokens\n512 x 14 x 14"),
        (107, 43, "a, b\n2 x 224 x 224"),
    ):
        paper = {"fc": "white", "ec": "none", "pad": 1.5}
        sheet.text(x, top, text, ha="center", va="top", fontsize=12, bbox=paper)
    _draw_block(sheet, line=10.0)
    return figure


def _draw_block(sheet: Axes, line: float) -> None:
    """Draw eqs. 7 and 8, the way through at the height `line`: attention kept, FFN skipped."""
    _box(sheet, 1, 1, 113, 32.5, "", "#fafafa", rounding=1.5, ec="#888888", lw=1.2)
    for x, text in ((3, "$Z_l$"), (107, "$Z_{l+1}$")):
        sheet.text(x, line, text, fontsize=17, va="center")
    sheet.text(63, line + 1.2, "$Z'_l$", fontsize=17, ha="center")
    for start, stop in ((7, 24), (58.6, 67)):
        sheet.plot((start, stop), (line, line), color=INK, lw=1.6)
    for left, name, color, kept in (
        (24, "norm, MSA", style.ATTENTION_COLOR, True),
        (67, "norm, FFN", style.FFN_COLOR, False),
    ):
        # A switch, the sub-layer behind it, and the residual way around both.
        ink = INK if kept else "#aaaaaa"
        sheet.plot((left, left + 5), (line, line), color=INK, lw=1.6)
        lever = (line, line if kept else line + 2.4)
        sheet.plot((left + 5, left + 9), lever, color=color, lw=4, solid_capstyle="round")
        for x, radius, width in ((5, 0.7, 1.4), (9, 0.7, 1.4), (33, 1.6, 1.6)):
            end = Circle((left + x, line), radius, fc="white", ec=INK, lw=width, zorder=3)
            sheet.add_patch(end)
        _arrow(sheet, (left + 9.6, line), (left + 13, line), ink)
        face, text_ink = (color, "white") if kept else (SKIPPED_COLOR, "#777777")
        _box(sheet, left + 13.3, line - 3, 14, 6, name, face, text_ink)
        _arrow(sheet, (left + 27.5, line), (left + 31.2, line), ink)
        sheet.text(left + 33, line, "+", ha="center", va="center", fontsize=15, zorder=4)
        sheet.plot((left, left, left + 33), (line, line - 6, line - 6), color=INK, lw=1.6)
        _arrow(sheet, (left + 33, line - 6.1), (left + 33, line - 1.8))
    _arrow(sheet, (102, line), (106.5, line))
    # The decision network reads the policy token, and sets both switches.
    _arrow(sheet, (10.75, line), (10.75, 24))
    _rectangle(sheet, 8.5, 24.6, 4.5, 2.4, POLICY_COLOR)
    sheet.text(10.75, 28.4, "policy token", ha="center", fontsize=12, color="#a0457a")
    _arrow(sheet, (13.4, 25.8), (18.6, 25.8))
    _box(sheet, 19, 22.4, 19, 6.8, "decision network\n(eq. 7)", "#f3dcea")
    _arrow(sheet, (31, 22.2), (31, line + 2.6))
    sheet.text(32, 17.5, "$M^a_l = 1$: keep", fontsize=15, va="center")
    sheet.plot((38.2, 74), (25.8, 25.8), color=INK, lw=1.6)
    _arrow(sheet, (74, 25.8), (74, line + 2.6))
    sheet.text(75, 17.5, "$M^f_l = 0$: skip", fontsize=15, va="center")
    sheet.text(40, 27, "logit above 0: keep, else skip", fontsize=12)


def _rectangle(sheet: Axes, x: float, y: float, w: float, h: float, face: str, **look: Any) -> None:
    sheet.add_patch(Rectangle((x, y), w, h, **{"fc": face, "ec": INK, "lw": 0.8, **look}))


def _box(
    sheet: Axes,
    left: float,
    bottom: float,
    width: float,
    height: float,
    text: str,
    face: str,
    ink: str = INK,
    rounding: float = 0.8,
    **look: Any,
) -> None:
    shape = f"round,pad=0,rounding_size={rounding}"
    look = {"boxstyle": shape, "fc": face, "ec": INK, "lw": 1, **look}
    sheet.add_patch(FancyBboxPatch((left, bottom), width, height, **look))
    middle = (left + width / 2, bottom + height / 2)
    sheet.text(*middle, text, ha="center", va="center", fontsize=12, color=ink)


def _arrow(
    sheet: Axes, start: tuple[float, float], stop: tuple[float, float], color: str = INK
) -> None:
    look: dict[str, Any] = {"mutation_scale": 14, "shrinkA": 0, "shrinkB": 0, "lw": 1.6}
    sheet.add_patch(FancyArrowPatch(start, stop, arrowstyle="-|>", color=color, **look))


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
    cases=[(torch.tensor([-3.0, -0.7, -0.1, 0.2, 1.5, 4.0]), tau) for tau in (1.0, 0.5, 3.0)],
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
COSTS = Costs.of()  # of A-ColViT-T
WITHOUT_POLICY = Costs.of(policy=False)


def _macs(pattern: Tensor, costs: Costs = COSTS) -> float:
    return float(macs(pattern, costs))


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
