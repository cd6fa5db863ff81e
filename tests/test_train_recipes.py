"""Every run in data/configs trains: for 100 steps, at a size that takes a second."""

import math
import tarfile
from pathlib import Path

import pytest
import torch

from colorlib import checkpoints
from colorlib.files import data_dir
from colorlib.model import ColViT
from colorlib.photos import mini_shard
from colorlib.train import RunConfig, load_config, train

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = {"img_size": 32, "patch_size": 16, "dim": 24, "depth": 3, "heads": 3}
RECIPES = sorted((data_dir() / "configs").glob("*.toml"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A seventh of the mini-set: opening all of it would take longer than training."""
    folder = tmp_path_factory.mktemp("photos")
    with tarfile.open(mini_shard()) as tar:
        for member in tar.getmembers()[::7]:
            file = tar.extractfile(member)
            assert file is not None
            (folder / member.name).write_bytes(file.read())
    return folder


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An untrained dense network, as a checkpoint."""
    path = tmp_path_factory.mktemp("dense") / "dense.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        checkpoints.save_model(ColViT(**TINY, policy=False), path, {})
    return str(path)


def reduced(config: RunConfig, photos: Path, dense: str) -> RunConfig:
    """100 steps of 4 small crops of the mini-set, a row every ten; all else is the recipe's.

    A hundred steps need a higher rate and no warm-up. The weights it starts from, if any,
    become those of a tiny network.
    """
    return config.replace(
        start=dense if config.start else "",
        data={
            "photos": [str(photos)],
            "validation": "",
            "max_hints": 8,
            "cache": True,
            "workers": 0,
        },
        model=TINY,
        optim={
            "steps": 100,
            "batch_size": 4,
            "lr": 3e-3,
            "warmup_steps": 0,
            "decay_steps": 0,
            "precision": "fp32",
            "compile": False,
        },
        log={"log_every": 10, "validate_every": 100, "save_every": 100},
    )


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipe_learns(path: Path, photos: Path, dense: str, tmp_path: Path) -> None:
    config = load_config(path)
    assert config.name == path.stem
    assert config.about
    config = reduced(config, photos, dense)
    run = train(config, tmp_path, bar=False, cpu=True)
    assert run.step == 100
    assert (tmp_path / f"{config.name}.safetensors").is_file()
    rows = run.history
    assert all(math.isfinite(row["loss"]) for row in rows)
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    gates = config.gates
    if config.model.policy and not config.model.budget and gates.noise_gone_at < 0.9:
        # Of three blocks, so only thirds can be kept of a photo.
        kept = (rows[-1]["kept_attention"] + rows[-1]["kept_ffn"]) / 2
        assert kept == pytest.approx(gates.budget, abs=0.15)  # a half is neither .3 nor .7
