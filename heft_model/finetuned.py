"""HEFT on a pretrained Qwen2: a frozen trunk below a cut, what is learnt above it.

The trunk is any stock ``Qwen2Model``. It reads the closed words of the prompt through a table of
its own embeddings (``trainer.spelling``), so that a dossier is some fifty words long and not four
hundred pieces of text, and so that what serves needs no vocabulary of 150,000. Below the cut
nothing is trained: those hidden states need no gradient, and may be computed once and kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from transformers import Qwen2Config, Qwen2Model

from heft_model.answer import answered
from heft_model.knowledge import Knowledge
from streams.errors import Invalid

__all__ = ["FineTuned", "Sparsity", "trunk_weights"]


class Sparsity(msgspec.Struct, frozen=True, kw_only=True):
    """Block-sparse attention: a window of blocks, and words that everyone sees.

    A word sees its own block of ``block`` words, the ``window - 1`` blocks before it, and the first
    ``shared`` words of the prompt; never what comes after it (Longformer, Beltagy et al. 2020, and
    BigBird, Zaheer et al. 2020, in causal form).
    """

    block: int = 16
    window: int = 2
    """Blocks. 0 turns sparsity off: every word sees all before it."""
    shared: int = 4

    def __post_init__(self) -> None:
        """Refuse a window that sees nothing."""
        if self.block < 1 or self.window < 0 or self.shared < 0:
            raise Invalid("sparse attention needs blocks of 1 word at least", reason="setting")

    def mask(self, time: int, device: torch.device | None = None) -> Tensor | None:
        """``[1, 1, time, time]``, true where a word (row) sees another; ``None`` when all do."""
        if not self.window:
            return None
        places = torch.arange(time, device=device)
        mine, other = places[:, None], places[None, :]
        near = other // self.block > mine // self.block - self.window
        return ((near | (other < self.shared)) & (other <= mine))[None, None]


class FineTuned(nn.Module):
    """A trunk, its table of closed words, and what is learnt: adapters, knowledge, head."""

    def __init__(
        self,
        trunk: Qwen2Model,
        table: Tensor,
        *,
        cut: int = 0,
        sparsity: Sparsity | None = None,
        dropout: float = 0.1,
        max_length: int = 256,
        answer_only: bool = False,
        kinds: Sequence[str] = (),
    ) -> None:
        """``table`` is ``[vocabulary, width]``; layers from ``cut`` on may be trained.

        ``answer_only`` computes the last layer where it is read alone: the same numbers for less.
        """
        super().__init__()
        if max_length > trunk.config.max_position_embeddings:
            raise Invalid(
                f"prompts of {max_length} words do not fit the base's context of"
                f" {trunk.config.max_position_embeddings}: lower max_length",
                reason="context",
            )
        if not 0 <= cut < trunk.config.num_hidden_layers:
            raise Invalid(f"the base has no layer {cut} to train from", reason="setting")
        self.trunk = trunk
        self.trunk.embed_tokens = nn.Embedding.from_pretrained(table, freeze=True)  # type: ignore[no-untyped-call]
        self.cut = cut
        self.sparsity = sparsity or Sparsity(window=0)
        self.max_length = max_length
        self.answer_only = answer_only
        self.knowledge: Knowledge | None = None
        self.dropout = nn.Dropout(dropout)
        self.kinds = tuple(kinds)
        self.head = nn.Linear(trunk.config.hidden_size, 1 + len(self.kinds))
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @property
    def config(self) -> Qwen2Config:
        """The trunk's shape."""
        return self.trunk.config

    def forward(self, input_ids: Tensor, last: Tensor, hidden: Tensor | None = None) -> Tensor:
        """Ids ``[batch, time]``, right-padded, and each row's last index, to logits ``[batch]``.

        ``hidden`` is what ``below`` gave for them, when it has been kept.
        """
        return self.answers(input_ids, last, hidden)[:, 0]

    def answers(self, input_ids: Tensor, last: Tensor, hidden: Tensor | None = None) -> Tensor:
        """The same with the kinds' logits behind the rug's: ``[batch, 1 + kinds]``."""
        if hidden is None:
            hidden = self.below(input_ids)
        return self.above(hidden, input_ids, last)

    def below(self, input_ids: Tensor) -> Tensor:
        """Hidden states where training begins, ``[batch, time, width]``.

        Without gradients, unless there is nothing frozen to pass through.
        """
        words: Tensor = self.trunk.embed_tokens(input_ids)
        if self.cut == 0:
            return words
        with torch.no_grad():
            return self._layers(words, 0, self.cut)

    def above(self, hidden: Tensor, input_ids: Tensor, last: Tensor) -> Tensor:
        """From the cut to the answers: logits ``[batch, 1 + kinds]``."""
        if self.knowledge is not None:
            hidden = hidden + self.knowledge(input_ids).to(hidden.dtype)
        end = self.config.num_hidden_layers
        if self.answer_only:
            hidden = self._layers(hidden, self.cut, end - 1)
            read = answered(self.trunk, hidden, last, self.sparsity.mask(hidden.shape[1]))
        else:
            read = self._layers(hidden, self.cut, end)[torch.arange(len(last)), last]
        answer = self.trunk.norm(read)  # [batch, width]
        logits: Tensor = self.head(self.dropout(answer.float()))
        return logits

    def _layers(self, hidden: Tensor, first: int, end: int) -> Tensor:
        """Layers ``first`` to ``end``, exclusive."""
        time = hidden.shape[1]
        if time > self.max_length:
            raise Invalid(
                f"a prompt of {time} words is longer than the {self.max_length} that fit",
                reason="context",
            )
        places = torch.arange(time, device=hidden.device)[None]
        turns = self.trunk.rotary_emb(hidden, places)
        mask = self.sparsity.mask(time, hidden.device)
        for layer in self.trunk.layers[first:end]:
            hidden = layer(
                hidden, attention_mask=mask, position_ids=places, position_embeddings=turns
            )
        return hidden


def trunk_weights(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Each plain weight by Qwen2's own name, whether or not an adapter wraps it."""
    state: dict[str, Any] = model.state_dict()
    for name, value in state.items():
        if ".lora_" not in name:
            yield name.replace(".base_layer.", "."), value
