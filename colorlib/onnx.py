"""The network as an ONNX graph with real branches: a skeleton without weights, some 50 kB.

One skeleton fits all models of a configuration. Each sub-layer is the then-branch of an If,
whose else-branch hands on its input, so that what is skipped costs nothing. The tokens are
two-dimensional [N, dim] throughout, as the graph colours one photo.

Inputs: x [1, 4, S, S]; push [depth, 2], added to the logits (0: the network decides, -inf or
inf: decided); budget [1], for models made with one. Outputs: ab [1, 2, S, S], gates bool
[2 * depth] (attention and FFN of each block in turn), and with a policy token logits, as gates.
"""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper
from torch import Tensor

from colorlib.model import ColViT, Prediction

# Beyond, the products of one photo are too small to share out.
MOST_THREADS = 8


class OnnxModel:
    """A ColViT as a graph of ONNX Runtime, on the CPU; to be called as `model.predict`.

    Made in a fraction of a second. The weights are those that the model has now: later changes
    to them do not count. `threads` None takes as many as PyTorch would, at most 8.

    Its numbers are PyTorch's but for rounding, 1e-6 or so. Rounding can flip the sign of a logit
    that close to 0 and so change that gate; neither engine is more right, and with the same
    gates (`gates=`) their colours agree.

    `approximate` is faster and not exact: the linear maps of attention and FFN are multiplied
    in 8 bits, their inputs rounded anew for each photo; embedding, decisions and head stay in
    float32. Over the gallery at 10 hints the mean PSNR of the shipped networks changes by less
    than 0.01 dB, that of the worst photo falls by 0.1 dB, and all gates are the same.
    """

    def __init__(self, model: ColViT, approximate: bool = False, threads: int | None = None):
        self.model = model
        weights = graph_weights(model, approximate)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or min(torch.get_num_threads(), MOST_THREADS)
        # Between two calls the threads sleep: the colours are computed by others.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        # Without it, processors that lack 8-bit dot products would overflow 16 bits.
        options.add_session_config_entry("session.x64quantprecision", "1")
        # The runtime reads from these as long as it lives.
        self._values = [onnxruntime.OrtValue.ortvalue_from_numpy(w) for w in weights.values()]
        options.add_external_initializers(list(weights), self._values)
        self._session = onnxruntime.InferenceSession(
            skeleton(model.config, weights), options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(
        self,
        x: Tensor,
        budget: float | Tensor | None = None,
        gates: Tensor | None = None,
    ) -> Prediction:
        """Colour X [B, 4, S, S], a photo at a time; `budget` and `gates` are as in `predict`."""
        forced = self.model.checked_gates(x, gates)
        shares = self.model.checked_budget(budget, x)
        push = self._push(len(x), forced)
        ab = torch.empty(len(x), 2, *x.shape[2:])
        ran, logits = torch.empty(push.shape, dtype=torch.bool), torch.empty(push.shape)
        for index, photo in enumerate(x.detach().float().cpu()):
            feed = {"x": photo[None].numpy(), "push": push[index].numpy()}
            if shares is not None:
                feed["budget"] = shares[index, None].cpu().numpy()
            answer = dict(zip(self._outputs, self._session.run(None, feed), strict=True))
            for name, into in {"ab": ab, "gates": ran, "logits": logits}.items():
                if name in answer:
                    into[index] = torch.from_numpy(answer[name]).view(into.shape[1:])
        decided = self.model.policy and forced is None
        return Prediction(ab, ran, logits if decided else None)

    def _push(self, batch: int, forced: Tensor | None) -> Tensor:
        """What is added to the logits [batch, depth, 2]: 0, or infinity where all is decided."""
        shape = (batch, *self.model.fixed_gates.shape)
        if forced is None and self.model.policy:
            return torch.zeros(shape)
        keep = self.model.fixed_gates.cpu() if forced is None else forced > 0.5
        return torch.where(keep.expand(shape), torch.inf, -torch.inf)


OPSET = 23
_EPSILON = 1e-6


class _Graph:
    """Nodes in the making; a branch shares the names and constants of the graph around it."""

    def __init__(self, weights: dict[str, np.ndarray], outer: "_Graph | None" = None):
        self.weights = weights
        self.nodes: list[Any] = []
        self.constants: list[TensorProto] = outer.constants if outer else []
        self.names: itertools.count = outer.names if outer else itertools.count()

    def op(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """One node; the name of its only output."""
        return self.split(kind, *inputs, parts=1, domain=domain, **attributes)[0]

    def split(self, kind: str, *inputs: str, parts: int, **attributes: Any) -> list[str]:
        """One node of several outputs."""
        outputs = [f"t{next(self.names)}" for _ in range(parts)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs

    def integers(self, *values: int) -> str:
        """A constant int64 [n]."""
        return self.constant(np.array(values, np.int64))

    def constant(self, values: np.ndarray) -> str:
        name = f"c{next(self.names)}"
        self.constants.append(numpy_helper.from_array(values, name))
        return name

    def reshape(self, x: str, *shape: int) -> str:
        return self.op("Reshape", x, self.integers(*shape))

    def rows(self, x: str, start: int, stop: int) -> str:
        bounds = (self.integers(start), self.integers(stop), self.integers(0))
        return self.op("Slice", x, *bounds)

    def norm(self, x: str, weight: str, bias: str) -> str:
        return self.op("LayerNormalization", x, weight, bias, epsilon=_EPSILON)

    def linear(self, x: str, name: str) -> str:
        """x W^T + b, in the form that the weights are there in."""
        bias = f"{name}.bias"
        if f"{name}.int8" not in self.weights:
            return self.op("Gemm", x, f"{name}.weight", bias, transB=1)
        quantized = (f"{name}.int8", f"{name}.scale", "", bias)
        return self.op("DynamicQuantizeMatMul", x, *quantized, domain="com.microsoft")


_SubLayer = Callable[[_Graph, str, str, dict[str, Any]], str]


def skeleton(config: dict[str, Any], weights: dict[str, np.ndarray]) -> bytes:
    """The graph of a ColViT's `config`; of `weights` only names, types and shapes are in it."""
    graph = _Graph(weights)
    side, depth = config["img_size"], config["depth"]
    z = _embed(graph, config)
    pushes = graph.split("Split", _pushes(graph, config), parts=depth, axis=0, num_outputs=depth)
    gates, logits = [], []
    for index, push in enumerate(pushes):
        logit = graph.reshape(push, 2)
        if config["policy"]:
            logit = _decide(graph, z, index, logit)
            logits.append(logit)
        gates.append(graph.op("Greater", logit, "zero"))
        attention, ffn = graph.split("Split", gates[-1], parts=2, axis=0, num_outputs=2)
        z = _branch(graph, attention, z, _attention, f"blocks.{index}.", config)
        z = _branch(graph, ffn, z, _ffn, f"blocks.{index}.", config)
    ab = _decode(graph, z, config)
    outputs = [_named(graph, "ab", ab, TensorProto.FLOAT, [1, 2, side, side])]
    for name, parts, kind in (
        ("gates", gates, TensorProto.BOOL),
        ("logits", logits, TensorProto.FLOAT),
    ):
        if parts:
            joined = graph.op("Concat", *parts, axis=0)
            outputs.append(_named(graph, name, joined, kind, [2 * depth]))
    inputs = [_float("x", [1, 4, side, side]), _float("push", [depth, 2])]
    if config["budget"]:
        inputs.append(_float("budget", [1]))
    initializers = graph.constants + [_placeholder(*weight) for weight in weights.items()]
    whole = helper.make_graph(graph.nodes, "colvit", inputs, outputs, initializers)
    domains = [helper.make_opsetid("", OPSET), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(whole, opset_imports=domains, ir_version=11).SerializeToString()


def _embed(graph: _Graph, config: dict[str, Any]) -> str:
    """Tokens [N, dim]. Most patches have no hint, so only those that do are multiplied by it."""
    patch, grid = config["patch_size"], config["img_size"] // config["patch_size"]
    pixels = graph.op(
        "Transpose", graph.reshape("x", 4, grid, patch, grid, patch), perm=[0, 1, 3, 2, 4]
    )
    lightness, hints = graph.split("Split", pixels, graph.integers(1, 3), parts=2, axis=0)
    lightness = graph.reshape(lightness, grid**2, patch**2)
    z = graph.op("Gemm", lightness, "embed.lightness", "embed.position", transB=1)
    hints = graph.reshape(
        graph.op("Transpose", graph.reshape(hints, 3, grid**2, patch**2), perm=[1, 0, 2]),
        grid**2,
        3 * patch**2,
    )
    extent = graph.op("ReduceL1", hints, graph.integers(1), keepdims=0)
    hinted = graph.op("Transpose", graph.op("NonZero", extent), perm=[1, 0])
    some = graph.op("GatherND", hints, hinted)
    some = graph.op("Gemm", some, "embed.hints", transB=1)
    z = graph.op("ScatterND", z, hinted, some, reduction="add")
    if not config["policy"]:
        return z
    token = "policy_token"
    if config["budget"]:
        share = graph.reshape("budget", 1, 1)
        embedded = graph.op("Gemm", share, "budget_embed.weight", "budget_embed.bias")
        token = graph.op("Add", token, embedded)
    return graph.op("Concat", token, z, axis=0)


def _pushes(graph: _Graph, config: dict[str, Any]) -> str:
    """What is added to the logits of all blocks, [depth, 2]."""
    if not config["policy"]:
        return "push"
    bias = "decision.bias"
    if config["budget"]:
        bias = graph.op("Add", bias, graph.op("Mul", "budget_gain", "budget"))
    return graph.op("Add", bias, "push")


def _decide(graph: _Graph, z: str, index: int, push: str) -> str:
    """The logits [2] of a block (eq. 7), its bias among `push`."""
    seen = graph.op("MatMul", "reader", z)
    if "ones" in graph.weights:
        seen = graph.norm(seen, "ones", "zeros")
    seen = graph.reshape(seen, -1)
    linear = graph.op("MatMul", seen, f"blocks.{index}.decision.linear.weight")
    return graph.op("Add", linear, push)


def _branch(
    graph: _Graph, gate: str, z: str, sublayer: _SubLayer, part: str, config: dict[str, Any]
) -> str:
    """z + sublayer(z) where `gate` is true, else z (eq. 8)."""
    then, other = _Graph(graph.weights, graph), _Graph(graph.weights, graph)
    results = then.op("Add", z, sublayer(then, z, part, config)), other.op("Identity", z)
    patches = (config["img_size"] // config["patch_size"]) ** 2
    shape = [patches + config["policy"], config["dim"]]
    then_branch, else_branch = (
        helper.make_graph(branch.nodes, result, [], [_float(result, shape)])
        for branch, result in zip((then, other), results, strict=True)
    )
    return graph.op("If", gate, then_branch=then_branch, else_branch=else_branch)


def _attention(graph: _Graph, z: str, part: str, config: dict[str, Any]) -> str:
    heads, dim = config["heads"], config["dim"]
    y = graph.norm(z, f"{part}norm1.weight", f"{part}norm1.bias")
    qkv = graph.linear(y, f"{part}attn.qkv")
    batch, flat = graph.integers(1, -1, dim), graph.integers(-1, dim)
    q, k, v = (
        graph.op("Reshape", third, batch)
        for third in graph.split("Split", qkv, parts=3, axis=1, num_outputs=3)
    )
    position = [f"{part}attn.position"] if config["position_bias"] else []
    y = graph.op("Attention", q, k, v, *position, q_num_heads=heads, kv_num_heads=heads)
    return graph.linear(graph.op("Reshape", y, flat), f"{part}attn.proj")


def _ffn(graph: _Graph, z: str, part: str, config: dict[str, Any]) -> str:
    y = graph.norm(z, f"{part}norm2.weight", f"{part}norm2.bias")
    hidden = graph.op("Gelu", graph.linear(y, f"{part}mlp.fc1"))
    return graph.linear(hidden, f"{part}mlp.fc2")


def _decode(graph: _Graph, z: str, config: dict[str, Any]) -> str:
    """Tokens -> ab [1, 2, S, S]; the policy token is left out."""
    patch, side = config["patch_size"], config["img_size"]
    grid = side // patch
    if config["policy"]:
        z = graph.rows(z, 1, 1 + grid**2)
    z = graph.norm(z, "norm.weight", "norm.bias")
    feature = graph.op("Add", _winograd(graph, z, grid, config), "head.bias")
    pixels = graph.reshape(graph.op("Tanh", feature), grid, grid, 2, patch, patch)
    pixels = graph.op("Transpose", pixels, perm=[2, 0, 3, 1, 4])
    return graph.reshape(pixels, 1, 2, side, side)


def _winograd(graph: _Graph, z: str, grid: int, config: dict[str, Any]) -> str:
    """The head's convolution without its bias, [grid, grid, channels]: see `py`."""
    dim, channels = config["dim"], 2 * config["patch_size"] ** 2
    count, tile = _tiles(grid), TILE
    z = graph.op("MatMul", "head.to_tiles", graph.reshape(z, grid, grid * dim))
    z = graph.op("MatMul", "head.to_tiles", graph.reshape(z, tile * count, grid, dim))
    z = graph.op("Transpose", graph.reshape(z, tile, count, tile, count, dim), perm=[0, 2, 1, 3, 4])
    # One product a place: their weights are then packed when the graph is loaded.
    flat = graph.reshape(z, tile**2 * count**2, dim)
    places = graph.split("Split", flat, parts=tile**2, axis=0, num_outputs=tile**2)
    products = [graph.op("MatMul", place, f"head.{i}") for i, place in enumerate(places)]
    z = graph.reshape(graph.op("Concat", *products, axis=0), tile, tile, count, count, channels)
    z = graph.op("Transpose", z, perm=[0, 2, 1, 3, 4])
    z = graph.reshape(z, tile * count, tile * count, channels)
    z = graph.reshape(graph.op("MatMul", "head.from_tiles", z), tile * count, grid * channels)
    return graph.reshape(graph.op("MatMul", "head.from_tiles", z), grid, grid, channels)


def _float(name: str, shape: list[int]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _named(graph: _Graph, name: str, value: str, kind: int, shape: list[int]) -> ValueInfoProto:
    graph.nodes.append(helper.make_node("Identity", [value], [name]))
    return helper.make_tensor_value_info(name, kind, shape)


def _placeholder(name: str, values: np.ndarray) -> TensorProto:
    """A weight that is said to lie elsewhere, and is handed over when the graph is loaded."""
    tensor = TensorProto(
        name=name,
        data_type=helper.np_dtype_to_tensor_dtype(values.dtype),
        dims=values.shape,
        data_location=TensorProto.EXTERNAL,
    )
    tensor.external_data.add(key="location", value="weights")
    return tensor


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
    spectrum = transformed(weight[order])
    return {
        "head.bias": bias[order],
        "head.to_tiles": to_tiles(model.grid),
        "head.from_tiles": from_tiles(model.grid),
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


OUT = 4  # a tile's results, along one side
TILE = OUT + 2  # the inputs that they are made of

_B_T = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)
_G = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
_A_T = np.array(
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 0],
        [0, 1, 1, 4, 4, 0],
        [0, 1, -1, 8, -8, 1],
    ]
)


def _tiles(grid: int) -> int:
    """How many tiles cover a side of `grid` patches."""
    return -(-grid // OUT)


def to_tiles(grid: int) -> np.ndarray:
    """B^T of all tiles along one side, float32 [6 * tiles, grid]; rows count (place, tile)."""
    count = _tiles(grid)
    matrix = np.zeros((TILE, count, grid))
    for tile in range(count):
        for place in range(TILE):
            position = OUT * tile + place - 1
            # One beyond the border is its reflection; what is further off meets no result.
            position = {-1: 1, grid: grid - 2}.get(position, position)
            if position < grid:
                matrix[:, tile, position] += _B_T[:, place]
    return matrix.reshape(TILE * count, grid).astype(np.float32)


def from_tiles(grid: int) -> np.ndarray:
    """A^T of all tiles along one side, float32 [grid, 6 * tiles]; columns count (place, tile)."""
    matrix = np.zeros((grid, TILE, _tiles(grid)))
    for result in range(grid):
        matrix[result, :, result // OUT] = _A_T[result % OUT]
    return matrix.reshape(grid, -1).astype(np.float32)


def transformed(weight: np.ndarray) -> np.ndarray:
    """G w G^T of a convolution's weight [out, in, 3, 3]: float32 [36, in, out]."""
    result = np.einsum("ia,jb,ocab->ijco", _G, _G, weight.astype(np.float64), optimize=True)
    return result.reshape(TILE**2, *result.shape[2:]).astype(np.float32)
