"""Runs: they learn, log, stop at any moment, and go on as if they never had stopped."""

import copy
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
import torch
from accelerate import Accelerator
from filelock import FileLock
from PIL import Image
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten_with_path

from colorlib import checkpoints
from colorlib import data as data_module
from colorlib.color import srgb_to_lab
from colorlib.data import (
    Crops,
    find_photos,
    gate_noise,
    step_budget,
    step_position_code,
    training_example,
)
from colorlib.evaluate import HintedPhotos, importance
from colorlib.files import ColorlibError
from colorlib.model import ColViT, predict
from colorlib.photos import open_photo
from colorlib.train import (
    Float32Muon,
    Run,
    RunConfig,
    _step,
    from_dict,
    hardness_target,
    huber,
    importance_bias,
    learning_rate,
    main,
    read_log,
    start_weights,
    top_importance,
    train,
)

pytestmark = pytest.mark.usefixtures("one_thread")

TINY = {"img_size": 32, "patch_size": 8, "dim": 24, "depth": 2, "heads": 1}
TIMED = "images_per_second"
ALONE: Any = SimpleNamespace(process_index=0, device=torch.device("cpu"))
BARELY = {"steps": 1, "lr": 1e-12, "min_lr": 0.0, "weight_decay": 0.0}  # start weights stay


class Stop(Exception):
    """What ends a run in the middle."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Twelve small photos: a bright warm part and a dark cool part, so there is much to learn."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for number in range(12):
        rgb = np.empty((48, 40, 3))
        rgb[:] = (40, 60, 120)
        rgb[generator.integers(8, 40) :] = (230, 170, 90)
        noisy = rgb + generator.normal(0, 8, rgb.shape)
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def base(photos):
    """Twelve steps, a row each, a state every third."""
    return from_dict(
        {
            "name": "trial",
            "data": {"photos": [str(photos)], "max_hints": 16, "flip": True},
            "model": TINY,
            "optim": {"steps": 12, "batch_size": 4, "lr": 1e-3, "ema": 0.9, "precision": "fp32"},
            "log": {"log_every": 1, "validate_every": 12, "save_every": 3},
        }
    )


def gated(config: RunConfig, **gates: Any) -> RunConfig:
    return config.replace(model={"policy": True}, gates=gates)


@pytest.fixture(scope="module")
def dense(base, tmp_path_factory):
    """A dense network trained for a moment; where its file is."""
    folder = tmp_path_factory.mktemp("dense")
    trained(base.replace(optim={"lr": 3e-3}), folder)
    return str(folder / "trial.safetensors")


KINDS: dict[str, dict[str, Any]] = {
    "dense": {},
    "static": {"gates": {"static": True}},
    "gated": {"model": {"policy": True}},
    "conditioned": {"model": {"policy": True, "budget": True}, "gates": {"start": "importance"}},
    "hardness": {
        "model": {"policy": True, "decision_input": "policy+mean"},
        "gates": {"target": "hardness", "reading": "image"},
    },
    "settled": {
        "model": {"policy": True},
        "gates": {"noise_full_until": 0.2, "noise_gone_at": 0.5},
    },
    "muon": {
        "data": {"block_every": 2, "max_block": 3, "resident": True},
        "optim": {"kind": "muon", "schedule": "constant", "decay_steps": 4},
        "loss": {"gradient_difference": 0.5, "log_error": 0.1},
    },
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def of_kind(kind: str, base: RunConfig, dense: str) -> RunConfig:
    return base.replace(start=dense, **KINDS[kind])


def trained(config: RunConfig, out: Path, **options: Any) -> Run:
    return train(config, out, bar=False, cpu=True, **options)


def stopped(config: RunConfig, out: Path, step: int) -> None:
    """Trained until the row of a step was written, by a watcher that uses the network, too."""

    def stop(run: Run) -> None:
        run.bare.eval()(torch.zeros(1, 4, 32, 32))
        if run.step == step:
            raise Stop

    with pytest.raises(Stop):
        trained(config, out, watch=stop)


def state_of(folder: Path) -> dict[str, Any]:
    """All of state.pt that must repeat: without the times."""
    state = torch.load(folder / "state.pt", weights_only=True)
    del state["seconds"]
    for row in state["history"]:
        del row[TIMED]
    return state


def assert_equal(one: Any, other: Any) -> None:
    """Bit for bit, all the way down."""
    (mine, tree), (theirs, other_tree) = tree_flatten_with_path(one), tree_flatten_with_path(other)
    assert tree == other_tree
    for (path, a), (_, b) in zip(mine, theirs, strict=True):
        assert torch.equal(a, b) if isinstance(a, Tensor) else a == b or (a != a and b != b), path


def assert_same_end(one: Path, other: Path) -> None:
    assert_equal(state_of(one), state_of(other))
    assert (one / "trial.safetensors").read_bytes() == (other / "trial.safetensors").read_bytes()
    logs = [pd.read_csv(folder / "log.csv", dtype=str) for folder in (one, other)]
    pd.testing.assert_frame_equal(*[log.drop(columns=TIMED) for log in logs])


# Learning


def test_gates_move_to_the_budget(base, tmp_path):
    """From a half, where random decisions start; eq. 9 with a heavy weight."""
    config = gated(base, budget=0.25, weight=10.0).replace(
        optim={"steps": 120, "lr": 1e-2, "ema": 0.0},
        log={"log_every": 10, "validate_every": 120, "save_every": 120},
    )
    rows = trained(config, tmp_path).history
    kept = [np.mean([row["kept_attention"], row["kept_ffn"]]) for row in rows]
    assert kept[0] > 0.38
    assert np.mean(kept[-3:]) == pytest.approx(0.25, abs=0.08)
    for row in rows:
        assert row["loss"] == pytest.approx(row["huber"] + 10 * row["sparsity"], rel=1e-5)


def test_learning_rates_by_hand(base):
    """Linear from 0 over the warm-up, then half a cosine, or level with a linear end."""
    optim = base.replace(optim={"warmup_steps": 4, "lr": 1e-3, "min_lr": 1e-4}).optim
    for step in range(12):
        cosine = 1e-4 + (1e-3 - 1e-4) * (1 + math.cos(math.pi * step / 12)) / 2
        by_hand = 1e-3 * step / 4 if step < 4 else cosine
        assert learning_rate(optim, step, 1e-3) == pytest.approx(by_hand)
    constant = {"schedule": "constant", "warmup_steps": 2, "decay_steps": 4, "min_lr": 0.0}
    optim = base.replace(optim=constant).optim
    rates = [learning_rate(optim, step, 1.0) for step in range(12)]
    assert rates == pytest.approx([0, 0.5, *[1] * 7, 0.75, 0.5, 0.25])


def test_average_by_hand(base, tmp_path):
    """Starts as the weights after step 1; at update t it keeps min(.9, (1 + t) / (10 + t))."""
    weights: list[Tensor] = []
    averages: list[Tensor] = []

    def watch(run: Run) -> None:
        weights.append(run.bare.head.head.weight.detach().clone())
        averages.append(run.best.head.head.weight.detach().clone())

    trained(base.replace(optim={"steps": 4}), tmp_path, watch=watch)
    expected = weights[0]
    # (1 + t) / (10 + t) for t = 1, 2, 3: 2/11, 3/12, 4/13, all below .9
    for weight, average, kept in zip(weights, averages, [1, 2 / 11, 3 / 12, 4 / 13], strict=True):
        expected = kept * expected + (1 - kept) * weight
        torch.testing.assert_close(average, expected)
    saved = checkpoints.load_model(tmp_path / "trial.safetensors").head.head.weight
    assert torch.equal(saved, averages[-1].half().float())
    assert not torch.equal(saved, weights[-1].half().float())


def test_bfloat16_after_float32_in_one_process(base, tmp_path):
    """As a notebook may. The network that comes back computes in float32 again."""
    trained(base.replace(optim={"steps": 1}), tmp_path / "fp32")
    run = trained(gated(base).replace(optim={"steps": 2, "precision": "bf16"}), tmp_path / "bf16")
    assert json.loads((tmp_path / "bf16" / "trial.json").read_text())["precision"] == "bf16"
    for model in (run.best, run.bare):
        assert not model.training
        assert model(torch.zeros(1, 4, 32, 32)).ab.dtype == torch.float32
        assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


def test_muon_learns_the_matrices_of_the_blocks_and_adamw_all_else(base, tmp_path):
    optim = {"kind": "muon", "steps": 2, "lr": 1e-3, "muon_lr": 2e-2, "min_lr": 5e-4}
    run = trained(gated(base).replace(optim=optim), tmp_path)
    names = {id(parameter): name for name, parameter in run.bare.named_parameters()}
    muon, adamw = (
        [names[id(one)] for group in optimizer.param_groups for one in group["params"]]
        for optimizer in run.optimizers
    )
    of_blocks = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")
    assert muon == [f"blocks.{block}.{one}.weight" for block in range(2) for one in of_blocks]
    assert sorted(muon + adamw) == sorted(names.values())
    # Half a cosine from 1 to 1/2 is at 3/4 in the middle.
    rates = [optimizer.param_groups[0]["lr"] for optimizer in run.optimizers]
    assert rates == pytest.approx([0.75 * 2e-2, 0.75 * 1e-3])


def test_muon_in_float32_makes_the_steps_of_pytorchs():
    """PyTorch's rounds to bfloat16, 8 bits, in each of 15 products. Wide, square and tall."""
    draws = torch.Generator().manual_seed(0)
    start = [torch.randn(shape, generator=draws) for shape in ((24, 96), (48, 48), (96, 24))]
    ends = []
    for muon in (torch.optim.Muon, Float32Muon):
        weights = [one.clone().requires_grad_() for one in start]
        optimizer = muon(weights, lr=0.02, weight_decay=0.05)
        for step in range(3):
            for one, weight in zip(start, weights, strict=True):
                weight.grad = one.roll(step, 0) ** 3
            optimizer.step()
        ends.append(weights)
    for one, pytorch, ours in zip(start, *ends, strict=True):
        assert (ours - pytorch).norm() < 0.02 * (pytorch - one).norm()
    assert optimizer.state_dict()["state"][2].keys() == {"momentum_buffer"}


def test_compiled_it_learns_the_same(base, dense, tmp_path, monkeypatch):
    """In one graph each; what is kept is as if not compiled, and so are settled decisions.

    The compiler's back end takes a minute and is left out: eager arithmetic is bit for bit.
    """
    eager = Mock(side_effect=partial(torch.compile, backend="eager", fullgraph=True))
    monkeypatch.setattr(torch, "compile", eager)
    config = of_kind("hardness", base, dense).replace(
        optim={"ema": 0.0, "steps": 4, "clip": 1.0},
        data={"block_every": 2, "max_block": 3},
        gates=KINDS["settled"]["gates"],
    )
    trained(config, tmp_path / "plain")
    assert not eager.called
    run = trained(config.replace(optim={"compile": True}), tmp_path / "compiled")
    data_module._compiled_example.cache_clear()
    assert eager.called
    assert type(run.model) is ColViT
    one, other = (state_of(tmp_path / name) for name in ("plain", "compiled"))
    del one["config"], other["config"]
    assert_equal(one, other)


class NoWaiting(TorchDispatchMode):
    """Refuses what makes the host wait for a device: reading a number, or how many there are."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name()
        waits = ("_local_scalar_dense", "nonzero", "masked_select", "unique", "aten::equal")
        assert not any(part in name for part in waits), name
        return func(*args, **(kwargs or {}))


@every_kind
def test_a_step_of_resident_photos_waits_for_nothing(base, dense, tmp_path, kind):
    """But settled decisions: a device must say which images go through a sub-layer."""
    config = of_kind(kind, base, dense).replace(
        optim={"clip": 1.0, "steps": 1, "decay_steps": 0},
        data={"resident": True},
        gates={"noise_gone_at": 1.0},
    )
    run = trained(config, tmp_path)
    run.step = 0  # its decisions still learn
    entries = find_photos(config.data.photos)
    photos = Crops(entries, 32, config.data, config.seed)
    photos.keep_on(torch.device("cpu"))
    accelerator = Accelerator(cpu=True)
    run.model.train()
    with NoWaiting():
        ((crops, _),) = photos.batches([range(4)])
        parts = _step(run, accelerator, crops)
    # What it refuses is refused.
    with NoWaiting(), pytest.raises(AssertionError, match="_local_scalar_dense"):
        float(parts["loss"])


# What is written


def test_log_and_card(base, photos, tmp_path):
    config = base.replace(
        about="a trial",
        data={"validation": str(photos), "validation_count": 2},
        log={"log_every": 5, "validate_every": 6, "save_every": 6},
    )
    run = trained(config, tmp_path)
    assert (tmp_path / "log.csv").read_text(encoding="utf-8").partition("\n")[0] == (
        "step,crops,loss,huber,sparsity,kept_attention,kept_ffn,open_attention,open_ffn,lr,"
        "images_per_second,passed_over,psnr10"
    )
    rows = read_log(tmp_path / "log.csv")
    # Every fifth step, and those at which it validated or saved.
    assert [row["step"] for row in rows] == [5, 6, 10, 12]
    assert [row["crops"] for row in rows] == [20, 24, 40, 48]
    assert [not math.isnan(row["psnr10"]) for row in rows] == [False, True] * 2
    # The last PSNR is of the network that is returned, at 224 whatever it trained at.
    large = ColViT(**{**TINY, "img_size": 224}, policy=False).eval()
    checkpoints.transfer(large, run.best.state_dict())
    pictures = [open_photo(photos / f"{n:02}.png") for n in range(2)]
    psnr = float(HintedPhotos(pictures, 10, 224).run(large).psnr.mean())
    assert run.history[-1]["psnr10"] == pytest.approx(psnr, abs=1e-4)
    card = checkpoints.card(tmp_path / "trial.safetensors")
    assert card["run"] == config.model_dump()
    assert (card["about"], card["crops_seen"], card["photos"]) == ("a trial", 48, 12)
    assert card["last_log"]["psnr10"] == run.history[-1]["psnr10"]


# Examples and noise


def test_an_example_is_eq_1_and_its_hints_tell_the_truth(base):
    """The mean colour of each hinted cell of 2 x 2 pixels, and L, ab and mask as eq. 1 has them."""
    crops = torch.randint(0, 256, (4, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    lightness, ab = srgb_to_lab(crops.float() / 255)
    x, target = training_example(base, 0, ALONE, crops.to(torch.uint8))
    torch.testing.assert_close(target, ab / 110)
    torch.testing.assert_close(x[:, :1], (lightness - 50) / 100)
    mask = x[:, 3:]
    assert mask.unique().tolist() == [0, 1]
    means = torch.nn.functional.avg_pool2d(ab / 110, 2).repeat_interleave(2, 2)
    torch.testing.assert_close(x[:, 1:3], means.repeat_interleave(2, 3) * mask)


def test_noise_fades_as_the_config_says(base):
    """Full for 20 of 100 steps, then linear to nothing at step 55: at 37 or 38 half way."""
    config = gated(base, noise_full_until=0.2, noise_gone_at=0.55).replace(optim={"steps": 100})
    full = config.replace(gates={"noise_full_until": 1.0, "noise_gone_at": 1.0})
    for step, strength in [(0, 1), (19, 1), (20, 1), (27, 0.8), (48, 0.2), (55, 0), (99, 0)]:
        faded, whole = (gate_noise(one, step, ALONE, 4) for one in (config, full))
        torch.testing.assert_close(faded, strength * whole)
        assert whole.shape == (4, 2, 2)
    assert not torch.equal(gate_noise(full, 0, ALONE, 4), gate_noise(full, 1, ALONE, 4))


# Starting from other weights


def test_start_weights_are_taken_over(base, dense, tmp_path):
    """Also by a network of another size, the next of the phases."""
    for side in (32, 48):
        config = base.replace(start=dense, optim=BARELY, model={"img_size": side})
        state = trained(config, tmp_path / str(side)).bare.state_dict()
        expected = checkpoints.resized(checkpoints.load_model(dense), side).state_dict()
        torch.testing.assert_close(state, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize("budget", [0.2, 0.7])
def test_a_network_told_its_budget_starts_one_for_that_budget(base, budget, tmp_path):
    """What the budget adds to token and decisions is folded in, so the answers are the same."""
    told = ColViT(**TINY, policy=True, budget=True)
    for weight in [told.policy_token, told.budget_gain, told.budget_embed.bias]:
        torch.nn.init.normal_(weight)
    checkpoints.save_model(told, tmp_path / "told.safetensors", {})
    config = gated(base, budget=budget).replace(start=str(tmp_path / "told.safetensors"))
    own = ColViT(**TINY, policy=True)
    assert start_weights(own, config, []) is None
    x = torch.randn(8, 4, 32, 32)
    expected = predict(checkpoints.load_model(tmp_path / "told.safetensors"), x, budget)
    found = predict(own, x)
    assert 0 < expected.gates.float().mean() < 1
    assert torch.equal(found.gates, expected.gates)
    torch.testing.assert_close(found.gate_logits, expected.gate_logits)
    torch.testing.assert_close(found.ab, expected.ab)
    # A static network takes over its sub-layers, and measures there which ones are important.
    static = config.replace(model={"policy": False}, gates={"static": True}, optim=BARELY)
    run = trained(static, tmp_path / "static")
    photos = HintedPhotos([entry.open() for entry in find_photos(base.data.photos)], side=32)
    lost = importance(checkpoints.load_model(tmp_path / "told.safetensors"), photos)
    torch.testing.assert_close(torch.tensor(run.importance), lost)
    torch.testing.assert_close(
        run.bare.state_dict(),
        {key: told.state_dict()[key] for key in run.bare.state_dict()},
        atol=1e-3,  # it was saved in 16 bits
        rtol=1e-3,
    )


def test_starts_that_do_not_fit(base, dense, unbroken, tmp_path):
    """Too few blocks, no file, and no dense network where one says what matters or is hard."""
    gated_one = (unbroken / "trial.safetensors").as_posix()
    hardness = gated(base, target="hardness", reading="image")
    for start, config, message in [
        (dense, base.replace(model={"depth": 3}), r"start .* has no blocks\.2\."),
        ("nowhere.safetensors", base, "there is no checkpoint"),
        ("", gated(base, start="importance"), r"needs a trained dense .* \(it is ''\)"),
        (gated_one, hardness, rf"needs a trained dense .* \(it is '{gated_one}'\)"),
    ]:
        with pytest.raises(ColorlibError, match=message):
            trained(config.replace(start=start), tmp_path)
    assert not (tmp_path / "state.pt").exists()


def test_gates_start_from_importance(base, dense, tmp_path):
    config = gated(base, start="importance", budget=0.5).replace(start=dense, optim=BARELY)
    run = trained(config, tmp_path / "one")
    entries = find_photos(base.data.photos)
    photos = HintedPhotos([entry.open() for entry in entries], side=32)
    lost = importance(checkpoints.load_model(dense), photos)
    torch.testing.assert_close(torch.tensor(run.importance), lost)
    bias = torch.stack([block.decision.linear.bias.detach() for block in run.bare.blocks])
    torch.testing.assert_close(bias, importance_bias(lost, 0.5))
    # By hand for two blocks: 8 (3/4 - 1/2) = 2 for the better of each kind, -2 for the other.
    assert sorted(bias.flatten().tolist()) == pytest.approx([-2, -2, 2, 2])
    assert checkpoints.card(tmp_path / "one/trial.safetensors")["importance"] == run.importance
    # One that is conditioned on a budget starts so at each of them.
    run = trained(config.replace(model={"budget": True}), tmp_path / "conditioned")
    for budget in (0.3, 0.5, 1.0):
        for block, gain, bias in zip(
            run.bare.blocks, run.bare.budget_gain, importance_bias(lost, budget), strict=True
        ):
            logits = block.decision.linear.bias + gain * budget
            torch.testing.assert_close(logits.detach(), bias)


# What is ours: a fixed pattern, a budget as input, a target of its own for each photo


def test_a_static_run_keeps_the_most_important(base, dense, tmp_path):
    config = base.replace(start=dense, gates={"static": True, "budget": 0.5})

    stopped(config, tmp_path, step=5)
    run = trained(config, tmp_path)  # the pattern outlives the stop
    assert run.importance is not None
    pattern = top_importance(torch.tensor(run.importance), 0.5).int().tolist()
    assert sum(map(sum, pattern)) == 2  # of two blocks' four
    shipped = checkpoints.load_model(tmp_path / "trial.safetensors")
    assert shipped.config["pattern"] == run.bare.config["pattern"] == pattern
    row = run.history[-1]
    assert row["open_attention"] + row["open_ffn"] == row["kept_attention"] + row["kept_ffn"] == 1
    # What is skipped learns nothing: its weights are those of the start.
    source, ended = checkpoints.load_model(dense).state_dict(), run.bare.state_dict()
    for block, (attention, ffn) in enumerate(pattern):
        for name, kept in (("attn.proj.bias", attention), ("mlp.fc1.bias", ffn)):
            key = f"blocks.{block}.{name}"
            assert torch.equal(source[key], ended[key]) is not bool(kept)


def test_settled_decisions_share_one_step_towards_the_budget(base, tmp_path):
    """By hand: once the noise is gone each bias falls by a tenth of what is kept over the budget.

    The shares are the logged ones, of attention and of FFN; nothing else of the decisions moves.
    """
    config = base.replace(model={"policy": True, "budget": True})
    config = config.replace(gates={"noise_full_until": 0.0, "noise_gone_at": 0.5})
    seen: list[dict[str, Tensor]] = []
    run = trained(
        config, tmp_path, watch=lambda run: seen.append(copy.deepcopy(run.bare.state_dict()))
    )
    decisions = [key for key in seen[0] if re.search("decision|budget_gain", key)]
    assert len(decisions) == 5
    for row, (before, after) in zip(run.history[1:], pairwise(seen), strict=True):
        kept = torch.tensor([row["kept_attention"], row["kept_ffn"]])
        off = kept - step_budget(config, int(row["step"]) - 1)
        for key in decisions:
            if row["step"] <= 6:
                assert not torch.equal(after[key], before[key])
            elif key.endswith("bias"):
                torch.testing.assert_close(after[key], before[key] - 0.1 * off)
            else:
                assert torch.equal(after[key], before[key])
        assert not torch.equal(after["policy_token"], before["policy_token"])


def test_budgets_are_drawn_from_the_lowest_to_1(base):
    assert step_budget(gated(base, budget=0.7), 3) == 0.7
    conditioned = gated(base, lowest_budget=0.4).replace(model={"policy": True, "budget": True})
    drawn = [step_budget(conditioned, step) for step in range(500)]
    assert drawn[3] == step_budget(conditioned, 3)
    # 500 uniform draws: the mean is off .7 by .6 / sqrt(12 * 500) = .008 on average.
    assert (0.4 <= min(drawn) < 0.42, 0.98 < max(drawn) < 1) == (True, True)
    assert np.mean(drawn) == pytest.approx(0.7, abs=0.04)


def test_hard_photos_get_more(base, dense, tmp_path):
    """The logged loss by hand: the shares of the first step against targets by the ranks."""
    config = gated(base, start="importance", target="hardness", reading="image").replace(
        start=dense,
        model={"policy": True, "decision_input": "policy+mean", "budget": True},
        optim=BARELY,
    )
    run = trained(config, tmp_path)
    crops = Crops(find_photos(config.data.photos), 32, config.data, config.seed)
    x, target = training_example(config, 0, ALONE, torch.stack([crops[n][0] for n in range(4)]))
    code, budget = step_position_code(config, 0, ALONE.device), step_budget(config, 0)
    with torch.no_grad():
        guess = checkpoints.load_model(dense)(x, position=code).ab
        noise = gate_noise(config, 0, ALONE, 4)
        share = run.bare.train()(x, budget, noise=noise, position=code).gates
    wanted = hardness_target(huber(guess, target, "none"), budget, spread=0.5)
    by_hand = ((share.mean(1) - wanted[:, None]) ** 2).sum(1).mean()
    assert run.history[0]["sparsity"] == pytest.approx(float(by_hand), abs=1e-6)


# Stopping and going on


@pytest.fixture(scope="module")
def unbroken(base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken")
    trained(gated(base), folder)
    return folder


@every_kind
def test_a_run_that_was_stopped_ends_as_one_that_was_not(base, dense, tmp_path, kind):
    """Before the first state, between two, and after the last row but before the last state."""
    config = of_kind(kind, base, dense).replace(optim={"steps": 6})
    for row in (1, 5, 6) if kind in ("gated", "settled") else (5,):
        stopped(config, tmp_path / "stopped", step=row)
    trained(config, tmp_path / "stopped")
    trained(config, tmp_path / "unbroken")
    assert_same_end(tmp_path / "stopped", tmp_path / "unbroken")


def test_a_finished_run_is_not_run_again(base, unbroken):
    """Nor changed, nor taken up with another config."""
    before = {path.name: path.read_bytes() for path in unbroken.iterdir()}
    rows: list[Run] = []
    run = trained(gated(base), unbroken, watch=rows.append)
    assert (run.step, rows) == (12, [])
    with pytest.raises(ColorlibError, match="holds a run with another config: choose another"):
        trained(gated(base).replace(optim={"weight_decay": 0.1}), unbroken)
    assert {path.name: path.read_bytes() for path in unbroken.iterdir()} == before


def test_a_run_of_constant_rate_is_prolonged(base, tmp_path):
    """Bit for bit as if it had had all steps from the start."""
    config = base.replace(optim={"schedule": "constant", "steps": 6})
    trained(config, tmp_path / "whole")
    trained(config.replace(optim={"steps": 4}), tmp_path / "prolonged")
    trained(config, tmp_path / "prolonged")
    assert_same_end(tmp_path / "prolonged", tmp_path / "whole")


def test_a_damaged_state_is_refused(base, unbroken, tmp_path):
    whole = (unbroken / "state.pt").read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole[:-1000]):
        (tmp_path / "state.pt").write_bytes(damaged)
        with pytest.raises(ColorlibError, match=r"state\.pt is missing or damaged: delete it"):
            trained(gated(base), tmp_path)
        assert (tmp_path / "state.pt").read_bytes() == damaged


def test_what_a_launcher_may_not_ask(base, tmp_path, monkeypatch):
    """It says so by the environment; what is left out silently would be another training."""
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    with pytest.raises(ColorlibError, match="gradient_accumulation_steps = 4, and a run would"):
        trained(base, tmp_path)
    # What a launcher says that was asked for nothing.
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")
    trained(base.replace(optim={"steps": 1, "precision": "bf16"}), tmp_path)
    monkeypatch.setattr(Accelerator, "num_processes", property(lambda _: 3))
    with pytest.raises(ColorlibError, match="batch_size 4 must be a multiple of the 3 proc"):
        trained(base, tmp_path)


# The command


def written(config: RunConfig, path: Path) -> Path:
    """As TOML. JSON's numbers, strings, lists and lower-case bools are TOML's."""
    lines = []
    for key, value in config.model_dump().items():
        section = value.items() if isinstance(value, dict) else [("", value)]
        lines += [f"{key}.{name}".rstrip(".") + f" = {json.dumps(one)}" for name, one in section]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_command(base, tmp_path, capsys):
    config = written(base.replace(optim={"steps": 2}), tmp_path / "trial.toml")
    arguments = [str(config), "--out", str(tmp_path / "out"), "--cpu", "--quiet"]
    on = base.replace(name="on", start=str(tmp_path / "out/trial/trial.safetensors"))
    second = written(on.replace(optim={"steps": 3}), tmp_path / "on.toml")
    chain = [*arguments[1:], str(config), str(second)]
    for _ in range(2):  # the second time nothing is left to do
        assert main(chain) == 0
        shown = capsys.readouterr()
        ended = "trial: 2 steps, 0.0 minutes\non: 3 steps, 0.0 minutes\n"
        assert (shown.out, shown.err) == (ended, "")
    config.write_text("[optim]\nstep = 2", encoding="utf-8")
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"error: {config}: unknown key 'optim.step': ")
    assert (shown.out, shown.err.count("\n")) == ("", 1)


def test_a_run_that_diverges_stops_and_goes_on_from_its_last_state(base, tmp_path):
    config, state = gated(base, weight=0.0), tmp_path / "state.pt"
    with pytest.raises(ColorlibError, match="not finite at step 2: lower "):
        trained(config.replace(optim={"lr": 1e30}), tmp_path)
    # The last loss is that of the weights before the last step.
    with pytest.raises(ColorlibError, match="not finite at step 1: "):
        trained(config.replace(optim={"lr": 1e39, "steps": 1}), tmp_path)
    assert not state.exists()
    stopped(config, tmp_path, step=7)
    before = state.read_bytes()
    with pytest.raises(ColorlibError, match=r"not finite at step 8: .* from step 6$"):
        trained(config.replace(optim={"lr": 1e30}), tmp_path)
    assert state.read_bytes() == before
    run = trained(config.replace(optim={"lr": 1e-4}), tmp_path)
    assert run.history[5]["lr"] > 4e-4
    assert 0 < run.history[6]["lr"] < 1e-4


def test_other_photos_than_before_are_refused(base, photos, tmp_path):
    """By another name, or more of them; the error says from what another run may start."""
    folder, mine = tmp_path / "trial", tmp_path / "photos"
    shutil.copytree(photos, mine)
    config = base.replace(data={"photos": [str(mine)]})
    stopped(config, folder, step=4)
    (mine / "00.png").rename(mine / "99.png")
    with pytest.raises(ColorlibError, match=r"a run on 12 photos, and .* has 12, not the"):
        trained(config, folder)
    shutil.copy(mine / "99.png", mine / "00.png")
    with pytest.raises(ColorlibError, match="has 13, not the same by name: give back") as error:
        trained(config, folder)
    checkpoints.load_model(str(error.value).split("start = ")[1].strip("'"))
    (mine / "99.png").unlink()
    assert trained(config, folder).step == 12


def test_grey_photos_only_are_refused(base, tmp_path):
    grey = tmp_path / "grey"
    grey.mkdir()
    Image.new("L", (40, 40), 99).save(grey / "0.png")
    with pytest.raises(ColorlibError, match="are grey: validate on others"):
        trained(base.replace(data={"validation": str(grey)}), tmp_path)
    (grey / "1.png").write_bytes(b"no photo")
    with pytest.raises(ColorlibError, match="all photos tried are grey or damaged"):
        trained(base.replace(data={"photos": [str(grey)]}), tmp_path)


def test_a_second_start_in_the_same_folder_is_refused(base, tmp_path):
    """And leaves what the first is writing; later that is rubbish, which the next one removes."""
    writing = tmp_path / ".log-0123456789abcdef.csv"
    writing.touch()
    with (
        FileLock(tmp_path / ".lock"),
        pytest.raises(ColorlibError, match=r"another process is training in .*: wait"),
    ):
        trained(base, tmp_path)
    assert writing.exists()
    assert trained(base, tmp_path).step == 12
    assert not writing.exists()


def environment() -> dict[str, str]:
    """One process' arithmetic must be split over as many threads as another's."""
    return {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_at_any_moment_it_ends_bit_for_bit_the_same(base, tmp_path):
    """kill -9 of a real process that writes its state at every step."""
    config = gated(base).replace(optim={"steps": 60}, log={"validate_every": 60, "save_every": 1})
    trained(config, tmp_path / "unbroken")
    command = [sys.executable, "-m", "colorlib.train", str(written(config, tmp_path / "t.toml"))]
    command += ["--out", str(tmp_path / "killed"), "--cpu", "--quiet"]
    folder = tmp_path / "killed" / config.name
    log = folder / "log.csv"
    process = subprocess.Popen(command, env=environment())
    while process.poll() is None and not (log.exists() and len(read_log(log)) >= 20):
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.1))
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    subprocess.run(command, env=environment(), check=True)
    assert_same_end(folder, tmp_path / "unbroken")
    kept = [".lock", "log.csv", "state.pt", "trial.json", "trial.safetensors"]
    assert sorted(path.name for path in folder.iterdir()) == kept


TWO_PROCESSES = """
import sys
from accelerate import PartialState
import torch
from colorlib.train import load_config, main, train

folder = sys.argv[1]
for name in ("settled", "static"):
    run = train(load_config(f"{folder}/{name}.toml"), f"{folder}/two/{name}", bar=False, cpu=True)
    weights = {"model": run.bare.state_dict(), "best": run.best.state_dict()}
    torch.save(weights, f"{folder}/{name}{PartialState().process_index}")
sys.exit(main([f"{folder}/diverging.toml", "--cpu", "--quiet", "--out", f"{folder}/two"]))
"""


@pytest.mark.slow
def test_two_processes_train_as_one_and_both_stop_when_it_diverges(base, dense, photos, tmp_path):
    """Equal weights on both, those of one process to rounding. By torchrun, over gloo."""
    broken = tmp_path / "broken"
    shutil.copytree(photos, broken)
    (broken / "03.png").write_bytes(b"no photo any more")
    # Newton-Schulz brings the smallest singular values of a gradient, mere rounding here, up to 1:
    # a change of 1e-9 in a matrix of rank 4 changes Muon's step by a thirtieth. So small steps.
    base = base.replace(data={"photos": [str(broken)]}, optim={"clip": 1.0, "muon_lr": 1e-5})
    settled = gated(base, reading="image", noise_full_until=0.0, noise_gone_at=0.5)
    configs = {
        # The published position code, whole, as no other grid has it; for half of the steps.
        "settled": settled.replace(model={"img_size": 28, "patch_size": 2}),
        "static": of_kind("static", base, dense).replace(optim={"kind": "muon"}),
        "diverging": base.replace(optim={"lr": 1e30}),
    }
    for name, config in configs.items():
        written(config, tmp_path / f"{name}.toml")
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += [str(script), str(tmp_path)]
    answer = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert answer.returncode == 1, answer.stderr
    assert answer.stderr.count("the loss or a weight is not finite at step 2: lower") == 2
    assert not (tmp_path / "two" / "trial" / "state.pt").exists()
    for name in ("settled", "static"):
        one = trained(configs[name], tmp_path / "one" / name)
        ranks = [torch.load(tmp_path / f"{name}{n}", weights_only=True) for n in range(2)]
        assert_equal(*ranks)
        for key, value in one.bare.state_dict().items():
            torch.testing.assert_close(ranks[0]["model"][key], value, atol=1e-4, rtol=1e-3)
        log, other = (read_log(tmp_path / by / name / "log.csv") for by in ("one", "two"))
        assert log[-1]["passed_over"] > 0
        for mine, theirs in zip(log, other, strict=True):
            del mine[TIMED], theirs[TIMED]
            assert mine == pytest.approx(theirs, rel=1e-3, nan_ok=True)
