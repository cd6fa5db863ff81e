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
from colorlib.hints import evaluation_hints, photo_input
from colorlib.model import ColViT, macs, predict
from colorlib.table2 import (
    Plain,
    Subject,
    Times,
    ceiling,
    describe,
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
    model = shipped["icolorit-t"]
    x = torch.cat([photo_input(photo, evaluation_hints(photo, 10)) for photo in some_photos])
    kept = x.clone()
    plain, eager = Plain(model)(x), predict(model, x)
    torch.testing.assert_close(plain.ab, eager.ab, rtol=0, atol=1e-5)
    assert torch.equal(plain.gates, torch.ones(3, 12, 2, dtype=torch.bool))
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


def test_a_time_is_the_mean_of_the_photos_medians():
    # Medians 2 and 20 ms, whatever one call of 900 took.
    wall = np.array([[1, 20], [2, 20], [900, 21]]) / 1e3
    assert Times(wall).ms == pytest.approx(11)


def test_the_machine_is_described():
    about = describe()
    assert about["processor"]
    assert about["cores"] >= 1
    assert torch.__version__.startswith(about["torch"])  # which may say more: +cu130
    # Between a toy and a cluster.
    assert 1e8 < ceiling(1) < 1e14


def test_what_is_timed_is_one_network(models, some_photos):
    """Masked, skipped and the runtime's branches: the same colours."""
    x = photo_input(some_photos[0], evaluation_hints(some_photos[0], 10), 32)
    expected = predict(models["gated-0.9"], x)
    for engine in ("masked", "eager", "onnx"):
        answer = network(Subject(engine, "gated-0.9"), models["gated-0.9"])(x)
        torch.testing.assert_close(answer.ab, expected.ab, rtol=0, atol=1e-4)
    assert not models["gated-0.9"].training
    dial = network(Subject("onnx", "any", 0.5), models["any"])(x)
    torch.testing.assert_close(dial.ab, predict(models["any"], x, 0.5).ab, rtol=0, atol=1e-4)
    decided = network(Subject("eager", "gated-0.9", gates="decisions"), models["gated-0.9"])(x)
    first = models["gated-0.9"].decide(0, models["gated-0.9"].embed(x * 0))
    torch.testing.assert_close(decided.gate_logits[:, 0], first, rtol=0, atol=1e-5)


def test_columns_that_compare(lines, models):
    dense = line_of(lines, "onnx", "dense")
    plain = line_of(lines, "plain", "dense")
    gated = line_of(lines, "onnx", "gated-0.3")
    whole, least = models["dense"].costs.dense, models["gated-0.3"].costs.fixed
    # Its decisions keep nothing, those of 0.9 everything.
    assert gated["kept"] == 0
    assert line_of(lines, "onnx", "gated-0.9")["kept"] == 4
    assert gated["gmac"] == pytest.approx(least / 1e9)
    assert gated["allowed"] == pytest.approx(whole / least)
    assert gated["over_dense"] == pytest.approx(dense["ms"] / gated["ms"])
    assert gated["over_plain"] == pytest.approx(plain["ms"] / gated["ms"])
    assert gated["images_per_s"] == pytest.approx(1e3 / gated["ms"])
    assert gated["gflops"] == pytest.approx(2 * gated["gmac"] * gated["images_per_s"])
    assert (dense["over_dense"], plain["over_plain"], dense["allowed"]) == (1, 1, 1)
    assert dense["ms_p10"] <= dense["ms_p90"]
    batch = line_of(lines, "eager", "dense", batch=3, threads=2)
    assert batch["images_per_s"] == pytest.approx(3e3 / batch["ms"])
    assert batch["over_dense"] == 1
    # Of work that is done and thrown away nothing is saved.
    assert line_of(lines, "masked", "gated-0.3")["kept"] == 4


def test_quality_stands_beside_speed(lines, models, some_photos):
    """It is the evaluation's; the grey photo is timed, and says nothing about colours."""
    coloured = HintedPhotos(some_photos[:2], 10, 32)
    exact = float(coloured.run(models["dense"]).psnr.mean())
    for engine in ("eager", "onnx", "plain"):
        assert line_of(lines, engine, "dense")["psnr10"] == pytest.approx(exact, abs=1e-3)
    assert line_of(lines, "eager", "dense")["photos"] == 3


def test_the_command(tmp_path, monkeypatch, lines, capsys):
    """It writes what it measured, where git is not installed, too."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(table2, "make_table", lambda *_: (lines.copy(), {1: 1e11, 2: 2e11}))
    monkeypatch.setattr(checkpoints, "load_model", lambda name: None)
    monkeypatch.setattr(photos, "gallery", lambda name: None)
    out = tmp_path / "table2.csv"
    assert table2.main(["--out", str(out), "--quiet"]) == 0
    printed = capsys.readouterr().out
    assert f"{len(lines)} lines" in printed
    read = read_table(out)
    assert len(read) == len(lines)
    own, made = line_of(read, "onnx", "any", 0.5), line_of(lines, "onnx", "any", 0.5)
    assert own["budget"] == 0.5
    assert own["ms"] == pytest.approx(made["ms"], abs=0.006)
    assert own["batch"] == 1
    about = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert about["commit"] == "unknown"
    assert about["ceiling_gflops"] == {"1": 100.0, "2": 200.0}
    assert set(about["checkpoints"]) == set(checkpoints.available())


@pytest.mark.parametrize("option", ["--repeats", "--threads"])
def test_bad_input_is_one_line(option, capsys):
    assert table2.main([option, "0"]) == 2
    assert capsys.readouterr().err == f"error: {option} is 0; it must be 1 or more\n"


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
