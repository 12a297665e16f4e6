"""Codes on pools: dossiers that know both, which no labelled set holds.

A live dossier has a pool's facts and its contract's code. No set tells what became of pools whose
code it holds, so that a network taught on either alone would answer for both together without ever
having seen it. Here each labelled code is put on the pools launched about its date. What became of
the pool is the pool's label, whatever the code, and the traps are the code's: the rug's answer
learns to stay as it was, the kinds' to listen to the code.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec
import numpy as np

from trainer.dataset import Example

__all__ = ["COPIES", "codes_on_pools"]

COPIES = 16
"""Dossiers that each code is put on."""
NEAR = 300
"""They are drawn from so many before and after the code's date, which keeps to its side of a split
by time."""


def codes_on_pools(
    examples: Sequence[Example], codes: Sequence[Example], *, copies: int = COPIES, seed: int = 0
) -> list[Example]:
    """``copies`` of each code, each on a dossier of ``examples`` of about its time."""
    rng = np.random.default_rng(seed)
    pools = sorted((e for e in examples if e.told), key=lambda e: e.facts.launched_at)
    times = [example.facts.launched_at for example in pools]
    mixed = []
    for code in codes:
        place = bisect_left(times, code.facts.launched_at)
        low, high = max(0, place - NEAR), min(len(pools), place + NEAR)
        for pick in rng.integers(low, high, copies if high > low else 0):
            pool = pools[pick]
            kinds = {k: v for k, v in pool.kinds.items() if k == "liquidity-pull"} | code.kinds
            facts = msgspec.structs.replace(pool.facts, findings=code.facts.findings)
            mixed.append(msgspec.structs.replace(pool, facts=facts, kinds=kinds))
    return mixed
