"""What is counted and measured of a run's speed."""

import pytest
import torch

from colorlib.model import ColViT
from colorlib.training.speed import matrix_ceiling, training_flops


def test_flops_of_a_training_image() -> None:
    """iColoriT-T has 1.4294 G multiply-adds: 2.8588 GFLOP forward, 8.576 with backward."""
    assert training_flops(ColViT(policy=False)) == pytest.approx(8.576e9, rel=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_ceiling(dtype: torch.dtype) -> None:
    """Any CPU core is between 0.1 and 10^5 GFLOP/s. Random numbers are left as they were."""
    torch.manual_seed(3)
    ceiling = matrix_ceiling(torch.device("cpu"), dtype)
    assert 1e8 < ceiling < 1e14
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(torch.rand(1), drawn)


def test_what_is_left_out_and_what_a_teacher_costs() -> None:
    """Attention alone: 1.4294 - 12 * 0.0578 GMAC (8 N d^2, N = 196, d = 192), three times two."""
    dense = ColViT(policy=False)
    half = ColViT(policy=False, pattern=[[1, 0]] * 12)
    saved = 6 * 12 * 8 * 196 * 192**2
    assert training_flops(dense) - training_flops(half) == saved
    # A teacher goes forward only: a third more.
    assert training_flops(dense, dense) == pytest.approx(training_flops(dense) * 4 / 3)
