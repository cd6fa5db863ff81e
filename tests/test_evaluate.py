"""colorlib.evaluate: PSNR of a network on photos, what its sub-layers are worth, the swap test."""

import math
from functools import partial

import networks
import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import nn

from colorlib.color import denormalize_ab, lab_to_srgb, normalize_ab
from colorlib.evaluate import (
    HintedPhotos,
    adaptivity,
    exchanged,
    importance,
    kept_counts,
    one_for_all,
    pattern_figures,
    rank_correlation,
)
from colorlib.files import ColorlibError
from colorlib.hints import evaluation_hints, photo_input, widened
from colorlib.metrics import psnr
from colorlib.photos import Photo
from colorlib.train import huber

tiny = partial(networks.tiny, depth=3)


def photo(number: int, height: int = 40, width: int = 52) -> Photo:
    rgb = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Photo(rgb, f"photo-{number}")


def some(count: int, hints: int = 5) -> HintedPhotos:
    return HintedPhotos([photo(n) for n in range(count)], hints, 32)


def test_psnr_is_that_of_each_photo_by_itself():
    """Squashed to the side, hints of its own, 8 bits; as by the functions one by one."""
    model = tiny()
    values = some(3).run(model).psnr
    assert values.dtype == torch.float64
    for number, value in enumerate(values.tolist()):
        one = photo(number)
        x = photo_input(one, evaluation_hints(one, 5, side=32), side=32)
        with torch.no_grad():
            ab = model(x).ab
        rgb = lab_to_srgb(x[:, :1] * 100 + 50, denormalize_ab(ab))[0]
        picture = (rgb.permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        assert value == pytest.approx(float(psnr(picture, one.resized(32).rgb)), abs=0.01)


def test_true_colours_score_as_high_as_8_bits_allow():
    """Only rounding is left: at most 50 dB by definition, and close to it."""
    given = some(3)
    values = given.painted(normalize_ab(given.ab)).psnr
    assert values.tolist() == pytest.approx([50, 50, 50], abs=0.5)
    # Without colours what is left is the lightness: R = G = B, but for rounding.
    grey = given.grey().pictures.int()
    assert int((grey.amax(dim=-1) - grey.amin(dim=-1)).max()) <= 1


def test_a_pattern_for_all_or_for_each_photo():
    """What ran is told; own patterns reach their photos over the edges of batches too."""
    given, model = some(5), tiny()
    pattern = torch.tensor([[1, 0], [0, 1], [1, 1]])
    assert torch.equal(given.run(model, gates=pattern).gates, pattern.bool().expand(5, 3, 2))
    patterns = torch.rand(5, 3, 2, generator=torch.Generator().manual_seed(0)) > 0.5
    found = given.run(model, gates=patterns, batch_size=2)
    assert torch.equal(found.gates, patterns)
    for number in range(5):
        alone = HintedPhotos([photo(number)], 5, 32).run(model, gates=patterns[number]).psnr
        assert float(found.psnr[number]) == pytest.approx(float(alone), abs=0.01)


def test_other_hints_for_the_same_photos():
    """As made anew, bit for bit; a photo with fewer pixels than cells is among them."""
    photos = [photo(0), photo(1, 9, 200), photo(2, 32, 32)]
    again = HintedPhotos(photos, 10, 32).with_hints(3)
    assert torch.equal(again.inputs, HintedPhotos(photos, 3, 32).inputs)
    hints = [evaluation_hints(one, 3, side=32) for one in photos]
    for x, one, own in zip(again.inputs, photos, hints, strict=True):
        assert torch.equal(x, photo_input(one, own, 32)[0])


def test_hint_error_and_wide_hints_by_hand():
    """True colours are at no distance from the hints; 3 and 4 units off they are at 5."""
    given = HintedPhotos([photo(0, 32, 32)], 5, 32)
    hints = given.inputs[:, 1:]
    assert given.painted(hints[:, :2]).hint_error == 0
    off = torch.tensor([3.0, 4.0])[:, None, None] / 110
    assert given.painted(hints[:, :2] + off).hint_error == pytest.approx(5, abs=1e-4)
    wide = given.with_blocks(3).inputs
    assert torch.equal(wide[:, :1], given.inputs[:, :1])
    assert torch.equal(wide[:, 1:], widened(hints, 3))


def test_losses_are_those_of_each_photo():
    """The mean over photos is the loss of the batch; true colours have none."""
    given, model = some(3), tiny()
    values = given.run(model).losses(huber)
    true = normalize_ab(given.ab)
    with torch.no_grad():
        whole = huber(model(given.inputs).ab, true)
    assert float(values.mean()) == pytest.approx(float(whole), rel=1e-5)
    assert len(set(values.tolist())) == 3
    assert given.painted(true).losses(huber).tolist() == [0, 0, 0]


def test_importance_by_hand():
    """What is lost, dB on average, when that one sub-layer goes; 0 for one that adds nothing."""
    model, given = tiny(policy=False), some(2)
    nn.init.zeros_(model.blocks[1].mlp.fc2.weight)
    nn.init.zeros_(model.blocks[1].mlp.fc2.bias)
    lost = importance(model, given)
    assert lost.shape == (3, 2)
    assert float(lost[1, 1]) == pytest.approx(0, abs=1e-5)
    gates = torch.ones(3, 2)
    gates[2, 1] = 0
    expected = given.run(model).psnr.mean() - given.run(model, gates=gates).psnr.mean()
    assert float(lost[2, 1]) == pytest.approx(float(expected), abs=1e-5)


# Four photos, two blocks: 4, 2, 2 and 1 of 4 kept; the first attention always runs, and the
# other three gates vary: one of four is static. The two in the middle differ.
GATES = torch.tensor(
    [
        [[1, 1], [1, 1]],
        [[1, 1], [0, 0]],
        [[1, 0], [0, 1]],
        [[1, 0], [0, 0]],
    ]
)


def test_counts_and_patterns_by_hand():
    assert kept_counts(GATES.bool()).tolist() == [4, 2, 2, 1]
    assert pattern_figures(GATES) == pytest.approx(
        {
            "kept_mean": 2.25,
            # Deviations 1.75, -.25, -.25, -1.25: squares add up to 4.75, / 4.
            "kept_std": math.sqrt(4.75 / 4),
            # Of 1, 2, 2, 4 at places 0 to 3: 5% is place .15, 95% is place 2.85.
            "kept_range": 3.7 - 1.15,
            "static": 0.25,
        }
    )
    alike = pattern_figures(GATES[:1].expand(5, 2, 2))
    assert (alike["kept_std"], alike["static"]) == (0, 1)


def test_rank_correlation_is_scipys():
    for one, other in [([4, 2, 2, 1], [9, 5, 5, 0]), ([4, 2, 2, 1], [0.1, 0.4, 0.3, 0.2])]:
        assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)
    # A constant has none; a warning would fail the test.
    assert math.isnan(rank_correlation(torch.full((4,), 12.0), torch.rand(4)))


def test_exchange_by_hand():
    """In order 1, 2 (easier), 2 (harder), 4: each takes the pattern two further on."""
    hardness = torch.tensor([0.1, 0.4, 0.2, 0.3])  # of the two with 2, photo 2 is the easier
    # Order of photos: 3, 2, 1, 0. So 3 takes 1's, 2 takes 0's, 1 takes 3's, 0 takes 2's.
    assert torch.equal(exchanged(GATES, hardness), GATES[[2, 3, 0, 1]])
    # Three: order 3, 1, 0; one further on.
    assert torch.equal(exchanged(GATES[[0, 1, 3]], torch.zeros(3)), GATES[[3, 0, 1]])
    with pytest.raises(ColorlibError, match=r"1 photo\(s\) cannot exchange patterns"):
        exchanged(GATES[:1], hardness[:1])


@pytest.mark.parametrize("count", range(2, 13))
def test_nobody_keeps_the_own_pattern(count):
    """Photos are told apart by their patterns here; what is given away is what there was."""
    codes = torch.randperm(64, generator=torch.Generator().manual_seed(count))[:count]
    gates = (codes[:, None] >> torch.arange(6) & 1).reshape(count, 3, 2)
    other = exchanged(gates, codes / 64)
    assert (other != gates).flatten(1).any(dim=1).all()
    assert sorted(other.flatten(1).tolist()) == sorted(gates.flatten(1).tolist())


def test_one_pattern_keeps_as_many():
    """Kept by 3, 1, 2 and 2 of three photos, 8 / 3 each: the three most kept."""
    votes = torch.tensor([[[1, 0], [1, 1]], [[1, 0], [0, 1]], [[1, 1], [1, 0]]])
    assert one_for_all(votes).tolist() == [[True, False], [True, True]]
    assert torch.equal(one_for_all(votes[1:2]), votes[1].bool())


def test_adaptivity():
    """Forced patterns stand for own ones; each mean is measured apart."""
    model, given = networks.tiny(budget=True), some(4)
    hardness = torch.tensor([0.1, 0.4, 0.2, 0.3])
    own = given.run(model, gates=GATES)
    found = adaptivity(model, own, hardness)
    changes = own.psnr - given.run(model, gates=GATES[[2, 3, 0, 1]]).psnr
    assert found["swap_db"] == pytest.approx(float(changes.mean()), abs=1e-4)
    assert abs(found["swap_db"]) > 0.001
    assert found["swap_db_se"] == pytest.approx(float(changes.std()) / 2)  # the root of 4
    assert found["kept_mean"] == 2.25
    assert found["spearman"] == rank_correlation(kept_counts(GATES), hardness)
    # A network with a budget is measured at the one it is given.
    low = adaptivity(model, given.run(model, 0.2, GATES), hardness, 0.2)
    assert low["swap_db"] != found["swap_db"]
