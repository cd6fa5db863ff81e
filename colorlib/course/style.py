"""How every picture looks: sizes and colours for a projector."""

import io
import zlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from pandas.io.formats.style import Styler

# The same colour for the same model everywhere; from Okabe and Ito's palette, which people
# with any colour vision tell apart, and which differ in lightness as well.
MODEL_COLORS = {
    "grey photo": "#7f7f7f",
    "icolorit-t": "#000000",
    "acolvit-t-0.9": "#0072B2",
    "acolvit-t-0.7": "#56B4E9",
    "acolvit-t-0.5": "#E69F00",
    "acolvit-t-0.3": "#D55E00",
    "acolvit-t-0.2": "#009E73",
    "acolvit-t-any": "#CC79A7",
}
ATTENTION_COLOR, FFN_COLOR = "#0072B2", "#E69F00"
# The name, the colour and the mark of the two gates of a block.
GATES = (("attention", ATTENTION_COLOR, "o"), ("FFN", FFN_COLOR, "s"))
OTHER_COLOR, SKIPPED_COLOR = "#7f7f7f", "#e4e4e4"

STYLE: dict[Any, Any] = {
    "font.size": 13,
    "axes.titlesize": 14,
    "axes.labelsize": 13,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 12,
    "lines.linewidth": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.dpi": 96,
    "savefig.dpi": "figure",
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
}
# Draws in this style; the reader's own matplotlib settings come back afterwards.
styled: Any = partial(plt.rc_context, STYLE)


def model_color(name: str) -> str:
    """Return the colour of a model, NAME@BUDGET, or the network of a control; else grey."""
    model = name.partition("@")[0].replace("static", "acolvit")
    return MODEL_COLORS.get(model, OTHER_COLOR)


class PlotFigure(Figure):
    """A figure that a notebook shows as one PNG, whether or not pyplot has set up IPython."""

    kind = "png"

    def _ipython_display_(self) -> None:
        # Comes before the PNG that IPython makes of a Figure, which photos must not have too.
        from IPython.display import display

        stream = io.BytesIO()
        quality: dict[str, Any] = {"pil_kwargs": {"quality": 85}} if self.kind == "jpeg" else {}
        self.savefig(stream, format=self.kind, bbox_inches="tight", facecolor="white", **quality)
        display({f"image/{self.kind}": stream.getvalue(), "text/plain": repr(self)}, raw=True)


class PhotoFigure(PlotFigure):
    """A figure of photos, which a notebook shows as JPEG: a fifth of the bytes of a PNG."""

    kind = "jpeg"


Cells = Mapping[Any, Mapping[Any, str | tuple[str, str]]]  # row -> column -> text, or with colour


class Table:
    """A table that a notebook shows; its text is all its cells, so that runs can be compared."""

    def __init__(self, cells: Cells, title: str) -> None:
        pairs = pd.DataFrame(cells).T.map(lambda one: one if isinstance(one, tuple) else (one, ""))
        self.title = title
        self.texts = pairs.map(lambda pair: pair[0] if isinstance(pair[0], str) else "")
        self.colors = pairs.map(lambda pair: f"color: {pair[1] or 'inherit'}")

    def __repr__(self) -> str:
        return f"{self.title}\n{self.texts.to_string()}"

    def _repr_html_(self) -> str:
        name = f"{zlib.crc32(self.title.encode()):x}"  # the same in every run
        style = Styler(self.texts, caption=self.title, uuid=name, cell_ids=False)
        style.apply(lambda _: self.colors, axis=None)
        left = "text-align: left; vertical-align: top; max-width: 20em; white-space: normal"
        looks = {
            "caption": "font-size: 115%; text-align: left",
            "th.row_heading": left,
            "td": "white-space: nowrap; vertical-align: top",
        }
        styles = [{"selector": part, "props": look} for part, look in looks.items()]
        return str(style.set_table_styles(styles).to_html())


def new_figure(
    rows: int = 1,
    columns: int = 1,
    size: tuple[float, float] = (10, 4),
    kind: type[PlotFigure] = PlotFigure,
    **kwargs: Any,
) -> tuple[Figure, Any]:
    """Return a figure and its axes as `plt.subplots` does: one, [n] of them, or [rows, columns].

    pyplot does not know of it: else a notebook would show it twice.
    """
    figure = kind(figsize=size)
    return figure, figure.subplots(rows, columns, **kwargs)


photo_figure = partial(new_figure, kind=PhotoFigure)


def show_picture(axes: Axes, picture: np.ndarray, title: str = "", **kwargs: Any) -> None:
    """Show a picture without axes, its title above."""
    axes.imshow(picture, interpolation=kwargs.pop("interpolation", "antialiased"), **kwargs)
    axes.set_title(title)
    axes.set_axis_off()


@styled()
def pictures(
    photos: Sequence[np.ndarray],
    titles: Sequence[str],
    columns: int | None = None,
    width: float = 11.0,
    rows: Sequence[str] = (),
    **look: Any,
) -> Figure:
    """Show photos [H, W, 3] (uint8, or floats in [0, 1]), `columns` a row, under their titles.

    `rows` are names of the rows, to their left; `look` is imshow's. The height follows from the
    shapes. Shown as JPEG.
    """
    columns = columns or len(photos)
    lines = -(-len(photos) // columns)
    tallest = max(photo.shape[0] / photo.shape[1] for photo in photos)
    text = 0.27 * max(title.count("\n") + 1 for title in titles) + 0.1
    height = lines * (width / columns * tallest + text)
    figure, axes = photo_figure(lines, columns, size=(width, height), squeeze=False)
    for panel in axes.flat[len(photos) :]:
        panel.set_axis_off()
    for panel, photo, title in zip(axes.flat, photos, titles, strict=False):
        show_picture(panel, photo, title, **look)
    for panel, name in zip(axes[:, 0], rows, strict=False):
        panel.set_axis_on()
        panel.set(xticks=[], yticks=[])
        panel.spines[:].set_visible(False)
        panel.set_ylabel(name, fontsize=12)
    return figure


def frame(panel: Axes, row: float, col: float, height: float, width: float, **look: Any) -> None:
    """Draw a frame whose upper left corner is at `row` and `col` of the picture in a panel."""
    look = {"fill": False, "ec": "black", "lw": 2.5, **look}
    panel.add_patch(Rectangle((col, row), width, height, **look))


def draw_gates(panel: Axes, gates: np.ndarray, block: int) -> None:
    """Draw gates [rows, columns], a block each `block` columns: 0 skipped, 1 attention, 2 FFN."""
    colors = ListedColormap([SKIPPED_COLOR, ATTENTION_COLOR, FFN_COLOR])
    panel.imshow(gates, cmap=colors, vmin=0, vmax=2, aspect="auto", interpolation="nearest")
    for column in range(block, gates.shape[1], block):
        panel.axvline(column - 0.5, color="white", lw=2)
    for row in range(1, len(gates) if len(gates) <= 24 else 0):  # they would hide thinner rows
        panel.axhline(row - 0.5, color="white", lw=1)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
