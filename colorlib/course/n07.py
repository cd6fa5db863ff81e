"""Notebook 07: who keeps which sub-layers, what it goes with, what it is worth; its checks."""

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike
from scipy.stats import norm, pearsonr, rankdata, spearmanr
from skimage.color import rgb2lab
from skimage.filters import sobel
from skimage.segmentation import felzenszwalb
from torch import Tensor
from tqdm.auto import tqdm

from colorlib import checkpoints, table1
from colorlib.course import style
from colorlib.course.grading import exercise
from colorlib.evaluate import rank_correlation
from colorlib.files import ColorlibError, data_dir
from colorlib.metrics import colorfulness
from colorlib.paper import DENSE
from colorlib.photos import open_photo
from colorlib.table1 import LEVEL, Interval
from colorlib.train import sparsity


@style.styled()
def who_keeps_what(gates: Mapping[str, ArrayLike]) -> Figure:
    """Draw by model [n, depth, 2]: a row a photo, a column a sub-layer, filled where it is kept.

    Photos that keep most are at the top. The bars above are the shares of photos that keep the
    sub-layer.
    """
    colors = [style.ATTENTION_COLOR, style.FFN_COLOR, style.SKIPPED_COLOR]
    look: dict[str, Any] = {"height_ratios": (1, 5.6), "sharex": "col", "squeeze": False}
    figure, axes = style.new_figure(2, len(gates), (12.5, 5.7), **look)
    for column, (model, given) in enumerate(gates.items()):
        patterns = np.asarray(given) > 0.5
        order = np.argsort(-patterns.sum(axis=(1, 2)), kind="stable")
        share, grid = axes[:, column]
        shares = patterns.mean(axis=0).ravel()
        share.bar(range(len(shares)), shares, color=colors[:2] * patterns.shape[1], width=0.85)
        share.set(ylim=(0, 1), yticks=(0, 1), title=f"{model}: who keeps what")
        share.tick_params(bottom=False)
        depth = patterns.shape[1]
        style.draw_gates(grid, (patterns[order] * [1, 2]).reshape(len(order), -1), block=2)
        grid.set_xticks(np.arange(depth) * 2 + 0.5, [str(block + 1) for block in range(depth)])
        grid.set_xlabel("block: attention, FFN")
        grid.set(yticks=(), ylabel=f"{len(patterns)} photos, most kept at the top")
    axes[0, 0].set_ylabel("share\nof photos")
    handles = [Rectangle((0, 0), 1, 1, color=color) for color in colors]
    labels = ["attention", "FFN", "skipped"]
    figure.legend(handles, labels, ncols=3, frameon=False, loc="outside lower center")
    return figure


@style.styled()
def margins(logits: Mapping[str, ArrayLike]) -> Figure:
    """Draw by model [n, depth, 2]: each decision's logits over the photos, from least to most.

    A bar that crosses 0 is a decision that photos can turn.
    """
    figure, axes = style.new_figure(1, len(logits), (12.5, 4.4), squeeze=False)
    for panel, (model, given) in zip(axes[0], logits.items(), strict=True):
        values = np.asarray(given)
        block = np.arange(1, values.shape[1] + 1)
        for kind, (name, color, mark) in enumerate(style.GATES):
            low, middle, high = np.quantile(values[..., kind], (0, 0.5, 1), axis=0)
            x = block + 0.36 * (kind - 0.5)
            panel.vlines(x, low, high, color=color, lw=6, alpha=0.55)
            panel.plot(x, middle, mark, color=color, label=name, markersize=5)
        panel.axhline(0, color="black", lw=1.2)
        panel.set(title=model, xlabel="block", xticks=block)
    axes[0, 0].set_ylabel("logit (above 0: keep)")
    axes[0, 0].legend(frameon=False)
    return figure


@style.styled()
def exchanges(
    changes: Mapping[str, Mapping[str, ArrayLike]], means: Mapping[Any, Interval]
) -> Figure:
    """Draw by model and by what was done to its gates: the change of PSNR of each photo, dB [n].

    means: by (model, what) their mean with its interval, drawn in black.
    """
    rows = [(model, what) for model, done in changes.items() for what in done]
    random = np.random.default_rng(0)
    figure, panel = style.new_figure(size=(11, 1.2 + 0.75 * len(rows)))
    panel.axvline(0, color=style.OTHER_COLOR, lw=1.2)
    for row, (model, what) in enumerate(rows):
        values = np.asarray(changes[model][what])
        height = row + random.uniform(-0.16, 0.16, len(values))
        color = style.MODEL_COLORS.get(model, style.OTHER_COLOR)
        panel.plot(values, height, "o", color=color, alpha=0.65, markersize=6)
        mean = means[model, what]
        panel.plot([mean.low, mean.high], [row + 0.3] * 2, color="black", lw=2)
        panel.plot(mean.value, row + 0.3, "D", color="black", markersize=6)
    panel.set_yticks(range(len(rows)), [f"{model}\n{what}" for model, what in rows])
    panel.set(ylim=(len(rows) - 0.4, -0.5), xlabel="change of PSNR (dB), a dot a photo")
    return figure


# The questions, and what the paper's Figure 3 answers.
QUESTIONS = ["differ?", "hard photos?", "own pattern?"]
AS_THE_PAPER = pd.Series(["varies", "hard keep more", "worth something"], QUESTIONS)
# 1: of the number kept. One sub-layer is the least by which two photos can differ: where photos
# are typically less than that from the mean, one number says what they cost. (A standard
# deviation, as percentiles of whole numbers are whole themselves, and jump.)
STATIC_STD = 1.0
WORTH_DB = 0.03  # 3: a chosen size of interest; less is not seen in a picture


def words(std: float, hard: Interval, worth: Interval) -> tuple[str, str, str]:
    """Answer the three questions by the thresholds of this module.

    std: of the number of sub-layers that photos keep; hard: rank correlation of the number kept
    with the loss of the dense network; worth: dB of PSNR with own patterns, less that with
    another photo's. A worth needs both sign and size.
    """
    varies = "nearly static" if std < STATIC_STD else "varies"
    order = {1: "hard keep more", -1: "hard keep less", 0: "no order seen"}[hard.sign]
    if worth.sign and abs(worth.value) >= WORTH_DB:
        return varies, order, "worth something" if worth.value > 0 else "better exchanged"
    nothing = max(-worth.low, worth.high) < WORTH_DB
    return varies, order, "worth nothing" if nothing else "no worth seen"


DRAWS = 2000  # of the bootstrap
NOTHING = Interval(math.nan, math.nan, math.nan)


def rank_interval(kept: ArrayLike, feature: ArrayLike) -> Interval:
    """Return Spearman's rank correlation of two [n], a number a photo.

    The interval is a bootstrap's: photos are drawn with replacement, and of the correlations of
    `DRAWS` such sets the middle 95% are taken. NaN where either is constant; a drawn set in
    which one is shows no order, and counts as 0. (Left out, a single photo that keeps more than
    all others would look like a sure rule.)
    """
    one, other = (np.asarray(values, dtype=np.float64) for values in (kept, feature))
    whole = float(rank_correlation(one, other))
    if math.isnan(whole):
        return NOTHING
    chosen = np.random.default_rng(0).integers(len(one), size=(DRAWS, len(one)))
    drawn = np.nan_to_num(rank_correlation(one[chosen], other[chosen]))
    low, high = np.percentile(drawn, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    return Interval(whole, float(low), float(high))


def rank_interval_within(kept: ArrayLike, feature: ArrayLike) -> Interval:
    """Return the mean over the photos of each one's own rank correlation, of [n, k] with [k].

    So that what differs between photos does not hide what happens within each. A photo whose
    numbers are all the same shows no order, and counts as 0.
    """
    each = np.asarray(kept, dtype=np.float64)
    rising = np.broadcast_to(np.asarray(feature, dtype=np.float64), each.shape)
    return table1.mean_interval(np.nan_to_num(rank_correlation(each, rising)))


def rank_interval_of(rho: float | None, photos: int) -> Interval:
    """Return the interval of a rank correlation of which only the number of photos is known.

    By Fisher's z = artanh(rho), whose standard error is sqrt((1 + rho^2 / 2) / (n - 3)) for
    ranks (Bonett and Wright 2000). None, a constant's, is NaN, and so are fewer than 4 photos.
    """
    if rho is None or math.isnan(rho) or photos < 4:
        return NOTHING
    if abs(rho) >= 1:
        return Interval(rho, rho, rho)
    reach = float(norm.ppf((1 + LEVEL) / 2)) * math.sqrt((1 + rho**2 / 2) / (photos - 3))
    low, high = (math.tanh(math.atanh(rho) + step) for step in (-reach, reach))
    return Interval(rho, low, high)


def answers() -> pd.DataFrame:
    """Return what each gated network answers on each test set (the gallery is too small).

    Of every card with figures on its gates: the shipped networks', then those in data/runs.
    kept: the mean number of sub-layers that photos keep, and its standard deviation; fixed: how
    many of 24 gates are the same for all photos; swap: the change of PSNR when photos exchange
    their patterns; then the answers of `words`.
    """
    lines = {}
    for name, card in cards().items():
        for dataset, found in card.get("adaptivity", {}).items():
            if dataset == "gallery":
                continue
            photos = card["measured"][dataset]["photos"]
            hard = rank_interval_of(found["spearman"], photos)
            error = math.nan if found["swap_db_se"] is None else found["swap_db_se"]
            worth = table1.interval_of_mean(found["swap_db"], error, photos)
            network = f"{name}@{found['budget']:g}" if "budget" in found else name
            lines[network, dataset] = {
                "kept": f"{found['kept_mean']:.1f} ± {found['kept_std']:.2f}",
                "fixed": f"{24 * found['static']:.0f}",
                "rank correlation": hard.text(),
                "swap, dB": Interval(-worth.value, -worth.high, -worth.low).text(),
                **dict(zip(QUESTIONS, words(found["kept_std"], hard, worth), strict=True)),
            }
    return pd.DataFrame(lines).T


def cards() -> dict[str, dict[str, Any]]:
    """Return the cards of the shipped networks, then those in data/runs, which have no weights."""
    shipped = {name: checkpoints.card(name) for name in checkpoints.available()}
    paths = sorted((data_dir() / "runs").glob("*.json"))
    return {**shipped, **{path.stem: json.loads(path.read_text("utf-8")) for path in paths}}


COUNT = 10  # hints, where one number of them is asked for


def edges(photo: np.ndarray) -> float:
    """Return the mean slope of the lightness of a photo, uint8 [H, W, 3].

    Of L / 100 by scikit-image's Sobel filter, in which a slope of s a pixel counts 1.41 s: 0 for
    a plain photo, 0.01 to 0.1 for those of the gallery at 224 pixels. It depends on the size.
    """
    lightness = rgb2lab(photo.astype(np.float32) / 255)[..., 0]
    return float(sobel(lightness.astype(np.float64) / 100).mean())


def segments(photo: np.ndarray) -> int:
    """Count the pieces of similar colour that a photo, uint8 [H, W, 3], falls into.

    By Felzenszwalb and Huttenlocher's graph-based segmentation ("Efficient graph-based image
    segmentation", 2004) as in scikit-image, with parameters for pictures of about 224 x 224: the
    least segment, 14 x 14 pixels, is about one patch of the network. A proxy for the number of
    objects, and no more: a striped shirt is several pieces, and a grey cat on a grey sofa one.
    """
    return int(felzenszwalb(photo, scale=300.0, sigma=0.8, min_size=200).max()) + 1


SIDE = 224  # as the networks see the photos: squashed to this many pixels
# Column -> how it is measured, and its digits after the point.
FEATURES = {"colorfulness": (colorfulness, 2), "edges": (edges, 5), "segments": (segments, 0)}
HARDNESS = "error of the dense network"
HINTS = "number of hints"


def measure(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Measure each of `FEATURES` of photos uint8 [n, SIDE, SIDE, 3]: float64 [n]."""
    return {
        name: np.array([how(photo) for photo in rgb], np.float64)
        for name, (how, _) in FEATURES.items()
    }


def make_contents(data: str | os.PathLike[str], out: str | os.PathLike[str]) -> None:
    """Measure every photo of the test sets below the folder `data`, and write the table.

    It depends on no network, so the landed one stays as it is when a checkpoint changes.
    """
    lines = []
    sets, _ = table1.find_sets(Path(data))
    for dataset, path in tqdm([(one.name, path) for one in sets for path in one.paths]):
        found = measure(open_photo(path).resized(SIDE).rgb[None])
        lines.append({"set": dataset, "photo": path.stem, **{k: v[0] for k, v in found.items()}})
    digits = {name: places for name, (_, places) in FEATURES.items()}
    table1.write_csv(Path(out), pd.DataFrame(lines), digits)


def rank_correlations(
    table: str | os.PathLike[str], contents: str | os.PathLike[str], row: str
) -> pd.DataFrame:
    """Return what the number kept goes with: rank correlations, a row a feature, a column a set.

    `table` is a table 1, `row` a model of it (NAME@BUDGET of one that takes any budget),
    `contents` of `make_contents`. Its features and the colour error (Delta E) of the dense network
    are compared over the photos at 10 hints, the number of hints within each photo over all
    counts of the table. Raises ColorlibError when a file cannot be read, or lacks a photo.
    """
    lines = table1.read_table(table)
    lines = lines[lines["row"] == row]
    if lines.empty:
        raise ColorlibError(f"{table} has no row {row}")
    features = table1.read_csv(contents, ("set", "photo", *FEATURES), ("set", "photo"))
    features = features.set_index(["set", "photo"])
    found = {}
    for dataset, tried in lines.groupby("set", sort=False)["hints"]:
        runs = {count: table1.per_photo(table, dataset, row, count) for count in {*tried, COUNT}}
        dense = table1.per_photo(table, dataset, DENSE, COUNT)
        names = dense["photo"].tolist()
        if any(run["photo"].tolist() != names for run in runs.values()):
            raise ColorlibError(f"{dataset} in {table}: its rows are not of the same photos")
        own = features.reindex([(dataset, name) for name in names])
        if own.isna().any(axis=None):
            absent = own.index[own.isna().any(axis=1)][0][1]
            raise ColorlibError(f"{contents} has no photo {absent} of {dataset}: make it again")
        kept = {count: run["gates"].sum(axis=(1, 2)) for count, run in runs.items()}
        ranks = {feature: rank_interval(kept[COUNT], own[feature]) for feature in FEATURES}
        ranks[HARDNESS] = rank_interval(kept[COUNT], dense["delta_e"])
        ranks[HINTS] = rank_interval_within(np.stack([kept[c] for c in tried], axis=1), [*tried])
        found[dataset] = ranks
    return pd.DataFrame(found)


def _givers(order: np.ndarray, steps: int) -> np.ndarray:
    """Return each photo's giver, `steps` further on in `order`, in a circle."""
    givers = np.empty_like(order)
    givers[order] = np.roll(order, -steps)
    return givers


exercise(
    "07.1",
    "Each pattern is used once, so that the set costs what it cost before; and no photo keeps its "
    "own, or gets a near neighbour's.",
    right=lambda kept: _givers(kept.argsort(), len(kept) // 2),
    cases=[(np.random.default_rng(7).permutation(24)[:count],) for count in (6, 7, 11)],
    mistakes={
        "The list must be put in order of the numbers kept first": lambda kept: np.roll(
            np.arange(len(kept)), -(len(kept) // 2)
        ),
        "These are the givers in the order of the list; the first number must be of the first "
        "photo": lambda kept: np.roll(kept.argsort(), -(len(kept) // 2)),
        "This is one place further on: a neighbour in the list keeps about as much; go half the "
        "list on": lambda kept: _givers(kept.argsort(), 1),
    },
)

exercise(
    "07.2",
    "Ranks ask for the order alone: no photo far out can pull the number along.",
    right=lambda x, y: spearmanr(x, y).statistic,
    cases=[
        ([12, 10, 13, 12, 10, 11, 13, 10], [3.1, 0.2, 9.7, 1.4, 0.9, 2.2, 40.0, 0.5]),
        ([21, 14, 17, 9, 12], [0.3, 5.0, 0.1, 2.0, 7.5]),
    ],
    mistakes={
        "This is Pearson's correlation of the values: take their ranks first": lambda x, y: (
            pearsonr(x, y).statistic
        ),
        "Photos that keep as many must have the same rank, the mean of their places": lambda x, y: (
            pearsonr(*(np.argsort(np.argsort(values)) for values in (x, y))).statistic
        ),
        "argsort says which photo comes first, second, ...; a rank says which place a photo has": (
            lambda x, y: pearsonr(np.argsort(x), np.argsort(y)).statistic
        ),
        "The short formula with 6 times the sum of d^2 holds only where no two are equal; "
        "correlate the ranks": lambda x, y: (
            1 - 6 * ((rankdata(x) - rankdata(y)) ** 2).sum() / (len(x) ** 3 - len(x))
        ),
    },
)


def _price(gates: Tensor) -> Tensor:
    return sparsity(gates, 0.5, "image") - sparsity(gates, 0.5, "batch")


exercise(
    "07.3",
    "Read per image, eq. 9 fines every difference between photos, whatever it is for: a network "
    "that obeys it fully cannot do what Figure 3 shows.",
    right=_price,
    cases=[
        # The later a photo, the more it keeps; of FFN fewer than of attentions.
        (
            (
                (torch.arange(photos * 24).reshape(photos, 12, 2) * 7 % 11)
                < torch.arange(photos)[:, None, None] + torch.tensor([4, 2])
            ).double(),
        )
        for photos in (2, 5, 7)
    ],
    mistakes={
        "The squares of attention and FFN are added in eq. 9; here their mean is taken": (
            lambda gates: _price(gates) / 2
        ),
        "This is the variance of the single gates; take each photo's shares first": lambda gates: (
            gates.var(dim=(0, 1), correction=0).sum()
        ),
        "This is one variance over both kinds; attention and FFN have a mean each": lambda gates: (
            gates.mean(dim=1).var(correction=0)
        ),
        "The variance is over n here, not n - 1: these photos are all there are": lambda gates: (
            gates.mean(dim=1).var(dim=0).sum()
        ),
    },
)


def _exact_photos(rho: float) -> float:
    """Return where the interval of 1.96 standard errors ends at 0; not whole."""
    return (1.96 / math.atanh(rho)) ** 2 * (1 + rho**2 / 2) + 3


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
        "The 3 is missing: the error is sqrt((1 + rho^2 / 2) / (n - 3))": lambda rho: math.ceil(
            _exact_photos(rho) - 3
        ),
        "z is artanh(rho), not rho": lambda rho: math.ceil(
            (1.96 / rho) ** 2 * (1 + rho**2 / 2) + 3
        ),
    },
)
