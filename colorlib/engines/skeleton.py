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
from onnx import TensorProto, ValueInfoProto, helper, numpy_helper

from colorlib.engines import winograd

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
    """The head's convolution without its bias, [grid, grid, channels]: see `winograd.py`."""
    dim, channels = config["dim"], 2 * config["patch_size"] ** 2
    count, tile = winograd.tiles(grid), winograd.TILE
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
