"""Eqs. 9 and 10 against calculations by hand."""

import pytest
import torch

from colorlib.train import (
    gradient_difference,
    hardness_target,
    huber,
    importance_bias,
    log_error,
    sparsity,
    top_importance,
)


def test_huber_by_hand():
    """Two pixels. d = 0.004, -0.05 in a; 0, 0.01 in b; d^2/.02 under .01, else |d| - .005.

    Sums over a and b: .004^2/.02 + 0 = .0008; .045 + .005 = .05; the mean is .0254.
    """
    target = torch.tensor([[[[0.1, 0.2]], [[-0.3, 0.4]]]])
    difference = torch.tensor([[[[0.004, -0.05]], [[0.0, 0.01]]]])
    assert float(huber(target + difference, target)) == pytest.approx(0.0254, abs=1e-7)
    # Of each image: 0.005 and 0.105 off everywhere, .005^2 / .02 and .105 - .005 in a and in b.
    off = torch.tensor([0.005, 0.105])[:, None, None, None].expand(2, 2, 3, 3)
    each = huber(off, torch.zeros(2, 2, 3, 3), "none")
    assert each.tolist() == pytest.approx([2 * 0.00125, 2 * 0.1])


def test_log_error_by_hand():
    """Errors of .3 and .1 all over: (-2.40684 - 4.59522) / 2, ln .0901 and ln .0101."""
    target = torch.zeros(2, 2, 4, 4)
    prediction = target + torch.tensor([0.3, -0.1]).view(2, 1, 1, 1)
    assert float(log_error(prediction, target)) == pytest.approx(-3.50103, abs=1e-5)


def test_gradient_difference_by_hand():
    """One wrong pixel, by .3 in a, in the middle of 3 x 3: four steps of .3 among 6 each way.

    2 x .3 / 6 across, the same down, and b is right: .2. A shift of all pixels has no steps.
    """
    target = torch.rand(1, 2, 3, 3)
    prediction = target.clone()
    prediction[0, 0, 1, 1] += 0.3
    assert float(gradient_difference(prediction, target)) == pytest.approx(0.2, abs=1e-6)
    assert float(gradient_difference(target + 0.3, target)) == pytest.approx(0, abs=1e-6)


# Two photos of four layers: attention kept 4 and 2 of 4, FFN 1 and 1 of 4.
GATES = torch.tensor(
    [
        [[1.0, 1.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]],
        [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0]],
    ]
)


def test_sparsity_by_hand():
    """Over the batch: shares .75 and .25; (.75 - .5)^2 + (.25 - .5)^2 = .125; .05^2 + .45^2 = .205.

    Per image: photo 1: (1 - .5)^2 + (.25 - .5)^2 = .3125; photo 2: 0 + .0625; their mean .1875.
    With budgets of their own, 1 and 0.5: 0 + .75^2 = .5625; .0625; mean .3125.
    Joint: 8 of the 16 gates are 1: (.5 - .5)^2, though neither kind keeps a half; (.5 - .7)^2.
    """
    assert float(sparsity(GATES, 0.5)) == pytest.approx(0.125)
    assert float(sparsity(GATES, 0.7, "batch")) == pytest.approx(0.205)
    assert float(sparsity(GATES, 0.5, "image")) == pytest.approx(0.1875)
    budgets = torch.tensor([1.0, 0.5])
    assert float(sparsity(GATES, budgets, "image")) == pytest.approx(0.3125)
    assert budgets.tolist() == [1, 0.5]
    assert float(sparsity(GATES, 0.5, "joint")) == 0
    assert float(sparsity(GATES, 0.7, "joint")) == pytest.approx(0.04)


def test_targets_by_hand():
    """Ranks 1, 0, 2 of 3 photos: the easiest gets budget - spread / 2, the hardest + spread / 2."""
    loss = torch.tensor([0.2, 0.1, 0.9])
    assert hardness_target(loss, 0.5, 0.5).tolist() == pytest.approx([0.5, 0.25, 0.75])
    # At .9 a width of .5 would ask for 1.15: it shrinks to .2.
    assert hardness_target(loss, 0.9, 0.5).tolist() == pytest.approx([0.9, 0.8, 1.0])
    assert hardness_target(loss, 1.0, 0.5).tolist() == [1, 1, 1]
    assert hardness_target(loss[:1], 0.3, 0.5).tolist() == pytest.approx([0.3])


# Importance


def test_importance_bias_by_hand():
    """8 (r - (1 - 0.5)) with r = 1/8, 3/8, 5/8, 7/8 from the least important up."""
    importance = torch.tensor([[8.9, 0.6], [1.0, 2.6], [1.7, 0.7], [0.5, 1.1]])
    expected = torch.tensor([[3.0, -3.0], [-1.0, 3.0], [1.0, -1.0], [-3.0, 1.0]])
    torch.testing.assert_close(importance_bias(importance, 0.5), expected)


@pytest.mark.parametrize(
    ("budget", "attention", "ffn"), [(0.9, 11, 11), (0.7, 9, 8), (0.5, 6, 6), (0.3, 4, 3)]
)
def test_fixed_patterns_of_the_papers_budgets(budget, attention, ffn):
    """24 sub-layers: 21.6, 16.8, 12 and 7.2 of them, rounded."""
    pattern = top_importance(torch.arange(24.0).reshape(12, 2), budget)
    assert pattern.sum(dim=0).tolist() == [attention, ffn]
    assert pattern[-3:].all()
