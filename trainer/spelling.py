"""The closed words of a prompt in plain language, and so in a pretrained base's own embeddings.

A base that has read the world knows "LP tokens" and "98 %", not ``holders.lp_top_share=q15``. Each
closed word starts as the mean of the base's embeddings of the phrase that people read for it (as
when a vocabulary is exchanged: Gee et al. 2022, "Fast vocabulary transfer"). A dossier is then one
word a fact, an eighth of what its text would be, and no stranger's text reaches the base.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from heft_model.entities import is_entity, spoken
from heft_model.evidence import say
from heft_model.features import feature
from heft_model.prompt import END, PAD, START, UNKNOWN, Lexicon, vocabulary

__all__ = ["phrases", "spelled"]

_PLAIN = {
    PAD: ".",
    UNKNOWN: "unknown",
    START: "A new token was launched.",
    END: "Will its creator pull the rug?",
    "name(": "its name is",
    "symbol(": "its symbol is",
    ")": ".",
    "n:space": "space",
    "n:letter": "letter",
    "n:digit": "digit",
    "n:sign": "sign",
}


def phrases(lexicon: Lexicon) -> list[str]:
    """What each word of ``vocabulary(lexicon)`` says, in its order."""
    return [_phrase(word, lexicon) for word in vocabulary(lexicon)]


def spelled(lexicon: Lexicon, tokenizer: Any, embeddings: Tensor) -> Tensor:
    """``[vocabulary, width]``: each closed word as the mean of the base's pieces of its phrase.

    ``embeddings`` are the base's, ``[pieces, width]``; ``tokenizer`` is the base's own.
    """
    pieces = tokenizer(phrases(lexicon), add_special_tokens=False)["input_ids"]
    rows = [embeddings[torch.tensor(ids)].float().mean(dim=0) for ids in pieces]
    return torch.stack(rows)


def _phrase(word: str, lexicon: Lexicon) -> str:
    if word in _PLAIN or is_entity(word):
        return _PLAIN.get(word) or spoken(word)
    name, _, value = word.partition("=")
    if not value:
        return word.removeprefix("n:")
    row = feature(name)
    if value == "?":
        return row.phrase.format("an unknown amount")
    edges, place = lexicon.edges[name], int(value[1:])
    ends = [say(edge, row.unit, "") for edge in edges[max(0, place - 1) : place + 1]]
    if not ends:
        return row.phrase.format("some")
    if place == 0:
        return row.phrase.format(f"at most {ends[0]}")
    return row.phrase.format(f"more than {ends[0]}" if place == len(edges) else " to ".join(ends))
