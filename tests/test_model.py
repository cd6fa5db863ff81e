"""The network: as published, its arithmetic against slow references, skipping, use and cost."""

import functools
import importlib
import itertools
import math
import re
from collections.abc import Callable

import networks
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from colorlib import checkpoints
from colorlib.files import ColorlibError
from colorlib.model import (
    AS_RELEASED,
    ColViT,
    Prediction,
    logistic_noise,
    macs,
    position_code,
    predict,
    straight_through,
)
from colorlib.train import huber

# After colorlib, whose guard lets timm import beside any build of torchvision.
timm = importlib.import_module("timm")
importlib.import_module("timm.optim")

DEPTH = 4
DENSE_VARIANTS = [{"policy": False}, {"policy": False, "position_bias": False}]
VARIANTS = [
    {},
    {"decision_input": "policy+mean"},
    {"budget": True},
    {"budget": True, "decision_input": "policy+mean"},
    AS_RELEASED,
]


def tiny(seed: int = 0, **changes: object) -> ColViT:
    """A small network with weights so large that its decisions differ from photo to photo."""
    model = networks.tiny(seed, std=0.3, depth=DEPTH, **changes)
    if model.policy:
        # The policy token must meet the photo for that.
        nn.init.constant_(model.blocks[0].decision.linear.bias, 10)
    return model


@torch.no_grad()
def undecided(model: ColViT, x: Tensor) -> ColViT:
    """With biases such that each decision after the first block's falls both ways over `x`."""
    for index, block in enumerate(model.blocks[1:], start=1):
        block.decision.linear.bias -= model(x).gate_logits[:, index].mean(0)
    return model


def inputs(batch: int, side: int = 32, seed: int = 1) -> Tensor:
    """As X of eq. 1: lightness and ab within [-1, 1], a mask of 0 and 1."""
    x = 2 * torch.rand(batch, 4, side, side, generator=seeded(seed)) - 1
    x[:, 3] = (x[:, 3] > 0.9).float()
    x[:, 1:3] *= x[:, 3:]
    return x


def pattern(seed: int) -> Tensor:
    return torch.rand(DEPTH, 2, generator=seeded(seed)) > 0.5


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def multiply_adds(run: Callable[[], object]) -> int:
    """Half of what PyTorch's flop counter counts (its flops are multiplies and adds)."""
    # Only the explicit attention is made of matrix products, which the counter knows.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    assert counter.get_total_flops() % 2 == 0
    return counter.get_total_flops() // 2


@pytest.fixture(scope="module")
def dense():
    return ColViT(policy=False).eval()


@pytest.fixture(scope="module")
def gated():
    return ColViT().eval()


# As published


def test_parameters(dense, gated):
    assert sum(p.numel() for p in dense.parameters()) == 6_444_740
    # The policy token, and 12 decisions of a weight and a bias for two gates.
    assert sum(p.numel() for p in gated.parameters()) == 6_444_740 + 192 + 12 * 2 * (192 + 1)
    assert sum(p.numel() for p in ColViT(**AS_RELEASED).parameters()) == 6_423_320


def test_state_dict_is_the_published_one(dense):
    """The names and shapes of iColoriT-T's, written out."""
    shapes = {"patch_embed.proj.weight": [192, 4, 16, 16], "patch_embed.proj.bias": [192]}
    for block in range(12):
        for name, shape in {
            "norm1.weight": [192],
            "norm1.bias": [192],
            "attn.q_bias": [192],
            "attn.v_bias": [192],
            "attn.rpb_table": [729, 3],
            "attn.relative_position_index": [196, 196],
            "attn.qkv.weight": [576, 192],
            "attn.proj.weight": [192, 192],
            "attn.proj.bias": [192],
            "norm2.weight": [192],
            "norm2.bias": [192],
            "mlp.fc1.weight": [768, 192],
            "mlp.fc1.bias": [768],
            "mlp.fc2.weight": [192, 768],
            "mlp.fc2.bias": [192],
        }.items():
            shapes[f"blocks.{block}.{name}"] = shape
    shapes |= {"norm.weight": [192], "norm.bias": [192]}
    shapes |= {"head.head.weight": [512, 192, 3, 3], "head.head.bias": [512]}
    assert {key: list(value.shape) for key, value in dense.state_dict().items()} == shapes


def test_start_weights_are_the_published_kind():
    """Xavier-uniform linears (bound sqrt(6 / (in + out))), biases 0, bias tables of std .02."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ColViT(depth=2, policy=True, budget=True).requires_grad_(False)
    block = model.blocks[1]
    for weight, bound in (
        (block.mlp.fc1.weight, math.sqrt(6 / (192 + 768))),
        (block.attn.qkv.weight, math.sqrt(6 / (192 + 576))),
    ):
        assert 0.99 * bound < float(weight.abs().max()) <= bound
        assert float(weight.std()) == pytest.approx(bound / math.sqrt(3), rel=0.02)
    for drawn in (block.attn.rpb_table, model.policy_token, block.decision.linear.weight):
        assert float(drawn.std()) == pytest.approx(0.02, rel=0.2)
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    assert all(not module.bias.any() for module in linears if module.bias is not None)


@functools.cache
def brute_force_index(grid: int) -> Tensor:
    """Row of the bias table for patches p and q: by the two numbers of rows and columns between."""
    places = list(itertools.product(range(grid), repeat=2))
    index = [
        [(row - r + grid - 1) * (2 * grid - 1) + (col - c + grid - 1) for r, c in places]
        for row, col in places
    ]
    return torch.tensor(index)


def test_position_code_at_14_is_vaswanis_over_196_patches():
    angle = np.arange(196)[:, None] / 10000 ** (2 * np.arange(96) / 192)
    code = np.stack([np.sin(angle), np.cos(angle)], axis=-1).reshape(196, 192)
    ours = position_code(14, 192)
    assert ours.shape == (1, 196, 192)
    np.testing.assert_allclose(ours[0].numpy(), code, atol=1e-6)
    # Processes that train together send each other their buffers, which must not be views.
    assert ours.is_contiguous()


@pytest.mark.parametrize("grid", [2, 4, 7])
def test_a_coarser_grid_takes_the_codes_at_its_patches_centres(grid):
    """Patch i of g covers 14 / g of 14; its centre lies in number floor((i + .5) 14 / g)."""
    code, published = position_code(grid, 48)[0], position_code(14, 48)[0]
    for row in range(grid):
        for column in range(grid):
            near = [math.floor((place + 0.5) * 14 / grid) for place in (row, column)]
            assert torch.equal(code[row * grid + column], published[near[0] * 14 + near[1]])


def test_a_code_that_counts_the_policy_token_begins_with_it():
    """197 places: the token is 0, patch k is k + 1; on other grids the token stays 0.

    A finer grid has the codes enlarged: at 28 x 28 patch 1 has its centre at .75 of a patch of
    14 x 14, so .25 beyond that of patch 0.
    """
    longer = position_code(15, 48, counted=15)[0, :197]
    code = position_code(14, 48, policy=True)
    torch.testing.assert_close(code[0], longer)
    coarse = position_code(7, 48, (0.6, 0.1), policy=True)
    assert coarse.shape == (1, 50, 48)
    assert torch.equal(coarse[0, 0], code[0, 0])
    assert torch.equal(coarse[0, 1 + 8], code[0, 1 + 3 * 14 + 2])  # row 1 of 7 at .6: row 3 of 14
    fine = position_code(28, 48, policy=True)[0]
    assert torch.equal(fine[0], code[0, 0])
    torch.testing.assert_close(fine[2], 0.75 * code[0, 1] + 0.25 * code[0, 2])


# Arithmetic


def reference(
    model: ColViT, x: Tensor, keep: Tensor | None = None, budget: float = 1.0
) -> tuple[Tensor, Tensor | None]:
    """The network in float64, step by step from its state dict: ab, and logits if it decides.

    As the authors' code and the paper's equations have it. Without `keep` [depth, 2] its
    decisions are taken, those of the first photo; the position code has tests of its own.
    """
    state = {key: value.double() for key, value in model.state_dict().items()}
    config, first = model.config, int(model.policy)
    heads, patch, x = config["heads"], config["patch_size"], x.double()

    def linear(y: Tensor, name: str) -> Tensor:
        return y @ state[f"{name}.weight"].T + state.get(f"{name}.bias", 0)

    def norm(y: Tensor, name: str) -> Tensor:
        return F.layer_norm(y, y.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], 1e-6)

    weight = state["patch_embed.proj.weight"].flatten(1)
    patches = F.unfold(x, patch, stride=patch).transpose(1, 2)
    z = patches @ weight.T + state["patch_embed.proj.bias"]
    dim, grid, code = z.shape[2], x.shape[-1] // patch, model.pos_embed.double()
    z = z + code[:, -(grid**2) :]
    if model.policy:
        token = state["policy_token"] + (code[:, :1] if config["policy_code"] else 0)
        if config["budget"]:
            token = token + budget * state["budget_embed.weight"].T + state["budget_embed.bias"]
        z = torch.cat([token.expand(len(x), 1, -1), z], dim=1)
    logits = []
    for block in range(config["depth"]):
        part, gates = f"blocks.{block}", torch.ones(2)
        if model.policy:
            seen = [z[:, 0], z[:, 1:].mean(1)][: 1 + (config["decision_input"] == "policy+mean")]
            if config["decision_input"] != "raw policy":
                centred = [y - y.mean(-1, keepdim=True) for y in seen]
                seen = [y / (y.square().mean(-1, keepdim=True) + 1e-6).sqrt() for y in centred]
            logits.append(linear(torch.cat(seen, dim=1), f"{part}.decision.linear"))
            if config["budget"]:
                logits[-1] += budget * state["budget_gain"][block]
            gates = logits[-1][0] > 0
        attention, ffn = gates.double() if keep is None else keep[block].double()
        q_bias, v_bias = (state[f"{part}.attn.{name}_bias"] for name in "qv")
        qkv = linear(norm(z, f"{part}.norm1"), f"{part}.attn.qkv")
        qkv = qkv + torch.cat([q_bias, 0 * q_bias, v_bias])
        q, k, v = qkv.unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        scores = q @ k.mT / (dim / heads) ** 0.5
        if config["position_bias"]:  # between patches, never for the policy token
            table = state[f"{part}.attn.rpb_table"][brute_force_index(grid)]
            scores[:, :, first:, first:] += table.permute(2, 0, 1)
        joined = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)
        z = z + attention * linear(joined, f"{part}.attn.proj")
        hidden = F.gelu(linear(norm(z, f"{part}.norm2"), f"{part}.mlp.fc1"))
        z = z + ffn * linear(hidden, f"{part}.mlp.fc2")
    square = norm(z[:, first:], "norm").mT.unflatten(2, (grid, grid))
    square = F.pad(square, (1, 1, 1, 1), mode="reflect")
    square = F.conv2d(square, state["head.head.weight"], state["head.head.bias"]).tanh()
    pixels = square.unflatten(1, (patch, patch, 2)).permute(0, 3, 4, 1, 5, 2)
    return pixels.reshape(len(x), 2, *x.shape[2:]), torch.stack(logits, 1) if logits else None


@pytest.mark.parametrize("variant", [*DENSE_VARIANTS, *VARIANTS], ids=str)
def test_the_network_is_the_reference(variant):
    """Also with parts of sub-layers, which is what the gradient of a decision goes through."""
    model, x, budget = tiny(**variant), inputs(2), 0.3 if "budget" in variant else None
    close = functools.partial(torch.testing.assert_close, atol=1e-5, rtol=0, check_dtype=False)
    patterns = (torch.ones(DEPTH, 2), torch.zeros(DEPTH, 2), pattern(0), pattern(1))
    parts = torch.rand(DEPTH, 2, generator=seeded())
    for keep, training in [*itertools.product(patterns, (False, True)), (parts, True)]:
        answer = model.train(training)(x, budget, gates=keep)
        close(answer.ab, reference(model, x, keep, budget or 1.0)[0])
        assert answer.gate_logits is None
        assert torch.equal(answer.gates > 0.5, (keep > 0.5).expand(2, -1, -1))
    answer = model.eval()(x[:1], budget)
    ab, logits = reference(model, x[:1], budget=budget or 1.0)
    close(answer.ab, ab)
    if logits is None:
        assert answer.gate_logits is None
        assert answer.gates.all()
    else:
        close(answer.gate_logits, logits, atol=1e-4)
        assert torch.equal(answer.gates, logits > 0)


# Decisions, their sampling and gradient


@pytest.mark.parametrize("temperature", [0.5, 3.0])
def test_gradient_is_that_of_the_soft_gate(temperature):
    """d/dl sigmoid((l + n) / tau) = s (1 - s) / tau, by hand."""
    logits = torch.linspace(-4, 4, 17, requires_grad=True)
    noise, weights = logistic_noise((17,), seeded()), torch.arange(17.0)
    (straight_through(logits, noise, temperature) * weights).sum().backward()
    soft = 1 / (1 + torch.exp(-(logits.detach() + noise) / temperature))
    torch.testing.assert_close(logits.grad, weights * soft * (1 - soft) / temperature)


def test_one_logistic_draw_does_as_gumbel_softmax_over_two_classes():
    """PyTorch's own hard Gumbel-softmax of (logit, 0) keeps the first as often, as softly."""
    draws, logit, temperature = 100_000, 0.7, 2.0
    noise = logistic_noise((draws,), seeded(2))
    assert noise.isfinite().all()
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


# Skipping


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_training_inference_and_each_image_alone_give_the_same(variant):
    """The network's own decisions: masked is skipping, whatever the neighbours in the batch.

    And where decisions are settled, in training, skipping again, with the gradients of masked.
    """
    x = inputs(6)
    model = undecided(tiny(**variant), x)
    budget = torch.linspace(0, 1, 6) if "budget" in variant else None
    with torch.no_grad():
        together = model(x, budget)
        alone = [
            model(x[i : i + 1], None if budget is None else budget[i : i + 1]) for i in range(6)
        ]
    masked = model.train()(x, budget)
    forced = model(x, budget, gates=together.gates)
    for block in model.blocks:
        block.decision.requires_grad_(False)
    settled = model(x, budget)
    assert settled.gates.dtype == torch.bool
    weights = [weight for weight in model.blocks.parameters() if weight.requires_grad]
    slopes = [torch.autograd.grad(one.ab.square().mean(), weights) for one in (forced, settled)]
    torch.testing.assert_close(*slopes)
    # The test would be empty if all gates were the same.
    assert (together.gates != together.gates[:1]).any(0).sum() > DEPTH
    assert together.gates.dtype == torch.bool
    assert masked.gates.dtype == torch.float32
    for other in (masked, settled, Prediction(*map(torch.cat, zip(*alone, strict=True)))):
        assert torch.equal(other.gates.bool(), together.gates)
        torch.testing.assert_close(other.ab, together.ab, atol=1e-5, rtol=0)
        torch.testing.assert_close(other.gate_logits, together.gate_logits, atol=1e-4, rtol=0)


# Training


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_parameter_gets_a_finite_gradient(variant):
    """The decisions' come through the straight-through estimator, from the Huber loss alone."""
    model, x = tiny(**variant).train(), inputs(4)
    noise = logistic_noise((4, DEPTH, 2), seeded(1))
    noise[0] = 20  # one image keeps everything, so that every sub-layer is in use
    answer = model(x, noise=noise, **({"budget": 0.5} if "budget" in variant else {}))
    huber(answer.ab, torch.rand(4, 2, 32, 32, generator=seeded()) - 0.5).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name


# A fixed pattern, the control for learned gates


@pytest.mark.parametrize("training", [False, True])
def test_a_fixed_pattern_is_the_dense_network_with_those_gates(training):
    dense, x = tiny(policy=False), inputs(3)
    pattern = [[1, 0], [0, 0], [1, 1], [0, 1]]
    fixed = tiny(policy=False, pattern=pattern).train(training)
    expected, answer = dense(x, gates=torch.tensor(pattern)), fixed(x)
    torch.testing.assert_close(answer.ab, expected.ab)
    assert torch.equal(answer.gates > 0.5, expected.gates)
    # Gates given with the call overrule it.
    torch.testing.assert_close(fixed(x, gates=torch.ones(DEPTH, 2)).ab, dense(x).ab)


# Use


@pytest.mark.parametrize("training", [False, True])
def test_predict_skips_without_gradients_and_leaves_the_model_as_it_was(training):
    """After an error, too."""
    model, x = tiny(), inputs(3)
    with torch.no_grad():
        expected = model(x)
    answer = predict(model.train(training), x)
    torch.testing.assert_close(answer, expected)
    assert answer.gates.dtype == torch.bool
    answer.ab.add_(1)  # an ordinary tensor, not one of inference mode
    assert not answer.ab.requires_grad
    with pytest.raises(ColorlibError, match="no budget to set"):
        predict(model, x, 0.5)
    assert all(module.training is training for module in model.modules())


# Other sizes, timm, errors


@pytest.mark.parametrize(("side", "patch"), [(112, 16), (64, 8), (32, 16), (256, 16), (48, 12)])
def test_other_sizes(side, patch):
    model = ColViT(side, patch, dim=24, depth=2, heads=2).eval()
    x = inputs(2, side)
    with torch.no_grad():
        answer = model(x)
    assert answer.ab.shape == (2, 2, side, side)
    assert answer.ab.isfinite().all()
    assert multiply_adds(lambda: model(x)) == macs(answer.gates, model.costs).sum().item()


@pytest.mark.parametrize(
    ("entry", "size"),
    [
        ("acolvit_tiny", (192, 12, 3)),
        ("icolorit_tiny", (192, 12, 3)),
        ("icolorit_small", (384, 12, 6)),
        ("icolorit_base", (768, 12, 12)),
    ],
)
def test_timm_makes_the_networks_of_the_papers(entry, size):
    """Width, depth and heads are iColoriT's table of T, S and B."""
    with torch.device("meta"):
        model = timm.create_model(f"{entry}_patch16_224")
    assert tuple(model.config[key] for key in ("dim", "depth", "heads")) == size
    assert model.policy == (entry == "acolvit_tiny")
    data = timm.data.resolve_data_config({}, model=model)
    assert data["input_size"] == (4, 224, 224)
    assert (data["mean"], data["std"]) == ((50.0, 0.0, 0.0, 0.0), (100.0, 110.0, 110.0, 1.0))


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("acolvit_tiny_patch16_224", "acolvit-t-0.5"),
        ("acolvit_tiny_patch16_224.any", "acolvit-t-any"),
        ("icolorit_tiny_patch16_224", "icolorit-t"),
    ],
)
def test_timm_loads_our_weights(entry, name):
    """By its own names and from our file; at another size, too."""
    trained = checkpoints.load_model(name)
    budget = {"budget": True} if name.endswith("any") else {}
    for model in (
        timm.create_model(entry, pretrained=True),
        timm.create_model(entry, checkpoint_path=checkpoints.resolve(name), **budget),
    ):
        state = model.state_dict()
        assert all(torch.equal(state[key], value) for key, value in trained.state_dict().items())
    resized = timm.create_model(entry, pretrained=True, img_size=112)
    assert torch.equal(resized.head.head.weight, trained.head.head.weight)


def test_timm_knows_of_what_there_are_weights():
    listed = timm.list_models("*col*", pretrained=True)
    assert sum(entry.startswith("acolvit_tiny_patch16_224.") for entry in listed) == 6
    with pytest.raises(ColorlibError, match="no weights for icolorit_small_patch16_224"):
        timm.create_model("icolorit_small_patch16_224", pretrained=True)


@pytest.mark.parametrize("variant", [{"policy": False}, {"budget": True}], ids=str)
def test_what_timms_own_models_have(variant):
    """Features, checkpoints of activations, and learning rates that fall with depth."""
    model, x = tiny(**variant), inputs(2)
    features = model.forward_features(x)
    torch.testing.assert_close(model.head(features[:, int(model.policy) :], 4), model(x).ab)
    gradients = []
    for enable in (False, True):
        model.train().set_grad_checkpointing(enable)
        loss = model(x).ab.square().mean()
        gradients.append(torch.autograd.grad(loss, list(model.parameters())))
    torch.testing.assert_close(*gradients)
    groups = timm.optim.param_groups_layer_decay(
        model, 0.05, model.no_weight_decay(), layer_decay=0.5
    )
    assert len({group["lr_scale"] for group in groups}) == DEPTH + 2
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    assert id(model.blocks[0].attn.rpb_table) not in decayed
    assert id(model.blocks[0].mlp.fc1.weight) in decayed


def test_torch_export_of_the_dense_network():
    """A Prediction is a tuple with names, which PyTorch takes apart and puts together."""
    model, x = tiny(policy=False), inputs(1)
    exported = torch.export.export(model, (x,)).module()
    torch.testing.assert_close(exported(x).ab, model(x).ab)
    assert exported(x).gate_logits is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"img_size": 100}, "img_size 100 must be a multiple of patch_size 16"),
        ({"img_size": 16}, "img_size 16 must be at least twice patch_size 16"),
        ({"heads": 5}, "dim 192 must be a multiple of heads 5"),
        ({"patch_size": 0}, "patch_size is 0; it must be above 0"),
        ({"mlp_ratio": float("nan")}, "mlp_ratio is nan; it must be above 0"),
        ({"policy": False, "budget": True}, "budget=True needs policy=True"),
        ({"policy": True, "pattern": [[1, 1]] * 12}, "pattern needs policy=False"),
        ({"policy": False, "pattern": [[1, 0]]}, "is not of 12 pairs of 0 and 1"),
        ({"policy": False, "pattern": [[2, 0]] * 12}, "is not of 12 pairs of 0 and 1"),
        ({"decision_input": "cls"}, r"'cls' is none of \('policy', "),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ColorlibError, match=message):
        ColViT(**settings)


def test_what_does_not_fit_is_refused():
    with pytest.raises(AssertionError, match=re.escape("X [1, 4, 64, 64], side 32")):
        tiny()(inputs(1, 64))
    for shape in ((3, 2), (3, DEPTH, 2)):
        with pytest.raises(ColorlibError, match=r"not \[4, 2\] or \[2, 4, 2\]"):
            tiny()(inputs(2), gates=torch.ones(shape))
    for budget in (1.1, float("nan")):
        with pytest.raises(ColorlibError, match=f"budget is {budget}; it is the share to keep"):
            tiny(budget=True)(inputs(1), budget)


# Multiply-adds, by 4 N d^2 + 2 N^2 d and 8 N d^2 with d = 192 and N = 196 or 197 tokens


def test_macs_of_the_published_network_and_with_a_policy_token(dense, gated):
    """The formulas' parts, and their sums against what PyTorch counts."""
    costs = dense.costs
    parts = (costs.embedding, costs.attention, costs.ffn, costs.head, gated.costs.attention)
    millions = [round(part / 1e6, 3) for part in (*parts, gated.costs.ffn)]
    assert millions == [38.535, 43.653, 57.803, 173.408, 43.951, 58.098]
    assert (costs.decision, gated.costs.decision) == (0, 2 * 192)
    assert [round(one.costs.dense / 1e9, 4) for one in (dense, gated)] == [1.4294, 1.4365]
    x = inputs(1, 224)
    assert multiply_adds(lambda: dense(x)) == costs.dense
    # With gates given nothing decides; the formula counts the decisions, 4,608 in all.
    counted = multiply_adds(lambda: gated(x, gates=torch.ones(12, 2)))
    assert counted + 4_608 == gated.costs.dense
