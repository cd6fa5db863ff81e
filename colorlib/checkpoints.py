"""Trained weights: safetensors with a JSON card beside it, and the authors' own .pth.

A checkpoint `NAME.safetensors` holds the parameters as fp16 (half the file; PSNR changes by
less than 0.005 dB); `NAME.json`, its card, says how the network is built and how it came to be.
"""

import argparse
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save
from timm.models import generate_default_cfgs, get_pretrained_cfg, register_model
from torch import Tensor
from torch.nn import functional as F

from colorlib.files import ColorlibError, atomic_write, data_dir
from colorlib.model import AS_RELEASED, ColViT

SUFFIXES = (".safetensors", ".pth")
# Recomputed from the grid when the network is built, so not worth 300 kB a block in a file.
_DERIVED = "relative_position_index"
# Options of iColoriT's command line, as our network has them.
_PUBLISHED = {"head_mode": "cnn", "avg_hint": True}
# A saved optimizer holds the learning rate as a NumPy scalar, named as in NumPy 1 or 2.
_SCALAR = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [
    argparse.Namespace,
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    np.dtype,
    *{type(np.dtype(kind)) for kind in np.typecodes["AllInteger"] + np.typecodes["Float"]},
]


def checkpoint_dir() -> Path:
    """Return the folder of the shipped checkpoints."""
    return data_dir() / "checkpoints"


def available() -> list[str]:
    """Return the names of the shipped checkpoints, sorted."""
    return sorted(path.stem for path in checkpoint_dir().glob("*.safetensors"))


def stem(name: str | os.PathLike[str]) -> str:
    """Return what a checkpoint is called: its name, or the name of its file."""
    # A name such as acolvit-t-0.5 has a dot, but no suffix.
    return Path(name).stem if Path(name).suffix in SUFFIXES else str(name)


def resolve(name: str | os.PathLike[str]) -> Path:
    """Return the file of a checkpoint: a shipped one's name, or a .safetensors or .pth path."""
    path = Path(name)
    if path.suffix not in SUFFIXES:
        path = checkpoint_dir() / f"{name}.safetensors"
    if not path.is_file():
        names = ", ".join(available()) or "none"
        raise ColorlibError(
            f"there is no checkpoint {str(name)!r}; by their names there are: {names}"
        )
    return path


def card(name: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the card of a checkpoint: its network under "model", its making under other keys."""
    path = resolve(name).with_suffix(".json")
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content | {"model": dict(content["model"])}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ColorlibError(f"{path} is no card, as a checkpoint has beside it: {error}") from error


def load_model(name: str | os.PathLike[str]) -> ColViT:
    """Load the trained network `name` ("acolvit-t-0.5", or a path of a .safetensors or .pth file).

    It comes on the CPU in float32, in evaluation mode. Raises ColorlibError when the name is
    unknown, the file is damaged, or the weights do not fit the network of the card.
    """
    path = resolve(name)
    published = path.suffix == ".pth"
    settings: dict[str, Any] = {} if published else card(path)["model"]
    try:
        model, state = _published(path) if published else (ColViT(**settings), load_file(path))
        if missing := transfer(model, state):
            raise ColorlibError(f"it lacks {len(missing)} parameters, first {missing[0]}")
        _check_finite(model.state_dict())
    except Exception as error:  # a damaged file makes torch.load raise almost anything
        reason = (
            f"no entry {error}" if isinstance(error, KeyError) else str(error).partition("\n")[0]
        )
        raise ColorlibError(f"{path} is damaged or of another network: {reason}") from error
    return model.eval()


def save_model(model: ColViT, path: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Write `model` to `path` (.safetensors, fp16), and `about` to the card beside it; return that.

    Both files are written whole before either takes its name. All weights must be finite.
    """
    assert path.suffix == ".safetensors", path
    state = {
        key: value.detach().cpu().half().contiguous()
        for key, value in model.state_dict().items()
        if not key.endswith(_DERIVED)
    }
    try:
        _check_finite(state)
    except ColorlibError as error:
        raise ColorlibError(f"{path} is not written: {error}") from error
    # Not `save_file`, which makes a new file that nobody else may read, whatever the umask.
    content = save(state)
    made = {"model": model.config, **about, "sha256": hashlib.sha256(content).hexdigest()}
    text = json.dumps(made, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_write(path) as weights, atomic_write(path.with_suffix(".json")) as written:
        weights.write_bytes(content)
        written.write_text(text + "\n", encoding="utf-8")
    return made


def transfer(model: ColViT, state: dict[str, Tensor]) -> list[str]:
    """Load `state` into `model`, which may be of another image size or have gates besides.

    Position-bias tables of another grid are resized, and dropped where `model` has none. Returns
    the names of the parameters that `state` does not have and that keep their start values.
    Raises ColorlibError, before anything is loaded, when anything else does not fit.
    """
    own = model.state_dict()
    fitted = {}
    for key, value in state.items():
        is_table = key.endswith("rpb_table")
        if key.endswith(_DERIVED) or (is_table and not model.config["position_bias"]):
            continue
        if is_table and key in own:
            value = resize_bias_table(value, own[key].shape[0])
        if key not in own or own[key].shape != value.shape:
            wanted = list(own[key].shape) if key in own else "no such parameter"
            raise ColorlibError(f"{key} is {list(value.shape)}, the network has {wanted}")
        fitted[key] = value.float()
    return list(model.load_state_dict(fitted, strict=False).missing_keys)


def resized(model: ColViT, side: int) -> ColViT:
    """Copy `model` to another image size: the same weights, its position tables resized."""
    copy = ColViT(**model.config | {"img_size": side})
    transfer(copy, model.state_dict())
    return copy.to(model.pos_embed.device).eval()


def resize_bias_table(table: Tensor, rows: int) -> Tensor:
    """Resize a position-bias table [(2g-1)^2, heads] to (2g'-1)^2 = `rows` (bicubic)."""
    if table.shape[0] == rows:
        return table
    old, new = round(table.shape[0] ** 0.5), round(rows**0.5)
    square = table.float().T.reshape(1, -1, old, old)
    square = F.interpolate(square, size=(new, new), mode="bicubic", align_corners=True)
    return square.reshape(-1, rows).T.contiguous()


def _published(path: Path) -> tuple[ColViT, dict[str, Tensor]]:
    """Read iColoriT's own file, or A-ColViT's: {"model": state_dict, "args": command line, ...}."""
    with torch.serialization.safe_globals(_HARMLESS):
        content = torch.load(path, map_location="cpu", weights_only=True)
    said = vars(content.get("args") or argparse.Namespace())
    for name, ours in _PUBLISHED.items():
        if said.get(name, ours) != ours:
            raise ColorlibError(f"it was trained with {name}={said[name]!r}, not {ours!r}")
    renamed = ("layer_select.mlp_head", "decision.linear")
    state = {key.replace(*renamed): value for key, value in content["model"].items()}
    weight = state["patch_embed.proj.weight"]
    dim, _, patch_size, _ = weight.shape
    # As in all networks of their code; a bias table tells of others.
    grid, heads = 224 // patch_size, dim // 64
    table = state.get("blocks.0.attn.rpb_table")
    if table is not None:
        grid, heads = (round(len(table) ** 0.5) + 1) // 2, table.shape[1]
    settings = AS_RELEASED if "policy_token" in state else {"policy": False}
    settings = settings | {"position_bias": table is not None, "code_grid": grid}
    depth = len({key.split(".")[1] for key in state if key.startswith("blocks.")})
    if said.get("mask_cent"):  # a mask of -.5 and .5 instead of 0 and 1: the same as another bias
        state["patch_embed.proj.bias"] -= weight[:, 3].float().sum((1, 2)) / 2
    return ColViT(grid * patch_size, patch_size, dim, depth, heads, **settings), state


def _check_finite(state: dict[str, Tensor]) -> None:
    for key, value in state.items():
        if not value.isfinite().all():
            raise ColorlibError(f"{key} has values that are not finite")


# For `timm.create_model`: A-ColViT-T, its decisions reading what those of our weights read, and
# iColoriT's T, S (twice as wide) and B (four times as wide).
_NETWORKS: dict[str, dict[str, Any]] = {
    "acolvit_tiny_patch16_224": {"decision_input": "policy+mean"},
    "icolorit_tiny_patch16_224": {"policy": False},
    "icolorit_small_patch16_224": {"policy": False, "dim": 384, "heads": 6},
    "icolorit_base_patch16_224": {"policy": False, "dim": 768, "heads": 12},
}
# A tag names the weights: "acolvit_tiny_patch16_224.0.3" has those of acolvit-t-0.3.
_WEIGHTS = {
    f"acolvit_tiny_patch16_224.{tag}": f"acolvit-t-{tag}"
    for tag in ("0.5", "0.9", "0.7", "0.3", "0.2", "any")
} | {"icolorit_tiny_patch16_224": "icolorit-t"}
_WEIGHTS |= {"icolorit_small_patch16_224": "", "icolorit_base_patch16_224": ""}
# What timm knows of each network and its input.
default_cfgs = generate_default_cfgs(
    {
        entry: {
            "file": weights,
            "input_size": (4, 224, 224),
            "fixed_input_size": True,
            "num_classes": 0,
            # X is (L, a, b, mask) by these, see `hints.network_input`.
            "mean": (50.0, 0.0, 0.0, 0.0),
            "std": (100.0, 110.0, 110.0, 1.0),
            "first_conv": "patch_embed.proj",
        }
        for entry, weights in _WEIGHTS.items()
    }
)


def _register(entry: str) -> None:
    """Make `timm.create_model(entry)` build that network; arguments overrule its settings."""

    def create(pretrained: bool = False, **given: Any) -> ColViT:
        tag = given.pop("pretrained_cfg", None)
        for downloads in ("pretrained_cfg_overlay", "cache_dir"):
            given.pop(downloads, None)
        cfg = get_pretrained_cfg(f"{entry}.{tag}" if tag else entry)
        assert cfg is not None, entry
        if not pretrained:
            model = ColViT(**_NETWORKS[entry] | given)
        elif not cfg.file:
            raise ColorlibError(f"there are no weights for {entry}")
        else:
            trained = load_model(cfg.file)
            model = ColViT(**trained.config | given)
            transfer(model, trained.state_dict())
        model.default_cfg = model.pretrained_cfg = cfg.to_dict()
        return model

    create.__name__ = entry
    register_model(create)


for _entry in _NETWORKS:
    _register(_entry)
