"""The network as a graph of ONNX Runtime with real branches: the fastest way on a CPU.

`graph` writes the forward of `model.ColViT` once more, in ONNX's own text, for one photo with
tokens [N, dim]. Each sub-layer is the then-branch of an If whose else-branch hands on its
input, so what is skipped costs nothing.

Inputs: x [1, 4, S, S]; push [depth, 2], added to the logits (0: the network decides, -inf or
inf: it is decided); budget [1], for models made with one. Outputs: ab [1, 2, S, S], gates bool
[depth, 2] and, with a policy token, logits [depth, 2].
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from torch import Tensor

from colorlib.files import atomic_write
from colorlib.model import ColViT, Prediction

# ORT_DISABLE_TELEMETRY, which `colorlib` sets, is not heard by older builds for Windows.
onnxruntime.disable_telemetry_events()

# With more threads, the products of one photo are too small to share out.
MOST_THREADS = 8


class OnnxModel:
    """A ColViT as a graph of ONNX Runtime, on the CPU; called as `model.predict`.

    Made in a fraction of a second. The weights are those that the model has now: later changes
    to them do not count. It takes as many threads as PyTorch would, at most 8.

    Its numbers are PyTorch's but for rounding, 1e-6 or so. Rounding can flip the sign of a logit
    that close to 0 and so change that gate; neither engine is more right, and with the same
    gates (`gates=`) their colours agree.

    `approximate` is faster and not exact: the linear maps of attention and FFN are multiplied
    in 8 bits, their inputs rounded anew for each photo; embedding, decisions and head stay in
    float32. README's Table 2 says how little that changes.
    """

    def __init__(self, model: ColViT, approximate: bool = False):
        self.model = model
        self._graph = graph(model, approximate).SerializeToString()
        self._threads = min(torch.get_num_threads(), MOST_THREADS)
        self._session = self._session_of(self._threads)

    def _session_of(self, threads: int) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Between two calls the threads sleep: the colours are computed by others.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        providers = ["CPUExecutionProvider"]
        return onnxruntime.InferenceSession(self._graph, options, providers=providers)

    @cached_property
    def _side_by_side(self) -> tuple[onnxruntime.InferenceSession, ThreadPoolExecutor]:
        """What runs the photos of a batch, each on one thread: no photo waits for a part of it."""
        alone = self._session if self._threads == 1 else self._session_of(1)
        return alone, ThreadPoolExecutor(self._threads)

    def __call__(
        self,
        x: Tensor,
        budget: float | Tensor | None = None,
        gates: Tensor | None = None,
    ) -> Prediction:
        """Colour X [B, 4, S, S]; `budget` and `gates` are as in `predict`.

        One photo has all threads; of several each has one.
        """
        model = self.model
        shares, forced = model.checked(x, budget, gates)
        photos = x.detach().float().cpu().numpy()
        shape = (len(x), len(model.blocks), 2)
        ab = torch.empty(len(x), 2, *x.shape[2:])
        ran, logits = torch.empty(shape, dtype=torch.bool), torch.empty(shape)

        def run(session: onnxruntime.InferenceSession, index: int) -> None:
            push = _push(model, None if forced is None else forced[index])
            feed = {"x": photos[index, None], "push": push}
            if shares is not None:
                feed["budget"] = shares[index, None].cpu().numpy()
            for part, answer in zip((ab, ran, logits), session.run(None, feed), strict=False):
                part[index] = torch.from_numpy(answer)

        if len(x) == 1:
            run(self._session, 0)
        else:
            session, workers = self._side_by_side
            list(workers.map(partial(run, session), range(len(x))))
        return Prediction(ab, ran, logits if model.policy and forced is None else None)


def export(model: ColViT, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path` as one ONNX file, weights and branches included.

    ONNX Runtime runs it: `InferenceSession(path).run(None, {"x": X})`, with X float32
    [1, 4, S, S] as `hints.network_input` makes it, gives ab / 110, gates and logits. A model
    made with a budget also takes "budget", float32 [1].
    """
    proto = graph(model)
    # In a file the decisions are the network's own, so what is added to them is a constant.
    proto.graph.input.pop(1)  # "push"
    proto.graph.initializer.append(numpy_helper.from_array(_push(model, None), "push"))
    onnx.checker.check_model(proto)
    with atomic_write(Path(path)) as temporary:
        onnx.save(proto, temporary)


def graph(model: ColViT, approximate: bool = False) -> onnx.ModelProto:
    """Return the network as ONNX, weights included; `approximate` is as in `OnnxModel`."""
    config, grid, depth = model.config, model.grid, len(model.blocks)
    side, patch, dim, heads = (config[key] for key in ("img_size", "patch_size", "dim", "heads"))
    tokens = grid**2 + model.policy
    state = {name: value.detach().float().cpu() for name, value in model.state_dict().items()}
    code = model.pos_embed[0].cpu()
    constants: dict[str, np.ndarray] = {}

    def constant(name: str, value: Any = None) -> str:
        """Add a constant to the graph, `value` or the parameter `name`; return its name there."""
        values = state[name] if value is None else value
        name = name.replace(".", "_")
        constants[name] = torch.as_tensor(values).contiguous().numpy()
        return name

    def ints(*values: int) -> str:
        """Add a constant int64 [n]: ONNX takes shapes and bounds as inputs."""
        return constant("_".join(["ints", *map(str, values)]).replace("-", "minus"), values)

    def norm(z: str, name: str) -> str:
        weight, bias = constant(f"{name}.weight"), constant(f"{name}.bias")
        return f"LayerNormalization <epsilon = 1e-6> ({z}, {weight}, {bias})"

    def linear(z: str, name: str) -> str:
        weight, bias = state[f"{name}.weight"], constant(f"{name}.bias")
        if not approximate:
            return f"Gemm <transB = 1> ({z}, {constant(f'{name}.weight')}, {bias})"
        # To 7 bits: processors without 8-bit dot products add two products in 16 bits.
        scale = weight.abs().amax(dim=1).clamp(min=1e-12) / 63
        whole = constant(f"{name}.int8", (weight / scale[:, None]).round().to(torch.int8).T)
        scales = constant(f"{name}.scale", scale)
        return f"com.microsoft.DynamicQuantizeMatMul ({z}, {whole}, {scales}, , {bias})"

    def branch(result: str, gate: str, z: str, sublayer: str) -> str:
        """Write eq. 8: z + y where `gate` is true, with y computed by `sublayer`; else z."""
        shape = f"float[{tokens},{dim}]"
        return f"""
        {result} = If ({gate}) <
          then_branch = kept () => ({shape} {result}_kept) {{{sublayer}
            {result}_kept = Add ({z}, y)
          }},
          else_branch = skipped () => ({shape} {result}_same) {{ {result}_same = Identity ({z}) }}
        >"""

    # Eq. 2: tokens [N, dim], the policy token first.
    text = f"""
        image = Reshape (x, {ints(4, grid, patch, grid, patch)})
        pixels = Transpose <perm = [1, 3, 0, 2, 4]> (image)
        patches = Reshape (pixels, {ints(grid**2, 4 * patch**2)})
        embedded = Gemm <transB = 1> (patches,
          {constant("embed.weight", state["patch_embed.proj.weight"].flatten(1))},
          {constant("embed.bias", code[-(grid**2) :] + state["patch_embed.proj.bias"])})"""
    z, pushed = "embedded", "push"
    if model.policy:
        token = state["policy_token"][0] + (code[:1] if config["policy_code"] else 0)
        biases = [state[f"blocks.{i}.decision.linear.bias"] for i in range(depth)]
        token, bias = constant("policy_token", token), constant("bias", torch.stack(biases))
        if config["budget"]:
            text += f"""
        scaled = Mul (budget, {constant("budget_embed.weight", state["budget_embed.weight"].T)})
        told = Add (scaled, {constant("budget_embed.bias")})
        told_token = Add (told, {token})
        gained = Mul (budget, {constant("budget_gain")})
        gained_bias = Add (gained, {bias})"""
            token, bias = "told_token", "gained_bias"
        text += f"""
        z = Concat <axis = 0> ({token}, embedded)
        pushed = Add (push, {bias})"""
        z, pushed = "z", "pushed"
        # What decisions see of the tokens: the first, and with "policy+mean" the others' mean.
        sees = torch.eye(1, tokens)
        if config["decision_input"] == "policy+mean":
            sees = torch.cat([sees, (1 - sees) / grid**2])
        state |= {"sees": sees, "ones.weight": torch.ones(dim), "ones.bias": torch.zeros(dim)}
    text += f"""
        {_each("push", depth)} = Split <axis = 0, num_outputs = {depth}> ({pushed})"""

    for i, block in enumerate(model.blocks):
        b = f"blocks.{i}"
        # Eq. 7: the logits of attention and FFN, [1, 2].
        logit = f"push{i}"
        if model.policy:
            logit = f"logit{i}"
            raw = config["decision_input"] == "raw policy"
            weight = constant(f"{b}.decision.linear.weight")
            text += f"""
        seen{i} = MatMul ({constant("sees")}, {z})
        normed{i} = {f"Identity (seen{i})" if raw else norm(f"seen{i}", "ones")}
        read{i} = Reshape (normed{i}, {ints(1, -1)})
        logit{i} = Gemm <transB = 1> (read{i}, {weight}, push{i})"""
        text += f"""
        gates{i} = Greater ({logit}, {constant("zero", torch.zeros(1))})
        pair{i} = Reshape (gates{i}, {ints(2)})
        attends{i}, feeds{i} = Split <axis = 0, num_outputs = 2> (pair{i})"""
        # Eqs. 3 to 6: multi-head self-attention.
        q_bias, v_bias = state[f"{b}.attn.q_bias"], state[f"{b}.attn.v_bias"]
        state[f"{b}.attn.qkv.bias"] = torch.cat([q_bias, torch.zeros(dim), v_bias])
        qkv = "q, k, v"
        if block.attn.biased:
            position = block.attn.position_bias(tokens).detach().cpu()
            qkv += f", {constant(f'{b}.attn.position', position)}"
        attention = f"""
            normed = {norm(z, f"{b}.norm1")}
            flat = {linear("normed", f"{b}.attn.qkv")}
            qkv = Reshape (flat, {ints(1, tokens, 3 * dim)})
            q, k, v = Split <axis = 2, num_outputs = 3> (qkv)
            heads = Attention <q_num_heads = {heads}, kv_num_heads = {heads}> ({qkv})
            joined = Reshape (heads, {ints(tokens, dim)})
            y = {linear("joined", f"{b}.attn.proj")}"""
        text += branch(f"attended{i}", f"attends{i}", z, attention)
        ffn = f"""
            normed = {norm(f"attended{i}", f"{b}.norm2")}
            hidden = {linear("normed", f"{b}.mlp.fc1")}
            active = Gelu (hidden)
            y = {linear("active", f"{b}.mlp.fc2")}"""
        text += branch(f"z{i}", f"feeds{i}", f"attended{i}", ffn)
        z = f"z{i}"

    # The head paints the patch tokens.
    text += f"""
        seen = Slice ({z}, {ints(tokens - grid**2)}, {ints(tokens)}, {ints(0)})
        normed_rows = {norm("seen", "norm")}
        columns = Transpose <perm = [1, 0]> (normed_rows)
        square = Reshape (columns, {ints(1, dim, grid, grid)})
        padded = Pad <mode = "reflect"> (square, {ints(0, 0, 1, 1, 0, 0, 1, 1)})
        feature = Conv (padded, {constant("head.head.weight")}, {constant("head.head.bias")})
        colours = Tanh (feature)
        split = Reshape (colours, {ints(patch, patch, 2, grid, grid)})
        ordered = Transpose <perm = [2, 3, 0, 4, 1]> (split)
        ab = Reshape (ordered, {ints(1, 2, side, side)})
        gates = Concat <axis = 0> ({_each("gates", depth)})"""
    inputs = f"float[1,4,{side},{side}] x, float[{depth},2] push"
    outputs = f"float[1,2,{side},{side}] ab, bool[{depth},2] gates"
    if config["budget"]:
        inputs += ", float[1] budget"
    if model.policy:
        outputs += f", float[{depth},2] logits"
        text += f"""
        logits = Concat <axis = 0> ({_each("logit", depth)})"""
    proto = onnx.parser.parse_model(
        f"""<ir_version: 10, opset_import: ["" : 23, "com.microsoft" : 1]>
        colvit ({inputs}) => ({outputs}) {{{text}
        }}"""
    )
    proto.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in constants.items())
    return proto


def _each(name: str, count: int) -> str:
    return ", ".join(f"{name}{index}" for index in range(count))


def _push(model: ColViT, forced: Tensor | None) -> np.ndarray:
    """Return what is added to the logits, [depth, 2]: 0, or infinite where all is decided."""
    if forced is None and model.policy:
        return np.zeros((len(model.blocks), 2), np.float32)
    gates = model.fixed_gates if forced is None else forced
    return np.where(gates.cpu() > 0.5, np.inf, -np.inf).astype(np.float32)
