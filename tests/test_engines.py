"""colorlib.model.predict: inference with PyTorch."""

import copy

import pytest
import torch

from colorlib.files import ColorlibError
from colorlib.model import ColViT, pick_device, predict


@pytest.fixture
def model() -> ColViT:
    torch.manual_seed(0)
    return ColViT(img_size=32, dim=24, depth=3, heads=3).eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.randn(3, 4, 32, 32, generator=torch.Generator().manual_seed(1))


def test_it_is_the_models_answer_without_gradients(model, x):
    before = x.clone()
    answer = predict(model, x)
    with torch.no_grad():
        expected = model(x)
    torch.testing.assert_close(answer.ab, expected.ab)
    assert torch.equal(answer.gates, expected.gates)
    torch.testing.assert_close(answer.gate_logits, expected.gate_logits)
    assert answer.gates.dtype == torch.bool
    assert not answer.ab.requires_grad
    assert not answer.ab.is_inference()
    assert torch.equal(x, before)


def test_a_model_in_training_skips_here_and_trains_on(model, x):
    with torch.no_grad():
        expected = model(x).ab
    model.train()
    answer = predict(model, x)
    assert model.training
    assert all(module.training for module in model.modules())
    torch.testing.assert_close(answer.ab, expected)
    with torch.no_grad():
        model.head.head.bias.add_(0.1)
    assert (predict(model, x).ab - expected).abs().max() > 0.01


def test_later_changes_to_the_position_table_count(model, x):
    """It is gathered once, and anew when its values change, in whatever way they do."""
    model = copy.deepcopy(model)
    table = model.blocks[1].attn.rpb_table
    everything = torch.ones(3, 2).bool()
    first = predict(model, x, gates=everything).ab
    assert torch.equal(predict(model, x, gates=everything).ab, first)
    old = copy.deepcopy(model.state_dict())
    generator = torch.Generator().manual_seed(2)

    def by_optimizer():
        optimizer = torch.optim.SGD([table], lr=1.0)
        table.grad = torch.randn(table.shape, generator=generator)
        optimizer.step()

    def by_data():
        table.data = torch.randn(table.shape, generator=generator)

    def in_place():
        table.data[3] += 5.0

    for change in (by_optimizer, by_data, in_place):
        before = predict(model, x, gates=everything).ab
        change()
        expected = predict(copy.deepcopy(model), x, gates=everything).ab
        assert (expected - before).abs().max() > 1e-5
        torch.testing.assert_close(predict(model, x, gates=everything).ab, expected)
    model.load_state_dict(old)
    torch.testing.assert_close(predict(model, x, gates=everything).ab, first)


def test_what_was_gathered_for_inference_does_not_stop_learning(model, x):
    predict(model, x)
    model.train()
    model(x, gates=torch.ones(3, 2)).ab.square().sum().backward()
    grad = model.blocks[0].attn.rpb_table.grad
    assert grad is not None
    assert grad.abs().sum() > 0
    model.zero_grad()


def test_skipped_sub_layers_do_not_run(model, x):
    ran = []
    for index, block in enumerate(model.blocks):
        block.attn.register_forward_hook(lambda *_, i=index: ran.append((i, 0)))
        block.mlp.register_forward_hook(lambda *_, i=index: ran.append((i, 1)))
    gates = torch.tensor([[1, 0], [0, 0], [0, 1]]).bool()
    answer = predict(model, x, gates=gates)
    assert ran == [(0, 0), (2, 1)]
    assert torch.equal(answer.gates, gates.expand(3, 3, 2))
    assert answer.gate_logits is None


def test_a_budget_reaches_the_model(x):
    torch.manual_seed(0)
    model = ColViT(img_size=32, dim=24, depth=3, heads=3, budget=True).eval()
    with torch.no_grad():
        model.budget_gain.fill_(1.0)
    more = predict(model, x, budget=0.9).gate_logits
    less = predict(model, x, budget=0.2).gate_logits
    assert more is not None
    assert less is not None
    assert (more > less).float().mean() > 0.5
    with pytest.raises(ColorlibError):
        predict(model, x, budget=1.5)


def test_an_error_leaves_the_model_in_training(model, x):
    model.train()
    with pytest.raises(AssertionError):
        predict(model, x[:, :3])
    assert model.training


def test_devices(model):
    device = pick_device()
    assert device.type in ("cuda", "mps", "cpu")
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert device.type == "cpu"
    assert predict(model.to(device), torch.zeros(1, 4, 32, 32)).ab.device.type == "cpu"
