"""A training run as one TOML file; every key is here, and an unknown one is an error."""

import dataclasses
import math
import os
import re
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from colorlib.files import ConfigError
from colorlib.model import PUBLISHED_GRID, DecisionInput


@dataclass(frozen=True)
class DataConfig:
    """Where the photos are and how a crop is taken."""

    photos: list[str] = field(default_factory=list)  # folders of photos, of tar shards, or shards
    validation: str = ""  # a folder of photos; PSNR is not measured without one
    validation_count: int = 100  # its first photos by name
    crop_scale: list[float] = field(default_factory=lambda: [0.08, 1.0])  # of the photo's area
    flip: bool = False  # mirrored half the time; iColoriT does not
    max_hints: int = 128  # hints an image: uniform on 0 ... max_hints
    hint_method: Literal["uniform", "gaussian"] = "uniform"
    hint_size: int = 2  # side of a hint's cell, pixels
    block_every: int = 0  # hints are blocks of cells in every n-th photo; 0: in none (ours)
    max_block: int = 7  # cells a side of a block: each step draws one of 2 ... max_block
    cache: bool = False  # keep decoded photos in memory (about 120 kB each at 160 px)
    workers: int = 0  # processes that load photos, besides this one
    resident: bool = False  # all photos in the training device's memory (see `resident`)
    short_side: int = 0  # photos are shrunk to it when opened, pixels; 0: as they are


@dataclass(frozen=True)
class ModelConfig:
    """The arguments of `vit.ColViT`."""

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


@dataclass(frozen=True)
class OptimConfig:
    """The optimizer and its schedule. Defaults are iColoriT's, but for steps and batch size."""

    kind: Literal["adamw", "muon"] = "adamw"  # muon: for the matrices of the blocks (ours)
    steps: int = 1000
    batch_size: int = 64  # of all processes together
    lr: float = 5e-4  # peak
    muon_lr: float = 0.02  # peak of Muon's, which follows the same schedule
    min_lr: float = 1e-5
    warmup_steps: int = 0
    schedule: Literal["cosine", "constant"] = "cosine"  # constant: `steps` may grow later
    decay_steps: int = 0  # the last ones of a constant schedule, linear to min_lr
    weight_decay: float = 0.05  # not on biases and 1-D parameters
    betas: list[float] = field(default_factory=lambda: [0.9, 0.95])
    clip: float = 0.0  # largest gradient norm; 0: none
    ema: float = 0.0  # decay of the averaged weights; 0: none
    precision: Literal["auto", "fp32", "bf16"] = "auto"  # auto: bf16 where the device computes it
    compile: bool = False  # torch.compile: a minute's start, then faster on a GPU, not on a CPU


@dataclass(frozen=True)
class LossConfig:
    """What is added to the Huber loss, whether or not there are gates."""

    gradient_difference: float = 0.0  # weight of losses.gradient_difference (ours)


@dataclass(frozen=True)
class GateConfig:
    """Eqs. 7 to 10 and how the decisions start; for a model with a policy token, or `static`."""

    budget: float = 0.5  # beta of eq. 9, for attention and FFN
    weight: float = 1.0  # of L_sparsity in eq. 10; the paper's is 1
    reading: Literal["image", "batch", "joint"] = "batch"  # see losses.sparsity
    temperature: float = 1.0
    start: Literal["random", "importance"] = "random"  # importance: ours
    noise_full_until: float = 1.0  # share of the steps with full Gumbel noise ...
    noise_gone_at: float = 1.0  # ... which fades linearly to 0 at this one (1 and 1: the paper's)
    lowest_budget: float = 0.2  # with model.budget each step draws its budget from here to 1
    target: Literal["same", "hardness"] = "same"  # hardness: hard photos keep more (ours)
    spread: float = 0.5  # from the easiest photo's target to the hardest's; see hardness_target
    static: bool = False  # no decisions: a fixed pattern of the most important (the control)


@dataclass(frozen=True)
class LogConfig:
    """How often, in steps; the latter two are multiples of the first."""

    log_every: int = 50
    validate_every: int = 500
    save_every: int = 500


@dataclass(frozen=True)
class RunConfig:
    """One run. Paths are relative to where the command runs."""

    name: str
    seed: int = 0
    start: str = ""  # checkpoint (name or path) whose weights it starts from
    about: str = ""  # a sentence for the card
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    gates: GateConfig = field(default_factory=GateConfig)
    log: LogConfig = field(default_factory=LogConfig)

    def __post_init__(self) -> None:
        data, optim, gates = self.data, self.optim, self.gates
        checks = {
            "name": re.fullmatch(r"\w[\w.+-]*", self.name) is not None,  # files are named so
            "seed": self.seed >= 0,
            "data.validation_count": data.validation_count > 0,
            "data.crop_scale": len(data.crop_scale) == 2
            and 0 < data.crop_scale[0] <= data.crop_scale[1] <= 1,
            "data.hint_size": _multiple(self.model.img_size, data.hint_size),
            "data.max_hints": 0 <= data.max_hints * data.hint_size**2 <= self.model.img_size**2,
            "data.block_every": data.block_every >= 0,
            "data.max_block": data.max_block >= 2,
            "data.workers": data.workers >= 0,
            "data.short_side": data.short_side >= 0,
            "optim.steps": optim.steps > 0,
            "optim.batch_size": optim.batch_size > 0,
            "optim.lr": 0 < optim.lr < math.inf,
            "optim.min_lr": 0 <= optim.min_lr <= optim.lr,
            "optim.muon_lr": 0 < optim.muon_lr < math.inf,
            "optim.warmup_steps": 0 <= optim.warmup_steps <= optim.steps,
            "optim.decay_steps": 0 <= optim.decay_steps <= optim.steps - optim.warmup_steps,
            "optim.weight_decay": 0 <= optim.weight_decay < math.inf,
            "optim.betas": len(optim.betas) == 2 and all(0 <= beta < 1 for beta in optim.betas),
            "optim.clip": 0 <= optim.clip < math.inf,
            "optim.ema": 0 <= optim.ema < 1,
            "loss.gradient_difference": 0 <= self.loss.gradient_difference < math.inf,
            "gates.budget": 0 <= gates.budget <= 1,
            "gates.weight": 0 <= gates.weight < math.inf,
            "gates.temperature": 0 < gates.temperature < math.inf,
            "gates.noise_gone_at": 0 <= gates.noise_full_until <= gates.noise_gone_at <= 1,
            "log.log_every": self.log.log_every > 0,
            "gates.lowest_budget": 0 <= gates.lowest_budget <= 1,
            "gates.spread": 0 <= gates.spread <= 1,
            # A state between two log rows would lose half a row; a validation needs a row.
            "log.validate_every": _multiple(self.log.validate_every, self.log.log_every),
            "log.save_every": _multiple(self.log.save_every, self.log.log_every),
        }
        for key, good in checks.items():
            if not good:
                value = _value(self, key)
                raise ConfigError(f"run {self.name!r}: {key} is out of range: {value!r}")
        self._check_together()

    def _check_together(self) -> None:
        gates, policy = self.gates, self.model.policy
        hardness = gates.target == "hardness"
        undecided = "needs model.policy = true, or there are no decisions"
        wrong = ""
        if gates.static and policy:
            wrong = "static = true needs model.policy = false: it leaves nothing to decide"
        elif hardness and gates.reading != "image":
            wrong = "target = 'hardness' needs gates.reading = 'image': each photo has its own"
        elif gates.start == "importance" and not policy:
            wrong = f"start = 'importance' {undecided}"
        elif hardness and not policy:
            wrong = f"target = 'hardness' {undecided}"
        elif hardness and self.model.policy_code:
            wrong = "target = 'hardness' needs model.policy_code = false, as its dense network has"
        if wrong:
            raise ConfigError(f"run {self.name!r}: gates.{wrong}")

    @property
    def gated(self) -> bool:
        """Whether sub-layers are skipped: by decisions, or by a fixed pattern."""
        return self.model.policy or self.gates.static

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and lists, as in the TOML."""
        return dataclasses.asdict(self)

    def replace(self, **sections: dict[str, Any] | str | int) -> "RunConfig":
        """A copy with changes: `config.replace(optim={"steps": 100}, seed=1)`."""
        return from_dict(_merged(self.to_dict(), sections))


def load_config(path: str | os.PathLike[str]) -> RunConfig:
    """Read a run from TOML, without a name that of its file.

    `extends = "OTHER.toml"` (a file beside it, or a list of files of which later ones win)
    takes everything from that run but what the file says itself. Raises ConfigError naming
    the file and the key at fault.
    """
    content = {"name": Path(path).stem, **_read_toml(Path(path), [])}
    try:
        return from_dict(content)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _read_toml(path: Path, extended_by: list[Path]) -> dict[str, Any]:
    path = path.resolve()
    if path in extended_by:
        raise ConfigError(f"{path} extends itself: {' <- '.join(map(str, extended_by))}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}") from error
    if "extends" not in content:
        return content
    others = content.pop("extends")
    base: dict[str, Any] = {}
    for other in others if isinstance(others, list) else [others]:
        base = _merged(base, _read_toml(path.parent / str(other), [*extended_by, path]))
    base.pop("name", None)
    return _merged(base, content)


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes`, section by section."""
    merged = dict(base)
    for key, value in changes.items():
        section = merged.get(key)
        if isinstance(section, dict) and isinstance(value, dict):
            value = {**section, **value}
        merged[key] = value
    return merged


def from_dict(content: dict[str, Any]) -> RunConfig:
    """The run that nested dicts describe; unknown keys and wrong types are errors."""
    return _build(RunConfig, content, "")


def _build(kind: type, content: dict[str, Any], where: str) -> Any:
    hints = typing.get_type_hints(kind)
    values = {}
    for key, value in content.items():
        full = f"{where}{key}"
        if key not in hints:
            raise ConfigError(f"unknown key {full!r}; there are: {', '.join(sorted(hints))}")
        values[key] = _value_of(hints[key], value, full)
    try:
        return kind(**values)
    except TypeError as error:
        raise ConfigError(f"{where or 'the run'}: {error}") from error


def _value_of(hint: Any, value: Any, key: str) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{key} must be a table [{key}], not {value!r}")
        return _build(typing.cast(type, hint), value, f"{key}.")
    if typing.get_origin(hint) is Literal:
        allowed = typing.get_args(hint)
        if value not in allowed:
            choices = ", ".join(map(repr, allowed))
            raise ConfigError(f"{key} is {value!r}; it must be one of {choices}")
        return value
    if isinstance(hint, types.GenericAlias):
        (item,) = typing.get_args(hint)
        if not isinstance(value, list):
            raise ConfigError(f"{key} is {value!r}; it must be a list")
        return [_value_of(item, element, key) for element in value]
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{key} is {value!r}; it must be of type {hint.__name__}")
    return value


def _multiple(value: int, of: int) -> bool:
    return of > 0 and value > 0 and value % of == 0


def _value(config: RunConfig, key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = getattr(value, part)
    return value
