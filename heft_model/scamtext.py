"""How likely a post's text is a scam's: HEFT's text network beside a line on n-grams, in one graph.

The bundle is a folder: ``model.onnx`` (both parts and their weights), ``words.json`` (what the
network reads, what the line counts) and ``card.json`` (how it was taught, and its figures). A text
is data: words that give orders are words that are counted, and unknown ones are none. What is said
of a text depends on it alone. Taught by ``trainer.scamtext`` on janitr's posts (MIT).
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from heft_model.providers import open_session
from streams.errors import Invalid

__all__ = ["BUNDLED", "ScamText", "Words", "grams", "text_numbers", "text_words"]

BUNDLED = Path(str(files("heft_model"))) / "scam"
MOST_CHARS = 2_000
"""Of a text that are read: X's posts have 280, few have more than a thousand."""
BATCH = 64
SHORTEST, LONGEST = 2, 5
PAD, END = 0, 1


class Words(msgspec.Struct, frozen=True):
    """How a text becomes what the graph takes."""

    edges: dict[str, list[float]]
    """Of each number, where its bins part; in the order of the ids."""
    words: dict[str, int]
    """The network's words, by how telling they are."""
    first_word: int
    most_words: int
    grams: dict[str, int]
    """The line's n-grams."""
    idf: list[float]


class ScamText:
    """A loaded bundle; ``odds`` may be called from any thread."""

    def __init__(self, folder: Path = BUNDLED) -> None:
        """Raises ``Invalid`` when the folder holds no bundle that works."""
        try:
            self._words = msgspec.json.decode((folder / "words.json").read_bytes(), type=Words)
            model = (folder / "model.onnx").read_bytes()
        except (OSError, msgspec.MsgspecError) as error:
            raise Invalid(f"{folder} holds no model of texts: {error}", reason="bundle") from error
        self._session = open_session(model, {}, threads=1, provider="cpu")

    def odds(self, texts: Sequence[str]) -> list[float]:
        """Of each text, 0 to 1."""
        found: list[float] = []
        for start in range(0, len(texts), BATCH):
            rows = inputs(texts[start : start + BATCH], self._words)
            (odds,) = self._session.run(["odds"], rows)
            found += [float(each) for each in odds]
        return found


def inputs(texts: Sequence[str], words: Words) -> dict[str, NDArray[Any]]:
    """The graph's arrays: ids and their ends for the network, n-grams and weights for the line."""
    ids = [network_ids(text[:MOST_CHARS], words) for text in texts]
    counted = [_weights(text[:MOST_CHARS], words) for text in texts]
    end = len(words.grams)
    return {
        "input_ids": _padded(ids, PAD, np.int64),
        "last": np.array([len(row) - 1 for row in ids], dtype=np.int64),
        "grams": _padded([list(row) for row in counted], end, np.int64),
        "weights": _padded([list(row.values()) for row in counted], 0.0, np.float32),
    }


def network_ids(text: str, words: Words) -> list[int]:
    """A word a number, then the known words of the text, the most telling last."""
    ids, first = [], 2
    for name, value in text_numbers(text).items():
        edges = words.edges[name]
        ids.append(first + 1 + bisect_left(edges, value))
        first += len(edges) + 2
    known = {words.words[word] for word in text_words(text).split() if word in words.words}
    told = sorted(known)[: words.most_words]
    return [*ids, *(words.first_word + rank for rank in reversed(told)), END]


def _weights(text: str, words: Words) -> dict[int, float]:
    """TF-IDF of the known n-grams: logarithmic counts, of length one."""
    counts = Counter(grams(text))
    told = {words.grams[gram]: (1.0 + math.log(count)) * words.idf[words.grams[gram]]
            for gram, count in counts.items() if gram in words.grams}  # fmt: skip
    length = math.sqrt(math.fsum(value * value for value in told.values())) or 1.0
    return {place: value / length for place, value in told.items()}


def _padded(rows: Sequence[Sequence[float]], pad: float, dtype: Any) -> NDArray[Any]:
    width = max(1, *map(len, rows))
    table = np.full((len(rows), width), pad, dtype=dtype)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return table


def grams(text: str) -> list[str]:
    """Words, pairs of words, and runs of letters within words, of a text as it is posted."""
    told = text_words(text[:MOST_CHARS]).split()
    found = [f"w {word}" for word in told]
    found += [f"w {one} {two}" for one, two in pairwise(told)]
    for word in told:
        padded = f" {word} "
        for size in range(SHORTEST, LONGEST + 1):
            found += [padded[i : i + size] for i in range(max(1, len(padded) - size + 1))]
    return found


def text_numbers(text: str) -> dict[str, float]:
    """What can be counted of a text."""
    length = max(1, len(text))
    return {
        "chars": float(len(text)),
        "words": float(len(text.split())),
        "links": float(len(re.findall(r"https?://", text))),
        "mentions": float(len(re.findall(r"@\w+", text))),
        "tags": float(len(re.findall(r"#\w+", text))),
        "tickers": float(len(re.findall(r"\$[A-Za-z]+", text))),
        "upper": sum(c.isupper() for c in text) / length,
        "digits": sum(c.isdigit() for c in text) / length,
        "foreign": sum(not c.isascii() for c in text) / length,
        "exclamations": float(text.count("!")),
        "lines": float(text.count("\n")),
    }


def text_words(text: str) -> str:
    """The words of a text, in lower case and apart; links and people are words of their own."""
    told = re.sub(r"https?://\S+", " linkto ", text.lower())
    told = re.sub(r"@\w+", " someone ", told)
    return " ".join(re.findall(r"[$#]?\w+|[^\w\s]", told))
