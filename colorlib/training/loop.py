"""The training loop, on accelerate: CPU, one GPU, or several by `accelerate launch`.

A run lives in a folder: `state.pt` (everything needed to go on), `log.csv`, and at the end
NAME.safetensors with its card. Killed at any moment and started again with the same command,
it goes on from the last state and, on a CPU, ends bit for bit as if it had not been killed:
batches, hints and noise are functions of the seed and the step (see `data`).
"""

import csv
import os
import pickle
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from timm.optim import param_groups_weight_decay
from timm.scheduler import CosineLRScheduler
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from colorlib import checkpoints
from colorlib.color import normalize_ab, srgb_to_lab
from colorlib.errors import CheckpointError, ConfigError
from colorlib.files import atomic_write
from colorlib.gates import importance_bias, logistic_noise
from colorlib.hints import cells_hint_map, draw_cells, network_input
from colorlib.photos import open_photo
from colorlib.training.config import RunConfig
from colorlib.training.data import Crops, StepBatches, find_photos, loader
from colorlib.training.losses import huber, sparsity
from colorlib.training.validation import Validation, importance
from colorlib.vit import ColViT, Prediction

COLUMNS = (
    "step crops loss huber sparsity kept_attention kept_ffn open_attention open_ffn "
    "lr images_per_second passed_over psnr10"
).split()
VALIDATION_SIDE = 224
IMPORTANCE_PHOTOS = 48


@dataclass
class Run:
    """A run in memory. `history` has a row a log step, with the columns of log.csv."""

    config: RunConfig
    model: torch.nn.Module  # as it trains (wrapped when there are several processes)
    optimizer: torch.optim.Optimizer
    schedule: CosineLRScheduler
    average: AveragedModel | None
    step: int = 0
    seconds: float = 0.0
    passed_over: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    importance: list[list[float]] | None = None

    @property
    def bare(self) -> ColViT:
        """The network that trains."""
        model = getattr(self.model, "module", self.model)
        assert isinstance(model, ColViT)
        return model

    @property
    def best(self) -> ColViT:
        """The network to use: the averaged one where the run keeps an average."""
        if self.average is None:
            return self.bare
        model = self.average.module
        assert isinstance(model, ColViT)
        return model


def train(
    config: RunConfig, out: str | os.PathLike[str], bar: bool = True, cpu: bool = False
) -> Run:
    """Run `config` in the folder `out`, from its last state if there is one; returns the run.

    Raises ConfigError when `out` holds another run, DataError without photos, and
    CheckpointError for start weights that do not fit. `cpu=True` leaves a GPU alone.
    """
    accelerator = Accelerator(mixed_precision=_precision(config, cpu), cpu=cpu)
    if config.optim.batch_size % accelerator.num_processes:
        raise ConfigError(
            f"optim.batch_size {config.optim.batch_size} must be a multiple of the "
            f"{accelerator.num_processes} processes"
        )
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    entries = find_photos(config.data.photos)
    validation = _validation(config)
    # A finished or killed run is not started again: its weights come from the state.
    resumed = (folder / "state.pt").exists()
    run = _prepare(config, accelerator, fresh=not resumed, entries=entries)
    if resumed:
        _load_state(run, folder / "state.pt")
    crops = Crops(entries, config.model.img_size, config.data, config.seed)
    _steps(run, accelerator, crops, validation, folder, bar)
    if accelerator.is_main_process:
        _finish(run, accelerator, len(entries), folder)
    accelerator.wait_for_everyone()
    return run


def _precision(config: RunConfig, cpu: bool) -> str:
    if config.optim.precision != "auto":
        return {"fp32": "no", "bf16": "bf16"}[config.optim.precision]
    if torch.cuda.is_available() and not cpu:
        return "bf16" if torch.cuda.is_bf16_supported() else "no"
    # Emulated bf16 is slower than fp32.
    supported = platform.machine() in ("x86_64", "AMD64") and (
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )
    return "bf16" if supported else "no"


def _validation(config: RunConfig) -> Validation | None:
    if not config.data.validation:
        return None
    found = find_photos([config.data.validation])[: config.data.validation_count]
    return Validation([open_photo(entry.path) for entry in found], side=VALIDATION_SIDE)


def _prepare(config: RunConfig, accelerator: Accelerator, fresh: bool, entries: list[Any]) -> Run:
    torch.manual_seed(config.seed)
    model = ColViT(**vars(config.model))
    measured = _start(model, config, entries) if fresh else None
    optimizer = torch.optim.AdamW(
        param_groups_weight_decay(model, config.optim.weight_decay),
        lr=config.optim.lr,
        betas=(config.optim.betas[0], config.optim.betas[1]),
    )
    schedule = CosineLRScheduler(
        optimizer,
        t_initial=config.optim.steps,
        lr_min=config.optim.min_lr,
        warmup_t=config.optim.warmup_steps,
        t_in_epochs=False,
    )
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    decay = config.optim.ema
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay)) if decay else None
    run = Run(config, wrapped, optimizer, schedule, average)
    run.importance = measured
    return run


def _start(model: ColViT, config: RunConfig, entries: list[Any]) -> list[list[float]] | None:
    """Give `model` its start weights; returns the importances its gates start from, if any."""
    source = checkpoints.load_model(config.start) if config.start else None
    if source is not None:
        new = checkpoints.transfer(model, source.state_dict())
        unexpected = [key for key in new if not _belongs_to_gates(key)]
        if unexpected:
            raise CheckpointError(f"start {config.start!r} has no {unexpected[0]}")
    if not config.model.policy or config.gates.start == "random":
        return None
    if source is None or source.policy:
        raise ConfigError(
            f"gates.start = 'importance' measures a trained dense network: set start to one "
            f"(it is {config.start!r})"
        )
    every = max(1, len(entries) // IMPORTANCE_PHOTOS)
    photos = [
        open_photo(entry.read(), name=f"{entry.path.name}:{entry.offset}")
        for entry in entries[::every][:IMPORTANCE_PHOTOS]
    ]
    lost = importance(source, Validation(photos, side=source.img_size))
    with torch.no_grad():
        bias = importance_bias(lost, config.gates.budget)
        for block, start in zip(model.blocks, bias, strict=True):
            block.decision.linear.bias.copy_(start)
    return lost.tolist()


def _belongs_to_gates(key: str) -> bool:
    return "decision" in key or key.startswith(("policy_token", "budget_"))


def _steps(
    run: Run,
    accelerator: Accelerator,
    crops: Crops,
    validation: Validation | None,
    folder: Path,
    bar: bool,
) -> None:
    config, main = run.config, accelerator.is_main_process
    batches = StepBatches(
        run.step,
        config.optim.steps,
        config.optim.batch_size,
        accelerator.process_index,
        accelerator.num_processes,
    )
    progress = tqdm(
        total=config.optim.steps, initial=run.step, desc=config.name, disable=not (bar and main)
    )
    sums, since, clock = _Sums(), run.step, time.perf_counter()
    run.model.train()
    for batch, passed_over in loader(crops, batches, config.data.workers):
        run.passed_over += int(passed_over.sum())
        sums.add(_step(run, accelerator, batch.to(accelerator.device)))
        run.step += 1
        progress.update()
        last = run.step == config.optim.steps
        if run.step % config.log.log_every == 0 or last:
            elapsed, clock = time.perf_counter() - clock, time.perf_counter()
            run.seconds += elapsed
            rate = (run.step - since) * config.optim.batch_size / elapsed
            row = _row(run, sums, rate)
            since, sums = run.step, _Sums()
            if validation and main and (run.step % config.log.validate_every == 0 or last):
                row["psnr10"] = float(validation.psnr(_at_side(run.best, validation)).mean())
                clock = time.perf_counter()
            run.history.append(row)
            progress.set_postfix(loss=f"{row['loss']:.4f}", psnr10=f"{row['psnr10']:.2f}")
            if main:
                _write_log(run.history, folder / "log.csv")
        if main and (run.step % config.log.save_every == 0 or last):
            _save_state(run, folder / "state.pt")
    progress.close()


def _step(run: Run, accelerator: Accelerator, crops: Tensor) -> dict[str, Tensor]:
    """One step on this process's crops, uint8 [b, 3, S, S]; returns what to log."""
    config = run.config
    x, target = _example(run, accelerator, crops)
    noise = _noise(run, accelerator, len(crops)) if config.model.policy else None
    with accelerator.autocast():
        answer: Prediction = run.model(x, noise=noise, temperature=config.gates.temperature)
    parts = {"huber": huber(answer.ab, target)}
    loss = parts["huber"]
    if config.model.policy:
        gates = config.gates
        parts["sparsity"] = sparsity(answer.gates, gates.budget, gates.reading)
        loss = loss + gates.weight * parts["sparsity"]
    run.schedule.step_update(run.step)
    run.optimizer.zero_grad()
    accelerator.backward(loss)
    if config.optim.clip:
        accelerator.clip_grad_norm_(run.model.parameters(), config.optim.clip)
    run.optimizer.step()
    if run.average is not None:
        run.average.update_parameters(run.bare)
    parts["loss"] = loss
    if answer.gate_logits is not None:
        parts["kept"] = answer.gates.mean(dim=(0, 1))
        parts["open"] = (answer.gate_logits > 0).float().mean(dim=(0, 1))
    return {key: value.detach() for key, value in parts.items()}


def _generator(run: Run, purpose: int) -> torch.Generator:
    """Randomness for the whole batch of this step, the same on every process."""
    words = np.random.SeedSequence([run.config.seed, 2 + purpose, run.step]).generate_state(2)
    return torch.Generator().manual_seed(int(words[0]) << 31 ^ int(words[1]))


def _own_share(accelerator: Accelerator, whole: Tensor, count: int) -> Tensor:
    first = accelerator.process_index * count
    return whole[first : first + count].to(accelerator.device)


def _example(run: Run, accelerator: Accelerator, crops: Tensor) -> tuple[Tensor, Tensor]:
    """X [b, 4, S, S] with freshly drawn hints, and the true ab / 110 [b, 2, S, S]."""
    data = run.config.data
    lightness, ab = srgb_to_lab(crops.float() / 255)
    cells = draw_cells(
        run.config.optim.batch_size,
        data.max_hints,
        side=crops.shape[-1],
        size=data.hint_size,
        method=data.hint_method,
        generator=_generator(run, 0),
    )
    own = _own_share(accelerator, cells, len(crops))
    return network_input(lightness, cells_hint_map(ab, own, data.hint_size)), normalize_ab(ab)


def _noise(run: Run, accelerator: Accelerator, count: int) -> Tensor:
    """Logistic noise [b, depth, 2], at the strength that this step has."""
    gates, done = run.config.gates, run.step / run.config.optim.steps
    full, gone = gates.noise_full_until, gates.noise_gone_at
    strength = 1.0 if done < full else max(0.0, (gone - done) / max(gone - full, 1e-9))
    shape = (run.config.optim.batch_size, run.config.model.depth, 2)
    noise = logistic_noise(shape, _generator(run, 1))
    return strength * _own_share(accelerator, noise, count)


class _Sums:
    """Running sums of what is logged, kept as tensors so that no step waits for the device."""

    def __init__(self) -> None:
        self.count = 0
        self.values: dict[str, Tensor] = {}

    def add(self, parts: dict[str, Tensor]) -> None:
        self.count += 1
        for key, value in parts.items():
            self.values[key] = self.values.get(key, 0) + value.double()

    def mean(self, key: str, index: int | None = None) -> float:
        if key not in self.values:
            return float("nan")
        value = self.values[key] / self.count
        return float(value if index is None else value[index])


def _row(run: Run, sums: _Sums, rate: float) -> dict[str, float]:
    return {
        "step": run.step,
        "crops": run.step * run.config.optim.batch_size,
        "loss": sums.mean("loss"),
        "huber": sums.mean("huber"),
        "sparsity": sums.mean("sparsity"),
        "kept_attention": sums.mean("kept", 0),
        "kept_ffn": sums.mean("kept", 1),
        "open_attention": sums.mean("open", 0),
        "open_ffn": sums.mean("open", 1),
        "lr": run.optimizer.param_groups[0]["lr"],
        "images_per_second": rate,
        "passed_over": run.passed_over,
        "psnr10": float("nan"),
    }


def _at_side(model: ColViT, validation: Validation) -> ColViT:
    side = validation.truth.shape[1]
    return model if model.img_size == side else resized(model, side)


def resized(model: ColViT, side: int) -> ColViT:
    """A copy of `model` for another image size: the same weights, its position tables resized."""
    copy = ColViT(**{**model.config, "img_size": side})
    checkpoints.transfer(copy, model.state_dict())
    return copy.to(next(model.parameters()).device).eval()


def _write_log(history: list[dict[str, float]], path: Path) -> None:
    """All rows, whole: after a resume the rows that a killed run wrote past its state go."""
    with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in history:
            writer.writerow({key: _shown(key, value) for key, value in row.items()})


def _shown(key: str, value: float) -> str | int:
    if value != value:
        return ""
    return int(value) if key in ("step", "crops", "passed_over") else f"{value:.6g}"


def _save_state(run: Run, path: Path) -> None:
    state = {
        "config": run.config.to_dict(),
        "model": run.bare.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "average": None if run.average is None else run.average.state_dict(),
        "step": run.step,
        "seconds": run.seconds,
        "passed_over": run.passed_over,
        "history": run.history,
        "importance": run.importance,
        "random": torch.get_rng_state(),
    }
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


def _load_state(run: Run, path: Path) -> None:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path} is damaged: delete it to start the run anew") from error
    if state["config"] != run.config.to_dict():
        raise ConfigError(
            f"{path.parent} holds a run with another config: "
            "choose another folder, or delete this one to start anew"
        )
    run.bare.load_state_dict(state["model"])
    run.optimizer.load_state_dict(state["optimizer"])
    if run.average is not None:
        run.average.load_state_dict(state["average"])
    for key in ("step", "seconds", "passed_over", "history", "importance"):
        setattr(run, key, state[key])
    torch.set_rng_state(state["random"])


def _finish(run: Run, accelerator: Accelerator, photos: int, folder: Path) -> None:
    config = run.config
    about = {
        "about": config.about,
        "run": config.to_dict(),
        "crops_seen": config.optim.steps * config.optim.batch_size,
        "photos": photos,
        "passed_over": run.passed_over,
        "hours": round(run.seconds / 3600, 3),
        "device": f"{accelerator.device.type}, {accelerator.num_processes} process(es)",
        "precision": accelerator.mixed_precision,
        "importance": run.importance,
    }
    last = run.history[-1] if run.history else {}
    about["last_log"] = {key: value for key, value in last.items() if value == value}
    checkpoints.save_model(run.best, folder / f"{config.name}.safetensors", about)


