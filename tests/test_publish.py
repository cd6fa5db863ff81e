"""Shipping a run: the figures on its card, what is copied and refused, and a later check."""

import json
import math
import shutil

import numpy as np
import pytest
import torch
from networks import tiny
from PIL import Image
from torch import nn

from colorlib import checkpoints
from colorlib.color import denormalize_ab
from colorlib.evaluate import HintedPhotos
from colorlib.files import ColorlibError
from colorlib.metrics import border_ratio
from colorlib.model import macs
from colorlib.photos import Photo
from colorlib.train import from_dict, train
from tools import publish as publishing
from tools.publish import check, main, measured_entries, publish


def noise(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (36, 40, 3), dtype=np.uint8)


def pictures(count: int) -> list[Photo]:
    return [Photo(noise(number), f"photo-{number}") for number in range(count)]


def test_measured():
    photos, model = pictures(5), tiny()
    found = measured_entries(model, {"some": photos}, counts=(0, 3))
    assert list(found) == ["measured"]
    one = found["measured"]["some"]
    by_count = {"psnr": {}, "kept": {}, "gmac": {}}
    for count in (0, 3, 10):
        own = HintedPhotos(photos, count, 32).run(model)
        by_count["psnr"][str(count)] = float(own.psnr.mean())
        by_count["kept"][str(count)] = float(own.gates.float().mean())
        by_count["gmac"][str(count)] = float(macs(own.gates, model.costs).double().mean()) / 1e9
    for key, values in by_count.items():
        assert one[key] == pytest.approx(values, abs=6e-4)
    # Of the last, at ten hints: the sample's deviation over the root of 5.
    attention, ffn = own.gates.float().mean(dim=(0, 1)).tolist()
    wide = own.given.with_blocks(5).run(model).psnr.mean()
    expected = {
        "photos": 5,
        "border_ratio": border_ratio(denormalize_ab(own.ab), 8),
        "psnr_blocks": float(wide),
        "standard_error": np.std(own.psnr.numpy(), ddof=1) / math.sqrt(5),
        "kept_attention": attention,
        "kept_ffn": ffn,
        "grey": float(own.given.grey().psnr.mean()),
    }
    assert {key: one[key] for key in expected} == pytest.approx(expected, abs=6e-4)


def test_a_conditioned_network_is_measured_at_its_budgets():
    """The default is the budget 1."""
    photos, model = pictures(4), tiny(budget=True)
    with torch.no_grad():
        model.budget_gain.fill_(100.0)
        for block, threshold in zip(model.blocks, (40.0, 80.0), strict=True):
            block.decision.linear.bias.fill_(-threshold)
    found = measured_entries(model, {"some": photos}, counts=(1, 10))
    # Block 1 runs above .4, block 2 above .8.
    conditioned = found["by_budget"]["some"]
    shares = {"0.25": 0, "0.3": 0, "0.5": 0.5, "0.7": 0.5, "0.9": 1, "1.0": 1}
    assert {budget: one["kept"] for budget, one in conditioned.items()} == shares
    assert conditioned["0.25"]["gmac"] == pytest.approx(model.costs.fixed / 1e9, abs=6e-5)
    measured = found["measured"]["some"]
    assert conditioned["1.0"] == {key: measured[key]["10"] for key in ("psnr", "kept", "gmac")}


def test_adaptivity_of_gated_networks_on_sets_of_twenty(monkeypatch):
    monkeypatch.setattr(publishing, "ADAPTIVITY_PHOTOS", 5)
    sets, dense = {"few": pictures(4), "many": pictures(5)}, tiny(policy=False)
    found = measured_entries(tiny(), sets, (10,), dense)
    assert list(found["adaptivity"]) == ["many"]
    one = found["adaptivity"]["many"]
    kept = found["measured"]["many"]["kept"]["10"]
    assert one["kept_mean"] == pytest.approx(4 * kept, abs=1e-3)
    conditioned = measured_entries(tiny(budget=True), sets, (10,), dense)
    assert conditioned["adaptivity"]["many"]["budget"] == 0.5
    share = conditioned["by_budget"]["many"]["0.5"]["kept"]
    assert conditioned["adaptivity"]["many"]["kept_mean"] == pytest.approx(4 * share, abs=1e-3)
    # What never changes has no correlation, and JSON has no NaN.
    model = tiny()
    for block in model.blocks:
        nn.init.constant_(block.decision.linear.bias, 1e3)
    still = measured_entries(model, sets, (10,), dense)["adaptivity"]["many"]
    assert (still["spearman"], still["static"]) == (None, 1)


# A run that is shipped


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
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
    starts = [str(folder / name / f"{name}.safetensors") for name in ("first", "second")]
    second = first.replace(name="second", start=starts[0], optim={"steps": 2})
    gated = second.replace(name="gated-0.5", start=starts[1], model={"policy": True})
    for config in (first, second, gated):
        train(config, folder / config.name, bar=False, cpu=True)
    return folder


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder with a gallery of two photos, one grey; networks are shipped at 32 pixels."""
    monkeypatch.setattr(publishing, "SIDE", 32)
    folder = tmp_path / "data"
    (folder / "photos").mkdir(parents=True)
    (folder / "runs").mkdir()
    Image.fromarray(noise(7)).save(folder / "photos" / "noise.jpg")
    Image.fromarray(noise(7)).convert("L").save(folder / "photos" / "grey.jpg")
    monkeypatch.setenv("COLORLIB_DATA", str(folder))
    return folder


@pytest.fixture
def sets():
    return {"gallery": pictures(2), "many": pictures(20)}


def test_dense_run(runs, data, sets):
    card = publish(runs / "second", sets)
    shipped = data / "checkpoints" / "second.safetensors"
    assert shipped.read_bytes() == (runs / "second" / "second.safetensors").read_bytes()
    assert checkpoints.card("second") == card
    assert (card["crops_seen"], card["crops_seen_before"]) == (8, 12)
    assert card["command"] == "python -m colorlib.train data/configs/second.toml"
    assert 0 <= card["fp16_change_db"] <= 0.005
    assert list(card["measured"]["many"]["psnr"]) == ["0", "1", "5", "10", "50"]
    assert not {"adaptivity", "by_budget", "dense"} & card.keys()
    for name in ("first", "second"):
        log = (data / "runs" / f"{name}.csv").read_bytes()
        assert log == (runs / name / "log.csv").read_bytes()


def test_it_ships_at_full_size(runs, data, sets, monkeypatch):
    """Trained at 32 pixels, shipped and measured at 48: 3 x 3 patches. Or its log alone is."""
    monkeypatch.setattr(publishing, "SIDE", 48)
    logged = publish(runs / "first", sets, (10,), log_only=True)
    assert json.loads((data / "runs" / "first.json").read_text(encoding="utf-8")) == logged
    assert not (data / "checkpoints").exists()
    card = publish(runs / "first", sets, (10,))
    assert card["measured"] == logged["measured"]
    shipped = checkpoints.load_model("first")
    assert (card["model"]["img_size"], card["run"]["model"]["img_size"]) == (48, 32)
    assert card["model"] == shipped.config
    psnr = HintedPhotos(sets["many"], 10, 48).run(shipped).psnr
    assert card["measured"]["many"]["psnr"]["10"] == pytest.approx(float(psnr.mean()), abs=1e-3)


def test_gated_run(runs, data, sets, tmp_path):
    """The dense network is a shipped one or a file, and so is that from which a run started.

    A published card says how many crops led to it; a card of a run does not.
    """
    run = tmp_path / "gated-0.5"
    shutil.copytree(runs / "gated-0.5", run)
    file = str(runs / "second" / "second.safetensors")
    with pytest.raises(ColorlibError, match="does not say crops_seen_before: publish it first"):
        publish(run, sets, (10,), file, log_only=True)
    publish(runs / "second", sets, (10,))
    card = json.loads((run / "gated-0.5.json").read_text(encoding="utf-8"))
    card["run"]["start"] = "second"
    (run / "gated-0.5.json").write_text(json.dumps(card), encoding="utf-8")
    for folder, dense in ((runs / "gated-0.5", "second"), (run, file)):
        card = publish(folder, sets, (10,), dense, log_only=folder == run)
        assert card["dense"] == "second"
        assert list(card["adaptivity"]) == ["many"]
        assert card["crops_seen_before"] == 20
    with pytest.raises(ColorlibError, match=r"gated-0\.5 has gates"):
        publish(runs / "gated-0.5", sets, (10,), dense="gated-0.5")


def test_weights_of_another_state_are_refused(runs, data, sets, tmp_path):
    run = tmp_path / "second"
    shutil.copytree(runs / "second", run)
    shutil.copyfile(runs / "first" / "state.pt", run / "state.pt")
    shutil.copytree(runs / "first", tmp_path / "first")
    with pytest.raises(ColorlibError, match=r"weights of .*state\.pt are not what second has"):
        publish(run, sets, (10,))
    (run / "state.pt").unlink()
    with pytest.raises(ColorlibError, match=r"state\.pt is missing or damaged"):
        publish(run, sets, (10,))
    assert not (data / "checkpoints").exists()


def test_a_loss_by_fp16_is_refused(runs, data, sets, monkeypatch):
    monkeypatch.setattr(publishing, "FP16_TOLERANCE_DB", -1)
    with pytest.raises(ColorlibError, match=r"second changes by 0\.\d+ dB .*-1 is allowed"):
        publish(runs / "second", sets, (10,))
    assert not (data / "checkpoints").exists()


def test_check_sees_what_is_not_so(runs, data, sets):
    """A PSNR, one that the card does not have, and other weights under the name."""
    publish(runs / "first", sets, (1, 10))
    assert check("first", sets, (1, 10)) == []
    path = data / "checkpoints" / "first.json"
    card = json.loads(path.read_text(encoding="utf-8"))
    card["measured"]["many"]["psnr"]["1"] += 0.02
    card["measured"]["gallery"]["psnr"]["10"] += 0.005
    path.write_text(json.dumps(card), encoding="utf-8")
    (line,) = check("first", sets, (1, 10))
    assert line.startswith("first, measured, many, psnr, 1: ")
    assert "the card says nan" in check("first", {"gallery": sets["gallery"]}, (5,))[0]
    shutil.copyfile(runs / "second" / "second.safetensors", path.with_suffix(".safetensors"))
    assert "sha256" in check("first", sets, (10,))[0]


def test_command(runs, data, tmp_path, capsys):
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
    assert main([str(runs / "none")]) == 2
    assert "error: there is no checkpoint " in capsys.readouterr().err
