"""PSNR while training, and what a sub-layer is worth."""

from functools import partial

import networks
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from colorlib.color import denormalize_ab, lab_to_srgb, normalize_ab, srgb_to_lab
from colorlib.errors import ConfigError
from colorlib.hints import Hints, evaluation_hints, photo_input, widened
from colorlib.metrics import psnr
from colorlib.model import Prediction
from colorlib.photos import Photo
from colorlib.training.losses import huber
from colorlib.training.validation import Validation, importance, to_uint8

tiny = partial(networks.tiny, depth=3)


def photo(number: int, height: int = 40, width: int = 52) -> Photo:
    rgb = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Photo(rgb, f"photo-{number}")


class Knowing(nn.Module):
    """Answers with the true colours, whatever it is shown."""

    def __init__(self, truth: Tensor):
        super().__init__()
        self.truth = nn.Parameter(truth)
        self.first = 0

    def forward(
        self, x: Tensor, budget: float | None = None, gates: Tensor | None = None
    ) -> Prediction:
        part = self.truth[self.first : self.first + len(x)].detach()
        self.first += len(x)
        return Prediction(part, torch.ones(len(x), 3, 2, dtype=torch.bool), None)


def test_psnr_is_that_of_each_photo_by_itself() -> None:
    """Squashed to the side, hints of its own, 8 bits; as by the functions one by one."""
    photos, model = [photo(n) for n in range(3)], tiny()
    values = Validation(photos, 5, 32).psnr(model)
    assert values.dtype == torch.float64
    for value, one in zip(values.tolist(), photos, strict=True):
        x = photo_input(one, evaluation_hints(one, 5, side=32), side=32)
        with torch.no_grad():
            ab = model(x).ab
        rgb = lab_to_srgb(x[:, :1] * 100 + 50, denormalize_ab(ab))[0]
        picture = (rgb.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        assert value == pytest.approx(float(psnr(picture, one.resized(32).rgb)), abs=0.01)


def test_true_colours_score_as_high_as_8_bits_allow() -> None:
    """Only rounding is left: at most 50 dB by definition, and close to it."""
    photos = [photo(n) for n in range(3)]
    validation = Validation(photos, 0, 32)
    everything = Validation(photos, 16 * 16, 32)  # a hint in every cell of 2 x 2
    assert torch.equal(everything.inputs[:, 3], torch.ones(3, 32, 32))
    assert not validation.inputs[:, 1:].any()
    truth = torch.cat([one.resized(32).tensor() for one in photos])
    values = validation.psnr(Knowing(normalize_ab(srgb_to_lab(truth)[1])))
    assert values.tolist() == pytest.approx([50, 50, 50], abs=0.5)


def test_batches_change_nothing() -> None:
    validation, model = Validation([photo(n) for n in range(5)], 5, 32), tiny()
    values = [validation.measure(model, batch_size=size) for size in (1, 2, 8)]
    for scores, ran in values[1:]:
        torch.testing.assert_close(scores, values[0][0], atol=0.01, rtol=0)
        assert torch.equal(ran, values[0][1])


def test_the_gates_that_ran_are_told() -> None:
    validation, model = Validation([photo(n) for n in range(3)], 5, 32), tiny()
    pattern = torch.tensor([[1, 0], [0, 1], [1, 1]])
    assert torch.equal(validation.measure(model, pattern)[1], pattern.bool().expand(3, 3, 2))
    scores, own = validation.measure(model)
    assert own.shape == (3, 3, 2)
    assert own.dtype == torch.bool
    assert torch.equal(scores, validation.psnr(model))


@pytest.mark.parametrize("training", [False, True])
def test_measuring_leaves_the_network_as_it_was(training: bool) -> None:
    model = tiny().train(training)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    Validation([photo(0)], 5, 32).psnr(model)
    assert model.training is training
    assert all(torch.equal(model.state_dict()[key], before[key]) for key in before)


def test_importance_by_hand() -> None:
    """What is lost, dB on average, when that one sub-layer goes."""
    model, validation = tiny(policy=False), Validation([photo(n) for n in range(2)], 5, 32)
    lost = importance(model, validation)
    assert lost.shape == (3, 2)
    whole = validation.psnr(model).mean()
    for block, kind in ((0, 0), (2, 1)):
        gates = torch.ones(3, 2)
        gates[block, kind] = 0
        assert float(lost[block, kind]) == pytest.approx(
            float(whole - validation.psnr(model, gates).mean()), abs=1e-5
        )
    # A sub-layer that adds nothing is worth nothing.
    nn.init.zeros_(model.blocks[1].mlp.fc2.weight)
    nn.init.zeros_(model.blocks[1].mlp.fc2.bias)
    assert float(importance(model, validation)[1, 1]) == pytest.approx(0, abs=1e-5)


def test_to_uint8_rounds() -> None:
    rgb = torch.tensor([0.0, 0.4 / 255, 0.6 / 255, 1.0])[None, None, None].expand(2, 3, 1, 4)
    assert to_uint8(rgb).shape == (2, 1, 4, 3)
    assert to_uint8(rgb)[0, 0, :, 0].tolist() == [0, 0, 1, 255]


def test_other_hints_for_the_same_photos() -> None:
    """As made anew, bit for bit; a photo with fewer pixels than cells is among them."""
    photos = [photo(0), photo(1, 9, 200), photo(2, 32, 32)]
    again = Validation(photos, 10, 32).with_hints(3)
    fresh = Validation(photos, 3, 32)
    assert torch.equal(again.inputs, fresh.inputs)
    hints = [evaluation_hints(one, 3, side=32) for one in photos]
    for x, one, own in zip(again.inputs, photos, hints, strict=True):
        assert torch.equal(x, photo_input(one, own, 32)[0])
    assert torch.equal(again.measure(tiny())[0], fresh.measure(tiny())[0])


def test_hint_error_and_wide_hints_by_hand() -> None:
    """True colours are at no distance from the hints; 3 and 4 units off they are at 5."""
    generator = np.random.default_rng(3)
    rgb = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    validation = Validation([Photo(rgb, "one")], 5, 32)
    hints = validation.inputs[:, 1:]
    assert validation.hint_error(hints[:, :2]) == 0
    off = torch.tensor([3.0, 4.0])[:, None, None] / 110
    assert validation.hint_error(hints[:, :2] + off) == pytest.approx(5, abs=1e-4)
    wide = validation.with_blocks(3).inputs
    assert torch.equal(wide[:, :1], validation.inputs[:, :1])
    assert torch.equal(wide[:, 1:], widened(hints, 3))


def test_a_pattern_for_each_photo() -> None:
    """Each photo is measured with its own, over the edges of batches too."""
    validation, model = Validation([photo(n) for n in range(5)], 5, 32), tiny()
    patterns = torch.rand(5, 3, 2, generator=torch.Generator().manual_seed(0)) > 0.5
    scores, ran = validation.measure(model, patterns, batch_size=2)
    assert torch.equal(ran, patterns)
    for number in range(5):
        alone = Validation([photo(number)], 5, 32).measure(model, patterns[number])[0]
        assert float(scores[number]) == pytest.approx(float(alone), abs=0.01)
    with pytest.raises(ConfigError, match="given for 4 photos, and there are 5"):
        validation.measure(model, patterns[:4])


def test_the_budget_reaches_the_network() -> None:
    validation, model = Validation([photo(n) for n in range(3)], 5, 32), tiny(budget=True)
    with torch.no_grad():
        model.budget_gain.fill_(100.0)
        for block in model.blocks:
            block.decision.linear.bias.fill_(-50.0)
    # 100 b - 50 and a little: open above a half, shut below.
    assert not validation.measure(model, budget=0.2)[1].any()
    assert validation.measure(model, budget=0.8)[1].all()
    assert torch.equal(validation.measure(model)[0], validation.measure(model, budget=1.0)[0])
    with pytest.raises(ConfigError, match="no budget to set"):
        validation.measure(tiny(), budget=0.5)


def test_losses_are_those_of_each_photo() -> None:
    """The mean over photos is the loss of the batch; true colours have none."""
    validation, model = Validation([photo(n) for n in range(3)], 5, 32), tiny()
    values = validation.losses(model)
    true = normalize_ab(validation.ab)
    with torch.no_grad():
        whole = huber(model(validation.inputs).ab, true)
    assert float(values.mean()) == pytest.approx(float(whole), rel=1e-5)
    assert len(set(values.tolist())) == 3
    assert validation.losses(Knowing(true)).tolist() == [0, 0, 0]


def test_in_float64_the_batch_changes_no_picture() -> None:
    """Nor gates, nor what comes before the 8 bits but for the last of its 53."""
    photos = [photo(n) for n in range(5)]
    validation, model = (
        Validation(photos, 5, 32, dtype=torch.float64),
        tiny(budget=True).double(),
    )
    one, ran_one = validation.answers(model, budget=0.3, batch_size=1)
    five, ran_five = validation.answers(model, budget=0.3, batch_size=5)
    assert one.dtype == torch.float64
    torch.testing.assert_close(one, five, rtol=0, atol=1e-12)
    assert torch.equal(ran_one, ran_five)
    assert torch.equal(validation.pictures(one), validation.pictures(five))
    single = Validation(photos, 5, 32)
    assert torch.equal(single.truth, validation.truth)
    near = single.answers(tiny(budget=True), budget=0.3)[0].double()
    torch.testing.assert_close(near, one, rtol=0, atol=1e-4)


def test_hints_from_elsewhere() -> None:
    """A hint of another photo's colours, the same for all."""

    def one_hint(photo: Photo, count: int, *, side: int, ab: Tensor) -> Hints:
        assert ab.shape == (1, 2, side, side)
        return Hints([0], [0], [(30, -40)] * count, photo.shape)

    validation = Validation([photo(0), photo(1)], 1, 32, one_hint)
    for given in (validation, Validation([photo(0), photo(1)], 1, 32, one_hint).with_hints(1)):
        assert given.inputs[:, 3].sum() == 2 * 4  # 2 x 2 pixels of each mask
        torch.testing.assert_close(
            given.inputs[:, 1:3, 0, 0] * 110, torch.tensor([[30.0, -40]] * 2)
        )
