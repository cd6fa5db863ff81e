"""The training loop, on accelerate: CPU, one GPU, or several by `accelerate launch`.

A run lives in a folder: `state.pt` (everything needed to go on), `log.csv`, and the network so
far, NAME.safetensors with its card. Killed at any moment and started again with the same command,
it goes on from the last state and, on a CPU, ends bit for bit as if it had not been killed:
batches, hints and noise are functions of the seed and the step (see `data`).
"""

import math
import os
import platform
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from timm.optim import param_groups_weight_decay
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm.auto import tqdm

from colorlib import checkpoints
from colorlib.evaluate import HintedPhotos
from colorlib.files import ColorlibError, ConfigError, DataError
from colorlib.model import ColViT, Prediction
from colorlib.training.config import OptimConfig, RunConfig
from colorlib.training.data import (
    Crops,
    Entry,
    StepBatches,
    check_colours,
    find_photos,
    loader,
    photo_list,
)
from colorlib.training.examples import (
    gate_noise,
    step_budget,
    step_position_code,
    training_example,
)
from colorlib.training.log import Sums, log_row, write_log
from colorlib.training.losses import gradient_difference, hardness_target, huber, sparsity
from colorlib.training.resident import Resident
from colorlib.training.speed import matrix_ceiling
from colorlib.training.start import fix_pattern, start_weights, teacher
from colorlib.training.state import (
    Run,
    load_state,
    locked,
    read_state,
    remove_unfinished,
    save_state,
)

VALIDATION_SIDE = 224
# What Muon learns: the matrices of the blocks. Rows of the position-bias table are no matrix.
MATRICES = ("qkv.weight", "proj.weight", "fc1.weight", "fc2.weight")


def train(
    config: RunConfig,
    out: str | os.PathLike[str],
    bar: bool = True,
    cpu: bool = False,
    watch: Callable[[Run], None] | None = None,
) -> Run:
    """Run `config` in the folder `out`, from its last state if there is one; returns the run.

    `watch` is called with the run after each row of its log, on the main process.
    Raises ConfigError when `out` holds another run or a process is training in it, DataError
    without photos, CheckpointError for start weights that do not fit, and ColorlibError when the
    loss or a weight is not finite. `cpu=True` leaves a GPU alone.
    """
    # Accelerate keeps the first precision for good, but a notebook may train twice.
    AcceleratorState._reset_state()
    accelerator = Accelerator(mixed_precision=_precision(config, cpu), cpu=cpu)
    if config.optim.batch_size % accelerator.num_processes:
        raise ConfigError(
            f"optim.batch_size {config.optim.batch_size} must be a multiple of the "
            f"{accelerator.num_processes} processes"
        )
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) if accelerator.is_main_process else nullcontext():
        return _train(config, accelerator, folder, bar, watch)


def _train(
    config: RunConfig,
    accelerator: Accelerator,
    folder: Path,
    bar: bool,
    watch: Callable[[Run], None] | None,
) -> Run:
    if accelerator.is_main_process:
        remove_unfinished(folder, config.name)
    entries = find_photos(config.data.photos)
    check_colours(entries)
    validation = _validation(config) if accelerator.is_main_process else None
    # A finished or killed run is not started again: its weights come from the state.
    path = folder / "state.pt"
    state = read_state(path) if path.exists() else None
    run = _prepare(config, accelerator, entries, state)
    run.photos = photo_list(entries)
    if state is not None:
        load_state(run, state, folder)
    _check_shared(run, accelerator)
    if run.step < config.optim.steps:
        dtype = torch.bfloat16 if accelerator.mixed_precision == "bf16" else torch.float32
        run.ceiling = matrix_ceiling(accelerator.device, dtype) * accelerator.num_processes
    _steps(run, accelerator, entries, validation, folder, bar, watch)
    if accelerator.is_main_process:
        # Again, as it may have been killed just before.
        _save_network(run, accelerator, len(entries), folder)
    accelerator.wait_for_everyone()
    # Without accelerate's wrappers, which would go on computing in the training's precision.
    run.model = accelerator.unwrap_model(run.bare, keep_fp32_wrapper=False).eval()
    run.best.eval()
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


def _validation(config: RunConfig) -> HintedPhotos | None:
    if not config.data.validation:
        return None
    found = find_photos([config.data.validation])[: config.data.validation_count]
    photos = [entry.open() for entry in found]
    # Grey photos say nothing of colours; iColoriT's evaluation leaves them out too.
    coloured = [photo for photo in photos if not photo.is_grey]
    if not coloured:
        raise DataError(f"all photos in {config.data.validation} are grey: validate on others")
    return HintedPhotos(coloured, side=VALIDATION_SIDE)


def _check_shared(run: Run, accelerator: Accelerator) -> None:
    """Raise ConfigError where the processes do not see the same state of the run."""
    own = torch.tensor([run.step], device=accelerator.device)
    if len(steps := set(accelerator.gather(own).tolist())) > 1:
        raise ConfigError(
            f"the processes go on from steps {sorted(steps)}: the run's folder must be on a disk "
            "that all of them share"
        )


def _prepare(
    config: RunConfig,
    accelerator: Accelerator,
    entries: list[Entry],
    state: dict[str, Any] | None,
) -> Run:
    torch.manual_seed(config.seed)
    model = ColViT(**vars(config.model))
    importances = state["importance"] if state else start_weights(model, config, entries)
    if config.gates.static:
        fix_pattern(model, importances, config.gates.budget)
    optimizers = _optimizers(model, config.optim, accelerator.device)
    average = None
    if config.optim.ema:
        average = AveragedModel(model, device=accelerator.device)
    wrapped, *optimizers = accelerator.prepare(model, *optimizers)
    judge = teacher(config, accelerator.device)
    if config.optim.compile:
        wrapped = torch.compile(wrapped)
        if judge is not None:
            judge.compile()
    return Run(config, wrapped, optimizers, average, judge, importance=importances)


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
        for block in model.blocks
        for name, parameter in block.named_parameters()
        if name.endswith(MATRICES) and parameter.requires_grad
    ]
    taken = set(map(id, matrices))
    for group in groups:
        group["params"] = [one for one in group["params"] if id(one) not in taken]
    return [
        # Its defaults are Keller Jordan's: momentum .95, Nesterov, five Newton-Schulz steps.
        torch.optim.Muon(matrices, weight_decay=optim.weight_decay),
        adamw(groups),
    ]


def learning_rate(optim: OptimConfig, step: int, peak: float) -> float:
    """Return the learning rate of `step` for an optimizer whose highest is `peak`.

    It rises linearly from 0 over the warm-up and then falls, to the share that min_lr is of lr: as
    half a cosine over all steps, or linearly over the last `decay_steps`.
    """
    if step < optim.warmup_steps:
        return step * (peak / optim.warmup_steps)
    if optim.schedule == "cosine":
        height = 0.5 * (1 + math.cos(math.pi * step / optim.steps))
    else:
        height = min(1.0, (optim.steps - step) / max(optim.decay_steps, 1))
    lowest = optim.min_lr / optim.lr * peak
    return lowest + (peak - lowest) * height


def _remember(run: Run, average: AveragedModel) -> None:
    """EMA whose decay rises to optim.ema: the first weights are not worth remembering.

    Unlike `AveragedModel.update_parameters` it does not read its count from the device.
    """
    count = run.step
    kept = min(run.config.optim.ema, (1 + count) / (10 + count)) if count else 0.0
    update = get_ema_multi_avg_fn(kept)
    update(list(average.module.parameters()), list(run.bare.parameters()), count)
    average.n_averaged += 1


def _steps(
    run: Run,
    accelerator: Accelerator,
    entries: list[Entry],
    validation: HintedPhotos | None,
    folder: Path,
    bar: bool,
    watch: Callable[[Run], None] | None,
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
    crops = _crops(config, accelerator, entries, batches, bar and main)
    sums, since, clock = Sums(), run.step, time.perf_counter()
    run.model.train()
    for batch, passed_over in crops:
        sums.add(_step(run, accelerator, batch.to(accelerator.device, non_blocking=True)))
        sums.add({"passed_over": passed_over.sum()})
        run.step += 1
        progress.update()
        last = run.step == config.optim.steps
        if run.step % config.log.log_every == 0 or last:
            sums.gather(accelerator)
            run.passed_over += round(sums.total("passed_over"))  # waits for the device
            elapsed = time.perf_counter() - clock
            run.seconds += elapsed
            rate = (run.step - since) * config.optim.batch_size / elapsed
            row = log_row(run, sums, rate)
            since, sums = run.step, Sums()
            save = run.step % config.log.save_every == 0 or last
            # The same in all processes, so that all of them stop.
            if not math.isfinite(row["loss"]) or (save and not run.finite):
                raise _diverged(run, folder)
            if validation and main and (run.step % config.log.validate_every == 0 or last):
                row["psnr10"] = float(validation.run(_as_used(run.best)).psnr.mean())
            run.history.append(row)
            progress.set_postfix(
                loss=f"{row['loss']:.4f}",
                psnr10=f"{row['psnr10']:.2f}",
                images=f"{rate:.0f}/s",
                ceiling=f"{row['ceiling_share']:.1%}",
            )
            if main:
                write_log(run.history, folder / "log.csv")
            if main and watch:
                watch(run)
                run.model.train()  # it may have used the network
            # States are saved at rows only, see RunConfig.
            if main and save:
                save_state(run, folder / "state.pt")
                _save_network(run, accelerator, len(entries), folder)
            clock = time.perf_counter()  # the rate is that of training alone
    progress.close()


def _diverged(run: Run, folder: Path) -> ColorlibError:
    path = folder / "state.pt"
    kept = f"the state of step {read_state(path)['step']}" if path.exists() else "the start"
    return ColorlibError(
        f"{folder}: the loss or a weight is not finite at step {run.step}: lower optim.lr, and the "
        f"same command goes on from {kept}"
    )


def _crops(
    config: RunConfig,
    accelerator: Accelerator,
    entries: list[Entry],
    batches: StepBatches,
    bar: bool,
) -> Iterable[tuple[Tensor, Tensor]]:
    """Crops uint8 [b, 3, S, S] of each step that is left, and the photos passed over for them."""
    side, data = config.model.img_size, config.data
    if data.resident and len(batches):
        photos = Resident(entries, side, data, config.seed, accelerator.device, bar)
        return map(photos.batch, batches)
    return loader(Crops(entries, side, data, config.seed), batches, data.workers)


def _step(run: Run, accelerator: Accelerator, crops: Tensor) -> dict[str, Tensor]:
    """One step on this process's crops, uint8 [b, 3, S, S]; returns what to log."""
    config = run.config
    x, target = training_example(config, run.step, accelerator, crops)
    code = step_position_code(config, run.step, x.device)
    noise, budget = None, None
    if config.model.policy:
        noise = gate_noise(config, run.step, accelerator, len(crops))
        budget = step_budget(config, run.step)
    dial = None
    if config.model.budget and budget is not None:
        dial = torch.full((), budget, device=x.device)
    with accelerator.autocast():
        answer: Prediction = run.model(
            x,
            dial,
            noise=noise,
            temperature=config.gates.temperature,
            position=code,
        )
        hard = None if run.teacher is None else run.teacher(x, position=code).ab
    parts = {"huber": huber(answer.ab, target)}
    loss = parts["huber"]
    if config.loss.gradient_difference:
        steps = gradient_difference(answer.ab, target)
        loss = loss + config.loss.gradient_difference * steps
    if budget is not None:
        share: float | Tensor = budget
        if hard is not None:
            share = hardness_target(huber(hard, target, "none"), budget, config.gates.spread)
        parts["sparsity"] = sparsity(answer.gates, share, config.gates.reading)
        loss = loss + config.gates.weight * parts["sparsity"]
    peaks = (config.optim.lr, config.optim.muon_lr)
    for optimizer, peak in zip(reversed(run.optimizers), peaks, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config.optim, run.step, peak)
        optimizer.zero_grad()
    accelerator.backward(loss)
    if config.optim.clip:
        accelerator.clip_grad_norm_(run.model.parameters(), config.optim.clip)
    for optimizer in run.optimizers:
        optimizer.step()
    if run.average is not None:
        _remember(run, run.average)
    parts["loss"] = loss
    if config.gated:
        decided = answer.gates if answer.gate_logits is None else answer.gate_logits > 0
        parts["kept"] = answer.gates.mean(dim=0)
        parts["open"] = decided.float().mean(dim=0)
    return {key: value.detach() for key, value in parts.items()}


def _as_used(model: ColViT) -> ColViT:
    """A copy at the size of the validation, that computes in float32 whatever the training's."""
    return checkpoints.resized(model, VALIDATION_SIDE)


def _save_network(run: Run, accelerator: Accelerator, photos: int, folder: Path) -> None:
    """Write the network as it is so far, NAME.safetensors, with its card."""
    config = run.config
    about = {
        "about": config.about,
        "run": config.to_dict(),
        "crops_seen": run.step * config.optim.batch_size,
        "photos": photos,
        "passed_over": run.passed_over,
        "hours": round(run.seconds / 3600, 3),
        "device": f"{accelerator.device.type}, {accelerator.num_processes} process(es)",
        "precision": accelerator.mixed_precision,
        "importance": run.importance,
    }
    if run.ceiling == run.ceiling:  # NaN in a run that ended before it was measured
        about["matrix_ceiling_gflops"] = round(run.ceiling / 1e9, 1)
    last = run.history[-1] if run.history else {}
    about["last_log"] = {key: value for key, value in last.items() if value == value}
    checkpoints.save_model(run.best, folder / f"{config.name}.safetensors", about)
