"""Table 2: how fast the network is on this machine, against what its arithmetic would allow.

    colorlib table2 --out table2.csv

Writes OUT (a line for each engine, network, batch and number of threads; the columns are
`COLUMNS`) and beside it OUT with .json: the machine, and what was measured. A few minutes, in
which the machine should have nothing else to do. Compare ratios of one run, not times of two.

What is compared runs in turn, photo by photo, in one process, so that whatever slows the machine
down slows all of it; medians leave out what hits a single call.
"""

import copy
import math
import os
import platform
import time
import timeit
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional as F
from tqdm.auto import tqdm

from colorlib import checkpoints, photos
from colorlib.evaluate import Evaluation, HintedPhotos
from colorlib.files import ColorlibError, commit, one_line_errors, sha256
from colorlib.model import ATTENTION, FFN, Attention, ColViT, Prediction, macs, predict, threads
from colorlib.onnx import OnnxModel
from colorlib.paper import PAPER_SPEED
from colorlib.photos import Photo
from colorlib.table1 import command_parser, read_csv, read_options, write_csv

HINTS = 10
BATCHES = (1, 16)
OWN, DECISIONS = "own", "decisions"
FORCED = (24, 17, 12, 7, 5, 0)  # of 24
BUDGETS = (0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
COLUMNS = (
    *("stage", "engine", "model", "budget", "gates", "batch", "threads", "photos", "repeats"),
    *("kept", "gmac", "ms", "ms_p10", "ms_p90", "images_per_s"),
    *("allowed", "over_dense", "over_plain", "gflops", "of_ceiling", "psnr10"),
)
WORDS = ("stage", "engine", "model", "gates")
SHOWN = (
    *("stage", "batch", "threads", "engine", "model", "budget", "gates"),
    *("kept", "gmac", "ms", "images_per_s", "allowed", "over_dense", "over_plain", "paper"),
)
# Digits after the point.
DIGITS = dict.fromkeys(COLUMNS[9:], 2) | {"gmac": 4, "of_ceiling": 3, "psnr10": 3}
PROTOCOL = (
    "All that is compared runs in turn, photo by photo, in one process, in an order that turns. "
    "ms: of each photo the median over the repeats, of these the mean; a call, so a whole batch. "
    "p10, p90: percentiles of all calls. network: from X (lightness, hints, mask) to ab. allowed: "
    "the dense network's multiply-adds over these. over_dense: speed-up over the dense network in "
    "the same engine; over_plain: over the dense network computed as iColoriT's published code "
    "does. gflops: two a multiply-add of what ran. of_ceiling: over a large matrix product. "
    "psnr10: of the gallery's photos in colour with 10 hints, dB."
)
PACKAGES = ("torch", "onnxruntime", "numpy")

Line = dict[str, Any]
Network = Callable[[Tensor], Prediction]
Models = Mapping[str, ColViT]


# What is timed: networks in engines.


@dataclass(frozen=True)
class Subject:
    """What a line of the table is of: the columns that say so."""

    engine: str
    model: str
    budget: float | None = None
    gates: str = OWN
    stage: str = "network"  # older tables have whole photos, too
    batch: int = 1
    threads: int = 1


def evenly(kept: int, depth: int = 12) -> Tensor:
    """Return gates bool [depth, 2] that keep `kept` sub-layers, spread evenly over the depth.

    As many attentions as FFNs, or one more.
    """
    assert 0 <= kept <= 2 * depth, kept
    gates = torch.zeros(depth, 2, dtype=torch.bool)
    for kind, count in ((ATTENTION, math.ceil(kept / 2)), (FFN, kept // 2)):
        gates[torch.linspace(0, depth - 1, count).round().long(), kind] = True
    return gates


def roles(models: Models) -> tuple[str, list[str], list[str]]:
    """Return the dense network, the gated ones (large budgets first), and the conditioned ones."""
    dense = [name for name, model in models.items() if not model.policy]
    conditioned = [name for name, model in models.items() if model.config["budget"]]
    return dense[0], sorted(set(models) - {*dense, *conditioned}, reverse=True), conditioned


def network_subjects(models: Models, batch: int, threads: int) -> list[Subject]:
    """Return the cases to time from X to ab.

    The single-photo, single-thread setting has extra ones: all budgets, forced gates, decisions
    alone.
    """
    dense, gated, conditioned = roles(models)
    engines = ("eager", "onnx", "approximate")
    found = [Subject("plain", dense)]
    found += [Subject(engine, name) for engine in engines for name in (dense, *gated)]
    if batch == threads == 1:
        found += [Subject("onnx", name, budget) for name in conditioned for budget in BUDGETS]
        for name in gated[-1:]:
            found += [Subject("masked", name), Subject("eager", name, gates=DECISIONS)]
            most = 2 * len(models[name].blocks)
            forced = [f"{kept} of {most}" for kept in FORCED if kept <= most]
            found += [Subject(engine, name, gates=text) for engine in engines for text in forced]
    return [replace(subject, batch=batch, threads=threads) for subject in found]


def network(subject: Subject, model: ColViT) -> Network:
    """Return what runs `subject`: X [B, 4, S, S] -> Prediction, whose gates are what ran."""
    depth = len(model.blocks)
    if subject.engine == "plain":
        return Plain(model)
    if subject.engine == "masked":
        # As AdaViT's published code skips: all is computed, then multiplied by 0 or 1.
        masked, every = copy.deepcopy(model).train(), evenly(2 * depth, depth)
        run = torch.inference_mode()(masked)
        return lambda x: run(x)._replace(gates=every.expand(len(x), -1, -1))
    if subject.gates == DECISIONS:
        # All of them and nothing else, about the first block's input.
        none = torch.zeros(1, depth, 2, dtype=torch.bool)
        with torch.inference_mode():
            z = model.embed(torch.zeros(1, 4, model.img_size, model.img_size))

        @torch.inference_mode()
        def decisions(x: Tensor) -> Prediction:
            logits = torch.stack([model.decide(index, z) for index in range(depth)], 1)
            return Prediction(x[:, 1:3], none, logits)

        return decisions
    gates = None if subject.gates == OWN else evenly(int(subject.gates.split()[0]), depth)
    if subject.engine == "eager":
        return lambda x: predict(model, x, subject.budget, gates)
    onnx = OnnxModel(model, approximate=subject.engine == "approximate")
    return lambda x: onnx(x, subject.budget, gates)


class Plain:
    """The yardstick: iColoriT-T computed step by step, as the published code does it.

    Our own writing of that computation, with `ColViT`'s weights. In every call the position bias
    is gathered from its table, attention is four operations on the whole matrix of logits, and
    the hints are averaged over their cells and enlarged again. It takes iColoriT's network alone:
    `ColViT(policy=False)` with its position bias, which skips nothing.
    """

    def __init__(self, model: ColViT):
        assert not model.policy
        assert model.config["position_bias"]
        self.model = model.eval()

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> Prediction:
        """X [B, 4, S, S], hints of whole cells of 2 x 2 pixels -> Prediction."""
        model, cell = self.model, 2  # pixels a side of iColoriT's hints
        # The hints' ab come from the mean of each cell that the mask names.
        mask = F.max_pool2d(x[:, 3:], cell)
        ab = F.interpolate(x[:, :3], scale_factor=1 / cell, mode="bilinear")[:, 1:]
        hints = torch.cat([ab.masked_fill(mask == 0, 0), mask], dim=1)
        hints = F.interpolate(hints, scale_factor=cell, mode="nearest")
        z = model.patch_embed(torch.cat([x[:, :1], hints], dim=1))  # [B, N, dim]
        z = z + model.pos_embed.clone()
        for block in model.blocks:
            z = z + self._attention(block.attn, block.norm1(z))
            z = z + block.mlp(block.norm2(z))
        return Prediction(model.decode(z), model.fixed_gates.expand(len(x), -1, -1), None)

    @staticmethod
    def _attention(layer: Attention, z: Tensor) -> Tensor:
        batch, tokens, dim = z.shape
        bias = torch.cat([layer.q_bias, torch.zeros_like(layer.v_bias), layer.v_bias])
        qkv = F.linear(z, layer.qkv.weight, bias)  # [B, N, 3 dim]
        q, k, v = qkv.reshape(batch, tokens, 3, layer.heads, -1).permute(2, 0, 3, 1, 4)
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)  # [B, heads, N, N]
        pairs = layer.rpb_table[layer.relative_position_index.view(-1)]
        logits += pairs.view(tokens, tokens, -1).permute(2, 0, 1).contiguous()
        heads = logits.softmax(dim=-1) @ v  # [B, heads, N, dim / heads]
        return layer.proj(heads.transpose(1, 2).reshape(batch, tokens, dim))


# Timing.

Task = Callable[[int], object]  # does its work on the photo (or batch) of that number


@dataclass(frozen=True)
class Times:
    """Seconds of each call, [repeats, photos]."""

    wall: np.ndarray

    @property
    def ms(self) -> float:
        """Milliseconds a call: of each photo the median, of these the mean."""
        return 1e3 * float(np.median(self.wall, axis=0).mean())


def measure(
    tasks: Mapping[Any, Task], photos: int, repeats: int, bar: str | None = None
) -> dict[Any, Times]:
    """Time every task on each of `photos` photos, `repeats` times, all in turn.

    Before that each runs once, which does not count. Their order turns round by round, so that
    none always follows the same other. `bar` is the title of a progress bar.
    """
    names = list(tasks)
    times = {name: np.empty((repeats, photos)) for name in names}
    for task in tasks.values():
        task(0)
    rounds = list(np.ndindex(repeats, photos))
    for number, (repeat, photo) in enumerate(tqdm(rounds, bar, leave=False, disable=bar is None)):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            began = time.perf_counter()
            tasks[name](photo)
            times[name][repeat, photo] = time.perf_counter() - began
    return {name: Times(wall) for name, wall in times.items()}


def ceiling(count: int) -> float:
    """Measure FLOP/s of a large float32 matrix product on `count` threads: no network exceeds it.

    The best of 60; leaves the global random numbers alone.
    """
    # Zeros would draw less power, and clock higher, than a network does.
    left, right = torch.randn(2, 512, 512, generator=torch.Generator().manual_seed(0))
    # Not torch.utils.benchmark: importing it warns of CUDA where there is a toolkit and no GPU.
    with threads(count):
        return 2 * len(left) ** 3 / min(timeit.repeat(lambda: left @ right, number=1, repeat=60))


def describe() -> dict[str, Any]:
    """Describe the processor, its cores and instructions, the system, the versions that count."""
    processor, table = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if table.is_file():
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        processor = next(iter(names), processor)
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


# The table.


def make_table(
    models: Models,
    given: Sequence[Photo],
    repeats: int,
    most_threads: int,
    bar: bool = False,
) -> tuple[pd.DataFrame, dict[int, float]]:
    """Measure the table, and the ceiling in FLOP/s by number of threads.

    With one thread and with `most_threads`; X at the size of the first network.
    """
    lines: list[Line] = []
    ceilings = {}
    for count in sorted({1, most_threads}):
        with threads(count):
            ceilings[count] = ceiling(count)
            for batch in BATCHES:
                subjects = network_subjects(models, batch, count)
                lines += _network_lines(models, subjects, given, repeats, bar)
            # Again, as a processor may clock higher or lower after some work.
            ceilings[count] = max(ceilings[count], ceiling(count))
    table = pd.DataFrame(lines, columns=COLUMNS)
    return _compared(table, models, ceilings), ceilings


def _network_lines(
    models: Models, subjects: Sequence[Subject], given: Sequence[Photo], repeats: int, bar: bool
) -> list[Line]:
    """Time `subjects`, of one batch size and one number of threads."""
    side = next(iter(models.values())).img_size
    # A grey photo says nothing about colours: table 1 leaves it out as well.
    coloured = HintedPhotos([photo for photo in given if not photo.is_grey], HINTS, side)
    inputs = coloured.inputs
    size = subjects[0].batch
    # A photo at a time; or two batches, which share photos where there are not enough.
    chosen = torch.arange(len(inputs) if size == 1 else 2 * size) % len(inputs)
    batches = inputs[chosen].split(size)
    runs = {subject: network(subject, models[subject.model]) for subject in subjects}
    facts = {subject: _facts(subject, models, run, coloured) for subject, run in runs.items()}
    tasks = {subject: _each(run, batches) for subject, run in runs.items()}
    title = f"batch {size}, threads {subjects[0].threads}"
    times = measure(tasks, len(batches), repeats, title if bar else None)
    return [
        {
            **asdict(subject),
            "photos": len(batches) * size,
            "repeats": repeats,
            "ms": found.ms,
            "ms_p10": 1e3 * np.percentile(found.wall, 10),
            "ms_p90": 1e3 * np.percentile(found.wall, 90),
            "images_per_s": 1e3 * size / found.ms,
            **facts[subject],
        }
        for subject, found in times.items()
    ]


def _each(run: Network, batches: Sequence[Tensor]) -> Task:
    return lambda index: run(batches[index])


def _facts(subject: Subject, models: Models, run: Network, given: HintedPhotos) -> Line:
    """Return what does not depend on time: from the gates that ran, and the colours."""
    model = models[subject.model]
    if subject.gates == DECISIONS:
        return {"kept": 0, "gmac": len(model.blocks) * model.costs.decision / 1e9}
    predictions = [run(x) for x in given.inputs.split(1)]
    gates = torch.cat([one.gates for one in predictions])
    painted = Evaluation(given, torch.cat([one.ab for one in predictions]), gates)
    return {
        "kept": float(gates.flatten(1).sum(1).double().mean()),
        "gmac": float(macs(gates, model.costs).double().mean()) / 1e9,
        "psnr10": float(painted.psnr.mean()),
    }


def _compared(table: pd.DataFrame, models: Models, ceilings: Mapping[int, float]) -> pd.DataFrame:
    """Fill the columns that compare a line with others."""
    dense, _, _ = roles(models)
    place = ["batch", "threads"]
    times = table[table["model"] == dense].set_index(["engine", *place])["ms"]
    networks = table["gates"] != DECISIONS
    for column, engines in (("over_dense", table["engine"]), ("over_plain", "plain")):
        keys = pd.MultiIndex.from_frame(table[place].assign(engine=engines)[["engine", *place]])
        table[column] = (times.reindex(keys).to_numpy() / table["ms"]).where(networks)
    gmac = table["gmac"].where(networks)
    table["allowed"] = models[dense].costs.dense / 1e9 / gmac
    table["gflops"] = 2 * gmac * table["images_per_s"]
    table["of_ceiling"] = 1e9 * table["gflops"] / table["threads"].map(ceilings)
    return table


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table that the command wrote; ColorlibError for a file that is not one."""
    return read_csv(path, {*asdict(Subject("", "")), "photos", "repeats", "ms"}, WORDS)


def speed_row(table: pd.DataFrame, subject: Subject) -> Line:
    """Return the line of `subject`. Raises ColorlibError where there is none."""
    fits = pd.Series(True, index=table.index)
    for column, value in asdict(subject).items():
        fits &= table[column].isna() if value is None else table[column] == value
    if not fits.any():
        raise ColorlibError(f"the table has no line of {subject}")
    return dict(table[fits].iloc[0])


# The command.


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; 0 on success, 2 with one clear line on bad input."""
    parser = command_parser("table2", __doc__)
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="calls a photo (5)")
    parser.add_argument("--threads", type=int, metavar="N", help="beside one also N (all cores)")
    options = read_options(parser, arguments, "repeats", "threads")
    most = options.threads or torch.get_num_threads()
    names = checkpoints.available()
    models = {name: checkpoints.load_model(name) for name in names}
    given = [photos.gallery(name) for name in photos.gallery_names()]
    table, ceilings = make_table(models, given, options.repeats, most, not options.quiet)
    folder = checkpoints.checkpoint_dir()
    about = {
        "command": options.command,
        "protocol": PROTOCOL,
        "commit": commit(),
        "machine": describe(),
        "ceiling_gflops": {count: round(flops / 1e9, 1) for count, flops in ceilings.items()},
        "checkpoints": {name: sha256(folder / f"{name}.safetensors") for name in names},
    }
    write_csv(options.out, table, DIGITS, about)
    shown = read_table(options.out)
    # The paper's engine is PyTorch, too; one photo at a time on one thread.
    alike = shown.eval("engine == 'eager' and gates == @OWN and batch * threads == 1")
    images = {model: row["images"] for model, row in PAPER_SPEED.items()}
    shown["paper"] = shown["model"].map(images).where(alike)
    print(shown[[*SHOWN]].to_string(index=False, na_rep="", float_format="{:.2f}".format))
    print(f"\n{options.out}: {len(table)} lines")
    return 0
