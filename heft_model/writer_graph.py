"""A Qwen2 that writes, as an ONNX graph with a cache of keys and values.

    input_ids, positions [b, t]  seen [b, 1, t, p + t]  last [b]  k0 v0 k1 v1 ... [b, kv, p, head]
    -> logits [b, vocabulary] after each row's piece ``last``, and k0' v0' ... with the new pieces

The bulky weights stay in ``model.safetensors`` under Hugging Face's names: one file serves
transformers, this graph, and, where a scorer reads by the same trunk, its graph. What may look at
what is told from outside, so that rows of unlike length share a batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from transformers import Qwen2ForCausalLM
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding

from heft_model.graph import Graph, Layer, beside, fed_forward

__all__ = ["writer_graph"]


def writer_graph(model: Qwen2ForCausalLM) -> bytes:
    """The graph; ``heft_model.writer`` finds the weights that it names."""
    config = model.config
    graph = _WriterGraph()
    weights = {name: value.float().cpu().numpy() for name, value in model.state_dict().items()}
    size = config.hidden_size // config.num_attention_heads
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    graph.input("positions", ["b", "t"], TensorProto.INT64)
    graph.input("seen", ["b", 1, "t", "n"], TensorProto.BOOL)
    angles = _angles(model)
    cos, sin = graph.constant(np.cos(angles)), graph.constant(np.sin(angles))
    words = graph.kept_as("model.embed_tokens.weight", weights["model.embed_tokens.weight"])
    x = graph.node("Gather", [words, "input_ids"], axis=0)
    outputs: dict[str, list[Any]] = {"logits": ["b", config.vocab_size]}
    for i in range(config.num_hidden_layers):
        prefix = f"model.layers.{i}."
        mine = {k[len(prefix) :]: v for k, v in weights.items() if k.startswith(prefix)}
        layer = Layer(str(i), mine, config.rms_norm_eps)
        h = graph.norm(x, mine["input_layernorm.weight"], layer.epsilon)
        q, k, v = layer.projected(graph, h, "self_attn", "q_proj k_proj v_proj")
        q = graph.node("RotaryEmbedding", [q, cos, sin, "positions"], num_heads=heads)
        k = graph.node("RotaryEmbedding", [k, cos, sin, "positions"], num_heads=kv_heads)
        past = [graph.input(f"{part}{i}", ["b", kv_heads, "p", size]) for part in "kv"]
        new = [f"{part}{i}'" for part in "kv"]
        outputs |= {name: ["b", kv_heads, "n", size] for name in new}
        attended = graph.node(
            "Attention",
            [q, k, v, "seen", *past],
            outputs=[f"attended{i}", *new],
            q_num_heads=heads,
            kv_num_heads=kv_heads,
        )
        (attended,) = layer.projected(graph, attended, "self_attn", "o_proj")
        x = fed_forward(graph, graph.node("Add", [x, attended]), layer)
    last = graph.node("Unsqueeze", ["last", graph.constant([1], "int64")])
    x = graph.node("GatherND", [x, last], batch_dims=1)  # [b, width]
    x = graph.norm(x, weights["model.norm.weight"], config.rms_norm_eps)
    head = words
    if not config.tie_word_embeddings:
        head = graph.kept_as("lm_head.weight", weights["lm_head.weight"])
    turned = graph.node("Transpose", [head], perm=[1, 0])
    graph.node("MatMul", [x, turned], outputs=["logits"])
    told = {"layers": config.num_hidden_layers, "kv_heads": kv_heads, "head": size}
    told |= {"max_length": len(angles)}
    return graph.serialise(outputs=outputs, kept=" ".join(graph.kept), **told)


class _WriterGraph(Graph):
    """A graph that names its matrices and does not hold them."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[str] = []

    def joined(self, names: list[str], weights: list[NDArray[Any]]) -> str:
        return self.kept_as("|".join(names), np.concatenate(weights).T)

    def kept_as(self, name: str, value: NDArray[Any]) -> str:
        """A weight of the file beside this one; the name says which, and how it is made of them."""
        self.kept.append(name)
        self._constants.append(beside(name, value.astype(np.float32)))
        return name


def _angles(model: Qwen2ForCausalLM) -> NDArray[Any]:
    fresh = Qwen2RotaryEmbedding(model.config)  # the model's own may have been rounded with it
    frequencies = fresh.inv_freq.double().numpy()
    return np.asarray(np.arange(model.config.max_position_embeddings)[:, None] * frequencies)
