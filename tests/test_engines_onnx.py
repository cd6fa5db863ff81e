"""colorlib.onnx: the numbers of PyTorch, by another way."""

from functools import partial

import numpy as np
import pytest
import torch
from networks import tiny
from torch.nn import functional as F

from colorlib import photos
from colorlib.checkpoints import available, load_model
from colorlib.color import lab_to_srgb, srgb_to_lab
from colorlib.files import ConfigError
from colorlib.hints import evaluation_hints, photo_input
from colorlib.model import AS_RELEASED, Prediction, macs, predict
from colorlib.onnx import OnnxModel

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {
    "dense": {"policy": False},
    "pattern": {"policy": False, "pattern": [[1, 0], [0, 1]]},
    "policy": {},
    "policy and mean": {"decision_input": "policy+mean"},
    "dial": {"budget": True, "decision_input": "policy+mean"},
    "as released": AS_RELEASED,
    "no position bias": {"policy": False, "position_bias": False, "code_grid": 4},
    "two patches a side": {"patch_size": 16, "heads": 3},
    "five patches a side": {"img_size": 40, "mlp_ratio": 2.0},
}


def random_input(batch: int, side: int = 32) -> torch.Tensor:
    return torch.randn(batch, 4, side, side, generator=torch.Generator().manual_seed(1))


def assert_same(answer: Prediction, expected: Prediction, tolerance: float = 1e-4) -> None:
    assert torch.equal(answer.gates, expected.gates)
    assert answer.gates.dtype == torch.bool
    torch.testing.assert_close(answer.ab, expected.ab, rtol=0, atol=tolerance)
    if expected.gate_logits is None:
        assert answer.gate_logits is None
    else:
        torch.testing.assert_close(answer.gate_logits, expected.gate_logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_configuration_gives_pytorchs_numbers(settings):
    model = tiny(**settings)
    side, depth = model.img_size, model.config["depth"]
    x = random_input(5, side)
    x[1, 1:] = 0  # no hints
    x[2, 1:, side // 2 :] = 0
    eager = partial(predict, model)
    if model.policy:
        # The second block's decisions are put amidst the photos, so that they part ways.
        first, second = (block.decision.linear.bias for block in model.blocks)
        with torch.no_grad():
            first.add_(5.0)
            second.sub_(eager(x).gate_logits[:, 1].mean(0))
    engine = OnnxModel(model)
    answer = engine(x)
    assert_same(answer, eager(x))
    if model.policy:
        assert len(answer.gates.flatten(1).unique(dim=0)) > 1, "a test of one path only"
    one = torch.rand(depth, 2, generator=torch.Generator().manual_seed(2)) > 0.5
    each = torch.rand(5, depth, 2, generator=torch.Generator().manual_seed(3)) > 0.5
    for gates in (one, each):
        assert_same(engine(x, gates=gates), eager(x, gates=gates))


def test_a_budget_is_an_input():
    model = tiny(budget=True)
    with torch.no_grad():
        model.budget_gain.fill_(2.0)
    x = random_input(3)
    engine, eager = OnnxModel(model), partial(predict, model)
    for budget in (None, 0.0, 0.3, torch.tensor([0.1, 0.5, 1.0])):
        assert_same(engine(x, budget), eager(x, budget))
    with pytest.raises(ConfigError, match=r"1\.5"):
        engine(x, 1.5)


def test_what_does_not_fit_is_refused():
    engine = OnnxModel(tiny())
    with pytest.raises(ConfigError, match="no budget"):
        engine(random_input(1), 0.5)
    with pytest.raises(ConfigError, match=r"\[7, 2\]"):
        engine(random_input(1), gates=torch.ones(7, 2))
    empty = engine(random_input(0))
    assert empty.ab.shape == (0, 2, 32, 32)


def test_neither_engine_changes_the_model_or_its_input():
    model, x = tiny(), random_input(2)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    given = x.clone()
    model.train()
    answer = OnnxModel(model)(x)
    assert model.training
    assert torch.equal(x, given)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert_same(answer, predict(model, x))
    assert not answer.ab.requires_grad
    answer.ab.add_(1)


def test_later_changes_to_the_weights_do_not_count():
    model, x = tiny(), random_input(1)
    engine = OnnxModel(model)
    before = engine(x)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(-0.5)
    assert torch.equal(engine(x).ab, before.ab)


def test_a_logit_of_exactly_zero_skips():
    model = tiny()
    with torch.no_grad():
        for block in model.blocks:
            block.decision.linear.weight.zero_()
            block.decision.linear.bias.zero_()
    x = random_input(1)
    assert not OnnxModel(model)(x).gates.any()
    assert not predict(model, x).gates.any()


def test_a_logit_within_rounding_of_zero_may_fall_either_way():
    """And on another machine, other ones; with the same gates the colours are the same."""
    for seed in range(20):
        model, x = tiny(seed, depth=1, decision_input="policy+mean"), random_input(1)
        eager = partial(predict, model)
        for _ in range(4):  # the logit's own rounding changes with its bias
            logits = eager(x).gate_logits
            assert logits is not None
            with torch.no_grad():
                model.blocks[0].decision.linear.bias.sub_(logits[0, 0])
        answer = OnnxModel(model)(x)
        assert answer.gate_logits is not None
        assert answer.gate_logits.abs().max() < 1e-5
        same_gates = eager(x, gates=answer.gates)
        torch.testing.assert_close(answer.ab, same_gates.ab, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_the_shipped_networks_on_200_hint_patterns():
    """In turn; each sees every photo of the gallery, with hints from none to many."""
    models = [load_model(name) for name in available()]
    engines = [(partial(predict, model), OnnxModel(model)) for model in models]
    gallery = [photos.gallery(name) for name in photos.gallery_names()]
    assert 200 // len(models) >= len(gallery)
    for pattern in range(200):
        eager, engine = engines[pattern % len(engines)]
        photo = gallery[pattern // len(engines) % len(gallery)]
        x = photo_input(photo, evaluation_hints(photo, pattern * 7 % 211))
        budget = pattern % 10 / 10 if engine.model.config["budget"] else None
        assert_same(engine(x, budget), eager(x, budget))


@pytest.mark.parametrize("name", ["icolorit-t", "acolvit-t-0.5"])
def test_the_approximate_engine_loses_less_than_a_twentieth_of_a_decibel(name):
    model = load_model(name)
    exact, engine = OnnxModel(model), OnnxModel(model, approximate=True)
    losses, unlike = [], []
    for photo in map(photos.gallery, photos.gallery_names()):
        if photo.is_grey:  # its error is next to nothing, and dB make much of that
            continue
        L, ab = srgb_to_lab(photo.resized(224).tensor())
        true = lab_to_srgb(L, ab)
        x = photo_input(photo, evaluation_hints(photo, 10))
        answers = exact(x), engine(x)
        errors = [F.mse_loss(lab_to_srgb(L, 110 * one.ab), true).item() for one in answers]
        losses.append(10 * np.log10(errors[1] / errors[0]))
        unlike.append((answers[0].gates != answers[1].gates).float().mean().item())
        forced = engine(x, gates=answers[0].gates)
        assert 0 < (forced.ab - answers[0].ab).abs().mean() < 0.005
    assert np.mean(losses) < 0.05
    assert max(losses) < 0.2
    assert np.mean(unlike) < 0.02


def test_an_approximate_gate_decides_for_itself():
    model, x = tiny(decision_input="policy+mean"), random_input(4)
    answer, expected = OnnxModel(model, approximate=True)(x), predict(model, x)
    assert answer.gate_logits is not None
    # Its first decision sees what no 8-bit product has touched.
    torch.testing.assert_close(answer.gate_logits[:, 0], expected.gate_logits[:, 0])
    forced = OnnxModel(model, approximate=True)(x, gates=expected.gates)
    assert torch.equal(forced.gates, expected.gates)
    assert forced.gate_logits is None


def test_multiply_adds_are_those_of_the_gates_that_ran():
    model = tiny()
    answer = OnnxModel(model)(random_input(1), gates=torch.tensor([[1, 0], [0, 0]]))
    one = model.costs.fixed + model.costs.attention
    assert macs(answer.gates, model.costs).tolist() == [one]
