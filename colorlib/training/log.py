"""What a run writes down: one row every few steps, in log.csv."""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from colorlib.files import DataError, atomic_write
from colorlib.training.speed import training_flops
from colorlib.training.state import Run

COLUMNS = [
    "step",
    "crops",
    "loss",
    "huber",
    "sparsity",
    "kept_attention",  # share of sampled gates that were 1
    "kept_ffn",
    "open_attention",  # share of logits above 0: what would be kept when used
    "open_ffn",
    "lr",
    "images_per_second",
    "ceiling_share",  # FLOPs of these, of what the device's matrix products reach (see speed)
    "passed_over",  # photos that could not be opened, so far
    "psnr10",  # dB at 10 hints on the validation photos, 224 pixels
]  # and for gated networks kept_attention_1 ... open_ffn_12, the same shares by block
_WHOLE = {"step", "crops", "passed_over"}


class Sums:
    """Running sums of what is logged, kept as tensors so that no step waits for the device."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}
        self.counts: dict[str, int] = {}

    def add(self, parts: dict[str, Tensor]) -> None:
        """Add parts of one step."""
        for key, value in parts.items():
            self.values[key] = self.values.get(key, 0) + value.float()
            self.counts[key] = self.counts.get(key, 0) + 1

    def gather(self, accelerator: Accelerator) -> None:
        """Add up over all processes, each of which must call this."""
        values = {key: value.to(accelerator.device) for key, value in self.values.items()}
        self.values = accelerator.reduce(values, reduction="sum")
        self.counts = {key: n * accelerator.num_processes for key, n in self.counts.items()}

    def total(self, key: str) -> float:
        """The sum over the steps of `key`."""
        return float(self.values[key])

    def mean(self, key: str) -> Tensor:
        """The mean over the steps of `key`, NaN if it was never added."""
        if key not in self.values:
            return torch.tensor(float("nan"))
        return self.values[key] / self.counts[key]


def log_row(run: Run, sums: Sums, rate: float) -> dict[str, float]:
    """The row of this step; `rate` is in images a second."""
    row = {
        "step": run.step,
        "crops": run.step * run.config.optim.batch_size,
        "loss": float(sums.mean("loss")),
        "huber": float(sums.mean("huber")),
        "sparsity": float(sums.mean("sparsity")),
        "lr": run.optimizers[-1].param_groups[0]["lr"],
        "images_per_second": rate,
        "ceiling_share": rate * training_flops(run.bare, run.teacher) / run.ceiling,
        "passed_over": run.passed_over,
        "psnr10": float("nan"),
    }
    for share in ("kept", "open"):
        by_layer = sums.mean(share).expand(run.config.model.depth, 2)
        for kind, column in (("attention", by_layer[:, 0]), ("ffn", by_layer[:, 1])):
            row[f"{share}_{kind}"] = float(column.mean())
            if run.config.gated:
                row |= {f"{share}_{kind}_{block}": float(x) for block, x in enumerate(column, 1)}
    return row


def write_log(history: list[dict[str, float]], path: Path) -> None:
    """All rows, whole: after a resume the rows that a killed run wrote past its state go."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        layers = [key for key in (history[-1] if history else {}) if key not in COLUMNS]
        writer = csv.DictWriter(file, COLUMNS + layers, lineterminator="\n")
        writer.writeheader()
        for row in history:
            writer.writerow({key: _shown(key, value) for key, value in row.items()})


def read_log(path: str | os.PathLike[str]) -> list[dict[str, float]]:
    """The rows that `write_log` wrote; what it left empty is NaN. Raises DataError."""
    try:
        with Path(path).open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [{key: float(value or "nan") for key, value in row.items()} for row in rows]
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"{path} cannot be read as the log of a run: {error}") from error


def comparison(logs: Mapping[str, Sequence[Mapping[str, float]]], baseline: str) -> str:
    """How the runs of `logs` ended: a table to print, a line a run.

    The share of all sub-layers in use, the Huber loss in the first row and in the last, PSNR@10
    in dB, and how far it is from that of the run `baseline` at as many crops. "-" is for what a
    log does not have, as the share of a network without decisions.
    """
    before = {row["crops"]: row["psnr10"] for row in logs[baseline]}
    lines = [f"{'run':18}  in use  first loss  last loss  PSNR@10  against {baseline}"]
    for name, rows in logs.items():
        end = rows[-1]
        used = _or_dash((end["open_attention"] + end["open_ffn"]) / 2, ".2f")
        losses = f"{rows[0]['huber']:10.4f}  {end['huber']:9.4f}"
        gain = _or_dash(end["psnr10"] - before.get(end["crops"], float("nan")), "+.2f")
        psnr10 = _or_dash(end["psnr10"], ".2f")
        lines.append(f"{name:18}  {used:>6}  {losses}  {psnr10:>7}  {gain:>{8 + len(baseline)}}")
    return "\n".join(lines)


def _or_dash(value: float, form: str) -> str:
    return "-" if value != value else f"{value:{form}}"


def _shown(key: str, value: float) -> str | int:
    if value != value:
        return ""
    return int(value) if key in _WHOLE else f"{value:.6g}"
