"""Selective knowledge injection: what is learnt of the domain's words, told where training begins.

A pretrained network reads ``liquidity.reserve=q07`` as the plain words that it is spelled in. Here
each word of the closed list (venues, flags, quantile bins of numbers) also has an embedding of its
own, which is added to the hidden states at the first trained layer. There and not at the input,
because trainable input embeddings would force the backward pass through every frozen layer and
undo what training few layers saves. A gate that starts at zero lets training begin at exactly the
base's own behaviour (as in Flamingo, Alayrac et al. 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Knowledge"]


class Knowledge(nn.Module):
    """An embedding a word of the closed list, behind one gate."""

    def __init__(self, vocabulary: int, width: int, *, scale: float = 1.0) -> None:
        """``scale`` is the spread of the hidden states that the embeddings join."""
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.words.weight, std=scale)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, ids: Tensor) -> Tensor:
        """Ids ``[batch, time]`` to what is added, ``[batch, time, width]``."""
        told: Tensor = torch.tanh(self.gate) * self.words(ids)
        return told

    def table(self) -> Tensor:
        """``[vocabulary, width]``: what each word adds, the gate applied."""
        return torch.tanh(self.gate) * self.words.weight
