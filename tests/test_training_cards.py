"""The figures on a card, each against the functions it is made of, or by hand."""

import json
import math

import numpy as np
import pytest
import torch
from networks import tiny
from torch import nn

from colorlib.color import denormalize_ab
from colorlib.evaluate import HintedPhotos
from colorlib.metrics import border_ratio
from colorlib.model import ColViT, macs
from colorlib.photos import Photo
from colorlib.training import cards
from colorlib.training.cards import (
    OneSet,
    budget_entry,
    entries,
    fp16_loss,
    paper_keep,
    rounded,
    stored,
)


def pictures(count: int) -> list[Photo]:
    random = np.random.default_rng(0)
    rgb = [random.integers(0, 256, (36, 40, 3), dtype=np.uint8) for _ in range(count)]
    return [Photo(one, f"photo-{number}") for number, one in enumerate(rgb)]


def test_measured() -> None:
    photos, model = pictures(5), tiny()
    found = entries(model, {"some": photos}, counts=(0, 3))
    assert list(found) == ["measured"]
    one = found["measured"]["some"]
    assert list(one["psnr"]) == list(one["kept"]) == list(one["gmac"]) == ["0", "3", "10"]
    for count in (0, 3, 10):
        own = HintedPhotos(photos, count, 32).run(model)
        psnr, gates = own.psnr, own.gates
        assert one["psnr"][str(count)] == pytest.approx(float(psnr.mean()), abs=6e-4)
        assert one["kept"][str(count)] == pytest.approx(float(gates.float().mean()), abs=6e-5)
        spent = float(macs(gates, model.costs).double().mean()) / 1e9
        assert one["gmac"][str(count)] == pytest.approx(spent, abs=6e-5)
    assert one["photos"] == 5
    # Of the last, at ten hints: the sample's deviation over the root of 5.
    given = HintedPhotos(photos, 10, 32)
    colours = denormalize_ab(given.run(model).ab)
    assert one["border_ratio"] == pytest.approx(border_ratio(colours, 8), abs=6e-4)
    wide = given.with_blocks(5).run(model).psnr.mean()
    assert one["psnr_blocks"] == pytest.approx(float(wide), abs=6e-4)
    error = np.std(psnr.numpy(), ddof=1) / math.sqrt(5)
    assert one["standard_error"] == pytest.approx(error, abs=6e-4)
    attention, ffn = gates.float().mean(dim=(0, 1)).tolist()
    assert [one["kept_attention"], one["kept_ffn"]] == pytest.approx([attention, ffn], abs=6e-5)
    assert one["grey"] == pytest.approx(float(given.grey().psnr.mean()), abs=1e-3)


def test_a_single_photo_has_no_standard_error() -> None:
    found = entries(tiny(), {"one": pictures(1)}, counts=(10,))
    assert found["measured"]["one"]["standard_error"] is None
    assert json.dumps(found, allow_nan=False)


def test_a_dial_is_measured_at_its_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no pass is made twice: the default is the budget 1."""
    photos, model = pictures(4), tiny(budget=True)
    with torch.no_grad():
        model.budget_gain.fill_(100.0)
        for block, threshold in zip(model.blocks, (40.0, 80.0), strict=True):
            block.decision.linear.bias.fill_(-threshold)
    passes = []
    run = HintedPhotos.run

    def counted(self: HintedPhotos, *arguments: object, **options: object) -> object:
        passes.append(options)
        return run(self, *arguments, **options)

    monkeypatch.setattr(HintedPhotos, "run", counted)
    found = entries(model, {"some": photos}, counts=(1, 10))
    assert len(passes) == 2 + 5 + 1  # and one with wide hints
    # Block 1 runs above .4, block 2 above .8.
    dial = found["dial"]["some"]
    shares = {"0.25": 0, "0.3": 0, "0.5": 0.5, "0.7": 0.5, "0.9": 1, "1.0": 1}
    assert {budget: one["kept"] for budget, one in dial.items()} == shares
    assert dial["0.25"]["gmac"] == pytest.approx(model.costs.fixed / 1e9, abs=6e-5)
    measured = found["measured"]["some"]
    assert dial["1.0"] == {key: measured[key]["10"] for key in ("psnr", "kept", "gmac")}


def test_adaptivity_of_gated_networks_on_sets_of_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "ADAPTIVITY_PHOTOS", 5)
    sets, dense = {"few": pictures(4), "many": pictures(5)}, tiny(policy=False)
    found = entries(tiny(), sets, (10,), dense)
    assert list(found["adaptivity"]) == ["many"]
    one = found["adaptivity"]["many"]
    kept = found["measured"]["many"]["kept"]["10"]
    assert one["kept_mean"] == pytest.approx(4 * kept, abs=1e-3)
    assert "budget" not in one
    assert type(one["patterns"]) is int
    dial = entries(tiny(budget=True), sets, (10,), dense)
    assert dial["adaptivity"]["many"]["budget"] == 0.5
    share = dial["dial"]["many"]["0.5"]["kept"]
    assert dial["adaptivity"]["many"]["kept_mean"] == pytest.approx(4 * share, abs=1e-3)
    assert "adaptivity" not in entries(dense, sets, (10,), dense)
    # What never changes has no correlation, and JSON has no NaN.
    model = tiny()
    for block in model.blocks:
        nn.init.constant_(block.decision.linear.bias, 1e3)
    still = entries(model, sets, (10,), dense)["adaptivity"]["many"]
    assert still["spearman"] is None
    assert (still["static"], still["patterns"], still["swap_db"], still["all_kept_db"]) == (
        1,
        1,
        0,
        0,
    )


def test_the_bar_reaches_its_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cards, "ADAPTIVITY_PHOTOS", 3)
    sets = {"few": pictures(2), "many": pictures(3)}
    entries(tiny(budget=True), sets, (1, 10), tiny(policy=False), bar=True)
    # 2 counts, 5 other budgets and 1 with wide hints on each set, 3 for the adaptivity of one.
    assert "19/19" in capsys.readouterr().err


def test_both_readings_of_a_budget() -> None:
    """Means over photos, not over sets. The paper's 0.46 G, by hand.

    Its network at 224, by the formulas of its costs: embedding 38.535 M, head 173.408 M, decisions
    12 x 384; a block 43.951 + 58.098 M. (460 - 211.948) / (12 x 102.049) = 0.20.
    """
    costs = ColViT().costs
    assert paper_keep(0.3, costs) == pytest.approx((460 - 211.948) / (12 * 102.049), abs=1e-4)
    measured = {
        "a": {"photos": 1, "kept": {"10": 0.5}, "gmac": {"10": 0.8}},
        "b": {"photos": 3, "kept": {"10": 0.3}, "gmac": {"10": 0.6}},
    }
    entry = budget_entry(0.3, measured, costs)
    note = entry.pop("note")
    assert entry == {"asked": 0.3, "kept": 0.35, "gmac": 0.65}
    assert "0.46 G multiply-adds" in note
    assert "mean keep of 0.20" in note
    # .905, .70 and .47 are what was asked, to rounding; of .4 the paper has nothing.
    for asked in (0.9, 0.7, 0.5, 0.4):
        assert "note" not in budget_entry(asked, measured, costs)


def test_rounding_to_fp16() -> None:
    """As a file's, and of what a file holds alone: the position code is computed."""
    model = tiny()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    copy = stored(model)
    assert torch.equal(copy.pos_embed, model.pos_embed)
    for key, value in copy.state_dict().items():
        rounded_once = before[key].half().float() if value.is_floating_point() else before[key]
        assert torch.equal(value, rounded_once)
        assert torch.equal(model.state_dict()[key], before[key])


def test_fp16_loss() -> None:
    photos, model = pictures(3), tiny()
    given = HintedPhotos(photos, 10, 32)
    assert fp16_loss(stored(model), given) == 0
    change = fp16_loss(model, given)
    means = [float(given.run(one).psnr.mean()) for one in (model, stored(model))]
    assert change == pytest.approx(abs(means[0] - means[1]), abs=1e-9)
    # fp16 goes in steps of 6e-8 near 0: of such weights much is lost, and it is seen.
    with torch.no_grad():
        model.head.head.weight.mul_(3e-7)
        model.head.head.bias.zero_()
        model.norm.weight.mul_(5e4)
        model.norm.bias.mul_(5e4)
    grey = Photo(np.full((32, 32, 3), 128, np.uint8), "grey")
    assert fp16_loss(model, HintedPhotos([grey], 10, 32)) > 0.05


def test_numbers_for_json() -> None:
    assert rounded(1.23456, 2) == 1.23
    assert rounded(torch.tensor(0.5), 2) == 0.5
    assert rounded(math.nan, 2) is None
    assert rounded(math.inf, 2) is None


def test_gates_of_one_set_are_measured_at_the_count_asked_for() -> None:
    one = OneSet(tiny(), pictures(2), cards.tqdm(disable=True))
    few = one.run(2).psnr
    assert torch.equal(few, HintedPhotos(pictures(2), 2, 32).run(one.model).psnr)
