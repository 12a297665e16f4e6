"""HEFT on Qwen2: stock trunks that read a prompt, and heads that answer after its last word.

Two kinds of member: small ones that are trained whole from nothing (``HeftMember``), and pretrained
bases of which little is trained (``heft_model.finetuned``).

One forward pass and a few numbers, of the rug first and then of its kinds: no text is generated on
the hot path. A model is an ensemble of ``members`` of the same shape, trained apart; its logits are
their mean. Nothing of Qwen2 itself is
changed (dropout comes by hooks), so that tools made for Qwen2 fit. Training and export only: what
serves is the exported graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Qwen2Config, Qwen2Model

from heft_model.answer import answered
from heft_model.finetuned import FineTuned
from streams.errors import Invalid

__all__ = ["HeftMember", "HeftModel", "NanoSettings", "parameter_count"]


class NanoSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The shape of a small model that is trained from nothing."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 352
    """Width of the feed-forward part: 8/3 of ``width``, as gated units have it."""
    dropout: float = 0.1
    """Of words, of what each block adds, and of the answer; while training only. Attention has
    none: torch then takes its fused kernel, and a step is a quarter faster."""
    members: int = 1
    max_length: int = 256
    """Words in the longest prompt."""

    def __post_init__(self) -> None:
        """Refuse shapes that Qwen2 cannot have."""
        if self.width % self.heads or self.heads % self.kv_heads or self.width // self.heads % 2:
            raise Invalid("width must split into heads of even size, heads into kv_heads")


class HeftMember(nn.Module):
    """One trunk with its heads: the rug's, and one a kind (``heft_model.kinds.HEADS``)."""

    def __init__(self, settings: NanoSettings, vocabulary: int, kinds: Sequence[str] = ()) -> None:
        """Draw fresh weights from torch's global generator."""
        super().__init__()
        self.kinds = tuple(kinds)
        self.trunk = Qwen2Model(_config(settings, vocabulary))
        self.head = nn.Linear(settings.width, 1 + len(self.kinds))
        self.dropout = nn.Dropout(settings.dropout)
        nn.init.zeros_(self.head.weight)  # every launch starts at even odds
        nn.init.zeros_(self.head.bias)
        for name, module in self.trunk.named_modules():
            if name.endswith((".o_proj", ".mlp")):  # what a block adds
                module.register_forward_hook(self._drop)

    @property
    def max_length(self) -> int:
        """Words in the longest prompt."""
        return int(self.trunk.config.max_position_embeddings)

    def forward(self, input_ids: Tensor, last: Tensor) -> Tensor:
        """Ids ``[batch, time]``, right-padded, and each row's last index, to logits ``[batch]``."""
        return self.answers(input_ids, last)[:, 0]

    def answers(self, input_ids: Tensor, last: Tensor) -> Tensor:
        """The same with the kinds' logits behind the rug's: ``[batch, 1 + kinds]``.

        Attention is causal and the answer is read at ``last``, so padding needs no mask.
        """
        words = self.dropout(self.trunk.embed_tokens(input_ids))
        answer = self.trunk.norm(self._read(words, last))  # [batch, width]
        logits: Tensor = self.head(self.dropout(answer.float()))
        return logits

    def _read(self, hidden: Tensor, last: Tensor) -> Tensor:
        """Words to what the last layer makes of the last one alone, ``[batch, width]``.

        Of two layers that saves nearly half the work.
        """
        places = torch.arange(hidden.shape[1], device=hidden.device)[None]
        turns = self.trunk.rotary_emb(hidden, places)
        for layer in self.trunk.layers[:-1]:
            hidden = layer(
                hidden, attention_mask=None, position_ids=places, position_embeddings=turns
            )
        return answered(self.trunk, hidden, last, None)

    def _drop(self, _module: nn.Module, _args: object, output: Tensor) -> Tensor:
        return functional.dropout(output, self.dropout.p, self.training)


class HeftModel(nn.Module):
    """The ensemble: the mean logits of its members."""

    def __init__(self, members: Iterable[HeftMember | FineTuned]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def parts(self) -> list[HeftMember | FineTuned]:
        """The members, as what they are."""
        return [m for m in self.members if isinstance(m, (HeftMember, FineTuned))]

    @property
    def config(self) -> Qwen2Config:
        """The shape that all trunks share."""
        return self.parts[0].trunk.config

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of rug that it was taught, as its answers order them."""
        return self.parts[0].kinds

    def forward(self, input_ids: Tensor, last: Tensor) -> Tensor:
        """As ``HeftMember.forward``."""
        return self.answers(input_ids, last)[:, 0]

    def answers(self, input_ids: Tensor, last: Tensor) -> Tensor:
        """As ``HeftMember.answers``."""
        return torch.stack([part.answers(input_ids, last) for part in self.parts]).mean(dim=0)


def parameter_count(model: nn.Module) -> int:
    """Trainable numbers in ``model``."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _config(settings: NanoSettings, vocabulary: int) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=settings.width,
        intermediate_size=settings.ffn,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        num_key_value_heads=settings.kv_heads,
        max_position_embeddings=settings.max_length,
        use_cache=False,
    )
