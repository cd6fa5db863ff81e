"""`colorlib table2`: Table 2 of the paper, the speeds, measured on this machine.

    colorlib table2 --out table2.csv

Writes OUT (a line for each engine, network, batch and number of threads; the columns are
`COLUMNS`) and beside it OUT with .json: the machine, and what was measured. A few minutes, in
which the machine should have nothing else to do. Compare ratios of one run, not times of two.
"""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from colorlib import checkpoints, photos
from colorlib.benchmark import machine
from colorlib.benchmark.reading import read_speed
from colorlib.benchmark.report import as_text
from colorlib.benchmark.tasks import (
    DECISIONS,
    HINTS,
    Models,
    Network,
    Subject,
    network,
    network_subjects,
    photo_tasks,
    roles,
)
from colorlib.benchmark.timing import Task, Times, measure
from colorlib.evaluate import Evaluation, HintedPhotos
from colorlib.files import ColorlibError, ConfigError, DataError, commit, sha256
from colorlib.model import ColViT, macs, threads
from colorlib.photos import Photo
from colorlib.tables.writing import write_about, write_lines

BATCHES = (1, 16)
COLUMNS = (
    *("stage", "engine", "model", "budget", "gates", "batch", "threads", "photos", "repeats"),
    *("kept", "gmac", "ms", "ms_p10", "ms_p90", "cpu_ms", "images_per_s"),
    *("allowed", "over_dense", "over_plain", "gflops", "of_ceiling", "psnr10"),
)
PROTOCOL = (
    "All that is compared runs in turn, photo by photo, in one process, in an order that turns. "
    "ms: of each photo the median over the repeats, of these the mean; a call, so a whole batch. "
    "p10, p90: percentiles of all calls. cpu_ms: processor time. network: from X (lightness, "
    "hints, mask) to ab. allowed: the dense network's multiply-adds over these. over_dense: "
    "speed-up over the dense network in the same engine; over_plain: over the dense network "
    "computed as iColoriT's published code does. gflops: two a multiply-add of what ran. "
    "of_ceiling: over a large matrix product. psnr10: of the gallery with 10 hints, dB."
)
_DIGITS = {"kept": 2, "gmac": 4, "of_ceiling": 3, "psnr10": 3}

Line = dict[str, Any]


def make_table(
    models: Models,
    given: Sequence[Photo],
    repeats: int,
    most_threads: int,
    bar: bool = False,
) -> tuple[list[Line], dict[int, float]]:
    """Lines of the table, and the ceiling in FLOP/s by number of threads.

    With one thread and with `most_threads`; X at the size of the first network.
    """
    lines: list[Line] = []
    ceilings = {}
    for count in sorted({1, most_threads}):
        with threads(count):
            ceilings[count] = machine.ceiling(count)
            for batch in BATCHES:
                subjects = network_subjects(models, batch, count)
                lines += _network_lines(models, subjects, given, repeats, bar)
            # Again, as a processor may clock higher or lower after some work.
            ceilings[count] = max(ceilings[count], machine.ceiling(count))
    with threads(1):
        lines += _photo_lines(models, given, repeats, bar)
    _compare(lines, models, ceilings)
    return lines, ceilings


def _network_lines(
    models: Models, subjects: Sequence[Subject], given: Sequence[Photo], repeats: int, bar: bool
) -> list[Line]:
    """`subjects` have one batch size and one number of threads."""
    side = next(iter(models.values())).img_size
    hinted = HintedPhotos(given, HINTS, side)
    batches = _batches(hinted.inputs, subjects[0].batch)
    networks = {subject: network(subject, models[subject.model]) for subject in subjects}
    known = {one: _facts(one, models[one.model], run, hinted) for one, run in networks.items()}
    tasks = {subject: _on(run, batches) for subject, run in networks.items()}
    title = f"batch {subjects[0].batch}, threads {subjects[0].threads}"
    times = measure(tasks, len(batches), repeats, title if bar else None)
    return [_line(subject, times[subject]) | known[subject] for subject in subjects]


def _batches(inputs: Tensor, size: int) -> list[Tensor]:
    """A photo at a time; or two batches which share photos where there are not enough."""
    if size == 1:
        return list(inputs.split(1))
    numbers = torch.arange(2 * size) % len(inputs)
    return list(inputs[numbers].split(size))


def _on(run: Network, batches: Sequence[Tensor]) -> Task:
    return lambda index: run(batches[index])


def _facts(subject: Subject, model: ColViT, run: Network, given: HintedPhotos) -> Line:
    """What does not depend on time: from the gates that ran, and the colours."""
    if subject.gates == DECISIONS:
        return {"kept": 0, "gmac": len(model.blocks) * model.costs.decision / 1e9}
    answers = [run(x) for x in given.inputs.split(1)]
    gates = torch.cat([answer.gates for answer in answers])
    painted = Evaluation(given, torch.cat([answer.ab for answer in answers]), gates)
    return {
        "kept": float(gates.flatten(1).sum(1).double().mean()),
        "gmac": float(macs(gates, model.costs).double().mean()) / 1e9,
        "psnr10": float(painted.psnr.mean()),
    }


def _photo_lines(models: Models, given: Sequence[Photo], repeats: int, bar: bool) -> list[Line]:
    tasks = photo_tasks(models, given)
    small = {one: task for one, task in tasks.items() if not one.stage.startswith("12")}
    large = {one: task for one, task in tasks.items() if one not in small}
    times = measure(small, len(given), 1, "photos" if bar else None)
    times |= measure(large, 2, repeats, "12 MP photos" if bar else None)
    return [_line(subject, times[subject]) for subject in tasks]


def _line(subject: Subject, times: Times) -> Line:
    repeats, count = times.wall.shape
    return {
        **asdict(subject),
        "photos": count * subject.batch,
        "repeats": repeats,
        "ms": times.ms,
        "ms_p10": times.percentile(10),
        "ms_p90": times.percentile(90),
        "cpu_ms": times.cpu_ms,
        "images_per_s": 1e3 * subject.batch / times.ms,
    }


def _compare(lines: Sequence[Line], models: Models, ceilings: Mapping[int, float]) -> None:
    """Add the columns that compare a line with others."""
    dense, _, _ = roles(models)
    whole = models[dense].costs.dense / 1e9
    place = ("stage", "batch", "threads")
    found = {
        (line["engine"], *(line[key] for key in place)): line["ms"]
        for line in lines
        if line["model"] == dense
    }
    for line in lines:
        where = tuple(line[key] for key in place)
        for column, engine in (("over_dense", line["engine"]), ("over_plain", "plain")):
            if line["gates"] != DECISIONS and (engine, *where) in found:
                line[column] = found[engine, *where] / line["ms"]
        if line["gates"] != DECISIONS and "gmac" in line:
            line["allowed"] = whole / line["gmac"]
            line["gflops"] = 2 * line["gmac"] * line["images_per_s"]
            line["of_ceiling"] = 1e9 * line["gflops"] / ceilings[line["threads"]]


def _text(column: str, value: Any) -> str:
    if value is None or isinstance(value, str | int):
        return "" if value is None else str(value)
    return f"{value:g}" if column == "budget" else f"{value:.{_DIGITS.get(column, 2)}f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="colorlib table2",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--out", type=Path, default=Path("table2.csv"), help="(table2.csv)")
    add("--repeats", type=int, default=5, metavar="N", help="calls a photo (5)")
    add("--threads", type=int, metavar="N", help="beside one thread also N (all cores)")
    add("--quiet", action="store_true", help="no progress bar")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; 0 on success, 2 with one clear line on bad input."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(arguments)
    try:
        lines = _run(options, shlex.join(["colorlib", "table2", *arguments]))
    except ColorlibError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(as_text(read_speed(options.out)))
    print(f"\n{options.out}: {len(lines)} lines")
    return 0


def _run(options: argparse.Namespace, command: str) -> list[Line]:
    most = torch.get_num_threads() if options.threads is None else options.threads
    for name, value in (("repeats", options.repeats), ("threads", most)):
        if value < 1:
            raise ConfigError(f"--{name} is {value}; it must be 1 or more")
    if options.out.suffix != ".csv":
        raise ConfigError(f"--out {options.out}: the suffix must be .csv, another comes beside it")
    if not options.out.parent.is_dir():
        raise DataError(f"cannot write {options.out}: there is no folder {options.out.parent}")
    names = checkpoints.available()
    models = {name: checkpoints.load_model(name) for name in names}
    given = [photos.gallery(name) for name in photos.gallery_names()]
    lines, ceilings = make_table(models, given, options.repeats, most, not options.quiet)
    folder = checkpoints.checkpoint_dir()
    about = {
        "command": command,
        "protocol": PROTOCOL,
        "commit": commit(),
        "machine": machine.describe(),
        "ceiling_gflops": {count: round(flops / 1e9, 1) for count, flops in ceilings.items()},
        "checkpoints": {name: sha256(folder / f"{name}.safetensors") for name in names},
    }
    texts = [{key: _text(key, line.get(key)) for key in COLUMNS} for line in lines]
    write_lines(options.out, COLUMNS, texts)
    write_about(options.out.with_suffix(".json"), about)
    return lines
