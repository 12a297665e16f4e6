"""The last layer of a trunk, computed for the one word whose answer is read.

Every word still gives keys and values, but only the last asks: its query, its output and its
feed-forward part are a batch of single words. It is what the exported graph does, and in training
it saves most of one layer's work and memory both ways.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import Qwen2Model
from transformers.models.qwen2.modeling_qwen2 import rotate_half

__all__ = ["answered"]


def answered(trunk: Qwen2Model, hidden: Tensor, last: Tensor, mask: Tensor | None) -> Tensor:
    """Hidden states below the last layer to its output at ``last``: ``[batch, width]``.

    ``mask`` is the causal mask of sparse attention, or ``None``.
    """
    layer: Any = trunk.layers[-1]
    attention = layer.self_attn
    batch, time, _ = hidden.shape
    rows = torch.arange(batch, device=hidden.device)
    places = torch.arange(time, device=hidden.device)
    seen = (places[None] <= last[:, None])[:, None, None]  # [batch, 1, 1, time]
    if mask is not None:
        seen = seen & mask[0, 0, last][:, None, None]
    states = layer.input_layernorm(hidden)
    asking = states[rows, last][:, None]  # [batch, 1, width]
    cos, sin = trunk.rotary_emb(hidden, places[None])  # [1, time, head]
    q, k, v = (
        proj(x).view(batch, -1, x_heads, attention.head_dim).transpose(1, 2)
        for proj, x, x_heads in (
            (attention.q_proj, asking, trunk.config.num_attention_heads),
            (attention.k_proj, states, trunk.config.num_key_value_heads),
            (attention.v_proj, states, trunk.config.num_key_value_heads),
        )
    )
    q = _turned(q, cos[0, last][:, None, None], sin[0, last][:, None, None])
    k = _turned(k, cos[:, None], sin[:, None])
    attended = functional.scaled_dot_product_attention(
        q, k.to(q.dtype), v.to(q.dtype), attn_mask=seen, scale=attention.scaling, enable_gqa=True
    )
    x = hidden[rows, last] + attention.o_proj(attended.transpose(1, 2).reshape(batch, -1))
    told: Tensor = x + layer.mlp(layer.post_attention_layernorm(x))
    return told


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions, as Qwen2 applies them."""
    return x * cos + rotate_half(x) * sin  # type: ignore[no-any-return,no-untyped-call]
