"""The drawing that opens notebook 03: the whole network, and one gated block of it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Rectangle

from colorlib.figures.style import ATTENTION_COLOR, FFN_COLOR, new_figure, styled

POLICY_COLOR = "#CC79A7"
TOKEN_COLOR = "#9db9cc"
SKIPPED_COLOR = "#e4e4e4"
INK = "#222222"
# How high the main way through the drawn block runs.
LINE = 10.0
# A path to draw, any will do: which sub-layers the drawn network keeps.
DRAWN_PATH = ("11", "01", "10", "11", "00", "01", "11", "10", "01", "00", "11", "11")


def network(grey: np.ndarray, coloured: np.ndarray) -> Figure:
    """From X to ab in one drawing, and below it one block: the decision and the two switches.

    grey, coloured: uint8 [S, S, 3], shown at the two ends.
    """
    with styled():
        figure, axes = new_figure(size=(11.5, 6.6))
        canvas = axes[0, 0]
        canvas.set(xlim=(0, 115), ylim=(0, 66), aspect="equal")
        canvas.set_axis_off()
        _ends(canvas, grey, coloured)
        _tokens(canvas)
        _blocks(canvas)
        _zoom(canvas)
    return figure


def _ends(axes: Axes, grey: np.ndarray, coloured: np.ndarray) -> None:
    """Input and output, with the steps next to them."""
    for shift, color in ((3, "#dddddd"), (2, "#f3d9a4"), (1, "#cfd8f2")):
        axes.add_patch(Rectangle((1 + shift, 44 + shift), 14, 14, fc=color, ec=INK, lw=0.8))
    _picture(axes, grey, 1, 44)
    _below(axes, 9.5, 43, "X (eq. 1)\n4 x 224 x 224")
    _arrow(axes, (18.5, 52), (24, 52))
    _arrow(axes, (77.8, 52), (80.2, 52))
    _box(axes, 80.5, 47, 11.5, 10, "3 x 3 conv\ntanh", "#dddddd")
    _below(axes, 86.3, 43, "head, on the\npatch tokens\n512 x 14 x 14")
    _arrow(axes, (92.3, 52), (99.6, 52))
    axes.text(95.9, 53.2, "pixel\nshuffle", ha="center", fontsize=12)
    _picture(axes, coloured, 100, 44)
    _below(axes, 107, 43, "a, b\n2 x 224 x 224")


def _tokens(axes: Axes) -> None:
    """The policy token in front of the patch tokens."""
    for row in range(6):
        color = POLICY_COLOR if row == 0 else TOKEN_COLOR
        if row != 4:
            axes.add_patch(Rectangle((25, 57 - 3 * row), 4.5, 2.4, fc=color, ec=INK, lw=0.8))
    axes.text(27.25, 46.2, "⋮", ha="center", va="center", fontsize=16)
    axes.text(27.25, 61.2, "policy", ha="center", fontsize=12, color="#a0457a")
    _below(axes, 27.25, 41, "Z (eq. 2)\n197 x 192")
    _arrow(axes, (30.5, 52), (34, 52))


def _blocks(axes: Axes) -> None:
    """The twelve blocks, with a path through them."""
    for index, kept in enumerate(DRAWN_PATH):
        left = 34.5 + 3.6 * index
        axes.add_patch(Rectangle((left, 45), 3.0, 14, fc="white", ec=INK, lw=0.8))
        for row, (keep, color) in enumerate(zip(kept, (ATTENTION_COLOR, FFN_COLOR), strict=True)):
            face = color if keep == "1" else SKIPPED_COLOR
            axes.add_patch(Rectangle((left + 0.4, 52.5 - 7 * row), 2.2, 6, fc=face, lw=0))
    text = "12 blocks: attention above, FFN below;\nthe pale ones are skipped for this photo"
    _below(axes, 56, 43, text)
    for top, bottom in ((41.7, 1.5), (44.7, 113.5)):
        axes.plot((top, bottom), (45, 33.5), color="#888888", lw=1, ls=":")


def _zoom(axes: Axes) -> None:
    """One block, eqs. 7 and 8: its attention is kept, its FFN skipped."""
    shape = "round,pad=0,rounding_size=1.5"
    axes.add_patch(
        FancyBboxPatch((1, 1), 113, 32.5, boxstyle=shape, fc="#fafafa", ec="#888888", lw=1.2)
    )
    axes.text(3, LINE, "$Z_l$", fontsize=17, va="center")
    axes.plot((7, 24), (LINE, LINE), color=INK, lw=1.6)
    _sublayer(axes, 24, "norm, MSA", ATTENTION_COLOR, kept=True)
    axes.plot((58.6, 67), (LINE, LINE), color=INK, lw=1.6)
    axes.text(63, LINE + 1.2, "$Z'_l$", fontsize=17, ha="center")
    _sublayer(axes, 67, "norm, FFN", FFN_COLOR, kept=False)
    _arrow(axes, (102, LINE), (106.5, LINE))
    axes.text(107, LINE, "$Z_{l+1}$", fontsize=17, va="center")
    # The decision network reads the policy token, and sets both switches.
    _arrow(axes, (10.75, LINE), (10.75, 24))
    axes.add_patch(Rectangle((8.5, 24.6), 4.5, 2.4, fc=POLICY_COLOR, ec=INK, lw=0.8))
    axes.text(10.75, 28.4, "policy token", ha="center", fontsize=12, color="#a0457a")
    _arrow(axes, (13.4, 25.8), (18.6, 25.8))
    _box(axes, 19, 22.4, 19, 6.8, "decision network\n(eq. 7)", "#f3dcea")
    _arrow(axes, (31, 22.2), (31, LINE + 2.6))
    axes.text(32, 17.5, "$M^a_l = 1$: keep", fontsize=15, va="center")
    axes.plot((38.2, 74), (25.8, 25.8), color=INK, lw=1.6)
    _arrow(axes, (74, 25.8), (74, LINE + 2.6))
    axes.text(75, 17.5, "$M^f_l = 0$: skip", fontsize=15, va="center")
    axes.text(40, 27, "logit above 0: keep, else skip", fontsize=12)


def _sublayer(axes: Axes, left: float, name: str, color: str, kept: bool) -> None:
    """A switch, the sub-layer behind it, and the residual way around both (eq. 8)."""
    ink = INK if kept else "#aaaaaa"
    axes.plot((left, left + 5), (LINE, LINE), color=INK, lw=1.6)
    lever = LINE if kept else LINE + 2.4
    axes.plot((left + 5, left + 9), (LINE, lever), color=color, lw=4, solid_capstyle="round")
    for x in (left + 5, left + 9):
        axes.add_patch(Circle((x, LINE), 0.7, fc="white", ec=INK, lw=1.4, zorder=3))
    _arrow(axes, (left + 9.6, LINE), (left + 13, LINE), ink)
    face = color if kept else SKIPPED_COLOR
    _box(axes, left + 13.3, LINE - 3, 14, 6, name, face, "white" if kept else "#777777")
    _arrow(axes, (left + 27.5, LINE), (left + 31.2, LINE), ink)
    axes.add_patch(Circle((left + 33, LINE), 1.6, fc="white", ec=INK, lw=1.6, zorder=3))
    axes.text(left + 33, LINE, "+", ha="center", va="center", fontsize=15, zorder=4)
    axes.plot((left, left, left + 33), (LINE, LINE - 6, LINE - 6), color=INK, lw=1.6)
    _arrow(axes, (left + 33, LINE - 6.1), (left + 33, LINE - 1.8))


def _picture(axes: Axes, picture: np.ndarray, left: float, bottom: float) -> None:
    axes.imshow(picture, extent=(left, left + 14, bottom, bottom + 14), zorder=3)
    axes.add_patch(Rectangle((left, bottom), 14, 14, fill=False, ec=INK, lw=0.8, zorder=4))


def _box(
    axes: Axes,
    left: float,
    bottom: float,
    width: float,
    height: float,
    text: str,
    face: str,
    ink: str = INK,
) -> None:
    shape = "round,pad=0,rounding_size=0.8"
    axes.add_patch(
        FancyBboxPatch((left, bottom), width, height, boxstyle=shape, fc=face, ec=INK, lw=1)
    )
    middle = (left + width / 2, bottom + height / 2)
    axes.text(*middle, text, ha="center", va="center", fontsize=12, color=ink)


def _arrow(
    axes: Axes, start: tuple[float, float], stop: tuple[float, float], color: str = INK
) -> None:
    arrow = FancyArrowPatch(
        start, stop, arrowstyle="-|>", mutation_scale=14, shrinkA=0, shrinkB=0, color=color, lw=1.6
    )
    axes.add_patch(arrow)


def _below(axes: Axes, x: float, top: float, text: str) -> None:
    paper = {"fc": "white", "ec": "none", "pad": 1.5}
    axes.text(x, top, text, ha="center", va="top", fontsize=12, bbox=paper)
