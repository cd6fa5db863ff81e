"""A run in memory, and its state on disk: everything needed to go on as if never stopped."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch.optim.swa_utils import AveragedModel

from colorlib.files import CheckpointError, ConfigError, DataError, atomic_write
from colorlib.model import ColViT
from colorlib.training.config import RunConfig, from_dict
from colorlib.training.start import fix_pattern

_COUNTED = ("step", "seconds", "passed_over", "history", "importance")
_LOWERED = ("lr", "muon_lr", "min_lr")  # of [optim]: what a run that diverged needs
_PROLONGED = ("steps", "decay_steps")  # of a schedule that is constant
_ENTRIES = {"config", "model", "optimizers", "average", "random", *_COUNTED}


@dataclass
class Run:
    """A run in memory. `history` has a row a log step, with the columns of log.csv."""

    config: RunConfig
    model: torch.nn.Module  # as it trains (wrapped for several processes, compiled)
    optimizers: list[torch.optim.Optimizer]  # Muon, if there is one, before AdamW
    average: AveragedModel | None
    teacher: ColViT | None = None  # the dense network that says which photos are hard
    step: int = 0
    seconds: float = 0.0
    passed_over: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    importance: list[list[float]] | None = None
    ceiling: float = math.nan  # FLOP/s, of all processes' devices (see `speed`)
    photos: tuple[int, str] = (0, "")  # see `photo_list`

    @property
    def bare(self) -> ColViT:
        """The network that trains, neither compiled nor wrapped."""
        model = getattr(self.model, "_orig_mod", self.model)
        model = getattr(model, "module", model)
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

    @property
    def finite(self) -> bool:
        """Whether all weights are finite, and their average's; waits for the device."""
        weights = (*self.bare.parameters(), *self.best.parameters())
        return all(bool(weight.isfinite().all()) for weight in weights)


def save_state(run: Run, path: Path) -> None:
    """Write all of `run` to `path`, whole or not at all."""
    state = {
        "config": run.config.to_dict(),
        "model": run.bare.state_dict(),
        "optimizers": [one.state_dict() for one in run.optimizers],
        "average": None if run.average is None else run.average.state_dict(),
        "step": run.step,
        "seconds": run.seconds,
        "passed_over": run.passed_over,
        "history": run.history,
        "importance": run.importance,
        "ceiling": run.ceiling,
        "photos": run.photos,
        "random": torch.get_rng_state(),
    }
    with atomic_write(path) as temporary:
        torch.save(state, temporary)


def read_state(path: Path) -> dict[str, Any]:
    """Return what `save_state` wrote to `path`; CheckpointError when damaged or not finite."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle makes torch.load raise almost anything
        raise CheckpointError(f"{path} is damaged: delete it to start the run anew") from error
    if not isinstance(state, dict) or not state.keys() >= _ENTRIES:
        raise CheckpointError(f"{path} is no state of a run: delete it to start the run anew")
    weights = (*state["model"].values(), *(state["average"] or {}).values())
    if not all(weight.isfinite().all() for weight in weights):
        raise CheckpointError(f"{path} has weights that are not finite: delete it to start anew")
    return state


def load_state(run: Run, state: dict[str, Any], folder: Path) -> None:
    """Fill `run` from what `read_state` found in `folder`.

    Raises ConfigError when it is of another run, DataError when it is of other photos.
    """
    # Keys that are newer than the state have their defaults, which change nothing.
    optim = run.config.optim
    may_change = _LOWERED + _PROLONGED * (optim.schedule == "constant")
    changes = {key: getattr(optim, key) for key in may_change}
    if from_dict(state["config"]).replace(optim=changes) != run.config:
        raise ConfigError(
            f"{folder} holds a run with another config: "
            "choose another folder, or delete this one to start anew"
        )
    before, now = state.get("photos", run.photos), run.photos  # earlier states have none
    if before != now:
        raise DataError(
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
    run.ceiling = state.get("ceiling", math.nan)  # earlier states have none
    torch.set_rng_state(state["random"])


def fp32_model(path: Path) -> ColViT:
    """The network to use (see `Run.best`) of the state at `path`, not rounded to fp16.

    Raises CheckpointError when the file is missing, damaged or of another network.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing: it holds the weights as they were trained")
    state = read_state(path)
    weights = state["model"]
    if state["average"] is not None:
        # Beside the weights, under this prefix, an average keeps a count of its own.
        weights = {
            key.removeprefix("module."): value
            for key, value in state["average"].items()
            if key.startswith("module.")
        }
    try:
        config = from_dict(state["config"])
        model = ColViT(**vars(config.model))
        if config.gates.static:
            fix_pattern(model, state["importance"], config.gates.budget)
        model.load_state_dict(weights)
    except (ConfigError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())  # PyTorch's are of several lines
        raise CheckpointError(f"the weights in {path} fit no network: {reason}") from error
    return model.eval()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes out of `folder`; ConfigError when one is training in it.

    The lock is the system's own, and goes with its process however that ends. The files stay.
    """
    holder = folder / ".pid"
    try:
        lock = FileLock(folder / ".lock").acquire(timeout=0)
    except Timeout as error:
        number = holder.read_text(encoding="ascii") if holder.exists() else "unknown"
        raise ConfigError(
            f"process {number} is training in {folder}: wait until it has ended, or choose "
            "another folder"
        ) from error
    except OSError as error:
        raise DataError(f"cannot write in {folder}: {error.strerror}") from error
    with lock:
        holder.write_text(str(os.getpid()), encoding="ascii")
        yield


def remove_unfinished(folder: Path, name: str) -> None:
    """Delete what run `name`, killed while it wrote, left in `folder` (see `atomic_write`)."""
    for pattern in (".state-*.pt", ".log-*.csv", f".{name}-*.safetensors", f".{name}-*.json"):
        for path in folder.glob(pattern):
            path.unlink(missing_ok=True)
