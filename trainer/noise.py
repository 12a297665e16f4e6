"""What is done to prompts while teaching, so that the network learns facts and not launches.

A hidden fact reads as unknown, as it may be for another source and as evidence hides it. A
jittered fact moves to the bin beside its own, so that a cut between two bins is no cliff. And bins
begin in order: their words lie on a line, which a network would else have to learn from few
launches. Nothing here is used when serving.
"""

from __future__ import annotations

import torch
from torch import Tensor

from heft_model.prompt import Lexicon, bin_word, unknown_word
from heft_model.tokenizer import Words

__all__ = ["Noise"]


class Noise:
    """What words have to do with each other, and what is done to them while teaching."""

    def __init__(self, lexicon: Lexicon, words: Words, *, hidden: float, jitter: float) -> None:
        """``hidden`` and ``jitter`` are the shares of facts that are changed, 0..1."""
        self._hidden, self._jitter = hidden, jitter
        self.size = len(words)
        self._unknown = torch.arange(self.size)  # a word to that of its fact unknown
        self._neighbours = torch.arange(self.size).repeat(2, 1)  # to one bin lower, one higher
        self._bins: list[tuple[int, int, int]] = []  # each fact's unknown, first and last bin
        for name, edges in lexicon.edges.items():
            unknown, first = words.id(unknown_word(name)), words.id(bin_word(name, 0))
            last = first + len(edges)
            self._unknown[first : last + 1] = unknown
            self._neighbours[0, first + 1 : last + 1] -= 1
            self._neighbours[1, first:last] += 1
            self._bins.append((unknown, first, last))

    def __call__(self, ids: Tensor) -> Tensor:
        """The same prompts with some facts hidden and some in the next bin."""
        side = torch.randint(2, ids.shape)
        moved = torch.where(torch.rand(ids.shape) < self._jitter, self._neighbours[side, ids], ids)
        return torch.where(torch.rand(ids.shape) < self._hidden, self._unknown[moved], moved)

    @torch.no_grad()
    def order(self, embedding: Tensor) -> None:
        """Lay the words of each fact's bins on a line, unknown at its middle, as they are read."""
        for unknown, first, last in self._bins:
            middle, direction = torch.randn(2, embedding.shape[1]) * torch.tensor([[0.3], [0.5]])
            places = torch.linspace(-1, 1, last - first + 1).unsqueeze(-1)
            embedding[first : last + 1] = middle + places * direction
            embedding[unknown] = middle

    def roughness(self, embedding: Tensor) -> Tensor:
        """Mean squared distance between the words of neighbouring bins."""
        lower = (self._neighbours[1] != torch.arange(self.size)).nonzero().squeeze(-1)
        return (embedding[lower + 1] - embedding[lower]).square().sum(dim=-1).mean()
