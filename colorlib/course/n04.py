"""Notebook 04: pictures of the loss, a batch, and how runs went; its checks."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor

from colorlib.color import AB_SCALE, denormalize_ab, lab_to_srgb
from colorlib.course import style
from colorlib.course.grading import exercise
from colorlib.evaluate import to_uint8
from colorlib.train import HUBER_DELTA, sparsity

Rows = Sequence[Mapping[str, float]]  # of a run's log


def comparison(logs: Mapping[str, Rows], baseline: str) -> pd.DataFrame:
    """Return how the runs of `logs` ended, a line a run.

    The share of all sub-layers sampled in training, and in use, the Huber loss in the first row
    and in the last, PSNR@10 in dB, and how far it is from that of the run `baseline` at as many
    crops. "-" is for what a log does not have, as the share of a network without decisions.
    """
    before = {row["crops"]: row["psnr10"] for row in logs[baseline]}
    lines = {}
    for name, rows in logs.items():
        end = rows[-1]
        numbers = {
            "sampled": ((end["kept_attention"] + end["kept_ffn"]) / 2, ".2f"),
            "in use": ((end["open_attention"] + end["open_ffn"]) / 2, ".2f"),
            "first loss": (rows[0]["huber"], ".4f"),
            "last loss": (end["huber"], ".4f"),
            "PSNR@10": (end["psnr10"], ".2f"),
            f"against {baseline}": (end["psnr10"] - before.get(end["crops"], math.nan), "+.2f"),
        }
        lines[name] = {
            head: "-" if math.isnan(value) else f"{value:{form}}"
            for head, (value, form) in numbers.items()
        }
    return pd.DataFrame(lines).T


@style.styled()
def loss_shapes(delta: float = HUBER_DELTA) -> Figure:
    """Draw squared error, absolute error and Huber of a difference d in ab / 110, and the slopes.

    The axis of d is in Lab units. The squared error is d^2 / (2 delta), so that all three have
    the same slope at |d| = delta.
    """
    d = np.linspace(-3 * delta, 3 * delta, 601)
    square, size = d**2 / (2 * delta), np.abs(d)
    huber = np.where(size < delta, square, size - delta / 2)
    figure, (error, slope) = style.new_figure(1, 2, size=(11, 4))
    # Three inks that differ in lightness too.
    for name, color, line, value, gradient in (
        ("squared", "#56B4E9", "--", square, d / delta),
        ("absolute", "#D55E00", ":", size, np.sign(d)),
        ("Huber", "#000000", "-", huber, np.clip(d / delta, -1, 1)),
    ):
        error.plot(d * AB_SCALE, value, line, color=color, label=name)
        slope.plot(d * AB_SCALE, gradient, line, color=color)
    for panel in (error, slope):
        panel.axvspan(-delta * AB_SCALE, delta * AB_SCALE, color="#eeeeee", zorder=0)
        panel.set_xlabel("difference of a or b (Lab units)")
    error.set(title="The error", ylabel="loss", ylim=(0, 3 * delta))
    error.legend(loc="upper center")
    slope.set(title="Its slope: how hard it pulls", ylabel="gradient", ylim=(-2, 2))
    return figure


def training_batch(crops: Tensor, x: Tensor, target: Tensor, lightness: float = 70.0) -> Figure:
    """Draw three rows: crops uint8 [B, 3, S, S], the network's X [B, 4, S, S], the true ab / 110.

    In the row of X, hints keep at least L = 60 so that they are seen. The true ab are shown at
    one lightness.
    """
    L = x[:, :1] * 100 + 50
    hinted = torch.where(x[:, 3:] > 0, L.clamp_min(60.0), L)
    seen = lab_to_srgb(hinted, denormalize_ab(x[:, 1:3]))
    colours = lab_to_srgb(torch.full_like(L, lightness), denormalize_ab(target))
    rows = {
        "crop": crops.permute(0, 2, 3, 1).numpy(),
        "input X": to_uint8(seen).numpy(),
        f"true ab\n(at L = {lightness:.0f})": to_uint8(colours).numpy(),
    }
    counts = (x[:, 3].sum(dim=(1, 2)) / 4).round().long().tolist()  # a hint has 2 x 2 pixels
    blank = [""] * len(crops)
    titles = [*blank, *(f"{count} hint{'s' * (count != 1)}" for count in counts), *blank]
    shown = [picture for row in rows.values() for picture in row]
    return style.pictures(shown, titles, len(crops), 9.8, [*rows], interpolation="nearest")


@style.styled()
def learning_curves(
    history: Rows, scores: Mapping[int, Mapping[int, float]], grey: float
) -> Figure:
    """Draw a run against its steps: the Huber loss, and PSNR by step and number of hints.

    `grey` is the dB of the photos without colours.
    """
    figure, (loss, quality) = style.new_figure(1, 2, size=(11, 4))
    loss.plot(pd.DataFrame(history).set_index("step")["huber"], color="#000000")
    loss.set(title="What it minimises", xlabel="step", ylabel="Huber loss", ylim=(0, None))
    lines = pd.DataFrame(scores).T.items()
    for (count, psnr), look in zip(lines, ("o:", "o--", "o-"), strict=True):
        quality.plot(
            psnr, look, color=style.MODEL_COLORS["icolorit-t"], label=f"with {count} hints"
        )
    quality.axhline(grey, color=style.MODEL_COLORS["grey photo"], label="the grey photos")
    quality.set(title="What we want", xlabel="step", ylabel="PSNR (dB)")
    quality.legend(loc="upper left")
    return figure


@style.styled()
def gate_training(runs: Mapping[str, Sequence[tuple[float, float]]], budget: float) -> Figure:
    """Draw for each title the (sampled, thresholded) share after each step, beside the budget."""
    figure, axes = style.new_figure(1, len(runs), size=(12, 4), sharey=True, squeeze=False)
    for panel, (title, shares) in zip(axes[0], runs.items(), strict=True):
        sampled, thresholded = np.array(shares).T
        panel.plot(sampled, color="#009E73", lw=1.5, label="sampled (training)")
        panel.plot(thresholded, color="#000000", lw=2, label="logit > 0 (use)")
        panel.axhline(budget, color="#D55E00", ls=":", label=rf"budget $\beta$ = {budget:g}")
        panel.set(title=title, xlabel="step", ylim=(-0.03, 0.8))
    axes[0, 0].set_ylabel("share of sub-layers kept")
    axes[0, 0].legend(loc="upper right")
    return figure


@style.styled()
def importances(lost: Tensor) -> Figure:
    """Draw what leaving out each sub-layer alone costs, dB [depth, 2]; above 0.1 dB a log scale."""
    figure, panel = style.new_figure(size=(11, 4))
    blocks = np.arange(1, len(lost) + 1)
    for kind, (name, color, _) in enumerate(style.GATES):
        panel.bar(blocks + 0.4 * (kind - 0.5), lost[:, kind], 0.4, color=color, label=name)
    panel.set_yscale("symlog", linthresh=0.1)
    panel.set_yticks(ticks := (0, 0.05, 0.1, 0.5, 1, 2), [f"{tick:g}" for tick in ticks])
    panel.set(xlabel="block", xticks=blocks, ylabel="dB lost without it")
    panel.legend()
    return figure


@style.styled()
def phases(logs: Mapping[str, Rows]) -> Figure:
    """Draw PSNR@10 against crops seen, for the runs of one network that follow one another."""
    figure, panel = style.new_figure(size=(10, 4.5))
    first, seen = 0.0, []
    for title, rows in logs.items():
        run = pd.DataFrame(rows).set_index("crops")["psnr10"]
        run.index = (run.index + first) / 1e3
        seen.append(run.dropna())
        panel.axvline(run.index[-1], color=style.OTHER_COLOR, lw=1, ls=":")
        middle, first = (first / 1e3 + run.index[-1]) / 2, 1e3 * run.index[-1]
        panel.text(middle, 1.0, title, transform=panel.get_xaxis_transform(), ha="center")
    panel.plot(pd.concat(seen), "o-", color=style.MODEL_COLORS["icolorit-t"])
    panel.set(xlabel="crops seen (thousands)", ylabel="PSNR with 10 hints (dB)", xlim=(0, None))
    return figure


@style.styled()
def gated_runs(logs: Mapping[str, Rows]) -> Figure:
    """Draw PSNR@10 of runs against the crops seen.

    The control, "static-...", has a line and a mark of its own.
    """
    figure, panel = style.new_figure(size=(11, 5))
    for name, rows in logs.items():
        run = pd.DataFrame(rows)
        psnr = run.set_index(run["crops"] / 1e3)["psnr10"].dropna()
        static = name.startswith("static")
        look = {"mfc": "white", "ls": "--", "marker": "s"} if static else {"ls": "-", "marker": "o"}
        panel.plot(psnr, label=name, color=style.model_color(name), **look)
    panel.set(xlabel="crops seen (thousands)", ylabel="PSNR with 10 hints (dB)", xlim=(0, None))
    panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _batches(seed: int) -> list[tuple[Tensor, float]]:
    """Return gates [B, depth, 2] and budgets; attention keeps many, FFN few: mix-ups show."""
    random = torch.Generator().manual_seed(seed)
    return [
        (
            (torch.rand(photos, depth, 2, generator=random) < torch.tensor([0.8, 0.35])).float(),
            budget,
        )
        for photos, depth, budget in ((3, 7, 0.45), (5, 12, 0.3), (3, 12, 0.9))
    ]


exercise(
    "04.1",
    "Now each photo must meet the budget by itself, and none can lend layers to another.",
    right=lambda M, budget: sparsity(M, budget, "image"),
    cases=_batches(5),
    mistakes={
        "This is the other reading: the share is taken over the batch before it is squared; "
        "take it of each photo": lambda M, budget: sparsity(M, budget, "batch"),
        "The two squares, of attention and of FFN, are added in eq. 9; here their mean is "
        "taken": lambda M, budget: ((M.mean(dim=1) - budget) ** 2).mean(),
        "Attention and FFN have a budget each: here they are thrown together before the "
        "square": lambda M, budget: ((M.mean(dim=(1, 2)) - budget) ** 2).mean(),
    },
)


def _pull(M: Tensor, budget: float) -> Tensor:
    leaf = M.clone().requires_grad_()
    with torch.enable_grad():
        (gradient,) = torch.autograd.grad(sparsity(leaf, budget, "batch"), leaf)
    return gradient


exercise(
    "04.2",
    "Every gate of a kind feels the same pull, needed or not: which of them should stay is "
    "for the Huber loss to say.",
    right=_pull,
    cases=_batches(6),
    mistakes={
        "A gate's share in the mean is 1 / (B L), not 1 / L: the mean runs over the photos "
        "too": lambda M, budget: _pull(M, budget) * M.shape[0],
        "The 2 that comes down from the square is missing": lambda M, budget: _pull(M, budget) / 2,
        "Not every network has 12 blocks: take their number from the shape of M": (
            lambda M, budget: _pull(M, budget) * M.shape[1] / 12
        ),
        "The sign is turned: where too much is kept, a larger gate makes the loss larger": (
            lambda M, budget: -_pull(M, budget)
        ),
    },
)


def _settled(slope: float, weight: float, budget: float) -> float:
    """Return the s in [0, 1] where -slope s + 2 weight (s - budget)^2 is least."""
    return min(1.0, max(0.0, budget + slope / (4 * weight)))


exercise(
    "04.3",
    "Colour pulls the share slope / (4 lambda) off its budget: with ten times the weight only a "
    "tenth of the way.",
    right=_settled,
    cases=[
        (0.08, 0.25, 0.4),
        (0.3, 1.0, 0.5),
        (0.4, 10.0, 0.3),
        (-0.1, 0.5, 0.7),
        (1.0, 0.5, 0.8),
        (-0.9, 0.5, 0.3),
    ],
    mistakes={
        "A share lies between 0 and 1: clip it": lambda slope, weight, budget: (
            budget + slope / (4 * weight)
        ),
        "A 2 is missing: there are two squares, of attention and of FFN, and each gives a 2 when "
        "you differentiate it": lambda slope, weight, budget: _settled(2 * slope, weight, budget),
        "The sign is turned: where a larger share lowers the Huber loss, training settles above "
        "the budget": lambda slope, weight, budget: _settled(-slope, weight, budget),
    },
)


def _average(weights: Sequence[float], decay: float) -> float:
    average = weights[0]
    for weight in weights[1:]:
        average = decay * average + (1 - decay) * weight
    return average


exercise(
    "04.4",
    "The average forgets slowly: with decay d it looks back about 1 / (1 - d) steps.",
    right=_average,
    cases=[
        (np.random.default_rng(7).normal(size=count).tolist(), decay)
        for count, decay in ((1, 0.9), (2, 0.9), (3, 0.5), (30, 0.98))
    ],
    mistakes={
        "The roles are swapped: decay is the weight of the old average, 1 - decay that of the "
        "new value": lambda weights, decay: _average(weights, 1 - decay),
        "It starts from 0, which drags the first averages down; start from the first value": (
            lambda weights, decay: _average([0.0, *weights], decay)
        ),
    },
)
