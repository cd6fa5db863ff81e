"""Table 2: what is timed is the same computation, and ratios are ratios."""

import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from networks import tiny

from colorlib import checkpoints, photos, table2
from colorlib.evaluate import HintedPhotos
from colorlib.files import ColorlibError, data_dir, sha256
from colorlib.model import ColViT, macs, predict
from colorlib.table2 import (
    Plain,
    Subject,
    Times,
    evenly,
    measure,
    network,
    network_subjects,
    read_table,
    speed_row,
)

pytestmark = pytest.mark.usefixtures("one_thread")

SHIPPED = data_dir() / "results" / "table2.csv"


@pytest.fixture(scope="module")
def models() -> dict[str, torch.nn.Module]:
    """A dense network, two gated ones whose decisions differ, and a dial; 4 sub-layers each."""
    found = {
        "dense": tiny(policy=False),
        "gated-0.9": tiny(),
        "gated-0.3": tiny(),
        "any": tiny(budget=True, decision_input="policy+mean"),
    }
    with torch.no_grad():
        for name, push in (("gated-0.9", 5.0), ("gated-0.3", -5.0)):
            for block in found[name].blocks:
                block.decision.linear.bias.fill_(push)
    return found


@pytest.fixture(scope="module")
def some_photos() -> list[photos.Photo]:
    return [photos.gallery(name) for name in ("chelsea", "coffee", "camera")]  # the last is grey


@pytest.fixture(scope="module")
def lines(models, some_photos) -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table2, "BATCHES", (1, 3))
        patch.setattr(table2, "BUDGETS", (0.5,))
        patch.setattr(table2, "FORCED", (4, 0))
        # What a second thread brings is not tested, and waiting for it takes most of the time.
        patch.setattr(table2, "threads", lambda count: nullcontext())
        patch.setattr(table2, "ceiling", lambda count: 1e11 * count)
        found, ceilings = table2.make_table(models, some_photos, repeats=2, most_threads=2)
    assert ceilings == {1: 1e11, 2: 2e11}
    return found


@pytest.fixture(scope="module")
def shipped() -> dict[str, ColViT]:
    return {name: checkpoints.load_model(name) for name in checkpoints.available()}


def line_of(lines: pd.DataFrame, *subject, **more) -> dict:
    return speed_row(lines, Subject(*subject, **more))


def test_the_plain_forward_is_the_same_network(shipped, some_photos):
    model, x = shipped["icolorit-t"], HintedPhotos(some_photos, 10).inputs
    kept = x.clone()
    torch.testing.assert_close(Plain(model)(x).ab, predict(model, x).ab, rtol=0, atol=1e-5)
    assert torch.equal(x, kept)


def test_evenly(shipped):
    # Blocks 0, 6 (5.5 rounded to even) and 11 keep attention, 0 and 11 the FFN: 0.46 GMAC.
    gates = evenly(5)
    assert gates[:, 0].nonzero().flatten().tolist() == [0, 6, 11]
    assert gates[:, 1].nonzero().flatten().tolist() == [0, 11]
    assert round(float(macs(gates, shipped["acolvit-t-0.3"].costs)) / 1e9, 2) == 0.46
    for depth in (1, 2, 12):
        for kept in range(2 * depth + 1):
            assert evenly(kept, depth).sum(0).tolist() == [kept - kept // 2, kept // 2]


def test_all_run_in_turn_and_the_first_changes():
    calls = []
    work = {name: lambda i, name=name: calls.append((name, i)) for name in "abc"}
    times = measure(work, photos=2, repeats=2)
    assert calls[:3] == [("a", 0), ("b", 0), ("c", 0)]  # which does not count
    rounds = ["".join(name for name, _ in calls[i : i + 3]) for i in range(3, 15, 3)]
    assert rounds == ["abc", "bca", "cab", "abc"]
    assert [index for _, index in calls[3::3]] == [0, 1, 0, 1]
    assert (times["a"].wall > 0).all()
    # The mean of the photos' medians, 2 and 20 ms, whatever one call of 900 took.
    assert Times(np.array([[1, 20], [2, 20], [900, 21]]) / 1e3).ms == pytest.approx(11)


def test_what_is_timed_is_one_network(models, some_photos):
    """Masked, skipped and the runtime's branches: the same colours. And decisions alone."""
    model, x = models["gated-0.9"], HintedPhotos(some_photos[:1], 10, 32).inputs
    expected = predict(model, x)
    for engine in ("masked", "eager", "onnx"):
        answer = network(Subject(engine, "gated-0.9"), model)(x)
        torch.testing.assert_close(answer.ab, expected.ab, rtol=0, atol=1e-4)
    told = network(Subject("onnx", "any", 0.5), models["any"])(x)
    torch.testing.assert_close(told.ab, predict(models["any"], x, 0.5).ab, rtol=0, atol=1e-4)
    decided = network(Subject("eager", "gated-0.9", gates="decisions"), model)(x)
    first = model.decide(0, model.embed(x * 0))
    torch.testing.assert_close(decided.gate_logits[:, 0], first, rtol=0, atol=1e-5)


def test_columns_that_compare(lines, models):
    dense = line_of(lines, "onnx", "dense")
    plain = line_of(lines, "plain", "dense")
    gated = line_of(lines, "onnx", "gated-0.3")
    whole, least = models["dense"].costs.dense, models["gated-0.3"].costs.fixed
    # Its decisions keep nothing, those of 0.9 everything.
    assert gated["kept"] == 0
    assert line_of(lines, "onnx", "gated-0.9")["kept"] == 4
    expected = {
        "gmac": least / 1e9,
        "allowed": whole / least,
        "over_dense": dense["ms"] / gated["ms"],
        "over_plain": plain["ms"] / gated["ms"],
        "images_per_s": 1e3 / gated["ms"],
        "gflops": 2e3 * gated["gmac"] / gated["ms"],
    }
    assert {key: gated[key] for key in expected} == pytest.approx(expected)
    batch = line_of(lines, "eager", "dense", batch=3, threads=2)
    assert batch["images_per_s"] == pytest.approx(3e3 / batch["ms"])
    assert batch["over_dense"] == 1
    # Of work that is done and thrown away nothing is saved.
    assert line_of(lines, "masked", "gated-0.3")["kept"] == 4


def test_quality_stands_beside_speed(lines, models, some_photos):
    """It is the evaluation's; the grey photo is left out, as it says nothing about colours."""
    coloured = HintedPhotos(some_photos[:2], 10, 32)
    exact = float(coloured.run(models["dense"]).psnr.mean())
    for engine in ("eager", "onnx", "plain"):
        assert line_of(lines, engine, "dense")["psnr10"] == pytest.approx(exact, abs=1e-3)
    assert line_of(lines, "eager", "dense")["photos"] == 2


def test_the_command(tmp_path, monkeypatch, lines, capsys):
    """It writes what it measured and where, also where git is not installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(table2, "make_table", lambda *_: (lines.copy(), {1: 1e11, 2: 2e11}))
    monkeypatch.setattr(checkpoints, "load_model", lambda name: None)
    monkeypatch.setattr(photos, "gallery", lambda name: None)
    out = tmp_path / "table2.csv"
    assert table2.main(["--out", str(out), "--quiet"]) == 0
    assert f"{len(lines)} lines" in capsys.readouterr().out
    read = read_table(out)
    assert len(read) == len(lines)
    own, made = line_of(read, "onnx", "any", 0.5), line_of(lines, "onnx", "any", 0.5)
    assert own["ms"] == pytest.approx(made["ms"], abs=0.006)
    about = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert about["commit"] == "unknown"
    assert about["machine"]["processor"]
    assert torch.__version__.startswith(about["machine"]["torch"])  # may say more: +cu130
    assert about["ceiling_gflops"] == {"1": 100.0, "2": 200.0}
    assert set(about["checkpoints"]) == set(checkpoints.available())


def test_bad_input_is_one_line(capsys):
    assert table2.main(["--repeats", "0"]) == 2
    assert capsys.readouterr().err == "error: --repeats is 0; it must be 1 or more\n"


def test_a_line_that_is_not_there(lines, tmp_path):
    with pytest.raises(ColorlibError, match="no line of Subject"):
        line_of(lines, "onnx", "nobody")
    path = tmp_path / "table2.csv"
    path.write_text("stage,engine\n", encoding="utf-8")
    with pytest.raises(ColorlibError, match=r"cannot read .*table2\.csv as a table: .*gates"):
        read_table(path)


@pytest.mark.skipif(not SHIPPED.is_file(), reason="no table has been landed")
def test_the_landed_table_is_of_the_shipped_networks(shipped):
    """Whoever changes a checkpoint runs `colorlib table2` again."""
    about = json.loads(SHIPPED.with_suffix(".json").read_text(encoding="utf-8"))
    folder = checkpoints.checkpoint_dir()
    assert about["checkpoints"] == {
        name: sha256(folder / f"{name}.safetensors") for name in shipped
    }
    assert not any(Path(word).is_absolute() for word in about["command"].split())
    read = read_table(SHIPPED)
    for subject in network_subjects(shipped, 1, 1):
        line = speed_row(read, subject)
        assert line["ms"] > 0
        if subject.gates == "own" and subject.engine in ("eager", "onnx"):
            whole, own = shipped["icolorit-t"].costs.dense, line["gmac"] * 1e9
            assert line["allowed"] == pytest.approx(whole / own, abs=0.01)
