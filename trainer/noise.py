"""What is done to prompts while teaching, so that the network learns facts and not launches.

A hidden fact reads as unknown, as it may be for another source and as evidence hides it. A
jittered fact moves to the bin beside its own, so that a cut between two bins is no cliff. And bins
begin in order: their words lie on a line, which a network would else have to learn from few
launches. And whole groups of facts are hidden at once, as in a dossier that somebody could only
give in part: what then is left to say must be near what is known of launches in general. Nothing
here is used when serving.
"""

from __future__ import annotations

import torch
from torch import Tensor

from heft_model.prompt import Lexicon, bin_word, unknown_word
from heft_model.tokenizer import PAD_ID, Words

__all__ = ["Noise"]


class Noise:
    """What words have to do with each other, and what is done to them while teaching."""

    def __init__(
        self, lexicon: Lexicon, words: Words, *, hidden: float, jitter: float, partial: float = 0.0
    ) -> None:
        """``hidden`` and ``jitter`` are the shares of facts that are changed, 0..1.

        ``partial`` is the share of prompts that lose whole groups, each with even odds.
        """
        self._hidden, self._jitter, self._partial = hidden, jitter, partial
        self._group = torch.zeros(len(words), dtype=torch.int64)  # 0 is never hidden as a whole
        groups: dict[str, int] = {}
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
            self._group[first : last + 1] = groups.setdefault(_group_of(name), len(groups) + 1)
        for entity in lexicon.entities:
            self._unknown[words.id(entity)] = PAD_ID
            self._group[words.id(entity)] = groups.setdefault(_group_of(entity), len(groups) + 1)
        self._groups = len(groups)

    def __call__(self, ids: Tensor) -> Tensor:
        """The same prompts with some facts hidden and some in the next bin."""
        side = torch.randint(2, ids.shape)
        moved = torch.where(torch.rand(ids.shape) < self._jitter, self._neighbours[side, ids], ids)
        lost = torch.rand(ids.shape) < self._hidden
        if self._partial:
            gone = torch.rand(len(ids), self._groups + 1) < 0.5
            gone &= torch.rand(len(ids), 1) < self._partial
            gone[:, 0] = False
            lost |= torch.gather(gone, 1, self._group[ids])
        return torch.where(lost, self._unknown[moved], moved)

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


_RATIOS = {
    "reserve_to_max": "liquidity",
    "reserve_to_initial": "liquidity",
    "removed_to_added": "liquidity",
    "sells_share": "trading",
    "sold_to_bought": "trading",
    "largest_buy_to_initial": "trading",
    "volume_to_max": "trading",
    "volume_per_trade": "trading",
    "supply": "token",
}


def _group_of(name: str) -> str:
    """What is given or not given together with a fact; all that code says is one group."""
    if name.startswith(("@selector", "@contract", "found.contract")):
        return "contract"
    return _RATIOS.get(name, name.partition(".")[0])
