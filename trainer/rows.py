"""Examples as a network takes them: ids of words, and what is to be learnt of each row."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from heft_model.kinds import HEADS
from heft_model.prompt import Lexicon, render
from heft_model.tokenizer import Words
from trainer.dataset import Example

__all__ = ["Rows", "heads_of", "masked_loss", "rows_of"]


class Rows(msgspec.Struct, frozen=True):
    """Examples, one row each."""

    ids: Tensor
    """``[rows, longest]``, padded on the right."""
    last: Tensor
    labels: Tensor
    """``[rows]``; NaN where the outcome is not known."""
    kinds: Tensor
    """``[rows, heads]``, by ``heft_model.kinds.HEADS``; NaN where nobody told."""
    weights: Tensor
    pools: Tensor
    """``[rows]``: the number of each row's pool."""

    def __len__(self) -> int:
        return len(self.last)

    def taken(self, chosen: Tensor) -> Rows:
        """The rows of those numbers, in that order."""
        return Rows(*(getattr(self, name)[chosen] for name in self.__struct_fields__))


def rows_of(examples: Sequence[Example], lexicon: Lexicon, words: Words) -> Rows:
    """The examples as the network reads them."""
    token_ids = words.encode([render(example.facts, lexicon) for example in examples])
    longest = max((len(row) for row in token_ids), default=1)
    ids = np.zeros((len(token_ids), longest), dtype=np.int64)
    for i, row in enumerate(token_ids):
        ids[i, : len(row)] = row
    numbers = {group: i for i, group in enumerate(sorted({e.group for e in examples}))}
    return Rows(
        ids=torch.from_numpy(ids),
        last=torch.tensor([len(row) - 1 for row in token_ids]),
        labels=torch.tensor([float(e.label) if e.told else nan for e in examples]),
        kinds=torch.tensor([[float(e.kinds.get(k, nan)) for k in HEADS] for e in examples]),
        weights=torch.tensor([example.weight for example in examples]),
        pools=torch.tensor([numbers[example.group] for example in examples], dtype=torch.int64),
    )


def heads_of(rows: Rows) -> tuple[str, ...]:
    """The kinds that a network of these rows has heads for: none where nobody told any."""
    return HEADS if bool(torch.isfinite(rows.kinds).any()) else ()


def masked_loss(logits: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """The mean cross-entropy of those targets, 0 or 1, that are not NaN; 0 where all are."""
    known = torch.isfinite(targets)
    if not known.any():
        return logits.sum() * 0.0
    smooth = targets[known] * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(logits[known].float(), smooth)
