"""Decisions, their sampling and gradient, and what a pattern of gates costs."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from colorlib.files import ColorlibError
from colorlib.model import (
    ATTENTION,
    FFN,
    Costs,
    DecisionNetwork,
    logistic_noise,
    macs,
    straight_through,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# What a decision reads


def test_decision_reads_the_policy_token_alone() -> None:
    network = DecisionNetwork(8)
    tokens = torch.randn(3, 5, 8, generator=seeded())
    others = tokens.clone()
    others[:, 1:] += 1
    assert network(tokens).shape == (3, 2)
    assert torch.equal(network(tokens), network(others))
    others[:, 0] = tokens[:, 0].flip(-1)
    assert not torch.allclose(network(tokens), network(others))


def test_decision_is_a_linear_map_of_the_normalised_tokens() -> None:
    network = DecisionNetwork(8, "policy+mean")
    torch.nn.init.normal_(network.linear.bias, generator=seeded(1))
    tokens = 3 + 2 * torch.randn(3, 5, 8, generator=seeded())

    def normalised(z: Tensor) -> Tensor:
        centred = z - z.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()

    policy, mean = normalised(tokens[:, 0]), normalised(tokens[:, 1:].sum(1) / 4)
    weight, bias = network.linear.weight, network.linear.bias
    expected = policy @ weight[:, :8].T + mean @ weight[:, 8:].T + bias
    torch.testing.assert_close(network(tokens), expected)


def test_a_decision_may_read_the_policy_token_as_it_is() -> None:
    network = DecisionNetwork(8, "raw policy")
    tokens = 3 + 2 * torch.randn(3, 5, 8, generator=seeded())
    expected = tokens[:, 0] @ network.linear.weight.T + network.linear.bias
    torch.testing.assert_close(network(tokens), expected)


def test_decision_starts_undecided() -> None:
    """Small weights, no bias: the probability of keeping starts near a half."""
    tokens = torch.randn(64, 5, 192, generator=seeded())
    keep = DecisionNetwork(192)(tokens).sigmoid()
    assert 0.2 < keep.min() < keep.max() < 0.8


def test_unknown_decision_input() -> None:
    with pytest.raises(
        ColorlibError, match="'tokens'; it must be one of 'policy', 'policy\\+mean'"
    ):
        DecisionNetwork(8, "tokens")  # type: ignore[arg-type]


# Sampling and the straight-through gradient


def test_without_noise_a_gate_is_the_sign_of_its_logit() -> None:
    logits = torch.tensor([-3.0, -1e-6, 0.0, 1e-6, 3.0])
    assert straight_through(logits).tolist() == [0, 0, 0, 1, 1]


@given(st.integers(0, 2**31), st.floats(0.1, 10))
def test_gates_are_exactly_0_or_1(seed: int, temperature: float) -> None:
    logits = 10 * torch.randn(100, generator=seeded(seed))
    noise = logistic_noise((100,), seeded(seed + 1))
    sampled = straight_through(logits, noise, temperature)
    assert torch.equal(sampled, (logits + noise > 0).float())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("noisy", [False, True])
def test_gradient_is_that_of_the_soft_gate(temperature: float, noisy: bool) -> None:
    """d/dl sigmoid((l + n) / tau) = s (1 - s) / tau, by hand."""
    logits = torch.linspace(-4, 4, 17, requires_grad=True)
    noise = logistic_noise((17,), seeded()) if noisy else None
    weights = torch.arange(17.0)
    (straight_through(logits, noise, temperature) * weights).sum().backward()
    total = logits.detach() + (noise if noise is not None else 0)
    soft = 1 / (1 + torch.exp(-total / temperature))
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, weights * soft * (1 - soft) / temperature)


def test_inputs_stay_as_they_are() -> None:
    logits, noise = torch.tensor([1.0, -1.0]), torch.tensor([-2.0, 2.0])
    straight_through(logits, noise)
    assert logits.tolist() == [1, -1]
    assert noise.tolist() == [-2, 2]


def test_low_precision_logits_are_decided_in_float32() -> None:
    sampled = straight_through(torch.tensor([1e-3, -1e-3], dtype=torch.bfloat16))
    assert sampled.dtype == torch.float32
    assert sampled.tolist() == [1, 0]


@pytest.mark.parametrize("logit", [-2.0, -0.5, 0.0, 1.0, 3.0])
def test_gates_are_kept_as_often_as_their_probability(logit: float) -> None:
    """Of 100,000 draws the share kept has a standard deviation under .0016: four of them."""
    draws = 100_000
    noise = logistic_noise((draws,), seeded(1))
    kept = straight_through(torch.full((draws,), logit), noise).mean()
    assert float(kept) == pytest.approx(1 / (1 + 2.718281828459045**-logit), abs=0.0064)


def test_one_logistic_draw_does_as_gumbel_softmax_over_two_classes() -> None:
    """PyTorch's own hard Gumbel-softmax of (logit, 0) keeps the first as often, as softly."""
    draws, logit, temperature = 100_000, 0.7, 2.0
    noise = logistic_noise((draws,), seeded(2))
    ours = torch.sigmoid((logit + noise) / temperature)
    pairs = torch.tensor([logit, 0.0]).expand(draws, 2)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        soft = F.gumbel_softmax(pairs, tau=temperature)[:, 0]
        hard = F.gumbel_softmax(pairs, tau=temperature, hard=True)[:, 0]
    kept = straight_through(torch.tensor(logit), noise, temperature)
    assert float(kept.mean()) == pytest.approx(float(hard.mean()), abs=0.01)
    levels = torch.linspace(0.05, 0.95, 19)
    torch.testing.assert_close(ours.quantile(levels), soft.quantile(levels), atol=0.01, rtol=0)


def test_noise_repeats_by_seed_and_is_finite() -> None:
    first, again = (logistic_noise((3, 12, 2), seeded(4)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, logistic_noise((3, 12, 2), seeded(5)))
    many = logistic_noise((1_000_000,), seeded(6))
    assert many.isfinite().all()
    # Logistic: mean 0, variance pi^2 / 3 = 3.2899.
    assert float(many.mean()) == pytest.approx(0, abs=0.01)
    assert float(many.var()) == pytest.approx(3.2899, abs=0.03)


# Multiply-adds, by 4 N d^2 + 2 N^2 d and 8 N d^2 with d = 192 and N = 196 or 197 tokens.

TINY = {"patch_size": 16, "dim": 192, "depth": 12, "mlp_ratio": 4.0}
DENSE = Costs.of(14, decision_dim=0, **TINY)
GATED = Costs.of(14, decision_dim=192, **TINY)


def test_macs_of_the_published_network() -> None:
    assert round(DENSE.attention / 1e6, 3) == 43.653
    assert round(DENSE.ffn / 1e6, 3) == 57.803
    assert round(DENSE.embedding / 1e6, 3) == 38.535
    assert round(DENSE.head / 1e6, 3) == 173.408
    assert DENSE.decision == 0
    assert round(DENSE.dense / 1e9, 4) == 1.4294


def test_macs_with_the_policy_token() -> None:
    assert round(GATED.attention / 1e6, 3) == 43.951
    assert round(GATED.ffn / 1e6, 3) == 58.098
    assert GATED.decision == 2 * 192
    assert round(GATED.dense / 1e9, 4) == 1.4365


def test_macs_count_what_is_kept() -> None:
    pattern = torch.zeros(2, 12, 2)
    pattern[1, 3:8, ATTENTION] = 1
    pattern[1, 0, FFN] = 1
    assert macs(pattern, GATED).tolist() == [
        GATED.fixed,
        GATED.fixed + 5 * GATED.attention + GATED.ffn,
    ]
    assert GATED.fixed == GATED.embedding + GATED.head + 12 * GATED.decision
    assert macs(torch.ones(12, 2), GATED).item() == GATED.dense
    assert macs(pattern.bool(), GATED).dtype == torch.int64


@pytest.mark.parametrize(
    ("share", "gmac"),
    # .2119 + .3 x 1.2246 and .2119 + .5 x 1.2246 by hand: what the paper's shares would cost.
    [(0.3, 0.579), (0.5, 0.824)],
)
def test_macs_by_share(share: float, gmac: float) -> None:
    exact = GATED.fixed + share * 12 * (GATED.attention + GATED.ffn)
    assert exact / 1e9 == pytest.approx(gmac, abs=0.0005)
