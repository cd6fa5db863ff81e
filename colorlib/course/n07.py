"""Notebook 07: who keeps which sub-layers, what it goes with, what it is worth; its checks.

The paper's Figure 3 as three questions to a network's gates. 1. Do photos differ in what they
cost? 2. Do the hard ones keep more? 3. Is a photo's own pattern worth anything? The thresholds
stand below, so that the words follow from the numbers.

The table of what is in the photos of the test sets (it depends on no network, so it stays as it
is when a checkpoint changes) is made by

    python -m colorlib.course.n07 --data DATASETS --out data/results/contents.csv
"""

import argparse
import csv
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from scipy.stats import pearsonr, rankdata, spearmanr
from torch import Tensor
from tqdm.auto import tqdm

from colorlib import checkpoints
from colorlib.course.grading import exercise
from colorlib.course.n03 import SKIPPED_COLOR
from colorlib.course.style import (
    ATTENTION_COLOR,
    FFN_COLOR,
    MODEL_COLORS,
    OTHER_COLOR,
    new_figure,
    photo_figure,
    show_picture,
    styled,
)
from colorlib.files import ColorlibError, atomic_write, data_dir
from colorlib.metrics import colorfulness, edges, segments
from colorlib.paper import DENSE
from colorlib.photos import open_photo
from colorlib.table1 import (
    Interval,
    TestSet,
    find_sets,
    interval_of_mean,
    lines_of,
    not_measured,
    paired,
    per_photo,
    rank_interval,
    rank_interval_of,
    rank_interval_within,
    read_table,
)
from colorlib.train import sparsity

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


# 1: of the number kept. One sub-layer is the least by which two photos can differ: where photos
# are typically less than that from the mean, one number says what they cost. (A standard
# deviation, as percentiles of whole numbers are whole themselves, and jump.)
STATIC_STD = 1.0
WORTH_DB = 0.03  # 3: a chosen size of interest; less is not seen in a picture


@dataclass(frozen=True)
class Answers:
    """What a network answers to the three questions on one set of photos.

    mean, std: of the number of sub-layers that photos keep; fixed: the share of gates that are
    the same for all photos; hard: rank correlation of the number kept with the loss of the dense
    network; worth: dB of PSNR with own patterns, less that with another photo's.
    """

    model: str
    place: str
    mean: float
    std: float
    fixed: float
    hard: Interval
    worth: Interval

    @property
    def words(self) -> tuple[str, str, str]:
        """An answer to each question, by the thresholds of this module."""
        varies = "nearly static" if self.std < STATIC_STD else "varies"
        order = {1: "hard keep more", -1: "hard keep less", 0: "no order seen"}[self.hard.sign]
        return varies, order, self._worth()

    def _worth(self) -> str:
        """Sign and size are both needed for a word that says something."""
        value, low, high = self.worth
        if self.worth.sign and abs(value) >= WORTH_DB:
            return "worth something" if value > 0 else "better exchanged"
        nothing = max(-low, high) < WORTH_DB
        return "worth nothing" if nothing else "no worth seen"

    @property
    def adaptive(self) -> bool:
        """Whether all three answers are the paper's."""
        return self.words == ("varies", "hard keep more", "worth something")

    def __str__(self) -> str:
        return (
            f"  {self.place:9} {self.mean:4.1f} ± {self.std:.2f}   {24 * self.fixed:2.0f}   "
            f"{self.hard.text():22} {self.worth.text():22} {', '.join(self.words)}"
        )


def answers() -> list[Answers]:
    """Of every card with figures on its gates: the shipped networks', then those in data/runs.

    On the test sets; the gallery is too small. A network with a dial is named with the budget
    at which it was measured.
    """
    return [
        _answers(name, place, card)
        for name, card in cards().items()
        for place in card.get("adaptivity", {})
        if place != "gallery"
    ]


def in_words(found: Sequence[Answers]) -> str:
    """All answers as text: below each network's name a line a set."""
    lines = [f"{'':12}{'kept':11}  fixed  {'rank correlation':22} {'swap costs, dB':22} in words"]
    for name in dict.fromkeys(one.model for one in found):
        lines += [name, *(str(one) for one in found if one.model == name)]
    return "\n".join(lines)


def cards() -> dict[str, dict[str, Any]]:
    """The cards of the shipped networks, then those in data/runs, whose weights are not shipped."""
    shipped = {name: checkpoints.card(name) for name in checkpoints.available()}
    paths = sorted((data_dir() / "runs").glob("*.json"))
    return {**shipped, **{path.stem: json.loads(path.read_text("utf-8")) for path in paths}}


def _answers(name: str, place: str, card: dict[str, Any]) -> Answers:
    found = card["adaptivity"][place]
    photos = card["measured"][place]["photos"]
    error = found["swap_db_se"]
    return Answers(
        model=f"{name}@{found['budget']:g}" if "budget" in found else name,
        place=place,
        mean=found["kept_mean"],
        std=found["kept_std"],
        fixed=found["static"],
        hard=rank_interval_of(found["spearman"], photos),
        worth=interval_of_mean(found["swap_db"], math.nan if error is None else error, photos),
    )


COUNT = 10  # hints
BUDGETS = ("0.9", "0.7", "0.5", "0.3")


def beside_static(table: str | os.PathLike[str]) -> str:
    """PSNR at 10 hints of the static controls of a landed table, and by how much others are above.

    A line a set and budget: the control, then the differences of the network of this budget and
    of the one with a dial set to it, both photo by photo with the 95% interval of the mean; then
    that of the bare variant, of which only the card is there, and so no interval. The last line
    has the crops that each saw since the common start. Raises ColorlibError when the table
    has no control.
    """
    found = lines_of(read_table(table).query("hints == @COUNT"))
    lines = {(line["set"], line["row"]): line for line in found}
    known = cards()
    heads = ("gated - static", "dial - static")
    texts = [f"{'':22}{'static':>15}{heads[0]:>32}{heads[1]:>32}{'bare - static':>18}"]
    for place in dict.fromkeys(place for place, _ in lines):
        for budget in BUDGETS:
            static = f"static-t-{budget}"
            if (place, static) not in lines:
                continue
            own = lines[place, static]
            text = f"{place + ', budget ' + budget:22}"
            text += f"{own['psnr']:8.2f} ({own['gmac']:.2f} G)"
            for row in (f"acolvit-t-{budget}", f"acolvit-t-any@{budget}"):
                cell = "-"
                if (place, row) in lines:
                    gained = paired(table, place, row, static, COUNT)
                    cell = f"{gained.text()} ({lines[place, row]['gmac']:.2f} G)"
                text += f"{cell:>32}"
            texts.append(text + f"{_bare(known, place, budget, own):>18}")
    if len(texts) == 1:
        raise ColorlibError(f"{table} has no row static-t-BUDGET: measure the controls, too")
    return "\n".join([*texts, _crops(known)])


def _bare(known: dict[str, dict[str, Any]], place: str, budget: str, static: dict[str, Any]) -> str:
    """The bare variant less the control; "-" unless it was measured on as many photos."""
    card = known.get(f"acolvit-t-{budget}-bare", {"measured": {}})
    measured = card["measured"].get(place)
    if measured is None or measured["photos"] != static["photos"]:
        return "-"
    gained = measured["psnr"][str(COUNT)] - static["psnr"]
    return f"{gained:+z.2f} ({measured['gmac'][str(COUNT)]:.2f} G)"


def _crops(known: dict[str, dict[str, Any]]) -> str:
    names = {
        "static": [f"static-t-{budget}" for budget in BUDGETS],
        "gated": [f"acolvit-t-{budget}" for budget in BUDGETS],
        "dial": ["acolvit-t-any"],
        "bare": [f"acolvit-t-{budget}-bare" for budget in BUDGETS],
    }
    seen = {
        kind: {known[name]["crops_seen"] for name in each if name in known}
        for kind, each in names.items()
    }
    return "crops seen: " + ", ".join(
        f"{kind} {' or '.join(f'{number:,}' for number in sorted(each))}"
        for kind, each in seen.items()
        if each
    )


SIDE = 224  # as the networks see the photos: squashed to this many pixels
# Column -> how it is measured, and its digits behind the point.
FEATURES = {"colorfulness": (colorfulness, 2), "edges": (edges, 5), "segments": (segments, 0)}


def measure(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Each of `FEATURES` of photos uint8 [n, SIDE, SIDE, 3]: float64 [n]."""
    return {name: how(rgb).astype(np.float64) for name, (how, _) in FEATURES.items()}


def make_contents(sets: Sequence[TestSet], out: Path, bar: bool = False) -> int:
    """Measure every photo of `sets`, write the table, and return how many photos it has."""
    todo = [(one.name, path) for one in sets for path in one.paths]
    with atomic_write(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "photo", *FEATURES])
        for place, path in tqdm(todo, disable=not bar):
            found = measure(open_photo(path).resized(SIDE).rgb[None])
            cells = [f"{found[name][0]:.{digits}f}" for name, (_, digits) in FEATURES.items()]
            writer.writerow([place, path.stem, *cells])
    return len(todo)


def read_contents(path: str | os.PathLike[str]) -> dict[str, dict[str, dict[str, float]]]:
    """{set: {photo: {feature: number}}} of a table that `make_contents` wrote; ColorlibError."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                numbers = {name: float(line[name]) for name in FEATURES}
                found.setdefault(line["set"], {})[line["photo"]] = numbers
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ColorlibError(f"cannot read {path} as a table of contents: {error!r}") from error
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; 0 on success, 2 with one clear line on bad input."""
    parser = argparse.ArgumentParser(
        prog="python -m colorlib.course.n07",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, metavar="ROOT", help="folder of the test sets (none: the gallery)")
    add("--out", type=Path, default=Path("contents.csv"), metavar="CSV", help="(contents.csv)")
    add("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args(arguments)
    try:
        sets, absent = find_sets(options.data, grey=True)
        for line in not_measured(sets, absent):
            print(line, file=sys.stderr)
        count = make_contents(sets, options.out, not options.quiet)
    except ColorlibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {count} photos")
    return 0


HARDNESS = "error of the dense network"
HINTS = "number of hints"
COUNT = 10  # hints, where one number of them is asked for


def rank_correlations(
    table: str | os.PathLike[str], contents: str | os.PathLike[str], row: str
) -> dict[tuple[str, str], Interval]:
    """What the number kept goes with: {(set, feature): rank correlation} of a landed table.

    `row` is a model, NAME@BUDGET of one with a dial; it is asked on each set that the table has
    it on. The features of `contents` and the colour error (Delta E) of the dense network are
    compared over the photos at 10 hints, the number of hints within each photo over all counts of
    the table. Raises ColorlibError when a file cannot be read, or lacks a photo.
    """
    counts: dict[str, list[int]] = {}
    for line in lines_of(read_table(table)):
        if line["row"] == row:
            counts.setdefault(line["set"], []).append(line["hints"])
    if not counts:
        raise ColorlibError(f"{table} has no row {row}")
    features = read_contents(contents)
    found = {}
    for place, tried in counts.items():
        runs = {count: per_photo(table, place, row, count) for count in {*tried, COUNT}}
        dense = per_photo(table, place, DENSE, COUNT)
        names = _same_names(f"{place} in {table}", *runs.values(), dense)
        kept = {count: run["gates"].sum(axis=(1, 2)) for count, run in runs.items()}
        absent = [name for name in names if name not in features.get(place, {})]
        if absent:
            raise ColorlibError(f"{contents} has no photo {absent[0]} of {place}: make it again")
        for feature in features[place][names[0]]:
            values = [features[place][name][feature] for name in names]
            found[place, feature] = rank_interval(kept[COUNT], values)
        found[place, HARDNESS] = rank_interval(kept[COUNT], dense["delta_e"])
        each = np.stack([kept[count] for count in tried], axis=1)
        found[place, HINTS] = rank_interval_within(each, tried)
    return found


def _same_names(where: str, *runs: Mapping[str, np.ndarray]) -> list[str]:
    """The photos of all `runs`, which must have the same in one order."""
    names: list[str] = runs[0]["photo"].tolist()
    if any(run["photo"].tolist() != names for run in runs):
        raise ColorlibError(f"{where}: its rows are not of the same photos: make the table again")
    return names


def side_by_side(found: Mapping[tuple[str, str], Interval]) -> str:
    """What `rank_correlations` found as text: a line a feature, a column a set."""
    sets = list(dict.fromkeys(place for place, _ in found))
    features = list(dict.fromkeys(feature for _, feature in found))
    lines = [" " * 30 + "".join(f"{place:22}" for place in sets)]
    lines += [
        f"  {feature:28}" + "".join(f"{found[place, feature].text():22}" for place in sets)
        for feature in features
    ]
    return "\n".join(line.rstrip() for line in lines)


def _givers(order: np.ndarray, steps: int) -> np.ndarray:
    """Return each photo's giver, `steps` further on in `order`, in a circle."""
    givers = np.empty_like(order)
    givers[order] = np.roll(order, -steps)
    return givers


def _mirrored(kept: np.ndarray) -> np.ndarray:
    givers = np.empty_like(kept)
    givers[kept.argsort()] = kept.argsort()[::-1]
    return givers


exercise(
    "07.1",
    "Each pattern is used once, so that the set costs what it cost before; and nobody keeps the "
    "own one, or gets one from near by.",
    right=lambda kept: _givers(kept.argsort(), len(kept) // 2),
    cases=[(np.random.default_rng(7).permutation(24)[:count],) for count in (6, 7, 11)],
    mistakes={
        "The list must be put in order of the numbers kept first": lambda kept: np.roll(
            np.arange(len(kept)), -(len(kept) // 2)
        ),
        "These are the givers in the order of the list; the first number must be of the first "
        "photo": lambda kept: np.roll(kept.argsort(), -(len(kept) // 2)),
        "These are places in the ordered list; asked are the photos that stand there": (
            lambda kept: (kept.argsort().argsort() + len(kept) // 2) % len(kept)
        ),
        "Who keeps least and who keeps most change places here, and in the middle neighbours do "
        "(or one keeps its own); go half the list on": _mirrored,
        "This is one place further on: a neighbour in the list keeps about as much; go half the "
        "list on": lambda kept: _givers(kept.argsort(), 1),
        "This goes the other way (in a falling order, or to whom each photo gives): begin with "
        "who keeps least, and take from further on": lambda kept: _givers(
            kept.argsort(), -(len(kept) // 2)
        ),
    },
)


def _lists_with_ties() -> list[tuple[list[float], list[float]]]:
    random = np.random.default_rng(8)
    cases = []
    for count, levels in ((9, 4), (20, 3), (12, 100)):
        x = random.integers(10, 10 + levels, count).astype(float)
        x[:2] = 10, 9 + levels  # never constant
        y = np.exp(random.normal(0, 1.5, count) + 0.6 * (x > np.median(x)))
        cases.append((x.tolist(), y.tolist()))
    return cases


exercise(
    "07.2",
    "Ranks ask for the order alone: no photo far out can pull the number along.",
    right=lambda x, y: spearmanr(x, y).statistic,
    cases=_lists_with_ties(),
    mistakes={
        "This is Pearson's correlation of the values: take their ranks first": lambda x, y: (
            pearsonr(x, y).statistic
        ),
        "Photos that keep as many must have the same rank, the mean of their places": lambda x, y: (
            pearsonr(rankdata(x, "ordinal"), rankdata(y, "ordinal")).statistic
        ),
        "The short formula with 6 times the sum of d^2 holds only where no two are equal; "
        "correlate the ranks": lambda x, y: (
            1 - 6 * ((rankdata(x) - rankdata(y)) ** 2).sum() / (len(x) ** 3 - len(x))
        ),
        "The sign is turned": lambda x, y: -spearmanr(x, y).statistic,
    },
)


def _gates_of_sets() -> list[tuple[Tensor]]:
    """Gates [photos, depth, 2] of photos that differ in what they keep."""
    random = torch.Generator().manual_seed(9)
    cases = []
    for photos, depth in ((2, 12), (5, 12), (7, 6)):
        own = torch.rand(photos, 1, 1, generator=random) * torch.tensor([1.0, 0.6]) + 0.2
        cases.append(((torch.rand(photos, depth, 2, generator=random) < own).double(),))
    return cases


def _price(gates: Tensor) -> Tensor:
    return sparsity(gates, 0.5, "image") - sparsity(gates, 0.5, "batch")


exercise(
    "07.3",
    "Read per image, eq. 9 fines every difference between photos, whatever it is for: a network "
    "that obeys it fully cannot do what Figure 3 shows.",
    right=_price,
    cases=_gates_of_sets(),
    mistakes={
        "The squares of attention and FFN are added in eq. 9; here their mean is taken": (
            lambda gates: _price(gates) / 2
        ),
        "It is divided by the photos less one; eq. 9 takes a plain mean": lambda gates: (
            gates.mean(dim=1).var(dim=0).sum()
        ),
        "Attention and FFN are thrown together first; eq. 9 has a square for each": lambda gates: (
            gates.mean(dim=(1, 2)).var(correction=0)
        ),
        "This is the variance of the single gates; take each photo's shares first": lambda gates: (
            gates.var(dim=(0, 1), correction=0).sum()
        ),
        "The sign is turned: per image costs more": lambda gates: -_price(gates),
        "This is eq. 9 per image (for a budget of one half); take off that over the batch": (
            lambda gates: sparsity(gates, 0.5, "image")
        ),
    },
)


def _exact_photos(rho: float, reach: float = 1.96) -> float:
    """Return where the interval of `reach` standard errors ends at 0; not whole."""
    return (reach / math.atanh(rho)) ** 2 * (1 + rho**2 / 2) + 3


exercise(
    "07.4",
    "Half the correlation takes about four times the photos: a page of examples can show only "
    "very strong rules.",
    right=lambda rho: math.ceil(_exact_photos(rho)),
    cases=[(0.1,), (0.2,), (0.35,), (0.6,), (-0.3,)],
    mistakes={
        "Round up: with fewer photos the interval still holds 0": lambda rho: math.floor(
            _exact_photos(rho)
        ),
        "It must be a whole number: round up": _exact_photos,
        "The 3 is missing: the error is sqrt((1 + rho^2 / 2) / (n - 3))": lambda rho: math.ceil(
            _exact_photos(rho) - 3
        ),
        "z is artanh(rho), not rho": lambda rho: math.ceil(
            (1.96 / rho) ** 2 * (1 + rho**2 / 2) + 3
        ),
        "The interval reaches 1.96 standard errors, not one": lambda rho: math.ceil(
            _exact_photos(rho, 1)
        ),
    },
)


if __name__ == "__main__":
    sys.exit(main())
