"""Train iColoriT-T and A-ColViT-T: `python -m colorlib.train data/configs/NAME.toml ...`.

On accelerate: a CPU, one GPU, or several by `accelerate launch`. A run lives in a folder:
`state.pt` (everything needed to go on), `log.csv`, and the network so far, NAME.safetensors with
its card. Killed at any moment and started again with the same command, it goes on from the last
state and, on a CPU, ends bit for bit as if it had not been killed: batches, hints and noise are
functions of the seed and the step (see `data`).

In this file: the settings, the losses (eqs. 9 and 10), the loop, a step, and the run on disk.
"""

import argparse
import copy
import math
import os
import platform
import re
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, PartialState
from accelerate.state import AcceleratorState
from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from timm.optim import param_groups_weight_decay
from torch import Tensor
from torch.nn import functional as F
from torch.optim.swa_utils import get_ema_multi_avg_fn
from tqdm.auto import tqdm

from colorlib import checkpoints, data
from colorlib.evaluate import HintedPhotos, importance
from colorlib.files import ColorlibError, atomic_write, one_line_errors
from colorlib.hints import draw_cells
from colorlib.model import PUBLISHED_GRID, ColViT, DecisionInput, Prediction

HUBER_DELTA = 0.01  # iColoriT's, on ab / 110
VALIDATION_SIDE = 224
IMPORTANCE_GAIN = 8.0
SETTLING = 0.1  # of a logit, a step, were nothing kept of a budget of 1
DECIDES = re.compile("decision|^policy_token|^budget_")  # parameters that dense networks lack
# What Muon learns: the matrices of the blocks. Rows of the position-bias table are no matrix.
MATRICES = ("attn.qkv.weight", "attn.proj.weight", "mlp.fc1.weight", "mlp.fc2.weight")


# Settings: a run as one TOML file. Every key is here, and an unknown one is an error.


class Section(BaseModel):
    """A table of the TOML."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataConfig(Section):
    """Where the photos are and how a crop is taken."""

    photos: list[str] = []  # folders of photos, of tar shards, or shards
    validation: str = ""  # a folder of photos; PSNR is not measured without one
    validation_count: int = Field(100, gt=0)  # its first photos by name
    crop_scale: list[float] = Field([0.08, 1.0], min_length=2, max_length=2)  # of the photo's area
    flip: bool = False  # mirrored half the time; iColoriT does not
    max_hints: int = Field(128, ge=0)  # hints an image: uniform on 0 ... max_hints
    hint_method: Literal["uniform", "gaussian"] = "uniform"
    hint_size: int = Field(2, gt=0)  # side of a hint's cell, pixels
    block_every: int = Field(0, ge=0)  # hints are blocks of cells in every n-th photo; 0: in none
    max_block: int = Field(7, ge=2)  # cells a side of a block: each step draws one of 2 ... this
    cache: bool = False  # keep decoded photos in memory (about 120 kB each at 160 px)
    workers: int = Field(0, ge=0)  # processes that load photos, besides this one
    resident: bool = False  # all photos in the training device's memory (see `Crops.keep_on`)
    short_side: int = Field(0, ge=0)  # photos are shrunk to it when opened, pixels; 0: as they are


class ModelConfig(Section):
    """The arguments of `ColViT`."""

    img_size: int = 224
    patch_size: int = 16
    dim: int = 192
    depth: int = 12
    heads: int = 3
    mlp_ratio: float = 4.0
    policy: bool = False
    decision_input: DecisionInput = "policy"
    budget: bool = False
    position_bias: bool = True
    policy_code: bool = False
    code_grid: int = PUBLISHED_GRID


class OptimConfig(Section):
    """The optimizer and its schedule. Defaults are iColoriT's, but for steps and batch size."""

    kind: Literal["adamw", "muon"] = "adamw"  # muon: for the matrices of the blocks (ours)
    steps: int = Field(1000, gt=0)
    batch_size: int = Field(64, gt=0)  # of all processes together
    lr: float = Field(5e-4, gt=0)  # peak
    muon_lr: float = Field(0.02, gt=0)  # peak of Muon's, which follows the same schedule
    min_lr: float = Field(1e-5, ge=0)
    warmup_steps: int = Field(0, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"  # constant: `steps` may grow later
    decay_steps: int = Field(0, ge=0)  # the last ones of a constant schedule, linear to min_lr
    weight_decay: float = Field(0.05, ge=0)  # not on biases and 1-D parameters
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field(
        [0.9, 0.95], min_length=2, max_length=2
    )
    clip: float = Field(0.0, ge=0)  # largest gradient norm; 0: none
    ema: float = Field(0.0, ge=0, lt=1)  # decay of the averaged weights; 0: none
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where the device computes it
    compile: bool = False  # torch.compile: a minute's start, then faster on a GPU, not on a CPU


class LossConfig(Section):
    """What is added to the Huber loss, whether or not there are gates."""

    gradient_difference: float = Field(0.0, ge=0)  # weight of `gradient_difference` (ours)
    log_error: float = Field(0.0, ge=0)  # weight of `log_error` (ours)


class GateConfig(Section):
    """Eqs. 7 to 10 and how the decisions start; for a model with a policy token, or `static`."""

    budget: float = Field(0.5, ge=0, le=1)  # beta of eq. 9, for attention and FFN
    weight: float = Field(1.0, ge=0)  # of L_sparsity in eq. 10; the paper's is 1
    reading: Literal["image", "batch", "joint"] = "batch"  # see `sparsity`
    temperature: float = Field(1.0, gt=0)
    start: Literal["random", "importance"] = "random"  # importance: ours
    noise_full_until: float = Field(1.0, ge=0)  # share of the steps with full Gumbel noise ...
    noise_gone_at: float = Field(1.0, le=1)  # ... which fades linearly to 0 at this one (paper: 1);
    # from there on decisions are settled: they skip, and follow the budget alone (ours)
    lowest_budget: float = Field(0.2, ge=0, le=1)  # with model.budget: drawn from here to 1
    target: Literal["same", "hardness"] = "same"  # hardness: hard photos keep more (ours)
    spread: float = Field(0.5, ge=0, le=1)  # from the easiest photo's target to the hardest's
    static: bool = False  # no decisions: a fixed pattern of the most important (the control)


class LogConfig(Section):
    """How often, in steps; validating and saving add a row to the log as well."""

    log_every: int = Field(50, gt=0)
    validate_every: int = Field(500, gt=0)
    save_every: int = Field(500, gt=0)


class RunConfig(Section):
    """One run. Paths are relative to where the command runs."""

    name: str = Field(pattern=r"^\w[\w.+-]*$")  # files are named so
    seed: int = Field(0, ge=0)
    start: str = ""  # checkpoint (name or path) whose weights it starts from
    about: str = ""  # a sentence for the card
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    optim: OptimConfig = OptimConfig()
    loss: LossConfig = LossConfig()
    gates: GateConfig = GateConfig()
    log: LogConfig = LogConfig()

    @model_validator(mode="after")
    def _check_together(self) -> "RunConfig":
        data, model, optim, gates = self.data, self.model, self.optim, self.gates
        # Both raise for sizes that do not go together.
        with torch.device("meta"):
            ColViT(**model.model_dump())
        own, side, size = torch.Generator(), model.img_size, data.hint_size
        draw_cells(1, data.max_hints, side=side, size=size, generator=own)
        low, high = data.crop_scale
        shaped = optim.warmup_steps + optim.decay_steps
        same = gates.target == "same"
        plain = gates.start == "random" and same
        for holds, rule in [
            (0 < low <= high <= 1, "data.crop_scale must be two shares, rising, above 0 to 1"),
            (shaped <= optim.steps, "optim.warmup_steps + decay_steps must be at most optim.steps"),
            (gates.noise_full_until <= gates.noise_gone_at, "gates.noise_full_until comes first"),
            (not (gates.static and model.policy), "gates.static needs model.policy = false"),
            (model.policy or plain, "gates.start and gates.target need model.policy = true"),
            (same or gates.reading == "image", "gates.target needs gates.reading = 'image'"),
            (same or not model.policy_code, "gates.target needs model.policy_code = false"),
        ]:
            if not holds:
                raise ValueError(rule)
        return self

    @property
    def gated(self) -> bool:
        """Whether sub-layers are skipped: by decisions, or by a fixed pattern."""
        return self.model.policy or self.gates.static

    def replace(self, **changes: dict[str, Any] | str | int) -> "RunConfig":
        """Return a copy with changes: `config.replace(optim={"steps": 100}, seed=1)`."""
        return from_dict(_merged(self.model_dump(), changes), f"run {self.name!r}")


def load_config(path: str | os.PathLike[str]) -> RunConfig:
    """Read a run from TOML; its name is the file's unless the file says otherwise.

    `extends = "OTHER.toml"` (a file beside it, or a list of files of which later ones win)
    takes everything from that run but what the file says itself. Raises ColorlibError naming
    the file and the key at fault.
    """
    return from_dict({"name": Path(path).stem, **_read_toml(Path(path))}, str(path))


def _read_toml(path: Path, extended_by: tuple[Path, ...] = ()) -> dict[str, Any]:
    path = path.resolve()
    if path in extended_by:
        raise ColorlibError(f"{path} extends itself: {' <- '.join(map(str, extended_by))}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ColorlibError(f"{path} cannot be read as TOML: {error}") from error
    base: dict[str, Any] = {}
    others = content.pop("extends", [])
    for other in others if isinstance(others, list) else [others]:
        base = _merged(base, _read_toml(path.parent / str(other), (*extended_by, path)))
    base.pop("name", None)
    return _merged(base, content)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `changes`, section by section."""
    return base | {
        key: base[key] | new if isinstance(new, dict) and isinstance(base.get(key), dict) else new
        for key, new in changes.items()
    }


def from_dict(content: dict[str, Any], source: str = "the run") -> RunConfig:
    """Return the run that nested dicts describe; ColorlibError names `source` and the key."""
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        wrong = f"{key} is {first['input']!r}: {first['msg']}" if key else first["msg"]
        if first["type"] == "extra_forbidden":
            wrong = f"unknown key {key!r}: colorlib/train.py has all there are, under `Section`"
        raise ColorlibError(f"{source}: {wrong}") from error


# Losses


def huber(
    prediction: Tensor, target: Tensor, reduction: Literal["mean", "none"] = "mean"
) -> Tensor:
    """Return iColoriT's Huber loss of ab [B, 2, S, S] in [-1, 1]: a scalar, or with "none" [B].

    With d the difference and delta = 0.01: d^2 / (2 delta) where |d| < delta, else
    |d| - delta / 2; summed over a and b, averaged over pixels and, unless "none", images.
    """
    pixels = F.smooth_l1_loss(
        prediction.float(), target.float(), reduction="none", beta=HUBER_DELTA
    )
    loss = pixels.sum(dim=1).flatten(1).mean(dim=1)
    return loss.mean() if reduction == "mean" else loss


def gradient_difference(prediction: Tensor, target: Tensor) -> Tensor:
    """Return how far the steps between neighbouring pixels are from the target's; a scalar (ours).

    Of ab [B, 2, S, S] in [-1, 1]: |d(prediction) - d(target)|, d the difference to the pixel on
    the right and to the one below, summed over a, b and both directions, averaged over pixels and
    images (Mathieu et al. 2016, alpha = 1). The Huber loss hardly sees a step along a patch border.
    """
    error = prediction.float() - target.float()
    steps = error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()
    return error.shape[1] * steps


def log_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the logarithm of each image's mean square error, on average; a scalar (ours).

    Of ab [B, 2, S, S] in [-1, 1]. It is what a mean PSNR falls with: every image counts alike,
    where in the Huber loss, which grows with the error, the gaudy ones have most of the say.
    """
    square = (prediction.float() - target.float()).square().mean(dim=(1, 2, 3))
    # 1e-4 is an error of 1.1 in Lab units, which nobody sees: less is not worth asking for.
    return (square + 1e-4).log().mean()


def sparsity(
    gates: Tensor, budget: float | Tensor, reading: Literal["image", "batch", "joint"] = "batch"
) -> Tensor:
    """Return eq. 9: how far the kept shares of attention and FFN are from the budget; a scalar.

    gates [B, depth, 2], 0 or 1 with a straight-through gradient; budget a number, or [B]
    with reading "image". The paper does not say what its mean is over. Per "image" every photo
    must meet the budget by itself; over the "batch" only their average must, which leaves room
    for hard photos to take from easy ones. The authors' code reads it "joint": one mean over
    attention and FFN as well. Over several processes the batch is each process's own.
    """
    if reading == "joint":
        return (gates.mean() - budget) ** 2
    share = gates.mean(dim=1)
    if reading == "batch":
        share = share.mean(dim=0, keepdim=True)
    else:
        budget = budget[:, None] if isinstance(budget, Tensor) else budget
    return ((share - budget) ** 2).sum(dim=-1).mean()


def hardness_target(loss: Tensor, budget: float, spread: float) -> Tensor:
    """Return the share that each image should keep, [B]: hard ones more, `budget` on average.

    Ours. `loss` [B] is what a dense network loses on the images. With rank r from 0 (easiest of
    the batch) to 1 (hardest): budget + width (r - 1/2), where width is `spread`, or less where a
    target would leave [0, 1]. A lone image gets the budget.
    """
    width = min(spread, 2 * budget, 2 * (1 - budget))
    ranks = loss.argsort().argsort().float()
    return budget + width * (ranks / max(len(loss) - 1, 1) - 0.5 * (len(loss) > 1))


# The loop


@dataclass
class Run:
    """A run in memory. `history` has a row a log step, with the columns of log.csv."""

    config: RunConfig
    bare: ColViT  # the network that trains
    model: torch.nn.Module  # the same as it trains: wrapped for several processes, compiled
    optimizers: list[torch.optim.Optimizer]  # Muon, if there is one, before AdamW
    average: ColViT | None  # its moving average
    teacher: ColViT | None  # the dense network that says which photos are hard
    photos: tuple[int, str]  # see `photo_list`
    importance: list[list[float]] | None
    step: int = 0
    seconds: float = 0.0
    passed_over: int = 0
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def best(self) -> ColViT:
        """The network to use: the averaged one where the run keeps an average."""
        return self.bare if self.average is None else self.average


def train(
    config: RunConfig,
    out: str | os.PathLike[str],
    bar: bool = True,
    cpu: bool = False,
    watch: Callable[[Run], None] | None = None,
) -> Run:
    """Run `config` in the folder `out`, from its last state if there is one; return the run.

    `watch` is called with the run after each row of its log, on the main process. `cpu=True`
    leaves a GPU alone. Raises ColorlibError when `out` holds another run or a process is training
    in it, without photos, for start weights that do not fit, and when the loss or a weight is not
    finite.
    """
    # Set up the processes. Accelerate keeps its first precision, but a notebook may train twice.
    AcceleratorState._reset_state()
    precision = _precision(config, cpu)
    # What `accelerate launch` was told comes by the environment, and must not be left out silently.
    ours = {"MIXED_PRECISION": precision, "GRADIENT_ACCUMULATION_STEPS": "1"}
    ours |= {"USE_DEEPSPEED": "false", "USE_FSDP": "false", "USE_MEGATRON_LM": "false"}
    for option, usual in ours.items():
        told = os.environ.get(f"ACCELERATE_{option}", usual).lower()
        if told not in (usual, "no"):
            raise ColorlibError(
                f"accelerate launch says {option.lower()} = {told}, and a run would not do it: "
                "leave it out, and set optim.precision and optim.batch_size instead"
            )
    # Once decisions are settled, a process may not run what another does.
    unused = DistributedDataParallelKwargs(find_unused_parameters=config.gates.noise_gone_at < 1)
    accelerator = Accelerator(mixed_precision=precision, cpu=cpu, kwargs_handlers=[unused])
    # Attention with a bias that learns would else turn bfloat16 into float32: a sixth of the time.
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    optim, log, main = config.optim, config.log, accelerator.is_main_process
    processes, device = accelerator.num_processes, accelerator.device
    if optim.batch_size % processes:
        raise ColorlibError(
            f"optim.batch_size {optim.batch_size} must be a multiple of the {processes} processes"
        )
    folder = Path(out)
    with _locked(folder) if main else nullcontext():
        # Find the photos.
        entries = data.find_photos(config.data.photos)
        if all(photo.is_grey for photo in data.some_photos(entries)):
            raise ColorlibError("all photos tried are grey or damaged: train on photos in colour")
        validation = _validation(config) if main and config.data.validation else None

        # Make the network, or take up the last state. A run that has one does not start again.
        path = folder / "state.pt"
        state = read_state(path) if path.exists() else None
        torch.manual_seed(config.seed)
        model = ColViT(**config.model.model_dump())
        importances = state["importance"] if state else start_weights(model, config, entries)
        if config.gates.static:
            fix_pattern(model, importances, config.gates.budget)
        average = copy.deepcopy(model).to(device) if optim.ema else None
        wrapped, *optimizers = accelerator.prepare(model, *_optimizers(model, optim, device))
        teacher = None
        if config.gates.target == "hardness":
            teacher = checkpoints.resized(_dense(config), config.model.img_size)
            teacher.to(device).requires_grad_(False)
        if optim.compile:
            wrapped = torch.compile(wrapped)
            if teacher is not None:
                teacher.compile()
        listed = data.photo_list(entries)
        run = Run(config, model, wrapped, optimizers, average, teacher, listed, importances)
        if state is not None:
            load_state(run, state, folder)

        # Train.
        crops = data.Crops(entries, config.model.img_size, config.data, config.seed)
        if config.data.resident and run.step < optim.steps:
            crops.keep_on(device, bar and main)
        share = optim.batch_size // processes
        own = accelerator.process_index * share
        starts = range(own, optim.steps * optim.batch_size, optim.batch_size)
        numbers = (range(first, first + share) for first in starts[run.step :])
        progress = tqdm(
            total=optim.steps, initial=run.step, desc=config.name, disable=not (bar and main)
        )
        run.model.train()
        sums: dict[str, Tensor] = {}
        since, saved, clock = run.step, run.step, time.perf_counter()
        for batch, passed_over in crops.batches(numbers):
            parts = _step(run, accelerator, batch.to(device, non_blocking=True))
            parts["passed_over"] = passed_over.sum()
            for key, value in parts.items():  # as tensors, so that no step waits for the device
                sums[key] = sums.get(key, 0) + value.float()
            run.step += 1
            progress.update()
            intervals = (log.log_every, log.validate_every, log.save_every)
            due = [run.step % every == 0 or run.step == optim.steps for every in intervals]
            if not any(due):
                continue
            _, validates, saves = due

            # Average what is logged, over the steps since the last row and all processes.
            sums = accelerator.reduce({key: value.to(device) for key, value in sums.items()})
            run.passed_over += round(float(sums["passed_over"]))  # waits for the device
            elapsed, count = time.perf_counter() - clock, run.step - since
            run.seconds += elapsed
            means = {key: value / (count * processes) for key, value in sums.items()}
            row = _log_row(run, means, count * optim.batch_size / elapsed)
            sums, since = {}, run.step

            # Stop where the numbers are not finite: the same in all processes, so all of them do.
            weights = [*run.bare.parameters(), *run.best.parameters()] if saves else []
            if not (math.isfinite(row["loss"]) and all(w.isfinite().all() for w in weights)):
                raise ColorlibError(
                    f"{folder}: the loss or a weight is not finite at step {run.step}: lower "
                    f"optim.lr, and the same command goes on from step {saved}"
                )

            # Validate, by a copy at the validation's size, which computes in float32.
            if validation and validates:
                used = checkpoints.resized(run.best, VALIDATION_SIDE)
                row["psnr10"] = float(validation.run(used).psnr.mean())

            # Rewrite the whole log: after a resume this drops the rows logged after the state.
            run.history.append(row)
            shown = {"loss": "loss", "psnr10": "psnr10", "images/s": "images_per_second"}
            progress.set_postfix({label: f"{row[key]:.4g}" for label, key in shown.items()})
            if main:
                with atomic_write(folder / "log.csv") as temporary:
                    table = pd.DataFrame(run.history)
                    table.to_csv(temporary, index=False, float_format="%.6g", lineterminator="\n")
                if watch:
                    watch(run)
                    run.model.train()  # it may have used the network

            # Save the network as it is so far, and then the state: a run that has ended has both.
            if saves:
                saved = run.step
                if main:
                    _save_network(run, accelerator, folder)
                    save_state(run, path)
            clock = time.perf_counter()  # the rate is that of training alone

        # Take off accelerate's wrappers, which would go on computing in the training's precision.
        progress.close()
        accelerator.wait_for_everyone()
        run.model = accelerator.unwrap_model(run.bare, keep_fp32_wrapper=False).eval()
        run.best.eval()
    return run


def _step(run: Run, accelerator: Accelerator, crops: Tensor) -> dict[str, Tensor]:
    """Make one step on this process's crops, uint8 [b, 3, S, S]; return what to log."""
    config, optim, gates = run.config, run.config.optim, run.config.gates

    # Draw hints, position code, gate noise and budget.
    # X [b, 4, S, S] and ab / 110 [b, 2, S, S]
    x, target = data.training_example(config, run.step, accelerator, crops)
    code = data.step_position_code(config, run.step, x.device)
    noise, budget, given = None, 0.0, None  # the budget is of networks with decisions alone
    settled = config.model.policy and run.step / optim.steps >= gates.noise_gone_at
    if settled:  # what is skipped then costs no time in training
        run.teacher = None  # nothing is asked of them any more
        run.model = getattr(run.model, "_orig_mod", run.model)  # not compiled: it branches
        for name, parameter in run.bare.named_parameters():
            if re.search("decision|budget_gain", name):
                parameter.requires_grad_(False)
    if config.model.policy:
        noise = data.gate_noise(config, run.step, accelerator, len(crops))  # [b, depth, 2]
        budget = data.step_budget(config, run.step)
    if config.model.budget:
        given = torch.full((), budget, device=x.device)  # []

    # Predict.
    with accelerator.autocast():
        predicted: Prediction = run.model(
            x, given, noise=noise, temperature=gates.temperature, position=code
        )
        # [b, 2, S, S]; its weights need no gradient, so nothing of it is kept for backward.
        taught = None if run.teacher is None else run.teacher(x, position=code).ab

    # Add up the loss: eq. 10, and what is ours.
    parts = {"huber": huber(predicted.ab, target)}
    loss = parts["huber"]
    if config.loss.gradient_difference:
        difference = gradient_difference(predicted.ab, target)
        loss = loss + config.loss.gradient_difference * difference
    if config.loss.log_error:
        loss = loss + config.loss.log_error * log_error(predicted.ab, target)
    ran = predicted.gates.float()  # [b, depth, 2]
    if config.model.policy:
        share: float | Tensor = budget
        if taught is not None:
            share = hardness_target(huber(taught, target, "none"), budget, gates.spread)  # [b]
        parts["sparsity"] = sparsity(ran, share, gates.reading)  # eq. 9
        loss = loss + gates.weight * parts["sparsity"]

    # Compute gradients.
    for optimizer in run.optimizers:
        optimizer.zero_grad()
    accelerator.backward(loss)
    if optim.clip:
        accelerator.clip_grad_norm_(run.model.parameters(), optim.clip)

    # Update weights.
    peaks = (optim.lr, optim.muon_lr)  # AdamW's, which is last, and Muon's
    for optimizer, peak in zip(reversed(run.optimizers), peaks, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(optim, run.step, peak)
        optimizer.step()

    # Settled decisions learn one bias common to all blocks: its slope is that of eq. 9 (ours).
    if settled:
        # By how much the shares of attention and FFN that were kept are above the budget.
        off = accelerator.reduce(ran.mean(dim=(0, 1)) - budget, "mean")  # [2]
        for block in run.bare.blocks:
            block.decision.linear.bias.sub_(SETTLING * off)

    # Update their average. Its decay rises to optim.ema: the first weights are not worth keeping.
    if run.average is not None:
        decay = min(optim.ema, (1 + run.step) / (10 + run.step)) if run.step else 0.0
        update = get_ema_multi_avg_fn(decay)
        update(list(run.average.parameters()), list(run.bare.parameters()), run.step)

    parts["loss"] = loss
    if config.gated:
        logits = predicted.gate_logits
        used = ran if logits is None else logits > 0
        parts["kept"] = ran.mean(dim=0)  # [depth, 2]
        parts["open"] = used.float().mean(dim=0)
    return {key: value.detach() for key, value in parts.items()}


def learning_rate(optim: OptimConfig, step: int, peak: float) -> float:
    """Return the learning rate of `step` for an optimizer whose highest is `peak`.

    It rises linearly from 0 over the warm-up and then falls to peak * min_lr / lr: along half a
    cosine counted over all steps, or linearly over the last `decay_steps`.
    """
    if step < optim.warmup_steps:
        return step * (peak / optim.warmup_steps)
    if optim.schedule == "cosine":
        height = 0.5 * (1 + math.cos(math.pi * step / optim.steps))
    else:
        height = min(1.0, (optim.steps - step) / max(optim.decay_steps, 1))
    lowest = optim.min_lr / optim.lr * peak
    return lowest + (peak - lowest) * height


def _precision(config: RunConfig, cpu: bool) -> str:
    if config.optim.precision != "auto":
        return {"fp32": "no", "bf16": "bf16"}[config.optim.precision]
    on_cuda = torch.cuda.is_available() and not cpu
    return "bf16" if _computes_bfloat16("cuda" if on_cuda else "cpu") else "no"


def _computes_bfloat16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported()
    return platform.machine() in ("x86_64", "AMD64") and (  # emulated it is slower than float32
        torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    )


class Float32Muon(torch.optim.Muon):
    """PyTorch's Muon, orthogonalizing in float32: for processors that only emulate bfloat16.

    There it is eight times as fast: PyTorch's 8.2 s for the 48 matrices of T are longer than the
    forward and backward of 32 crops. The state is the same, so a run may change between the two.
    """

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]  # takes no closure
        """Change the parameters by their momentum (Nesterov), orthogonalized."""
        for group in self.param_groups:
            for weight in group["params"]:  # [rows, columns]
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(weight.grad)
                mean = state["momentum_buffer"]
                mean.lerp_(weight.grad, 1 - group["momentum"])
                change = weight.grad.lerp(mean, group["momentum"])
                tall = change.shape[0] > change.shape[1]
                change = change.T if tall else change
                change = change / change.norm().clamp(min=group["eps"])
                a, b, c = group["ns_coefficients"]
                for _ in range(group["ns_steps"]):  # x <- a x + b (x x^T) x + c (x x^T)^2 x
                    gram = change @ change.T
                    gram = torch.addmm(gram, gram, gram, beta=b, alpha=c)
                    change = torch.addmm(change, gram, change, beta=a)
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                ratio = max(1, weight.shape[0] / weight.shape[1]) ** 0.5
                weight.add_(change.T if tall else change, alpha=-group["lr"] * ratio)


def _optimizers(
    model: ColViT, optim: OptimConfig, device: torch.device
) -> list[torch.optim.Optimizer]:
    """Return AdamW, or Muon for the blocks' matrices and AdamW for all else."""
    groups = param_groups_weight_decay(model, optim.weight_decay)
    adamw = partial(
        torch.optim.AdamW,
        betas=(optim.betas[0], optim.betas[1]),
        fused=device.type in ("cpu", "cuda"),
    )
    if optim.kind == "adamw":
        return [adamw(groups)]
    matrices = [
        parameter
        for name, parameter in model.named_parameters()
        if name.endswith(MATRICES) and parameter.requires_grad
    ]
    taken = set(map(id, matrices))
    for group in groups:
        group["params"] = [one for one in group["params"] if id(one) not in taken]
    # Muon's defaults are Keller Jordan's: momentum .95, Nesterov, five Newton-Schulz steps.
    muon = torch.optim.Muon if _computes_bfloat16(device.type) else Float32Muon
    return [muon(matrices, weight_decay=optim.weight_decay), adamw(groups)]


def _validation(config: RunConfig) -> HintedPhotos:
    found = data.find_photos([config.data.validation])[: config.data.validation_count]
    # Grey photos say nothing of colours; iColoriT's evaluation leaves them out too.
    coloured = [photo for photo in (entry.open() for entry in found) if not photo.is_grey]
    if not coloured:
        raise ColorlibError(f"all photos in {config.data.validation} are grey: validate on others")
    return HintedPhotos(coloured, side=VALIDATION_SIDE)


# What a run starts from


def start_weights(
    model: ColViT, config: RunConfig, entries: Sequence[data.Entry]
) -> list[list[float]] | None:
    """Give `model` its start weights; return the importances its gates start from, if any."""
    source = checkpoints.load_model(config.start) if config.start else None
    if source is not None:
        state = source.state_dict()
        if config.gates.static:
            state = {key: value for key, value in state.items() if not DECIDES.search(key)}
        elif source.config["budget"] and not model.config["budget"]:
            state = at_budget(state, config.gates.budget)
        new = checkpoints.transfer(model, state)
        if missing := [key for key in new if not DECIDES.search(key)]:
            raise ColorlibError(f"start {config.start!r} has no {missing[0]}")
    learned = config.gates.start == "importance"
    if not learned and not config.gates.static:
        return None
    source, photos = _dense(config), list(data.some_photos(entries))
    lost = importance(source, HintedPhotos(photos, side=source.img_size))
    if learned:
        with torch.no_grad():
            bias = importance_bias(lost, 0 if config.model.budget else config.gates.budget)
            for block, start in zip(model.blocks, bias, strict=True):
                block.decision.linear.bias.copy_(start)
            if config.model.budget:
                model.budget_gain.fill_(IMPORTANCE_GAIN)
    return lost.tolist()


def at_budget(state: dict[str, Tensor], budget: float) -> dict[str, Tensor]:
    """Turn the weights of a network that is told its budget into those of one for `budget` alone.

    Both give the same answers: what the budget adds to the policy token and to the decisions'
    logits becomes part of that token and of their biases.
    """
    state = dict(state)
    slope, offset = state.pop("budget_embed.weight")[:, 0], state.pop("budget_embed.bias")
    state["policy_token"] = state["policy_token"] + slope * budget + offset
    for block, gain in enumerate(state.pop("budget_gain")):  # [2]
        bias = f"blocks.{block}.decision.linear.bias"
        state[bias] = state[bias] + gain * budget
    return state


def _dense(config: RunConfig) -> ColViT:
    """Load the network that the run starts from, for importances or as a teacher: a dense one.

    One that is conditioned on a budget will do: it is told 1 unless it is told otherwise.
    """
    source = checkpoints.load_model(config.start) if config.start else None
    if (
        source is None
        or source.config["pattern"]
        or (source.policy and not source.config["budget"])
    ):
        raise ColorlibError(
            f"run {config.name!r} needs a trained dense network, for its importances or for "
            f"hard photos: set start to one (it is {config.start!r})"
        )
    return source


def fix_pattern(model: ColViT, importances: list[list[float]] | None, budget: float) -> None:
    """Leave out all but the most important sub-layers of `model`; the others do not learn."""
    pattern = top_importance(torch.tensor(importances), budget).tolist()
    model.fix_pattern(pattern)
    for block, (attention, ffn) in zip(model.blocks, pattern, strict=True):
        # Several processes would wait for the gradients of what does not run.
        block.norm1.requires_grad_(attention)
        block.attn.requires_grad_(attention)
        block.norm2.requires_grad_(ffn)
        block.mlp.requires_grad_(ffn)


def importance_bias(importance: Tensor, budget: float) -> Tensor:
    """Return logits [depth, 2] that start the gates at the budget, the most important kept (ours).

    `importance` [depth, 2] is what the dense network loses (dB of PSNR) when that one
    sub-layer is dropped. With r = (rank + 1/2) / depth within attention and FFN, 1 being the
    most important, the bias is 8 (r - (1 - budget)): its sign keeps the top `budget`. A model
    conditioned on a budget starts from the bias of 0; each decision then adds 8 x the budget.
    """
    return IMPORTANCE_GAIN * ((_ranks(importance) + 0.5) / len(importance) - (1 - budget))


def top_importance(importance: Tensor, budget: float) -> Tensor:
    """Return the fixed pattern, bool [depth, 2], that keeps the most important sub-layers (ours).

    round(budget * 2 depth) of them, as many attentions as FFNs, or one more.
    """
    kept = math.floor(budget * importance.numel() + 0.5)
    return _ranks(importance) >= len(importance) - torch.tensor([(kept + 1) // 2, kept // 2])


def _ranks(importance: Tensor) -> Tensor:
    """Rank each kind, 0 for the least important; the deeper of two equals counts as more."""
    return importance.argsort(dim=0, stable=True).argsort(dim=0)


# What a run writes: state.pt, log.csv, and the network with its card

_COUNTED = ("step", "seconds", "passed_over", "history", "importance")


def save_state(run: Run, path: Path) -> None:
    """Write all of `run` to `path`, whole or not at all."""
    state = {
        "config": run.config.model_dump(),
        "model": run.bare.state_dict(),
        "optimizers": [one.state_dict() for one in run.optimizers],
        "average": None if run.average is None else run.average.state_dict(),
        **{key: getattr(run, key) for key in _COUNTED},
        "photos": run.photos,
        "random": torch.get_rng_state(),
    }
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


def read_state(path: Path) -> dict[str, Any]:
    """Return what `save_state` wrote to `path`; ColorlibError when it cannot be read."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        assert state.keys() >= {"config", "model", "optimizers", "average", *_COUNTED}
    except Exception as error:  # a damaged pickle makes torch.load raise almost anything
        raise ColorlibError(f"{path} is missing or damaged: delete it to start anew") from error
    return state


def load_state(run: Run, state: dict[str, Any], folder: Path) -> None:
    """Fill `run` from the `state` that `read_state` found in `folder`.

    Raises ColorlibError when it is of another run or of other photos.
    """
    # What may change on resume: the learning rates, to rescue a run that diverged; with a constant
    # schedule also its length.
    optim = run.config.optim
    may_change = ["lr", "muon_lr", "min_lr"]
    if optim.schedule == "constant":
        may_change += ["steps", "decay_steps"]
    changes = {key: getattr(optim, key) for key in may_change}
    # Keys that are newer than the state have their defaults, which change nothing.
    if from_dict(state["config"]).replace(optim=changes) != run.config:
        raise ColorlibError(
            f"{folder} holds a run with another config: "
            "choose another folder, or delete this one to start anew"
        )
    before, now = state["photos"], run.photos
    if before != now:
        raise ColorlibError(
            f"{folder} holds a run on {before[0]} photos, and data.photos now has {now[0]}, not "
            "the same by name: give back the former ones to go on, or start another run from "
            f"its weights, by start = {(folder / f'{run.config.name}.safetensors').as_posix()!r}"
        )
    run.bare.load_state_dict(state["model"])
    for optimizer, kept in zip(run.optimizers, state["optimizers"], strict=True):
        optimizer.load_state_dict(kept)
    if run.average is not None:
        run.average.load_state_dict(state["average"])
    for key in _COUNTED:
        setattr(run, key, state[key])
    torch.set_rng_state(state["random"])


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Make `folder`, keep others out of it, and remove what a killed process left half written.

    The lock is the system's own, and goes with its process however that ends; its file stays.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout as error:
        raise ColorlibError(
            f"another process is training in {folder}: wait until it ends, or choose another folder"
        ) from error
    except OSError as error:
        raise ColorlibError(f"cannot write in {folder}: {error.strerror}") from error
    with lock:
        for path in folder.glob(".*-" + 16 * "[0-9a-f]" + ".*"):  # see `atomic_write`
            path.unlink(missing_ok=True)
        yield


def _log_row(run: Run, means: dict[str, Tensor], rate: float) -> dict[str, float]:
    """Return the row of this step: its columns are those of log.csv."""
    nan = torch.tensor(math.nan)
    # kept: share of sampled gates that were 1; open: of logits above 0, so kept when used.
    shares = {
        f"{share}_{kind}": means.get(share, nan).expand(run.config.model.depth, 2)[:, column]
        for share in ("kept", "open")
        for column, kind in enumerate(("attention", "ffn"))
    }
    row = {
        "step": run.step,
        "crops": run.step * run.config.optim.batch_size,
        **{key: float(means.get(key, nan)) for key in ("loss", "huber", "sparsity")},
        **{key: float(blocks.mean()) for key, blocks in shares.items()},
        "lr": run.optimizers[-1].param_groups[0]["lr"],
        "images_per_second": rate,
        "passed_over": run.passed_over,  # photos that could not be opened, so far
        "psnr10": math.nan,  # dB at 10 hints on the validation photos, 224 pixels
    }
    if run.config.gated:
        for key, blocks in shares.items():
            row |= {f"{key}_{number}": float(one) for number, one in enumerate(blocks, 1)}
    return row


def read_log(path: str | os.PathLike[str]) -> list[dict[str, float]]:
    """Return the rows of a log.csv; what is empty there is NaN."""
    return pd.read_csv(path).astype(float).to_dict("records")


def _save_network(run: Run, accelerator: Accelerator, folder: Path) -> None:
    """Write the network as it is so far, NAME.safetensors, with its card."""
    config = run.config
    last = run.history[-1] if run.history else {}
    about = {
        "about": config.about,
        "run": config.model_dump(),
        "crops_seen": run.step * config.optim.batch_size,
        "photos": run.photos[0],
        "passed_over": run.passed_over,
        "hours": round(run.seconds / 3600, 3),
        "device": f"{accelerator.device.type}, {accelerator.num_processes} process(es)",
        "precision": accelerator.mixed_precision,
        "importance": run.importance,
        "last_log": {key: value for key, value in last.items() if value == value},
    }
    checkpoints.save_model(run.best, folder / f"{config.name}.safetensors", about)


@one_line_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Train as TOMLs say, one after another; 0 on success, 2 with one clear line on bad input."""
    parser = argparse.ArgumentParser(prog="colorlib train", description=main.__doc__)
    parser.add_argument("configs", nargs="+", help="TOML files, as in data/configs")
    parser.add_argument("--out", default="runs", help="folder of the runs' folders (default: runs)")
    parser.add_argument("--cpu", action="store_true", help="leave a GPU alone")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    options = parser.parse_args(arguments)
    # All are read before the first runs for hours.
    for config in [load_config(path) for path in options.configs]:
        run = train(config, Path(options.out, config.name), not options.quiet, options.cpu)
        if PartialState().is_main_process:
            print(f"{config.name}: {run.step} steps, {run.seconds / 60:.1f} minutes")
    PartialState().destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
