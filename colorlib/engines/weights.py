"""What the graph of `skeleton.py` is filled with: a ColViT's parameters, in the graph's order.

Some are joined or turned round here, so that the graph has less to do: the position code and
the bias of the embedding are one sum, the position bias is gathered from its table, and the
head's convolution is in Winograd's form.
"""

import numpy as np
from torch import Tensor

from colorlib.engines import winograd
from colorlib.vit import ColViT

# Of each block, what the graph takes as it is.
_PLAIN = ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias")
_LINEAR = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")


def graph_weights(model: ColViT, approximate: bool = False) -> dict[str, np.ndarray]:
    """Every floating-point constant of the graph by its name: private copies, on the CPU.

    With `approximate` the four linear maps of each block are 8-bit integers NAME.int8
    [in, out] with NAME.scale [out] (value = scale * integer).
    """
    state = {key: _array(value) for key, value in model.state_dict().items()}
    weights = {
        "zero": np.zeros(1, np.float32),
        "norm.weight": state["norm.weight"],
        "norm.bias": state["norm.bias"],
        **_embedding(model, state),
    }
    for index, block in enumerate(model.blocks):
        part = f"blocks.{index}."
        q_bias, v_bias = state[f"{part}attn.q_bias"], state[f"{part}attn.v_bias"]
        state[f"{part}attn.qkv.bias"] = np.concatenate([q_bias, np.zeros_like(q_bias), v_bias])
        if block.attn.biased:
            tokens = model.grid**2 + model.policy
            weights[f"{part}attn.position"] = _array(block.attn.position_bias(tokens))
        weights |= {part + name: state[part + name] for name in _PLAIN}
        for name in _LINEAR:
            weight, bias = state[f"{part}{name}.weight"], state[f"{part}{name}.bias"]
            weights |= _linear(part + name, weight, bias, approximate)
    if model.policy:
        weights |= _decisions(model, state)
    weights |= _head(model, state)
    # The runtime reads the numbers where they lie.
    return {name: np.ascontiguousarray(values) for name, values in weights.items()}


def _array(value: Tensor) -> np.ndarray:
    return value.detach().cpu().numpy().copy()


def _embedding(model: ColViT, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    weight = state["patch_embed.proj.weight"]
    lightness, hints = weight[:, :1], weight[:, 1:]
    code = _array(model.pos_embed)[0, -(model.grid**2) :]
    return {
        "embed.lightness": lightness.reshape(len(weight), -1),
        "embed.hints": hints.reshape(len(weight), -1),
        "embed.position": code + state["patch_embed.proj.bias"],
    }


def _decisions(model: ColViT, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The decision networks; `reader` @ tokens is what they look at, a row each."""
    dim, patches = model.config["dim"], model.grid**2
    rows = [np.eye(1, 1 + patches)]
    if model.config["decision_input"] == "policy+mean":
        rows.append(np.pad(np.full((1, patches), 1 / patches), ((0, 0), (1, 0))))
    parts = [f"blocks.{index}.decision.linear." for index in range(len(model.blocks))]
    token = state["policy_token"][0]
    if model.config["policy_code"]:
        token = token + _array(model.pos_embed)[0, :1]
    weights = {
        "policy_token": token,
        "reader": np.concatenate(rows).astype(np.float32),
        "decision.bias": np.stack([state[f"{part}bias"] for part in parts]),
        **{f"{part}weight": state[f"{part}weight"].T for part in parts},
    }
    if model.config["decision_input"] != "raw policy":
        weights |= {"ones": np.ones(dim, np.float32), "zeros": np.zeros(dim, np.float32)}
    if model.config["budget"]:
        weights |= {
            "budget_embed.weight": state["budget_embed.weight"].T,
            "budget_embed.bias": state["budget_embed.bias"],
            "budget_gain": state["budget_gain"],
        }
    return weights


def _head(model: ColViT, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    weight, bias = state["head.head.weight"], state["head.head.bias"]
    # Its channels are (p1 p2 c); as (c p1 p2) the pixels of a patch's row stay together.
    order = np.arange(len(bias)).reshape(-1, 2).T.ravel()
    spectrum = winograd.transformed(weight[order])
    return {
        "head.bias": bias[order],
        "head.to_tiles": winograd.to_tiles(model.grid),
        "head.from_tiles": winograd.from_tiles(model.grid),
        **{f"head.{index}": part for index, part in enumerate(spectrum)},
    }


def _linear(
    name: str, weight: np.ndarray, bias: np.ndarray, approximate: bool
) -> dict[str, np.ndarray]:
    if not approximate:
        return {f"{name}.weight": weight, f"{name}.bias": bias}
    scale = np.maximum(np.abs(weight).max(axis=1), 1e-12) / 127
    rounded = np.rint(weight / scale[:, None]).astype(np.int8)
    return {
        f"{name}.int8": rounded.T,
        f"{name}.scale": scale.astype(np.float32),
        f"{name}.bias": bias,
    }
