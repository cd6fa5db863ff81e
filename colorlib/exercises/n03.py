"""Checks of notebook 03: attention, straight-through gates, what decisions see, costs."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import softmax

from colorlib.exercises.verdict import Wrong, call, compare, exercise
from colorlib.model import Costs, macs

# A-ColViT-T at 224 pixels: 14 x 14 patches and the policy token, whose 192 numbers are read.
SIZES: dict[str, Any] = {"patch_size": 16, "dim": 192, "depth": 12, "mlp_ratio": 4.0}
COSTS = Costs.of(14, decision_dim=192, **SIZES)
WITHOUT_POLICY = Costs.of(14, decision_dim=0, **SIZES)


@exercise("03.1", "Every token asks all the others, and takes their values in proportion.")
def check_03_1(answer: Any) -> None:
    """head(Q, K, V), each [tokens, d] -> [tokens, d]: eq. 3."""
    generator = torch.Generator().manual_seed(1)
    for tokens, d in ((7, 4), (5, 16)):
        q, k, v = torch.randn(3, tokens, d, generator=generator, dtype=torch.float64)
        result = _tensor(call(answer, q.clone(), k.clone(), v.clone()))
        logits = q @ k.T
        if result.shape == (tokens, tokens):
            raise Wrong("These are the weights, [tokens, tokens]. They still have to meet V.")
        if result.shape != v.shape:
            raise Wrong(f"The shape is {list(result.shape)}; one row a token is {list(v.shape)}.")
        mistakes = {
            "Q Kᵀ is not divided by the root of d": softmax(logits, -1) @ v,
            "Q Kᵀ is divided by d; its root is right": softmax(logits / d, -1) @ v,
            "The root is of the number of tokens; it must be of d, the length of a query": (
                softmax(logits / tokens**0.5, -1) @ v
            ),
            "The softmax runs over the queries: each row, not each column, must sum to 1": (
                softmax(logits / d**0.5, 0) @ v
            ),
            "There is no softmax: the weights of a row must be positive and sum to 1": (
                logits / d**0.5 @ v
            ),
            "exp is there, but a row of weights does not sum to 1: divide by its sum": (
                (logits / d**0.5).exp() @ v
            ),
            "Queries and keys have changed places: row i of the weights belongs to query i": (
                softmax(logits.T / d**0.5, -1) @ v
            ),
        }
        compare(result, softmax(logits / d**0.5, -1) @ v, mistakes, f"{tokens} tokens, d = {d}")


@exercise("03.2", "A step forward, a slope backward: that is how a yes or no can be learned.")
def check_03_2(answer: Any) -> None:
    """straight_through(logit, temperature): 0 or 1 forward, the sigmoid's slope backward."""
    for temperature in (1.0, 0.5, 3.0):
        # Built here, so that a notebook that has switched gradients off is checked all the same.
        with torch.enable_grad():
            logit = torch.tensor([-3.0, -0.7, -0.1, 0.2, 1.5, 4.0], requires_grad=True)
            result = _tensor(call(answer, logit, temperature))
            soft = torch.sigmoid(logit / temperature).detach()
            hard = (logit > 0).float()
            _check_forward(result.detach(), hard, soft, temperature)
            if not result.requires_grad:
                raise Wrong(
                    "The values are right, but no gradient flows: a comparison has none. Add "
                    "something that is 0 and has the gradient of the sigmoid."
                )
            (slope,) = torch.autograd.grad(result.sum(), logit, allow_unused=True)
        right = soft * (1 - soft) / temperature
        once = torch.sigmoid(logit.detach())
        mistakes = {
            "The gradient is 0 everywhere: detach one of the two, not both": torch.zeros(6),
            "The gradient is 1 everywhere: it is the logit's; it must be the sigmoid's": (
                torch.ones(6)
            ),
            "The gradient does not change with the temperature: logit / temperature goes in": (
                once * (1 - once)
            ),
            "The gradient has the wrong sign: add the soft value, and take off the detached": (
                -right
            ),
            "The gradient comes twice: only one of the two values may carry it": 2 * right,
        }
        if slope is None:
            raise Wrong("The gradient does not reach the logit: it is detached on the way.")
        compare(slope, right, mistakes, f"the gradient at temperature {temperature:g}")


@exercise("03.3", "The policy token meets the photo in an attention, and nowhere else.")
def check_03_3(answer: Any) -> None:
    """can_depend(attention_kept), a list of bools, one a block -> the same of the decisions."""
    paths = (
        "111111111111",
        "000000000000",
        "001000000000",
        "011010110001",
        "000000000001",
        "100000000000",
    )
    for path in paths:
        kept = [one == "1" for one in path]
        result = call(answer, list(kept))
        if not isinstance(result, list | tuple) or len(result) != len(kept):
            raise Wrong(f"A list with one entry a block is right: {len(kept)} for {path}.")
        given = [bool(one) for one in result]
        if given == [any(kept[:block]) for block in range(len(kept))]:
            continue
        text = f"With the attentions {path} (1 is kept) you say {_digits(given)}. "
        own = [any(kept[: block + 1]) for block in range(len(kept))]
        last = [block > 0 and kept[block - 1] for block in range(len(kept))]
        if given[0]:
            text += "Block 1 decides before its attention: no photo has reached the policy token."
            if given == own:
                text += " A block's own attention comes after its decision."
        elif given == [block > 0 for block in range(len(kept))]:
            text += "Where attention is skipped, the policy token learns nothing there."
        elif given == last:
            text += "What the policy token has learned in one block it keeps in all later ones."
        else:
            block = given.index(not any(kept[: given.index(True)])) if any(given) else 0
            text += f"Which attentions before block {block + 1} were kept?"
        raise Wrong(text)


@exercise("03.4", "And with it, you have the paper's column of GFLOPs.")
def check_03_4(answer: Any) -> None:
    """multiply_adds(gates), bool [12, 2] -> the multiply-adds of one photo."""
    generator = torch.Generator().manual_seed(4)
    patterns = [torch.rand(12, 2, generator=generator) < share for share in (0.3, 0.5, 0.7)]
    for index, pattern in enumerate([*patterns, torch.ones(12, 2) > 0, torch.zeros(12, 2) > 0]):
        if index < 3:
            # One kind more than the other, or a swap of the two would not show.
            pattern[:, index % 2] &= torch.arange(12) % 3 > 0
        result = call(answer, pattern.clone())
        try:
            value = float(result)
        except (TypeError, ValueError):
            raise Wrong(f"A number is right, not {type(result).__name__}.") from None
        right = _macs(pattern)
        if _near(value, right):
            continue
        kept = int(pattern.sum())
        text = f"For a path with {kept} of 24 kept you say {value:.4g}. "
        for mistake, wrong in _wrong_costs(pattern, right).items():
            if _near(value, wrong):
                raise Wrong(text + mistake)
        raise Wrong(
            f"{text}It is {'more' if value < right else 'less'}: what always runs, plus each "
            "kept attention and each kept FFN."
        )


def _wrong_costs(pattern: Tensor, right: float) -> Mapping[str, float]:
    """What typical mistakes give, by what to say of them; the likelier come first."""
    return {
        "Give multiply-adds, not G.": right / 1e9,
        "Give multiply-adds, not M.": right / 1e6,
        "That is twice as much: one multiply-add, not a multiplication and an addition.": 2 * right,
        "The embedding and the head are missing; they always run.": right - COSTS.fixed,
        "The head is missing; it always runs.": right - COSTS.head,
        "The embedding is missing; it always runs.": right - COSTS.embedding,
        "Attention and FFN have changed places: column 0 is attention.": _macs(pattern.flip(1)),
        "That is with everything kept: only what the gates keep counts.": COSTS.dense,
        "The policy token is a token too: 197, not 196.": float(macs(pattern, WITHOUT_POLICY)),
        "That is what the skipped sub-layers would cost: 1 is kept.": _macs(~pattern),
    }


def _macs(pattern: Tensor) -> float:
    return float(macs(pattern, COSTS))


def _near(value: float, other: float) -> bool:
    """Within a twentieth of a thousandth: decisions may be counted or not, M rounded to kilo."""
    return abs(value - other) <= 5e-5 * abs(other)


def _check_forward(value: Tensor, hard: Tensor, soft: Tensor, temperature: float) -> None:
    if value.shape != hard.shape:
        raise Wrong(
            f"The shape is {list(value.shape)}; it is that of the logits, {list(hard.shape)}."
        )
    mistakes = {
        "Forward this is the sigmoid; a gate is 0 or 1": soft,
        "0 and 1 have changed places: a logit above 0 keeps, and kept is 1": 1 - hard,
        "Everything is kept: a logit below 0 skips": torch.ones_like(hard),
        "Forward this is step plus sigmoid: what is added must be 0": hard + soft,
    }
    compare(value, hard, mistakes, f"the gate at temperature {temperature:g}")


def _digits(bits: list[bool]) -> str:
    return "".join("1" if bit else "0" for bit in bits)


def _tensor(result: Any) -> Tensor:
    if not isinstance(result, Tensor):
        raise Wrong(f"A tensor is right, not {type(result).__name__}.")
    return result
