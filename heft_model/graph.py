"""A HEFT model as an ONNX graph, written node by node from its weights.

Standard operators of opset 23 only. Against torch's own exporter (12 to 28 s for six layers) this
takes a moment, has a third of the nodes, and does two things that no exporter knows to be right:
there is no attention mask (attention is causal and padding is on the right) unless attention is
sparse, and the last layer asks only for the last word, since only its answer is read. ``export``
proves that it gives the same numbers.

A fine-tuned base is written in one of two ways. Merged, everything is a constant. With adapters,
what was learnt is an input (``heft_model.adapter``): all versions over one base share one graph,
and changing the version is handing it other arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from heft_model.architecture import HeftMember, HeftModel
from heft_model.finetuned import FineTuned, Sparsity, trunk_weights
from streams.errors import Invalid

__all__ = ["OPSET", "Graph", "Layer", "beside", "fed_forward", "is_large", "onnx_graph"]

OPSET = 23
"""The first with Attention, RotaryEmbedding and RMSNormalization."""

IR_VERSION = 10
MOST_BYTES = (2 << 30) - (64 << 20)
"""Of weights in the file itself: a protobuf ends at 2 GiB."""
BULKY_BYTES = 1 << 10
"""From which a large model's weight is kept beside the file; the runtime wants the rest in it."""

Array = NDArray[Any]
Weights = dict[str, Array]
Member = HeftMember | FineTuned


def is_large(model: HeftModel) -> bool:
    """Whether the weights are more than an ONNX file can hold."""
    return 4 * sum(weight.numel() for _, weight in trunk_weights(model)) > MOST_BYTES


def onnx_graph(
    model: HeftModel,
    *,
    adapted: Iterable[str] | None = None,
    weights: dict[str, Array] | None = None,
) -> bytes:
    """The model as ONNX: ``input_ids [b, t]`` and ``last [b]``, int64, to ``logit [b]``.

    A model that was taught kinds also gives ``kinds [b, k]``; their names are in its metadata.

    With ``adapted``, what was learnt are inputs, among them those named (``3.q_proj.a``, ...).
    With ``weights``, the bulky ones are put there and not into the graph, which names them. Raises
    ``Invalid`` when the weights are more than an ONNX file can hold.
    """
    graph = Graph(adapted, weights)
    time = _Time(graph, model)
    answers = [_member(graph, f"member{i}", m, time) for i, m in enumerate(model.parts)]
    _answer(graph, graph.node("Mean", answers), len(model.kinds))
    outputs: dict[str, list[Any]] = {"logit": ["b"]}
    told: dict[str, Any] = {"max_length": model.parts[0].max_length}
    if model.kinds:
        outputs["kinds"] = ["b", len(model.kinds)]
        told["kinds"] = ",".join(model.kinds)
    return graph.serialise(outputs=outputs, **told)


class Graph:
    """Nodes, constants and inputs, named as they come."""

    def __init__(
        self, adapted: Iterable[str] | None = None, weights: dict[str, Array] | None = None
    ) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._bytes = 0
        self._adapted = None if adapted is None else frozenset(adapted)
        self._inputs = [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["b", "t"]),
            helper.make_tensor_value_info("last", TensorProto.INT64, ["b"]),
        ]

    def learnt(self, name: str, value: Array) -> str:
        """What belongs to the version and not to the base: an input, or a constant if merged."""
        if self._adapted is None:
            return self.constant(value)
        shape = [None if name.endswith((".a", ".b")) else size for size in value.shape]
        return self._input(name, shape if name not in ("words", "knowledge") else [None, shape[1]])

    def adapts(self, site: str) -> bool:
        """Whether there is an adapter at ``site``, such as ``3.q_proj``."""
        return self._adapted is not None and f"{site}.a" in self._adapted

    def adapt(self, x: str, y: str, site: str) -> str:
        """``y``, what a weight makes of ``x``, with the site's low-rank change, if it has one."""
        if self._adapted is None or not self.adapts(site):
            return y
        a, b = (self._input(f"{site}.{part}", [None, None]) for part in "ab")
        y = self.node("Add", [y, self.node("MatMul", [self.node("MatMul", [x, a]), b])])
        if f"{site}.m" in self._adapted:  # DoRA's length of each row over what it became
            y = self.node("Mul", [y, self._input(f"{site}.m", [None])])
        return y

    def _input(self, name: str, shape: list[int | None]) -> str:
        return self.input(name, shape)

    def constant(self, value: Array | list[int] | float, dtype: str = "float32") -> str:
        """A number or an array that is part of the graph."""
        name = f"c{len(self._constants)}"
        array = np.ascontiguousarray(np.asarray(value, dtype=dtype))
        if self._weights is not None and array.nbytes >= BULKY_BYTES:
            self._weights[name] = array
            self._constants.append(beside(name, array))
            return name
        self._bytes += array.nbytes
        if self._bytes > MOST_BYTES:
            raise Invalid(
                "the weights are more than the 2 GiB that an ONNX file holds",
                reason="size",
            )
        self._constants.append(numpy_helper.from_array(array, name))
        return name

    def node(
        self, op: str, inputs: list[str], *, outputs: list[str] | None = None, **attributes: Any
    ) -> str:
        """Add a node; returns its (first) output."""
        outputs = outputs or [f"n{len(self._nodes)}"]
        self._nodes.append(helper.make_node(op, inputs, outputs, **attributes))
        return outputs[0]

    def split(self, x: str, sizes: list[int]) -> list[str]:
        """Cut the last axis."""
        if len(sizes) == 1:
            return [x]
        outputs = [f"n{len(self._nodes)}.{i}" for i in range(len(sizes))]
        self.node("Split", [x, self.constant(sizes, "int64")], outputs=outputs, axis=-1)
        return outputs

    def norm(self, x: str, weight: Array, epsilon: float) -> str:
        """Qwen2's norm."""
        return self.node("RMSNormalization", [x, self.constant(weight)], axis=-1, epsilon=epsilon)

    def input(self, name: str, shape: list[Any], kind: int = TensorProto.FLOAT) -> str:
        """One more of what is handed in."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def joined(self, _names: list[str], weights: list[Array]) -> str:
        """Weights of one input as one matrix, turned for a multiplication from the right."""
        return self.constant(np.concatenate(weights).T)

    def serialise(self, *, outputs: dict[str, list[Any]], **told: Any) -> bytes:
        """The file: what it gives, by name and shape, and what is ``told`` to who opens it."""
        given = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ]
        graph = helper.make_graph(self._nodes, "heft", self._inputs, given, self._constants)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)
        helper.set_model_props(model, {name: str(value) for name, value in told.items()})
        if not any(tensor.external_data for tensor in self._constants):  # the checker reads it
            onnx.checker.check_model(model)
        data: bytes = model.SerializeToString()
        return data


def beside(name: str, array: Array) -> onnx.TensorProto:
    """A constant that the file names and does not hold."""
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    tensor = TensorProto(name=name, data_type=kind, dims=array.shape)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.safetensors")
    return tensor


class _Time:
    """What depends on positions alone, and is shared by all members."""

    def __init__(self, graph: Graph, model: HeftModel) -> None:
        config = model.config
        angles = _angles(model.parts[0])  # [positions, head size / 2]
        self.cos, self.sin = graph.constant(np.cos(angles)), graph.constant(np.sin(angles))
        axis = graph.constant([-1], "int64")
        shape = graph.node("Shape", ["input_ids"])
        length = graph.node("Squeeze", [graph.node("Shape", ["input_ids"], start=1)])
        scalars = [graph.constant(i, "int64") for i in (0, 1)]
        steps = graph.node("Range", [scalars[0], length, scalars[1]])  # [t]
        self.positions = graph.node("Expand", [steps, shape])  # [b, t]
        self.last = graph.node("Unsqueeze", ["last", axis])  # [b, 1]
        seen = graph.node("LessOrEqual", [self.positions, self.last])  # [b, t]
        sparsity = getattr(model.parts[0], "sparsity", None) or Sparsity(window=0)
        self.near: str | None = None
        if sparsity.window:
            rows = graph.node("Unsqueeze", [steps, axis])  # [t, 1]
            self.near = _near(graph, rows, steps, sparsity)  # [t, t]
            seen = graph.node("And", [seen, _near(graph, self.last, self.positions, sparsity)])
        axes = graph.constant([1, 2], "int64")
        self.seen = graph.node("Unsqueeze", [seen, axes])  # [b, 1, 1, t]
        self.heads: int = config.num_attention_heads
        self.kv_heads: int = config.num_key_value_heads or self.heads

    def rotated(self, graph: Graph, x: str, positions: str, heads: int) -> str:
        inputs = [x, self.cos, self.sin, positions]
        return graph.node("RotaryEmbedding", inputs, num_heads=heads)


def _near(graph: Graph, mine: str, other: str, sparsity: Sparsity) -> str:
    """Where ``Sparsity`` lets words at ``mine`` see those at ``other``, the future included."""
    block = graph.constant(sparsity.block, "int64")
    window, shared = (graph.constant(n, "int64") for n in (sparsity.window, sparsity.shared))
    blocks = [graph.node("Div", [places, block]) for places in (mine, other)]
    first = graph.node("Sub", [blocks[0], window])
    near = graph.node("Greater", [blocks[1], first])
    return graph.node("Or", [near, graph.node("Less", [other, shared])])


def _angles(member: Member) -> Array:
    """Rotary angles in double precision from the trunk's own frequencies."""
    frequencies = member.trunk.rotary_emb.inv_freq.double().cpu().numpy()
    positions = np.arange(member.max_length)
    return np.asarray(positions[:, None] * frequencies[None, :])


def _member(graph: Graph, name: str, member: Member, time: _Time) -> str:
    """One trunk and its heads, to ``[b, 1 + kinds]``."""
    config = member.trunk.config
    weights = {k: v.detach().float().cpu().numpy() for k, v in trunk_weights(member)}
    embedding = graph.learnt("words", weights["trunk.embed_tokens.weight"])
    x = graph.node("Gather", [embedding, "input_ids"], axis=0, name=f"{name}.words")
    for i in range(config.num_hidden_layers):
        if isinstance(member, FineTuned) and i == member.cut:
            x = _informed(graph, x, member)
        prefix = f"trunk.layers.{i}."
        layer = {k[len(prefix) :]: v for k, v in weights.items() if k.startswith(prefix)}
        is_last = i == config.num_hidden_layers - 1
        x = _layer(graph, x, Layer(str(i), layer, config.rms_norm_eps), time, is_last=is_last)
    x = graph.norm(x, weights["trunk.norm.weight"], config.rms_norm_eps)
    head = graph.learnt("head.weight", weights["head.weight"].T)
    y = graph.node("MatMul", [x, head])  # [b, 1, 1 + kinds]
    logits = graph.node("Add", [y, graph.learnt("head.bias", weights["head.bias"])])
    return graph.node("Squeeze", [logits, graph.constant([1], "int64")])


def _answer(graph: Graph, answers: str, kinds: int) -> None:
    """``[b, 1 + kinds]`` to the graph's outputs."""
    if kinds:
        sizes = graph.constant([1, kinds], "int64")
        graph.node("Split", [answers, sizes], outputs=["rug", "kinds"], axis=-1)
        answers = "rug"
    graph.node("Squeeze", [answers, graph.constant([1], "int64")], outputs=["logit"])


def _informed(graph: Graph, x: str, member: FineTuned) -> str:
    """``x`` with what the member knows of each word."""
    if member.knowledge is None:
        return x
    told = graph.learnt("knowledge", member.knowledge.table().detach().float().cpu().numpy())
    return graph.node("Add", [x, graph.node("Gather", [told, "input_ids"], axis=0)])


class Layer(NamedTuple):
    """A block's weights by Qwen2's names, and what the block is called."""

    name: str
    weights: Weights
    epsilon: float

    def projected(self, graph: Graph, x: str, part: str, names: str) -> list[str]:
        """Several projections of ``x`` as one multiplication, each with its adapter."""
        known = [f"{part}.{name}" for name in names.split()]
        sites = [f"{self.name}.{name}" for name in names.split()]
        weights = [self.weights[f"{name}.weight"] for name in known]
        biases = [
            self.weights.get(f"{name}.bias", np.zeros(len(w)))
            for name, w in zip(known, weights, strict=True)
        ]
        full = [f"model.layers.{self.name}.{name}.weight" for name in known]
        y = graph.node("MatMul", [x, graph.joined(full, weights)])
        bias = np.concatenate(biases)
        if not any(map(graph.adapts, sites)):
            y = graph.node("Add", [y, graph.constant(bias)]) if bias.any() else y
            return graph.split(y, [len(weight) for weight in weights])
        outputs = []
        for site, told, own in zip(
            sites, graph.split(y, [len(w) for w in weights]), biases, strict=True
        ):
            z = graph.adapt(x, told, site)
            outputs.append(graph.node("Add", [z, graph.constant(own)]) if own.any() else z)
        return outputs


def _layer(graph: Graph, x: str, layer: Layer, time: _Time, *, is_last: bool) -> str:
    """A Qwen2 block, ``[b, t, width]`` to the same, or to ``[b, 1, width]`` when it is the last."""
    h = graph.norm(x, layer.weights["input_layernorm.weight"], layer.epsilon)
    attend = _attention_of_last if is_last else _attention
    (attended,) = layer.projected(graph, attend(graph, h, layer, time), "self_attn", "o_proj")
    if is_last:
        x = _at_last(graph, x, time)
    return fed_forward(graph, graph.node("Add", [x, attended]), layer)


def fed_forward(graph: Graph, x: str, layer: Layer) -> str:
    """The second half of a block."""
    h = graph.norm(x, layer.weights["post_attention_layernorm.weight"], layer.epsilon)
    g, u = layer.projected(graph, h, "mlp", "gate_proj up_proj")
    silu = graph.node("Mul", [g, graph.node("Sigmoid", [g])])
    (down,) = layer.projected(graph, graph.node("Mul", [silu, u]), "mlp", "down_proj")
    return graph.node("Add", [x, down])


def _attention(graph: Graph, h: str, layer: Layer, time: _Time) -> str:
    """Every word looks at itself and what came before."""
    q, k, v = layer.projected(graph, h, "self_attn", "q_proj k_proj v_proj")
    return graph.node(
        "Attention",
        [
            time.rotated(graph, q, time.positions, time.heads),
            time.rotated(graph, k, time.positions, time.kv_heads),
            v,
            *([time.near] if time.near else []),
        ],
        is_causal=1,
        q_num_heads=time.heads,
        kv_num_heads=time.kv_heads,
    )


def _attention_of_last(graph: Graph, h: str, layer: Layer, time: _Time) -> str:
    """Only the last word looks, at everything up to itself."""
    k, v = layer.projected(graph, h, "self_attn", "k_proj v_proj")
    (q,) = layer.projected(graph, _at_last(graph, h, time), "self_attn", "q_proj")
    return graph.node(
        "Attention",
        [
            time.rotated(graph, q, time.last, time.heads),
            time.rotated(graph, k, time.positions, time.kv_heads),
            v,
            time.seen,
        ],
        q_num_heads=time.heads,
        kv_num_heads=time.kv_heads,
    )


def _at_last(graph: Graph, x: str, time: _Time) -> str:
    """``[b, t, width]`` to ``[b, 1, width]``: each row at its last word."""
    picked = graph.node("GatherND", [x, time.last], batch_dims=1)  # [b, width]
    return graph.node("Unsqueeze", [picked, graph.constant([1], "int64")])
