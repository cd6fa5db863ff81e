"""Notebook 06: where the time goes, Table 2 beside the paper's; its checks."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from colorlib.course import style
from colorlib.course.grading import exercise
from colorlib.course.n03 import PART_COLORS
from colorlib.paper import DENSE, PAPER_SPEED

SUBLAYERS = 24
KEPT = np.linspace(0, SUBLAYERS, 97)
# From the slowest to the fastest, with what the table says of each.
ENGINES = {
    "plain": "plain: PyTorch, as the published code computes it",
    "masked": "masked: all is computed, then multiplied by 0 or 1",
    "eager": "eager: PyTorch, skipping",
    "onnx": "onnx: ONNX Runtime, skipping, the same outputs",
    "approximate": "approximate: the same in 8 bits",
}
ENGINE_COLORS = {"eager": "#7f7f7f", "onnx": "#0072B2", "approximate": "#D55E00"}


@style.styled()
def amdahl(
    parts: Mapping[str, float], measured: Mapping[int, float], gmac: Mapping[int, float]
) -> Figure:
    """Draw the time of a call, stacked by its parts, and the speed-up that is left of skipping.

    parts: ms of "embedding", "head", all "decisions", and one "attention" and one "FFN";
    measured: ms of a whole call, gmac: its multiply-adds, by the number of sub-layers kept, of
    which half (or one more) are attentions. The largest number is what speed-ups refer to.
    """
    counts = sorted(measured, reverse=True)
    most = counts[0]
    always = [name for name in ("head", "embedding", "decisions") if name in parts]
    times = {name: np.full(len(counts), parts[name]) for name in always}
    times["attention"] = np.array([-(-kept // 2) * parts["attention"] for kept in counts])
    times["FFN"] = np.array([kept // 2 * parts["FFN"] for kept in counts])
    total, places = np.zeros(len(counts)), np.arange(len(counts))
    figure, (bars, ratio) = style.new_figure(1, 2, size=(12, 4.8), width_ratios=(1.15, 1))
    for name, values in times.items():
        color = PART_COLORS[name]
        bars.bar(places, values, 0.62, total, label=name, color=color, edgecolor="white", lw=0.6)
        total += values
    whole = [measured[kept] for kept in counts]
    bars.plot(places, whole, "_", color="black", ms=30, mew=2.5, label="whole call, measured")
    bars.axhline(sum(parts[name] for name in always), color="black", lw=1, ls=":")
    bars.set_xticks(places, [str(kept) for kept in counts])
    bars.set(ylabel="ms a photo", title="What a call consists of")
    handles, labels = bars.get_legend_handles_labels()
    bars.legend(handles[::-1], labels[::-1], loc="upper right")

    kept = np.linspace(counts[-1], most, 97)
    sums = dict(zip(counts, total, strict=True))
    naive = {0: 0.0, most: 1.0}
    for name, each, look in (
        (f"{most} / kept", naive, {"color": style.OTHER_COLOR, "lw": 1.5, "ls": ":"}),
        ("what the arithmetic allows", gmac, {"color": "black", "ls": "--", "lw": 1.8}),
        ("what the parts allow", sums, {"color": style.FFN_COLOR}),
    ):
        known = sorted(each)
        left = np.interp(kept, known, [each[one] for one in known])
        with np.errstate(divide="ignore"):
            ratio.plot(kept, each[most] / left, label=name, **look)
    reached = [measured[most] / measured[one] for one in counts]
    ratio.plot(counts, reached, "o", color=style.ATTENTION_COLOR, ms=9, label="measured")
    top = max(gmac[most] / gmac[counts[-1]], sums[most] / sums[counts[-1]], *reached)
    ratio.set(ylabel="times as fast", title="What skipping can bring")
    ratio.set(xlim=(most + 1, -0.7), ylim=(0, 1.08 * top))
    ratio.legend(loc="upper left")
    for panel in (bars, ratio):
        panel.set_xlabel(f"sub-layers kept, of {most}")
    return figure


@style.styled()
def curve(lines: pd.DataFrame) -> Figure:
    """Draw images a second on one thread against the sub-layers kept, for each engine.

    `lines` are of `table2.read_table`. Dashed: what the arithmetic makes of the dense network's
    speed in that engine. Marks: forced gates, the networks' own, and those at a budget.
    """
    forced, own = _chosen(lines), _chosen(lines, gates="own")
    forced = forced[forced["gates"].str.endswith(f" of {SUBLAYERS}")]
    marks: dict[str, tuple[pd.DataFrame, dict[str, Any]]] = {
        "a network's own gates": (own[own["budget"].isna()], {"marker": "o", "ms": 9}),
        "gates forced": (forced, {"marker": "|", "ms": 14}),
        "acolvit-t-any, 9 budgets": (own[own["budget"].notna()], {"marker": "D", "mfc": "white"}),
    }
    figure, panel = style.new_figure(size=(11, 5.7))
    for engine, color in ENGINE_COLORS.items():
        at = forced[forced["engine"] == engine].set_index("kept")["gmac"].sort_index()
        dense = own[(own["engine"] == engine) & (own["model"] == DENSE)].iloc[0]
        limit = dense["images_per_s"] * dense["gmac"] / np.interp(KEPT, at.index, at)
        panel.plot(KEPT, limit, "--", color=color, label=f"{engine}: what the arithmetic allows")
        for some, look in marks.values():
            mine = some[some["engine"] == engine]
            panel.plot(mine["kept"], mine["images_per_s"], ls="", color=color, mew=2, **look)
    for name, (_, look) in marks.items():
        panel.plot([], [], ls="", color="black", mew=2, label=name, **look)
    top = own[own["budget"].isna() & (own["engine"] == engine)]  # the fastest: the last one drawn
    for name, *spot in zip(top["model"], top["kept"], top["images_per_s"], strict=True):
        short = name.removeprefix("acolvit-")
        panel.annotate(short, spot, (0, 14), textcoords="offset points", ha="center")
    panel.legend(loc="upper right")
    panel.set(xlabel=f"sub-layers kept, of {SUBLAYERS}", ylabel="images a second")
    panel.set(xlim=(-0.5, SUBLAYERS + 1.3), ylim=(0, None))
    panel.grid(color="#e5e5e5")
    return figure


# Title -> column of `table2.read_table`, and how it is written.
TABLE = {
    "kept": ("kept", "{:.1f}"),
    "GMAC": ("gmac", "{:.2f}"),
    "PSNR@10": ("psnr10", "{:.2f}"),
    "ms": ("ms", "{:.1f}"),
    "10%": ("ms_p10", "{:.1f}"),
    "90%": ("ms_p90", "{:.1f}"),
    "images/s": ("images_per_s", "{:.1f}"),
    "over dense": ("over_dense", "{:.2f}"),
    "allowed": ("allowed", "{:.2f}"),
    "reached": ("reached", "{:.0%}"),
    "over plain": ("over_plain", "{:.2f}"),
}


def table(lines: pd.DataFrame, batch: int = 1, threads: int = 1) -> style.Table:
    """Return our Table 2 at a batch size and a number of threads, and the paper's (1 and 1).

    `lines` are of `table2.read_table`. "Allowed" is the dense network's multiply-adds over the
    row's, "reached" the share of it that the speed-up is; what was not measured is empty.
    """
    own = _chosen(lines, gates="own", batch=batch, threads=threads)
    blocks = {title: own[own["engine"] == engine] for engine, title in ENGINES.items()}
    if batch == threads == 1:
        paper = pd.DataFrame(PAPER_SPEED).T.rename_axis("model").reset_index()
        paper["ms"], paper["images_per_s"] = 1e3 / paper["images"], paper["images"]
        dense = PAPER_SPEED[DENSE]
        paper["over_dense"] = paper["over_plain"] = paper["images"] / dense["images"]
        paper["allowed"] = dense["gmac"] / paper["gmac"]
        blocks = {"the paper, on its CPU": paper.assign(budget=np.nan), **blocks}
    cells = {}
    for title, some in blocks.items():
        some = some[some["budget"].isna()].sort_values("gmac", ascending=False)
        some = some.assign(reached=some["over_dense"] / some["allowed"])
        for line in some.to_dict("records"):
            cells[title, line["model"]] = {
                head: "" if pd.isna(line.get(column)) else form.format(line[column])
                for head, (column, form) in TABLE.items()
            }
    return style.Table(cells, f"From X to ab, batch {batch}, {threads} thread{'s' * (threads > 1)}")


@style.styled()
def shared_paths(kept: Mapping[str, Mapping[int, float]]) -> Figure:
    """Draw sub-layers that a batch runs if it must run what any of its photos keeps.

    kept: for each network the mean number by the batch size; NAME@BUDGET too.
    """
    figure, panel = style.new_figure(size=(9, 4.4))
    sizes = list(next(iter(kept.values())))
    for name, found in kept.items():
        color = style.model_color(name)
        look = {"marker": "D", "ls": "-."} if "@" in name else {"marker": "o"}
        panel.plot(sizes, list(found.values()), color=color, label=name, **look)
    panel.axhline(SUBLAYERS, color=style.MODEL_COLORS[DENSE], lw=1.2, ls=":", label="dense")
    panel.set_xscale("log", base=2)
    panel.set_xticks(sizes, [str(size) for size in sizes])
    panel.set(xlabel="photos in a batch", ylabel=f"sub-layers run, of {SUBLAYERS}")
    panel.set(ylim=(0, SUBLAYERS + 1.5))
    panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _chosen(lines: pd.DataFrame, batch: int = 1, threads: int = 1, **other: str) -> pd.DataFrame:
    wanted = {"stage": "network", "batch": batch, "threads": threads, **other}
    return lines[(lines[[*wanted]] == pd.Series(wanted)).all(axis=1)]


exact = partial(exercise, tolerance=1e-9, relative=1e-6)  # some diagnoses lie close together

exact(
    "06.1",
    "A photo that costs much counts for much, as it takes the time. So the costs are averaged, "
    "and not the speed-ups.",
    right=lambda dense, gmacs: dense / np.mean(gmacs),
    cases=[
        (1.43, gmacs)
        for gmacs in ([0.46, 0.46], [0.3, 0.9, 1.4], [0.21, 1.43], [0.5, 0.7, 0.8, 1.2, 0.6])
    ],
    mistakes={
        "Each photo's speed-up is averaged here; what a set takes is the sum of the costs": (
            lambda dense, gmacs: np.mean(dense / np.array(gmacs))
        ),
    },
)

exact(
    "06.2",
    "With 0 kept it is the limit, all of the time over what always runs: Amdahl's law.",
    right=lambda always, each, kept: (always + 24 * each) / (always + kept * each),
    cases=[(6.1, 1.5, 5), (4.5, 1.2, 12), (2.0, 0.5, 1), (5.0, 1.1, 24), (2.0, 0.5, 3)],
    mistakes={
        "What always runs is missing above: the dense network has it, too": (
            lambda always, each, kept: 24 * each / (always + kept * each)
        ),
        "What always runs is missing below: skipping does not get rid of it": (
            lambda always, each, kept: (always + 24 * each) / (kept * each)
        ),
    },
)

exact(
    "06.3",
    "A median takes no notice of the call during which the machine did something else; the mean "
    "over photos has room for each photo's own path.",
    right=lambda seconds: 1 / np.median(seconds, axis=0).mean(),
    cases=[
        # In one round something else took the processor.
        (np.array([[10, 30, 22, 41], [11, 31, 20, 45], [80, 29, 21, 40]]) / 1e3,),
        (np.array([[15, 33], [16, 32], [14, 90], [17, 31]]) / 1e3,),
    ],
    mistakes={
        "One slow call spoils it: take the median over the rounds, not their mean": (
            lambda seconds: 1 / seconds.mean()
        ),
        "The median is taken over the photos; take it over the rounds, photo by photo": (
            lambda seconds: 1 / np.median(seconds, axis=1).mean()
        ),
    },
)

exact(
    "06.4",
    "So the paper's T-0.5 gets 94% of what its arithmetic allows, and its T-0.3 only 69%: the "
    "less is left to compute, the more weighs what cannot be skipped.",
    right=lambda dense_images, images, dense_gmac, gmac: (
        (images / dense_images) / (dense_gmac / gmac)
    ),
    cases=[
        (PAPER_SPEED[DENSE]["images"], row["images"], PAPER_SPEED[DENSE]["gmac"], row["gmac"])
        for name, row in PAPER_SPEED.items()
        if name != DENSE
    ],
    mistakes={
        "This is the speed-up; set it in relation to what the arithmetic allows": (
            lambda dense_images, images, dense_gmac, gmac: images / dense_images
        ),
    },
)

exact(
    "06.5",
    "At 64 photos whatever is kept now and then runs nearly always. Gates that are the same for "
    "all photos cost the same in any batch; so do photos sorted by their path.",
    # A sub-layer does not run if none of the photos keeps it.
    right=lambda shares, batch: (1 - (1 - shares) ** batch).sum(),
    cases=[
        (np.full((12, 2), 0.5), 1),
        (np.full((12, 2), 0.3), 4),
        (np.linspace(0, 1, 24).reshape(12, 2) ** 3, 64),
        (np.linspace(0, 0.2, 24).reshape(12, 2), 8),
        (np.repeat([[1.0, 0], [1, 1], [0, 0]], 4, axis=0), 16),  # gates that look at no photo
    ],
    mistakes={
        "This is what one photo runs; in a batch it is enough that any photo keeps it": (
            lambda shares, batch: shares.sum()
        ),
        "Chances of the photos cannot simply be added: more than one may keep it": (
            lambda shares, batch: np.minimum(1, batch * shares).sum()
        ),
    },
)
