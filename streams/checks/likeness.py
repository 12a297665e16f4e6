"""How alike two contracts are, whatever their names, constants and compiler's tail.

A sketch is a simhash (Charikar 2002) over runs of four opcodes: 128 bits of which copies share
nearly all. Two sketches compare in nanoseconds, so that an archive of known rugs can be searched
without its code. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from eth_hash.auto import keccak

from streams.errors import Invalid

__all__ = ["COPY", "closest", "likeness", "sketch"]

BITS: Final = 128
RUN: Final = 4
COPY: Final = 0.97
"""From here on one is a copy of the other (Forta's NEW-SCAMMER-CONTRACT-CODE-HASH alerts so)."""


def sketch(opcodes: Sequence[int]) -> str:
    """The sketch of opcodes in their order, as 32 hex digits."""
    runs = {bytes(opcodes[i : i + RUN]) for i in range(max(len(opcodes) - RUN + 1, 1))}
    hashes = np.frombuffer(b"".join(keccak(run)[: BITS // 8] for run in sorted(runs)), np.uint8)
    votes = np.unpackbits(hashes.reshape(-1, BITS // 8), axis=1).mean(axis=0) >= 0.5
    return np.packbits(votes).tobytes().hex()


def likeness(one: str, other: str) -> float:
    """From 0 (unrelated) to 1 (the same opcodes). Raises ``Invalid`` for what is no sketch."""
    try:
        apart = (int(one, 16) ^ int(other, 16)).bit_count()
    except ValueError as error:
        raise Invalid("that is no sketch of a contract", reason="sketch") from error
    return max(0.0, 1 - 2 * apart / BITS)  # unrelated sketches differ in half their bits


def closest(one: str, known: Iterable[str]) -> float | None:
    """The likeness to the most alike of ``known``; ``None`` when there are none."""
    return max((likeness(one, other) for other in known), default=None)
