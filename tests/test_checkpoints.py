"""Saving and loading networks, iColoriT's own files, and what is no checkpoint."""

import argparse
import io
import json
import math
import os
import zipfile
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from networks import tiny
from torch import Tensor

from colorlib import checkpoints
from colorlib.files import ColorlibError, sha256
from colorlib.model import AS_RELEASED, ColViT


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A data folder with two checkpoints in it."""
    folder = tmp_path / "data" / "checkpoints"
    folder.mkdir(parents=True)
    monkeypatch.setenv("COLORLIB_DATA", str(folder.parent))
    checkpoints.save_model(tiny(policy=False), folder / "icolorit-t.safetensors", {"about": "a"})
    checkpoints.save_model(tiny(), folder / "acolvit-t-0.5.safetensors", {"about": "b"})
    return folder


# There and back


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"policy": False},
        {"decision_input": "policy+mean", "budget": True},
        {**AS_RELEASED, "code_grid": 4},
    ],
)
def test_round_trip(tmp_path, variant):
    """Comes back as built, in float32 and evaluation mode, each weight rounded to fp16 once."""
    model, path = tiny(**variant).train(), tmp_path / "net-0.5.safetensors"
    before = {key: value.clone() for key, value in model.state_dict().items()}
    checkpoints.save_model(model, path, {"steps": 7, "about": "größer"})
    again = checkpoints.load_model(path)
    assert again.config == model.config
    assert not again.training
    for key, value in again.state_dict().items():
        rounded = before[key].half().float() if value.is_floating_point() else before[key]
        assert torch.equal(value, rounded), key
        assert value.dtype == before[key].dtype
    card = {"model": model.config, "steps": 7, "about": "größer", "sha256": sha256(path)}
    assert checkpoints.card(path) == card
    # The model that was saved is as it was.
    assert model.training
    assert all(torch.equal(model.state_dict()[key], before[key]) for key in before)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net-0.5.json", "net-0.5.safetensors"]


def test_names(shipped):
    """An unknown one lists what there is."""
    assert checkpoints.available() == ["acolvit-t-0.5", "icolorit-t"]
    assert checkpoints.load_model("acolvit-t-0.5").policy
    assert not checkpoints.load_model(str(shipped / "icolorit-t.safetensors")).policy
    assert checkpoints.card("acolvit-t-0.5")["about"] == "b"
    for name in ("acolvit-t-0.4", "nowhere.safetensors", "nowhere.pth"):
        with pytest.raises(
            ColorlibError, match=rf"no checkpoint '{name}'.*acolvit-t-0\.5, icolorit-t$"
        ):
            checkpoints.load_model(name)
    for path in shipped.iterdir():
        path.unlink()
    with pytest.raises(ColorlibError, match="there are: none"):
        checkpoints.card("icolorit-t")


# Damage


def test_missing_and_broken_cards(shipped):
    path = shipped / "icolorit-t.json"
    good = json.loads(path.read_text(encoding="utf-8"))["model"]
    for text, message in {
        "{": "is no card",
        '{"model": 3}': "is no card",
        json.dumps({"model": {**good, "deep": 3}}): "of another network.*deep",
        json.dumps({"model": {**good, "dim": 48}}): r"bias is \[24\], the network has \[48\]",
        json.dumps({"model": {**good, "policy": True}}): "lacks 5 parameters, first policy_token",
    }.items():
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ColorlibError, match=f"icolorit-t.*{message}"):
            checkpoints.load_model("icolorit-t")
    path.unlink()
    with pytest.raises(ColorlibError, match=r"icolorit-t\.json is no card, as a checkpoint has"):
        checkpoints.load_model("icolorit-t")


def test_damaged_weights(shipped):
    torch.save({"model": tiny(policy=False).state_dict()}, shipped / "cut.pth")
    for name in ("icolorit-t.safetensors", "cut.pth"):
        path = shipped / name
        whole = path.read_bytes()
        for damaged in (whole[:-1], whole[: len(whole) // 2], b"", b"<html></html>"):
            path.write_bytes(damaged)
            with pytest.raises(ColorlibError, match=rf"{path.stem}.* is damaged or of another"):
                checkpoints.load_model(path)


# Writing


def test_a_failed_save_leaves_the_old_files(tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    checkpoints.save_model(tiny(0), path, {"about": "old"})
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(TypeError, match="not JSON serializable"):
        checkpoints.save_model(tiny(1), path, {"about": object()})
    model = tiny(1).requires_grad_(False)
    model.norm.bias[3] = 7e4  # more than fp16 holds
    with pytest.raises(ColorlibError, match=r"net.*norm\.bias has values that are not finite"):
        checkpoints.save_model(model, path, {})
    monkeypatch.setattr(os, "replace", Mock(side_effect=OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        checkpoints.save_model(tiny(1), path, {})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_saved_files_may_be_read_by_whom_the_system_says(tmp_path):
    (tmp_path / "plain").touch()
    checkpoints.save_model(tiny(), tmp_path / "net.safetensors", {})
    assert len({file.stat().st_mode for file in tmp_path.iterdir()}) == 1


# iColoriT's own file, and A-ColViT's


@pytest.mark.parametrize("core", ["core", "_core"])
def test_published_file(tmp_path, core):
    """As the authors save it: the state dict beside their optimizer and command line, full size.

    The learning rate is a NumPy scalar, whose module NumPy 1 and NumPy 2 name differently.
    """
    source = ColViT(policy=False, depth=2)
    state = source.state_dict()
    optimizer = torch.optim.AdamW(source.parameters(), lr=5e-4).state_dict()
    optimizer["param_groups"][0] |= {"lr": np.float64(5e-4), "weight_decay": np.float64(0.05)}
    args = argparse.Namespace(model="icolorit_tiny_4ch_patch16_224", lr=5e-4, window=(14, 14))
    whole = io.BytesIO()
    torch.save({"model": state, "optimizer": optimizer, "epoch": 24, "args": args}, whole)
    path = tmp_path / "icolorit_tiny_4ch_patch16_224.pth"
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            named = f"numpy.{core}.multiarray".encode()
            new.writestr(name, old.read(name).replace(b"numpy._core.multiarray", named))
    model = checkpoints.load_model(path)
    assert model.config == source.config
    assert not model.training
    assert list(model.state_dict()) == list(state)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("policy", [False, True])
def test_published_file_without_position_bias(tmp_path, policy):
    """All that A-ColViT's code writes: no tables, other names of the decisions, heads of 64."""
    settings = AS_RELEASED if policy else {"policy": False, "position_bias": False}
    source = ColViT(patch_size=32, dim=128, depth=2, heads=2, code_grid=7, **settings).eval()
    names = ("decision.linear", "layer_select.mlp_head")
    state = {key.replace(*names): value for key, value in source.state_dict().items()}
    path = tmp_path / "checkpoint-24.pth"
    torch.save({"model": state, "args": argparse.Namespace(use_rpb=False)}, path)
    model = checkpoints.load_model(path)
    assert model.config == source.config
    x = torch.randn(1, 4, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(model(x).ab, source(x).ab)


def test_published_file_of_a_centred_mask(tmp_path):
    """It is trained on a mask of -.5 and .5, and used here with ours of 0 and 1."""
    source, path = tiny(policy=False, code_grid=4), tmp_path / "centred.pth"
    args = argparse.Namespace(mask_cent=True, avg_hint=True, head_mode="cnn")
    torch.save({"model": source.state_dict(), "args": args}, path)
    x = torch.rand(2, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    centred = x - torch.tensor([0, 0, 0, 0.5])[:, None, None]
    with torch.no_grad():
        ab = checkpoints.load_model(path)(x).ab
        torch.testing.assert_close(ab, source(centred).ab, atol=1e-5, rtol=0)


class Bomb:
    """Unpickling it would run a function of the writer's choice."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_a_pickle_that_runs_code_is_refused_unrun(tmp_path):
    path, target = tmp_path / "bomb.pth", tmp_path / "exploded"
    torch.save({"model": tiny(policy=False).state_dict(), "args": Bomb(target)}, path)
    with pytest.raises(ColorlibError, match=r"bomb\.pth is damaged or of another network"):
        checkpoints.load_model(path)
    assert not target.exists()


def test_other_files_called_pth(tmp_path):
    path, state = tmp_path / "odd.pth", tiny(policy=False).state_dict()
    table = "blocks.0.attn.rpb_table"
    for content, message in [
        ({"state_dict": state}, "no entry 'model'"),
        ({"model": {}}, "no entry 'patch_embed.proj.weight'"),
        (
            {"model": state, "args": argparse.Namespace(head_mode="locattn")},
            "it was trained with head_mode='locattn'",
        ),
        ({"model": {**state, table: torch.ones(9)}}, "of another network: "),
        ({"model": {**state, table: torch.ones(49, 5)}}, "dim 24 must be a multiple of heads 5"),
        ({"model": {**state, "norm.bias": torch.full((24,), math.nan)}}, r"norm\.bias has values"),
    ]:
        torch.save(content, path)
        with pytest.raises(ColorlibError, match=rf"odd\.pth.*{message}"):
            checkpoints.load_model(path)


# From one network to another


def test_transfer_between_image_sizes():
    """Everything is taken over as it is, but for the bias tables, which are resized."""
    small, large = tiny(0, policy=False, img_size=32), tiny(1, policy=False, img_size=64)
    state = small.state_dict()
    assert checkpoints.transfer(large, state) == []
    for key, value in large.state_dict().items():
        if key.endswith("rpb_table"):
            assert torch.equal(value, checkpoints.resize_bias_table(state[key], 15**2))
        elif not key.endswith("relative_position_index"):
            assert torch.equal(value, state[key])


def test_transfer_to_a_gated_network_names_what_is_new():
    dense, gated = tiny(0, policy=False), tiny(1, decision_input="policy+mean", budget=True)
    before = {key: value.clone() for key, value in gated.state_dict().items()}
    new = before.keys() - dense.state_dict().keys()
    assert len(new) == 8
    assert set(checkpoints.transfer(gated, dense.state_dict())) == new
    for key, value in gated.state_dict().items():
        assert torch.equal(value, before[key] if key in new else dense.state_dict()[key])


def test_the_network_as_released_at_another_size():
    """At 14 x 14 patches the code is the published one, whatever the size it was trained at."""
    model, released = tiny(**AS_RELEASED), tiny(1, img_size=112, **AS_RELEASED)
    larger = checkpoints.resized(model, 112)
    assert larger.config == released.config
    assert torch.equal(larger.pos_embed, released.pos_embed)
    assert torch.equal(larger.norm.weight, model.norm.weight)


def test_transfer_refuses_what_does_not_fit():
    with pytest.raises(ColorlibError, match=r"policy_token is .* no such parameter"):
        checkpoints.transfer(tiny(policy=False), tiny().state_dict())


def smooth_table(grid: int) -> Tensor:
    """A hill over the distance between two patches, as trained tables have; one slanted."""
    offset = torch.linspace(-1, 1, 2 * grid - 1)
    down, right = torch.meshgrid(offset, offset, indexing="ij")
    return torch.stack([torch.exp(-2 * (down**2 + right**2)), down - 0.5 * right]).flatten(1).T


@pytest.mark.parametrize(("small", "large"), [(4, 14), (7, 14), (4, 7)])
def test_smooth_bias_tables_survive_the_sizes_of_the_three_phases(small, large):
    """64 pixels are a grid of 4, 112 of 7, 224 of 14; there and back, and against the formula."""
    table, rows = smooth_table(small), (2 * large - 1) ** 2
    resized = checkpoints.resize_bias_table(table, rows)
    torch.testing.assert_close(resized, smooth_table(large), atol=0.05, rtol=0)
    back = checkpoints.resize_bias_table(resized, len(table))
    torch.testing.assert_close(back, table, atol=0.05, rtol=0)
