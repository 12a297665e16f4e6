"""Whether what comes in is no longer what the champion knew: drift of its scores and their facts.

ADWIN [1] keeps a window over a stream and says when its newer part has another mean than its
older: river's implementation. One a stream: the champion's logits, and the ranks of a few facts.

[1] A. Bifet, R. Gavalda, "Learning from time-changing data with adaptive windowing", SDM 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from river.drift import ADWIN

from heft_model.features import measure
from trainer.asof import Case

__all__ = ["WATCHED", "drifted"]

WATCHED = (
    "liquidity.reserve_initial",
    "trading.buys",
    "trading.sells",
    "trading.price_to_initial",
    "holders.lp_top_share",
    "holders.lp_locked_share",
)
DELTA = 0.0005
"""Chance of a false alarm a stream, smaller than ADWIN's default: several streams are watched."""
AGE = "1h"


def drifted(cases: Sequence[Case], champion: str) -> list[str]:
    """The streams of the champion's launches that have drifted, in the order of time."""
    mine = [c for c in cases if c.facts.trigger == AGE and c.verdict.bundle == champion]
    streams: dict[str, list[float]] = {"score": [c.verdict.probability for c in mine]}
    told = [measure(case.facts, WATCHED) for case in mine]
    for name in WATCHED:
        known = [value for each in told if (value := each[name]) is not None]
        streams[name] = _ranks(known)
    return [name for name, values in streams.items() if _has_drifted(values)]


def _has_drifted(values: Sequence[float]) -> bool:
    watch: Any = ADWIN(delta=DELTA)  # type: ignore[no-untyped-call]
    for value in values:
        watch.update(value)
        if watch.drift_detected:
            return True
    return False


def _ranks(values: Sequence[float]) -> list[float]:
    """0 to 1: amounts span many orders, and ADWIN compares means."""
    if not values:
        return []
    order = np.argsort(np.argsort(np.array(values), kind="stable"), kind="stable")
    return [float(rank) for rank in order / max(1, len(values) - 1)]
