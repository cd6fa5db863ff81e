"""The pictures of notebook 03: tokens, attention, decisions, skipping, and what it all costs."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from colorlib.figures.diagram import POLICY_COLOR, SKIPPED_COLOR, network
from colorlib.figures.style import (
    ATTENTION_COLOR,
    FFN_COLOR,
    OTHER_COLOR,
    new_figure,
    photo_figure,
    show_picture,
    styled,
)
from colorlib.paper import PAPER

GATE_COLORS = (ATTENTION_COLOR, FFN_COLOR)
__all__ = [
    "costs",
    "decisions",
    "gumbel_sigmoid",
    "hint_attention",
    "network",
    "paths",
    "pixel_shuffle",
    "position_bias",
    "position_code",
]

# What the paper's Table 1 says of two of its models.
PAPER_GMACS = {
    f"the paper's T-{budget}": PAPER["imagenet", f"acolvit-t-{budget}", 10]["gmac"]
    for budget in (0.5, 0.3)
}
# Dark to light in one go, so that it reads in grey as well.
AMOUNT_MAP = "magma"


def position_code(code: ArrayLike, patch: tuple[int, int] = (7, 7)) -> Figure:
    """The code [N, dim] of a square grid, and how alike the codes of `patch` and the others are.

    Alike is the cosine of the angle between two codes, 1 for equal ones.
    """
    values = np.asarray(code)
    grid = round(len(values) ** 0.5)
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    alike = (unit @ unit[patch[0] * grid + patch[1]]).reshape(grid, grid)
    with styled():
        # A JPEG, as so many fine waves make a PNG large.
        figure, axes = photo_figure(1, 2, (11.5, 3.9), width_ratios=(1.5, 1))
        left, right = axes[0]
        shown = left.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
        left.set(xlabel="channel of the token", ylabel="patch, in reading order")
        left.set_title("The position code of every patch")
        figure.colorbar(shown, ax=left, label="added value")
        shown = right.imshow(alike, cmap=AMOUNT_MAP, vmax=1)
        right.add_patch(_frame(patch[1], patch[0], 1))
        right.set(xlabel="patch column", ylabel="patch row")
        right.set_title(f"Codes like that of patch {patch}")
        figure.colorbar(shown, ax=right, label="cosine")
    return figure


def position_bias(table: ArrayLike) -> Figure:
    """The relative position bias of each head: table [(2g-1)^2, heads], one picture a head."""
    values = np.asarray(table)
    reach = (round(len(values) ** 0.5) - 1) // 2
    # A key to the right of its query has a negative offset in the table; shown as one looks.
    squares = values.T.reshape(-1, 2 * reach + 1, 2 * reach + 1)[:, ::-1, ::-1]
    limit = float(np.abs(values).max())
    edge = reach + 0.5
    with styled():
        figure, axes = new_figure(1, len(squares), (11, 3.9), sharey=True)
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


def hint_attention(
    picture: np.ndarray,
    row: float,
    col: float,
    change: ArrayLike,
    maps: Sequence[ArrayLike | None],
) -> Figure:
    """Who listens to the hinted patch, block by block, and what its hint changed in the end.

    picture: uint8 [S, S, 3] with the hint at `row`, `col`; change: [S, S], the distance
    in ab between the answers with and without the hint; maps: a block's attention that each
    patch [g, g] pays to the hinted one, as a multiple of an even share, or None where the
    block skips its attention.
    """
    top = max([2.0, *(float(np.quantile(np.asarray(m), 0.995)) for m in maps if m is not None)])
    with styled():
        figure, _ = photo_figure(size=(11.5, 4.4))
        figure.clear()
        columns = -(-len(maps) // 2)
        layout = figure.add_gridspec(2, columns + 2, width_ratios=[1.45] + [1] * columns + [0.08])
        photo, answer = figure.add_subplot(layout[0, 0]), figure.add_subplot(layout[1, 0])
        show_picture(photo, picture, "answer and hint")
        show_picture(answer, np.asarray(change), "what it changed", cmap=AMOUNT_MAP)
        for axes in (photo, answer):
            axes.plot(col, row, "o", mfc="none", mec="white", mew=2.5, markersize=11)
            axes.plot(col, row, "o", mfc="none", mec="black", mew=1, markersize=13)
        shown = None
        for index, one in enumerate(maps):
            panel = figure.add_subplot(layout[index // columns, 1 + index % columns])
            panel.set_title(f"block {index + 1}", fontsize=13)
            if one is None:
                _skipped(panel)
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


def decisions(ranges: ArrayLike, logits: ArrayLike) -> Figure:
    """What decisions can go by, and what they are, block by block.

    ranges: [depth, 2], how far the policy token and the mean patch token at the input of a block
    differ between photos; logits: [depth, B, 2] of B photos.
    """
    values = np.asarray(logits)
    policy, mean = np.asarray(ranges).T
    block = np.arange(1, len(values) + 1)
    with styled():
        figure, axes = new_figure(1, 2, (11, 4.2), width_ratios=(1, 1.35))
        left, right = axes[0]
        left.plot(block, mean, "s--", color=OTHER_COLOR, label="mean patch token")
        left.plot(block, policy, "o-", color=POLICY_COLOR, label="policy token")
        left.set(xlabel="block", xticks=block, ylim=(-0.05 * float(mean.max()), None))
        left.set_ylabel("range over the photos\n(mean over channels)")
        left.set_title("How much photos differ at the input")
        left.legend(frameon=False)
        for gate, (name, marker) in enumerate((("attention", "o"), ("FFN", "s"))):
            x = np.repeat(block[:, None] + (gate - 0.5) * 0.36, values.shape[1], axis=1)
            color = GATE_COLORS[gate]
            right.plot(
                x.ravel(), values[..., gate].ravel(), marker, color=color, label=name, alpha=0.55
            )
        right.axhline(0, color="black", lw=1.5)
        right.margins(y=0.14)
        right.set(xlabel="block", xticks=block, ylabel="logit")
        right.set_title("Decisions: one mark an input, above 0 keeps")
        right.legend(frameon=False, ncols=2, loc="best")
    return figure


def gumbel_sigmoid(
    logits: ArrayLike,
    kept: ArrayLike,
    forward: ArrayLike,
    backward: Mapping[float, ArrayLike],
) -> Figure:
    """Sampling against the sigmoid; the step forward; the slope backward at each temperature.

    kept: share of draws kept at each of `logits`; forward: the hard gates; backward: gradients
    of the gates by temperature. All of the length of `logits`.
    """
    x = np.asarray(logits)
    with styled():
        figure, axes = new_figure(1, 3, (11.5, 3.9), sharex=True)
        drawn, step, slope = axes[0]
        drawn.plot(x, 1 / (1 + np.exp(-x)), color=OTHER_COLOR, label="sigmoid")
        every = slice(None, None, max(1, len(x) // 16))
        drawn.plot(x[every], np.asarray(kept)[every], "o", color=POLICY_COLOR, label="kept draws")
        drawn.set(ylabel="share of draws kept", title="Sampling: logit + noise > 0")
        drawn.legend(frameon=False)
        step.plot(x, np.asarray(forward), color="black", drawstyle="steps-mid")
        step.set(ylabel="value of the gate", title="Forward: a step")
        for color, (temperature, values) in zip(
            ("#009E73", "#D55E00", "#56B4E9", "#000000"), backward.items(), strict=False
        ):
            style = {0: "-", 1: "--", 2: "-."}[len(slope.lines) % 3]
            slope.plot(x, np.asarray(values), style, color=color, label=f"τ = {temperature:g}")
        slope.set(ylabel="gradient of the gate", title="Backward: the sigmoid's slope")
        slope.legend(frameon=False)
        for panel in axes[0]:
            panel.set_xlabel("logit")
    return figure


def paths(pictures: Sequence[np.ndarray], gates: ArrayLike, gmacs: Sequence[float]) -> Figure:
    """Answers with the path each took: pictures uint8 [S, S, 3], gates [B, depth, 2], cost."""
    patterns = np.asarray(gates) > 0.5
    with styled():
        figure, axes = photo_figure(2, len(pictures), (11, 4.9), height_ratios=(3, 1))
        for column, (picture, pattern) in enumerate(zip(pictures, patterns, strict=True)):
            show_picture(axes[0, column], picture)
            path = axes[1, column]
            _draw_path(path, pattern)
            path.set_title(
                f"{pattern.sum()} of {pattern.size} kept: {gmacs[column]:.2f} G", fontsize=13
            )
            if column == 0:
                path.set_yticks((0, 1), ("FFN", "attention"))
    return figure


def pixel_shuffle(feature: ArrayLike, ab: ArrayLike, picture: np.ndarray) -> Figure:
    """The head's last step: one channel [g, g] of a, all pixels of a [S, S], and the photo."""
    a = np.asarray(ab)
    limit = float(np.abs(a).max())
    with styled():
        figure, axes = photo_figure(1, 3, (11, 3.9))
        scale = {"cmap": "PuOr_r", "vmin": -limit, "vmax": limit}
        small, large, photo = axes[0]
        side = np.asarray(feature).shape[0]
        show_picture(small, np.asarray(feature), f"channel 0: {side} x {side}", **scale)
        show_picture(large, a, "all 256 of them: a of every pixel", **scale)
        figure.colorbar(large.images[0], ax=axes[0, :2], label="a / 110", shrink=0.85)
        show_picture(photo, picture, "a and b with the photo's L")
    return figure


def costs(
    parts: Mapping[str, float],
    depth: int,
    by_kept: Mapping[int, float],
    paper: Mapping[str, float] = PAPER_GMACS,
) -> Figure:
    """Where the multiply-adds go, and what is left of them when sub-layers are skipped.

    parts: G for "embedding", "attention" and "FFN" (of one block) and "head"; by_kept: G by the
    number of sub-layers kept; paper: G by the name of a model, drawn as lines.
    """
    colors = {"attention": ATTENTION_COLOR, "FFN": FFN_COLOR, "head": "#555555"}
    with styled():
        figure, axes = new_figure(2, 1, (11, 6), height_ratios=(1, 2.6))
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
        whole.legend(
            handles, names, ncols=4, frameon=False, loc="lower right", bbox_to_anchor=(1, 1)
        )
        ticks = [str(kept) for kept in by_kept]
        bars = skipped.bar(ticks, list(by_kept.values()), color="#8fb3cc", width=0.62)
        skipped.bar_label(bars, fmt="%.2f", fontsize=13, padding=2)
        for name, gmac in paper.items():
            skipped.axhline(gmac, color="black", lw=1.5, ls="--")
            skipped.text(
                len(ticks) - 0.4, gmac, f"{name}: {gmac:.2f}", va="bottom", ha="right", fontsize=12
            )
        skipped.margins(y=0.12)
        skipped.set(xlabel=f"sub-layers kept, of {2 * depth}", ylabel="G multiply-adds")
    return figure


def _draw_path(axes: Axes, pattern: np.ndarray) -> None:
    """A block a column, attention above FFN; skipped sub-layers are pale."""
    for block, kept in enumerate(pattern):
        for gate, color in enumerate(GATE_COLORS):
            face = color if kept[gate] else SKIPPED_COLOR
            axes.add_patch(Rectangle((block - 0.42, 0.58 - gate), 0.84, 0.84, color=face))
    axes.set(xlim=(-0.6, len(pattern) - 0.4), ylim=(-0.6, 1.6), yticks=(), aspect="equal")
    axes.set_xticks((0, len(pattern) - 1), ("block 1", str(len(pattern))))
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _skipped(axes: Axes) -> None:
    axes.set(xticks=(), yticks=(), aspect="equal", facecolor=SKIPPED_COLOR)
    axes.text(0.5, 0.5, "skipped", ha="center", va="center", transform=axes.transAxes)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _frame(x: float, y: float, side: float) -> Rectangle:
    """A frame around the square centred at x, y."""
    corner = (x - side / 2, y - side / 2)
    return Rectangle(corner, side, side, fill=False, edgecolor="#56B4E9", lw=2.5)
