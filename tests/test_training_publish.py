"""Shipping a run: what is copied, what is refused, and what a later check sees."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from colorlib import checkpoints
from colorlib.evaluate import HintedPhotos
from colorlib.files import CheckpointError, sha256
from colorlib.photos import Photo
from colorlib.training import publish as publishing
from colorlib.training import train
from colorlib.training.config import RunConfig, from_dict
from colorlib.training.publish import check, main, publish
from colorlib.training.state import fp32_model


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (36, 40, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dense run of 3 x 4 crops, one of 2 x 4 from it, and a gated one from that."""
    folder = tmp_path_factory.mktemp("runs")
    photos = tmp_path_factory.mktemp("photos")
    for number in range(3):
        Image.fromarray(noise(number)).save(photos / f"{number}.png")
    first = from_dict(
        {
            "name": "first",
            "about": "a trial",
            "data": {"photos": [str(photos)], "max_hints": 8},
            "model": {"img_size": 32, "dim": 24, "depth": 2, "heads": 2},
            "optim": {"steps": 3, "batch_size": 4, "lr": 1e-3, "ema": 0.9, "precision": "fp32"},
        }
    )
    second = _after(first, "second")
    gated = _after(second, "gated-0.5", model={"policy": True})
    for config in (first, second, gated):
        start = config.start and str(folder / config.start / f"{config.start}.safetensors")
        train(config.replace(start=start), folder / config.name, bar=False, cpu=True)
    return folder


def _after(config: RunConfig, name: str, **changes: Any) -> RunConfig:
    return config.replace(name=name, start=config.name, optim={"steps": 2}, **changes)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a gallery of two photos, one grey; networks are shipped at 32 pixels."""
    monkeypatch.setattr(publishing, "SIDE", 32)
    folder = tmp_path / "data"
    (folder / "photos").mkdir(parents=True)
    Image.fromarray(noise(7)).save(folder / "photos" / "noise.jpg")
    Image.fromarray(noise(7)).convert("L").save(folder / "photos" / "grey.jpg")
    monkeypatch.setenv("COLORLIB_DATA", str(folder))
    return folder


@pytest.fixture
def sets() -> dict[str, Sequence[Photo]]:
    return {
        "gallery": [Photo(noise(n), f"g{n}") for n in range(2)],
        "many": [Photo(noise(n), f"m{n}") for n in range(20)],
    }


def test_dense_run(runs: Path, data: Path, sets: dict[str, Sequence[Photo]]) -> None:
    card = publish(runs / "second", sets)
    shipped = data / "checkpoints" / "second.safetensors"
    assert shipped.read_bytes() == (runs / "second" / "second.safetensors").read_bytes()
    assert checkpoints.card("second") == card
    assert card["sha256"] == sha256(shipped)
    assert (card["crops_seen"], card["crops_seen_before"]) == (8, 12)
    assert card["command"] == "python -m colorlib.training data/configs/second.toml"
    assert 0 <= card["fp16_change_db"] <= 0.005
    assert list(card["measured"]["many"]["psnr"]) == ["0", "1", "5", "10", "50"]
    assert not {"adaptivity", "budget", "dial", "dense"} & card.keys()
    for name in ("first", "second"):
        log = (data / "runs" / f"{name}.csv").read_bytes()
        assert log == (runs / name / "log.csv").read_bytes()
    files = [path.name for path in data.rglob("*") if path.is_file()]
    assert sorted(files) == [
        "first.csv",
        "grey.jpg",
        "noise.jpg",
        "second.csv",
        "second.json",
        "second.safetensors",
    ]


def test_it_ships_at_full_size(
    runs: Path, data: Path, sets: dict[str, Sequence[Photo]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained at 32 pixels, shipped and measured at 48: 3 x 3 patches."""
    monkeypatch.setattr(publishing, "SIDE", 48)
    card = publish(runs / "first", sets, (10,))
    shipped = checkpoints.load_model("first")
    trained = checkpoints.load_model(runs / "first" / "first.safetensors")
    assert (card["model"]["img_size"], card["run"]["model"]["img_size"]) == (48, 32)
    assert card["model"] == shipped.config
    assert shipped.blocks[0].attn.rpb_table.shape == (25, 2)
    assert torch.equal(shipped.blocks[1].attn.qkv.weight, trained.blocks[1].attn.qkv.weight)
    psnr = HintedPhotos(sets["many"], 10, 48).run(shipped).psnr
    assert card["measured"]["many"]["psnr"]["10"] == pytest.approx(float(psnr.mean()), abs=1e-3)
    # The dense run that judges a gated one may be as small.
    judge = runs / "second" / "second.safetensors"
    assert publish(runs / "gated-0.5", sets, (10,), dense=str(judge))["dense"] == "second"


def test_gated_run(runs: Path, data: Path, sets: dict[str, Sequence[Photo]]) -> None:
    publish(runs / "second", sets, (10,))
    card = publish(runs / "gated-0.5", sets, (10,), dense="second")
    assert card["dense"] == "second"
    assert list(card["adaptivity"]) == ["many"]
    assert card["budget"]["asked"] == 0.5
    assert card["crops_seen_before"] == 20
    with pytest.raises(CheckpointError, match=r"gated-0\.5 has gates"):
        publish(runs / "gated-0.5", sets, (10,), dense="gated-0.5")


def test_a_dial_has_its_own_entry(
    runs: Path, data: Path, sets: dict[str, Sequence[Photo]], tmp_path: Path
) -> None:
    """A run's file with a card as training writes it; the weights are as they come."""
    dial = tmp_path / "any"
    dial.mkdir()
    config = {**checkpoints.load_model(runs / "first" / "first.safetensors").config}
    model = publishing.ColViT(**{**config, "policy": True, "budget": True})
    about = checkpoints.card(runs / "first" / "first.safetensors")
    del about["model"]
    checkpoints.save_model(model, dial / "any.safetensors", about)
    shutil.copyfile(runs / "first" / "log.csv", dial / "log.csv")
    card = publish(dial, sets, (10,), str(runs / "first" / "first.safetensors"), log_only=True)
    assert card["adaptivity"]["many"]["budget"] == 0.5
    assert list(card["dial"]["gallery"]) == ["0.25", "0.3", "0.5", "0.7", "0.9", "1.0"]
    assert "budget" not in card
    assert card["dense"] == "first"


def test_log_only(runs: Path, data: Path, sets: dict[str, Sequence[Photo]]) -> None:
    card = publish(runs / "second", sets, (10,), log_only=True)
    written = json.loads((data / "runs" / "second.json").read_text(encoding="utf-8"))
    assert written == card
    assert card["sha256"] == sha256(runs / "second" / "second.safetensors")
    assert list(written["measured"]["many"]["psnr"]) == ["10"]
    assert (data / "runs" / "second.csv").is_file()
    assert not (data / "checkpoints").exists()


def test_weights_of_another_state_are_refused(
    runs: Path, data: Path, sets: dict[str, Sequence[Photo]], tmp_path: Path
) -> None:
    run = tmp_path / "second"
    shutil.copytree(runs / "second", run)
    shutil.copyfile(runs / "first" / "state.pt", run / "state.pt")
    shutil.copytree(runs / "first", tmp_path / "first")
    with pytest.raises(CheckpointError, match=r"in .*state\.pt is not what second has"):
        publish(run, sets, (10,))
    (run / "state.pt").unlink()
    with pytest.raises(CheckpointError, match=r"state\.pt is missing: it holds the weights"):
        publish(run, sets, (10,))
    (run / "second.safetensors").unlink()
    with pytest.raises(CheckpointError, match="the run has saved no state yet"):
        publish(run, sets, (10,))
    assert not (data / "checkpoints").exists()


def test_a_loss_by_fp16_is_refused(
    runs: Path, data: Path, sets: dict[str, Sequence[Photo]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "fp16_loss", lambda *_: 0.0051)
    with pytest.raises(CheckpointError, match=r"second changes by 0\.0051 dB .*0\.005 is allowed"):
        publish(runs / "second", sets, (10,))
    assert not (data / "checkpoints").exists()


def test_a_run_killed_while_it_ships_changes_nothing(
    runs: Path, data: Path, sets: dict[str, Sequence[Photo]], monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(runs / "first", sets, (10,))
    before = {path: path.read_bytes() for path in (data / "checkpoints").iterdir()}

    def broken(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(publishing, "_write_card", broken)
    with pytest.raises(KeyboardInterrupt):
        publish(runs / "first", sets, (0, 10))
    assert {path: path.read_bytes() for path in (data / "checkpoints").iterdir()} == before


def test_crops_of_a_start_whose_run_is_elsewhere(
    runs: Path, data: Path, sets: dict[str, Sequence[Photo]], tmp_path: Path
) -> None:
    """A published card says how many led to it; a card of a run does not."""
    run = tmp_path / "gated-0.5"
    shutil.copytree(runs / "gated-0.5", run)
    dense = str(runs / "second" / "second.safetensors")
    with pytest.raises(CheckpointError, match="does not say crops_seen_before: publish it first"):
        publish(run, sets, (10,), dense, log_only=True)
    card = publish(runs / "second", sets, (10,))
    content = json.loads((run / "gated-0.5.json").read_text(encoding="utf-8"))
    content["run"]["start"] = "second"
    (run / "gated-0.5.json").write_text(json.dumps(content), encoding="utf-8")
    again = publish(run, sets, (10,), dense, log_only=True)
    assert again["crops_seen_before"] == card["crops_seen"] + card["crops_seen_before"] == 20


def test_fp32_weights_are_the_average(runs: Path) -> None:
    """Of a run that keeps one; rounded once they are what was stored."""
    path = runs / "second"
    model = fp32_model(path / "state.pt")
    state = torch.load(path / "state.pt", weights_only=True)
    weights = model.state_dict()
    assert torch.equal(weights["norm.weight"], state["average"]["module.norm.weight"])
    assert not torch.equal(weights["norm.weight"], state["model"]["norm.weight"])
    assert not model.training
    small = checkpoints.load_model(path / "second.safetensors").state_dict()
    assert torch.equal(weights["head.head.weight"].half().float(), small["head.head.weight"])
    assert not torch.equal(weights["head.head.weight"], small["head.head.weight"])


def test_fp32_weights_without_an_average_and_of_no_network(runs: Path, tmp_path: Path) -> None:
    state = torch.load(runs / "first" / "state.pt", weights_only=True)
    torch.save({**state, "average": None}, tmp_path / "state.pt")
    weights = fp32_model(tmp_path / "state.pt").state_dict()
    assert torch.equal(weights["norm.weight"], state["model"]["norm.weight"])
    state["model"].pop("norm.weight")
    torch.save({**state, "average": None}, tmp_path / "state.pt")
    with pytest.raises(CheckpointError, match=r"state\.pt fit no network: .*norm\.weight"):
        fp32_model(tmp_path / "state.pt")


def test_check_sees_what_is_not_so(
    runs: Path, data: Path, sets: dict[str, Sequence[Photo]]
) -> None:
    publish(runs / "first", sets, (1, 10))
    assert check("first", sets, (1, 10)) == []
    assert check("first", {"gallery": sets["gallery"]}, (10,)) == []
    path = data / "checkpoints" / "first.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["measured"]["many"]["psnr"]["1"] += 0.02
    card["measured"]["gallery"]["psnr"]["10"] += 0.005
    path.write_text(json.dumps(card), encoding="utf-8")
    (line,) = check("first", sets, (1, 10))
    assert line.startswith("first, many, 1 hints: ")
    # A count that the card does not have, and other weights under the name.
    assert "the card says None" in check("first", {"gallery": sets["gallery"]}, (5,))[0]
    shutil.copyfile(runs / "second" / "second.safetensors", path.with_suffix(".safetensors"))
    assert "sha256" in check("first", sets, (10,))[0]


def test_command(
    runs: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "few"
    photos.mkdir()
    Image.fromarray(noise(3)).save(photos / "a.png")
    options = ["--photos", f"few={photos}", "--counts", "1", "10"]
    assert main([str(runs / "second"), *options]) == 0
    assert "second few {'photos': 1, " in capsys.readouterr().out
    # The grey photo of the gallery is left out.
    assert checkpoints.card("second")["measured"]["gallery"]["photos"] == 1
    assert main(["--check", "second", *options]) == 0
    assert capsys.readouterr().out == "1 card(s) hold\n"
    assert main(["--check", "second", "--counts", "5"]) == 1
    assert "5 hints" in capsys.readouterr().out
    assert main([str(runs / "none")]) == 2
    assert "the run has saved no state yet" in capsys.readouterr().err
    assert torch.is_grad_enabled()
