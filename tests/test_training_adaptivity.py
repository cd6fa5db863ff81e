"""Figures of gates on a set of photos, by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from networks import tiny
from torch import Tensor

from colorlib.errors import DataError
from colorlib.model import ColViT
from colorlib.photos import Photo
from colorlib.training.adaptivity import (
    adaptivity,
    exchanged,
    kept_counts,
    one_for_all,
    pattern_figures,
    rank_correlation,
)
from colorlib.training.validation import Validation

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


def test_counts_and_patterns_by_hand() -> None:
    assert kept_counts(GATES).tolist() == [4, 2, 2, 1]
    assert kept_counts(GATES.bool()).tolist() == [4, 2, 2, 1]
    found = pattern_figures(GATES)
    assert found["kept_mean"] == 2.25
    # Deviations 1.75, -.25, -.25, -1.25: squares 3.0625 + .0625 + .0625 + 1.5625 = 4.75, / 4.
    assert found["kept_std"] == pytest.approx(math.sqrt(4.75 / 4))
    # Of 1, 2, 2, 4 at places 0 to 3: 5% is place .15, 95% is place 2.85.
    assert found["kept_p5"] == pytest.approx(1.15)
    assert found["kept_p95"] == pytest.approx(3.7)
    assert found["kept_range"] == pytest.approx(2.55)
    assert (found["static"], found["patterns"]) == (0.25, 4)


def test_one_pattern_for_all() -> None:
    found = pattern_figures(GATES[:1].expand(5, 2, 2))
    assert (found["kept_std"], found["kept_range"]) == (0, 0)
    assert (found["static"], found["patterns"]) == (1, 1)


def test_rank_correlation_by_hand() -> None:
    kept = torch.tensor([4.0, 2, 2, 1])
    assert rank_correlation(kept, torch.tensor([9.0, 5, 5, 0])) == pytest.approx(1)
    assert rank_correlation(kept, torch.tensor([0.0, 5, 5, 9])) == pytest.approx(-1)
    # Ranks 4, 2.5, 2.5, 1 and 4, 3, 2, 1: deviations 1.5, 0, 0, -1.5 and 1.5, .5, -.5, -1.5;
    # products 4.5; squares 4.5 and 5: 4.5 / sqrt(22.5).
    value = rank_correlation(kept, torch.tensor([0.4, 0.3, 0.2, 0.1]))
    assert value == pytest.approx(4.5 / math.sqrt(22.5))


def test_what_is_constant_has_no_correlation() -> None:
    """And no warning, which would fail the test."""
    assert math.isnan(rank_correlation(torch.full((4,), 12.0), torch.rand(4)))
    assert math.isnan(rank_correlation(torch.rand(4), torch.zeros(4)))


def test_exchange_by_hand() -> None:
    """In order 1, 2 (easier), 2 (harder), 4: each takes the pattern two further on."""
    hardness = torch.tensor([0.1, 0.4, 0.2, 0.3])  # of the two with 2, photo 2 is the easier
    # Order of photos: 3, 2, 1, 0. So 3 takes 1's, 2 takes 0's, 1 takes 3's, 0 takes 2's.
    assert torch.equal(exchanged(GATES, hardness), GATES[[2, 3, 0, 1]])
    # Three: order 3, 1, 0; one further on.
    assert torch.equal(exchanged(GATES[[0, 1, 3]], torch.zeros(3)), GATES[[3, 0, 1]])
    with pytest.raises(DataError, match=r"1 photo\(s\) cannot exchange patterns"):
        exchanged(GATES[:1], hardness[:1])


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_nobody_keeps_the_own_pattern(count: int, seed: int) -> None:
    """Photos are told apart by their patterns here; what is given away is what there was."""
    codes = torch.randperm(64, generator=torch.Generator().manual_seed(seed))[:count]
    gates = (codes[:, None] >> torch.arange(6) & 1).reshape(count, 3, 2)
    hardness = torch.rand(count, generator=torch.Generator().manual_seed(seed))
    other = exchanged(gates, hardness)
    assert (other != gates).flatten(1).any(dim=1).all()
    assert sorted(other.flatten(1).tolist()) == sorted(gates.flatten(1).tolist())


def test_one_pattern_for_all_by_hand() -> None:
    """Kept by 3, 1, 2 and 2 of three photos, 8 / 3 each: the three most kept."""
    gates = torch.tensor(
        [[[1, 0], [1, 1]], [[1, 0], [0, 1]], [[1, 1], [1, 0]]],
    )
    assert one_for_all(gates).tolist() == [[True, False], [True, True]]


@given(st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_one_pattern_keeps_as_many(photos: int, seed: int) -> None:
    gates = torch.rand(photos, 4, 2, generator=torch.Generator().manual_seed(seed)) < 0.6
    mean = float(gates.flatten(1).sum(dim=1).double().mean())
    assert abs(int(one_for_all(gates).sum()) - mean) <= 0.5
    alike = gates[:1].expand(photos, 4, 2)
    assert torch.equal(one_for_all(alike), gates[0])


@pytest.fixture(scope="module")
def validation() -> Validation:
    random = np.random.default_rng(0)
    rgb = [random.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(4)]
    return Validation([Photo(one, f"photo-{n}") for n, one in enumerate(rgb)], 5, 32)


def psnr(validation: Validation, model: ColViT, gates: Tensor) -> float:
    return float(validation.measure(model, gates)[0].mean())


def spread(values: Tensor) -> float:
    """The standard error of the mean of four."""
    return float(values.std()) / 2


def test_measured_differences(validation: Validation) -> None:
    """Forced patterns stand for own ones; each mean is measured apart."""
    model = tiny(budget=True)
    hardness = torch.tensor([0.1, 0.4, 0.2, 0.3])
    own = validation.measure(model, GATES)
    found = adaptivity(model, own, hardness, validation)
    mean = float(own[0].mean())
    swapped = psnr(validation, model, GATES[[2, 3, 0, 1]])
    assert found["swap_db"] == pytest.approx(mean - swapped, abs=1e-4)
    assert abs(found["swap_db"]) > 0.001
    changes = own[0] - validation.measure(model, GATES[[2, 3, 0, 1]])[0]
    assert found["swap_db_se"] == pytest.approx(spread(changes))
    everything = psnr(validation, model, torch.ones(2, 2))
    assert found["all_kept_db"] == pytest.approx(everything - mean, abs=1e-4)
    assert found["kept_mean"] == 2.25
    assert found["spearman"] == rank_correlation(kept_counts(GATES), hardness)
    # A dial is measured at the budget it is set to.
    low = adaptivity(model, validation.measure(model, GATES, 0.2), hardness, validation, 0.2)
    assert low["swap_db"] != found["swap_db"]


def test_a_network_with_one_pattern_loses_nothing_by_exchange(validation: Validation) -> None:
    model = tiny()
    own = validation.measure(model, GATES[1])
    found = adaptivity(model, own, validation.losses(tiny(policy=False)), validation)
    assert (found["swap_db"], found["swap_db_se"]) == (0, 0)
    assert math.isnan(found["spearman"])
