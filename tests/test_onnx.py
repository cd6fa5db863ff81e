"""colorlib.onnx: the numbers of PyTorch, by another way."""

from functools import partial

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from networks import tiny

from colorlib import photos
from colorlib.checkpoints import available, load_model, save_model
from colorlib.cli import main
from colorlib.evaluate import HintedPhotos
from colorlib.files import ColorlibError
from colorlib.hints import evaluation_hints, photo_input
from colorlib.model import AS_RELEASED, Prediction, predict
from colorlib.onnx import OnnxModel

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {
    "dense": {"policy": False},
    "pattern": {"policy": False, "pattern": [[1, 0], [0, 1]]},
    "policy": {},
    "policy and mean": {"decision_input": "policy+mean"},
    "with a budget": {"budget": True, "decision_input": "policy+mean"},
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
    assert (answer.gate_logits is None) == (expected.gate_logits is None)
    if expected.gate_logits is not None:
        torch.testing.assert_close(answer.gate_logits, expected.gate_logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_configuration_gives_pytorchs_numbers(settings):
    model = tiny(**settings)
    side, depth = model.img_size, model.config["depth"]
    x = random_input(5, side)
    x[1, 1:] = 0  # no hints
    eager = partial(predict, model)
    if model.policy:
        # The second block's decisions are put amidst the photos, so that they part ways.
        first, second = (block.decision.linear.bias for block in model.blocks)
        with torch.no_grad():
            first.add_(5.0)
            second.sub_(eager(x).gate_logits[:, 1].mean(0))
    run = OnnxModel(model)
    answer = run(x)
    assert_same(answer, eager(x))
    if model.policy:
        assert len(answer.gates.flatten(1).unique(dim=0)) > 1, "a test of one path only"
    one = torch.rand(depth, 2, generator=torch.Generator().manual_seed(2)) > 0.5
    each = torch.rand(5, depth, 2, generator=torch.Generator().manual_seed(3)) > 0.5
    for gates in (one, each):
        assert_same(run(x, gates=gates), eager(x, gates=gates))


def test_a_budget_is_an_input():
    model = tiny(budget=True)
    with torch.no_grad():
        model.budget_gain.fill_(2.0)
    x, run = random_input(3), OnnxModel(model)
    for budget in (None, 0.3, torch.tensor([0.1, 0.5, 1.0])):
        assert_same(run(x, budget), predict(model, x, budget))
    with pytest.raises(ColorlibError, match=r"1\.5"):
        run(x, 1.5)


def test_later_changes_to_the_weights_do_not_count():
    model, x = tiny().train(), random_input(2)
    run, expected = OnnxModel(model), predict(model, x)
    assert model.training
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(-0.5)
    assert_same(run(x), expected)
    assert run(random_input(0)).ab.shape == (0, 2, 32, 32)


@pytest.fixture(scope="module")
def gallery() -> HintedPhotos:
    """The gallery with 10 hints a photo; grey ones have next to no error, which dB magnify."""
    found = map(photos.gallery, photos.gallery_names())
    return HintedPhotos([photo.resized(224) for photo in found if not photo.is_grey], 10)


@pytest.mark.slow
def test_the_shipped_networks_on_100_hint_patterns(gallery):
    """In turn, on photo after photo, with hints from none to many."""
    models = [load_model(name) for name in available()]
    runs = [OnnxModel(model) for model in models]
    for pattern in range(100):
        model, run = models[pattern % len(models)], runs[pattern % len(models)]
        photo = gallery.photos[pattern // len(models) % len(gallery.photos)]
        x = photo_input(photo, evaluation_hints(photo, pattern * 7 % 211))
        budget = pattern % 10 / 10 if model.config["budget"] else None
        assert_same(run(x, budget), predict(model, x, budget))


@pytest.mark.parametrize("name", ["icolorit-t", "acolvit-t-0.5"])
def test_the_approximate_graph_loses_less_than_a_twentieth_of_a_decibel(name, gallery):
    model, x = load_model(name), gallery.inputs
    run = OnnxModel(model, approximate=True)
    exact, approximate = OnnxModel(model)(x), run(x)
    losses = gallery.painted(exact.ab).psnr - gallery.painted(approximate.ab).psnr
    assert losses.mean() < 0.05
    assert losses.max() < 0.3  # of one photo; another gains 0.12
    assert (exact.gates != approximate.gates).float().mean() < 0.02
    forced = run(x[:4], gates=exact.gates[:4])
    assert 0 < (forced.ab - exact.ab[:4]).abs().mean() < 0.005


@pytest.mark.parametrize("settings", [{}, {"policy": False}, {"budget": True}], ids=str)
def test_an_exported_file_runs_in_a_plain_session(settings, tmp_path, capsys):
    model, x = tiny(**settings), random_input(1)
    save_model(model, tmp_path / "small.safetensors", {})
    file = tmp_path / "small.onnx"
    assert main(["export", str(tmp_path / "small.safetensors"), "-o", str(file)]) == 0
    assert "small.onnx" in capsys.readouterr().out
    onnx.checker.check_model(file, full_check=True)
    branches = [node for node in onnx.load(file).graph.node if node.op_type == "If"]
    assert len(branches) == 4  # one for each sub-layer
    budget = 0.5 if model.config["budget"] else None
    feed = {"x": x.numpy()} | ({"budget": np.float32([budget])} if budget else {})
    ab, gates, *logits = onnxruntime.InferenceSession(file).run(None, feed)
    expected = predict(load_model(tmp_path / "small.safetensors"), x, budget)
    np.testing.assert_allclose(ab, expected.ab.numpy(), atol=1e-4)
    assert (gates == expected.gates[0].numpy()).all()
    assert len(logits) == model.policy
