"""Which posts say nearly the same: MinHash of word shingles, found by bands [1].

A post is of the first earlier post's kind that it shares a band and enough of its sketch with; else
it begins a kind of its own, named by its own words, so that exact copies agree after a restart too.

[1] A. Broder, "On the resemblance and containment of documents", SEQUENCES 1997; P. Indyk,
    R. Motwani, "Approximate nearest neighbors", STOC 1998.
"""

from __future__ import annotations

import hashlib
import re
from array import array

from rensa import CMinHash

__all__ = ["Copies"]

SKETCH, BANDS = 32, 8
BAND = 4 * SKETCH // BANDS
"""Bytes of a band: its numbers have 32 bits."""
ALIKE = 0.6
"""Share of the sketch that is the same: about the share of shingles that two posts share."""
SHINGLE = 3
MOST_WORDS = 400
_WORD = re.compile(r"https?://\S+|[$#]?\w+")


class Copies:
    """The kinds of the last posts, in bounded memory."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._young: dict[bytes, tuple[str, bytes]] = {}
        self._old: dict[bytes, tuple[str, bytes]] = {}

    def kind(self, text: str) -> str:
        """The mark of what a text says, 16 hex digits; note the text."""
        words = _WORD.findall(text.lower())[:MOST_WORDS]
        shingles = [
            " ".join(words[i : i + SHINGLE]) for i in range(max(1, len(words) - SHINGLE + 1))
        ]
        sketch = _sketch(shingles)
        bands = [bytes([row]) + sketch[row : row + BAND] for row in range(0, len(sketch), BAND)]
        kind = next((each for band in bands if (each := self._alike(band, sketch))), "")
        kind = kind or hashlib.blake2b(" ".join(words).encode(), digest_size=8).hexdigest()
        if len(self._young) >= self._most * BANDS:
            self._old, self._young = self._young, {}
        entry = (kind, sketch)
        for band in bands:
            self._young.setdefault(band, entry)
        return kind

    def _alike(self, band: bytes, sketch: bytes) -> str:
        kind, other = self._young.get(band) or self._old.get(band) or ("", b"")
        pairs = zip(memoryview(sketch).cast("I"), memoryview(other).cast("I"), strict=False)
        same = sum(one == two for one, two in pairs)
        return kind if same >= ALIKE * SKETCH else ""


def _sketch(shingles: list[str]) -> bytes:
    minimum = CMinHash(num_perm=SKETCH, seed=7)
    minimum.update(shingles)
    return array("I", minimum.digest()).tobytes()
