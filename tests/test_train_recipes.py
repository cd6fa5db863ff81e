"""Every kind of run in data/configs trains: for 100 steps, at a size that takes a second."""

import math
import tarfile

import pytest
import torch

from colorlib import checkpoints
from colorlib.files import data_dir
from colorlib.model import ColViT
from colorlib.photos import mini_shard
from colorlib.train import RunConfig, load_config, train

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = {"img_size": 32, "patch_size": 16, "dim": 24, "depth": 3, "heads": 3}


def reduced(config: RunConfig) -> RunConfig:
    """100 steps of 4 small crops, a row every ten; all but sizes and rates is the recipe's."""
    rates = {"lr": 3e-3, "muon_lr": 0.03, "min_lr": 0.0, "ema": 0.97, "clip": 1.0}
    short = {"steps": 100, "batch_size": 4, "warmup_steps": 0, "decay_steps": 0}
    photos = {"photos": [], "validation": "", "short_side": 0, "crop_scale": [0.1, 1.0]}
    return config.replace(
        name="small",
        start="",
        about="",
        data={**photos, "flip": True, "max_hints": 8, "cache": True, "workers": 0},
        model=TINY,
        optim={**rates, **short, "precision": "fp32", "compile": False},
        log={"log_every": 10, "validate_every": 100, "save_every": 100},
    )


RECIPES = {path.stem: load_config(path) for path in (data_dir() / "configs").glob("*.toml")}
# One name for all recipes of which `reduced` makes the same, but for the budget.
KINDS = {
    reduced(RECIPES[name]).replace(gates={"budget": 0.5}).model_dump_json(): name
    for name in sorted(RECIPES, reverse=True)
}.values()


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A seventh of the mini-set: opening all of it would take longer than training."""
    folder = tmp_path_factory.mktemp("photos")
    with tarfile.open(mini_shard()) as tar:
        tar.extractall(folder, tar.getmembers()[::7], filter="data")
    return folder


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """An untrained dense network, as a checkpoint."""
    path = tmp_path_factory.mktemp("dense") / "dense.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        checkpoints.save_model(ColViT(**TINY, policy=False), path, {})
    return str(path)


def test_recipes_are_named_as_their_files_and_say_what_they_are():
    for name, recipe in RECIPES.items():
        assert recipe.name == name
        assert recipe.about


@pytest.mark.parametrize("name", KINDS)
def test_recipe_learns(name, photos, dense, tmp_path):
    config = reduced(RECIPES[name]).replace(start=dense, data={"photos": [str(photos)]})
    run = train(config, tmp_path, bar=False, cpu=True)
    assert run.step == 100
    rows = run.history
    assert all(math.isfinite(row["loss"]) for row in rows)
    assert rows[-1]["loss"] < 0.8 * rows[0]["loss"]
    gates = config.gates
    if config.model.policy and not config.model.budget and gates.noise_gone_at < 0.9:
        # Of three blocks, so only thirds can be kept of a photo.
        kept = (rows[-1]["kept_attention"] + rows[-1]["kept_ffn"]) / 2
        assert kept == pytest.approx(gates.budget, abs=0.15)  # a half is neither .3 nor .7
