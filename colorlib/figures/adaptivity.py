"""Pictures of notebook 07: who keeps which sub-layers, what it goes with, and what it is worth."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from colorlib.figures.diagram import SKIPPED_COLOR
from colorlib.figures.style import (
    ATTENTION_COLOR,
    FFN_COLOR,
    MODEL_COLORS,
    OTHER_COLOR,
    new_figure,
    photo_figure,
    show_picture,
    styled,
)
from colorlib.tables.claims import Interval

# More photos than this have no names beside a heat map.
NAMED_PHOTOS = 24
PLACE_MARKS = ("o", "s", "^", "D")


def extremes(
    pictures: ArrayLike,
    names: Sequence[str],
    kept: Mapping[str, ArrayLike],
    gmac: Mapping[str, ArrayLike],
    count: int = 4,
) -> Figure:
    """Figure 3: for each model the photos that keep least and those that keep most.

    pictures: uint8 [n, S, S, 3]; by model: the number of sub-layers kept [n], and G multiply-adds
    [n]. Photos that keep as many stand in the order in which they are given.
    """
    photos = np.asarray(pictures)
    count = min(count, len(photos))
    with styled():
        figure, axes = photo_figure(2 * len(kept), count, size=(6.3, 1.87 * 2 * len(kept)))
        for number, (model, given) in enumerate(kept.items()):
            values, spent = np.asarray(given), np.asarray(gmac[model])
            order = np.argsort(values, kind="stable")
            ends = {"least": order[:count], "most": order[::-1][:count]}
            for row, (end, chosen) in enumerate(ends.items(), start=2 * number):
                for place, index in zip(axes[row], chosen, strict=True):
                    cost = f"{values[index]:.0f} kept, {spent[index]:.2f} G"
                    show_picture(place, photos[index])
                    place.set_title(f"{_short(names[index])}\n{cost}", fontsize=12)
                _name_row(axes[row, 0], f"{model}\n{end}")
    return figure


def who_keeps_what(
    gates: Mapping[str, ArrayLike], names: Sequence[str], gmac: Mapping[str, ArrayLike]
) -> Figure:
    """By model [n, depth, 2]: a row a photo, a column a sub-layer, filled where it is kept.

    Photos that keep most are at the top, each with its G multiply-adds, `gmac` [n]. The bars
    above are the shares of photos that keep the sub-layer.
    """
    with styled():
        tall = min(8.5, 2.6 + 0.27 * len(names))
        figure, axes = new_figure(
            2, len(gates), (12.5, tall), height_ratios=(1, 0.2 * min(len(names), 28)), sharex="col"
        )
        for column, (model, given) in enumerate(gates.items()):
            patterns = np.asarray(given) > 0.5
            order = np.argsort(-patterns.sum(axis=(1, 2)), kind="stable")
            share, grid = axes[:, column]
            _draw_shares(share, patterns)
            share.set_title(f"{model}: who keeps what")
            _draw_patterns(grid, patterns[order])
            if len(names) <= NAMED_PHOTOS:
                grid.set_yticks(range(len(names)), [_short(names[index]) for index in order])
                _name_right(grid, [f"{spent:.2f} G" for spent in np.asarray(gmac[model])[order]])
            else:
                grid.set(yticks=(), ylabel=f"{len(names)} photos, most kept at the top")
        axes[0, 0].set_ylabel("share\nof photos")
        handles = [
            Rectangle((0, 0), 1, 1, color=color)
            for color in (ATTENTION_COLOR, FFN_COLOR, SKIPPED_COLOR)
        ]
        figure.legend(
            handles,
            ["attention", "FFN", "skipped"],
            ncols=3,
            frameon=False,
            loc="outside lower center",
        )
    return figure


def margins(logits: Mapping[str, ArrayLike]) -> Figure:
    """By model [n, depth, 2]: each decision's logits over the photos, from least to most.

    A bar that crosses 0 is a decision that photos can turn.
    """
    with styled():
        figure, axes = new_figure(1, len(logits), (12.5, 4.4))
        for place, (model, given) in zip(axes[0], logits.items(), strict=True):
            values = np.asarray(given)
            block = np.arange(1, values.shape[1] + 1)
            for kind, (name, color, mark) in enumerate(
                (("attention", ATTENTION_COLOR, "o"), ("FFN", FFN_COLOR, "s"))
            ):
                low, middle, high = np.quantile(values[..., kind], (0, 0.5, 1), axis=0)
                x = block + 0.36 * (kind - 0.5)
                place.vlines(x, low, high, color=color, lw=6, alpha=0.55)
                place.plot(x, middle, mark, color=color, label=name, markersize=5)
            place.axhline(0, color="black", lw=1.2)
            place.set(title=model, xlabel="block", xticks=block)
        axes[0, 0].set_ylabel("logit (above 0: keep)")
        axes[0, 0].legend(frameon=False)
    return figure


def exchanges(
    changes: Mapping[str, Mapping[str, ArrayLike]], means: Mapping[Any, Interval]
) -> Figure:
    """By model and by what was done to its gates: the change of PSNR of each photo, dB [n].

    means: by (model, what) their mean with its interval, drawn in black.
    """
    rows = [(model, what) for model, done in changes.items() for what in done]
    random = np.random.default_rng(0)
    with styled():
        figure, axes = new_figure(size=(11, 1.2 + 0.75 * len(rows)))
        place = axes[0, 0]
        place.axvline(0, color=OTHER_COLOR, lw=1.2)
        for row, (model, what) in enumerate(rows):
            values = np.asarray(changes[model][what])
            height = row + random.uniform(-0.16, 0.16, len(values))
            color = MODEL_COLORS.get(model, OTHER_COLOR)
            place.plot(values, height, "o", color=color, alpha=0.65, markersize=6)
            _draw_interval(place, means[model, what], row + 0.3)
        labels = [f"{model}\n{what}" for model, what in rows]
        place.set_yticks(range(len(rows)), labels)
        place.set(ylim=(len(rows) - 0.4, -0.5), xlabel="change of PSNR (dB), a dot a photo")
    return figure


def goes_with(
    kept: Mapping[str, ArrayLike],
    features: Mapping[str, ArrayLike],
    ranks: Mapping[Any, Interval],
) -> Figure:
    """The number kept [n] of each model (a row) against each feature [n] (a column).

    ranks: by (model, feature) the rank correlation, written above.
    """
    with styled():
        figure, axes = new_figure(
            len(kept), len(features), (13, 0.5 + 2.9 * len(kept)), sharex="col", sharey="row"
        )
        for places, (model, count) in zip(axes, kept.items(), strict=True):
            color = MODEL_COLORS.get(model, OTHER_COLOR)
            for place, (feature, values) in zip(places, features.items(), strict=True):
                place.plot(np.asarray(values), np.asarray(count), "o", color=color, alpha=0.7)
                place.set_title(ranks[model, feature].text(1), fontsize=13)
                place.margins(0.1)
            places[0].set_ylabel(f"{model}\nsub-layers kept")
            places[0].yaxis.get_major_locator().set_params(integer=True, min_n_ticks=2)
        for place, feature in zip(axes[-1], features, strict=True):
            place.set_xlabel(feature)
    return figure


def with_hints(counts: Sequence[int], kept: Mapping[str, ArrayLike]) -> Figure:
    """By model [n, counts]: the number kept with each number of hints; a thin line a photo."""
    with styled():
        figure, axes = new_figure(1, len(kept), (11, 4))
        x = np.arange(len(counts))
        for place, (model, given) in zip(axes[0], kept.items(), strict=True):
            values = np.asarray(given, dtype=np.float64)
            color = MODEL_COLORS.get(model, OTHER_COLOR)
            place.plot(x, values.T, color=color, lw=1.2, alpha=0.45)
            place.plot(x, values.mean(axis=0), "o-", color="black", label="mean")
            place.set(title=model, xlabel="hints", ylim=(0, 24))
            place.set_xticks(x, [str(count) for count in counts])
        axes[0, 0].set_ylabel("sub-layers kept")
        axes[0, 0].legend(frameon=False, loc="lower right")
    return figure


def correlations(found: Mapping[str, Mapping[tuple[str, str], Interval]]) -> Figure:
    """By model {(set, feature): rank correlation}: a line a feature, a mark a set."""
    with styled():
        figure, axes = new_figure(1, len(found), (12.5, 5), sharey=True, sharex=True)
        for place, (model, values) in zip(axes[0], found.items(), strict=True):
            sets = list(dict.fromkeys(one for one, _ in values))
            features = list(dict.fromkeys(one for _, one in values))
            place.axvline(0, color="black", lw=1.2)
            color = MODEL_COLORS.get(model.partition("@")[0], OTHER_COLOR)
            for number, one in enumerate(sets):
                y = np.arange(len(features)) + 0.22 * (number - (len(sets) - 1) / 2)
                each = np.array([values[one, feature] for feature in features])
                place.hlines(y, each[:, 1], each[:, 2], color=color, lw=2.5)
                mark = PLACE_MARKS[number % len(PLACE_MARKS)]
                place.plot(each[:, 0], y, mark, color=color, mec="black", label=one)
            place.set_yticks(range(len(features)), features)
            place.set(title=model, xlabel="rank correlation with the number kept", xlim=(-1, 1))
        axes[0, 0].invert_yaxis()
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(),
            ncols=4,
            frameon=False,
            loc="outside lower center",
        )
    return figure


def _draw_shares(place: Axes, patterns: np.ndarray) -> None:
    shares = patterns.mean(axis=0).ravel()
    colors = [ATTENTION_COLOR, FFN_COLOR] * patterns.shape[1]
    place.bar(range(len(shares)), shares, color=colors, width=0.85)
    place.set(ylim=(0, 1), yticks=(0, 1))
    place.tick_params(bottom=False)


def _draw_patterns(place: Axes, patterns: np.ndarray) -> None:
    """A pixel a gate: 0 skipped, 1 attention kept, 2 FFN kept."""
    count, depth, _ = patterns.shape
    shown = (patterns * np.array([1, 2])).reshape(count, 2 * depth)
    colors = ListedColormap([SKIPPED_COLOR, ATTENTION_COLOR, FFN_COLOR])
    place.imshow(shown, cmap=colors, vmin=0, vmax=2, aspect="auto", interpolation="nearest")
    for block in range(1, depth):
        place.axvline(2 * block - 0.5, color="white", lw=2)
    if count <= NAMED_PHOTOS:
        for row in range(1, count):
            place.axhline(row - 0.5, color="white", lw=1)
    place.set_xticks(np.arange(depth) * 2 + 0.5, [str(block + 1) for block in range(depth)])
    place.set_xlabel("block: attention, FFN")
    place.tick_params(length=0)
    place.spines[:].set_visible(False)


def _draw_interval(place: Axes, mean: Interval, height: float) -> None:
    place.plot([mean.low, mean.high], [height, height], color="black", lw=2)
    place.plot(mean.value, height, "D", color="black", markersize=6)


def _name_right(place: Axes, texts: Sequence[str]) -> None:
    for row, text in enumerate(texts):
        place.annotate(
            text, (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=12
        )


def _name_row(place: Axes, name: str) -> None:
    place.set_axis_on()
    place.set(xticks=[], yticks=[])
    place.spines[:].set_visible(False)
    place.set_ylabel(name, fontsize=12)


def _short(name: str, length: int = 14) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
