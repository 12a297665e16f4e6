"""Whether what is judged, and how, still looks as it did: the population stability index.

PSI sums, over bins, the change of each bin's share times the logarithm of that change; by custom
0.1 is worth a look and 0.25 a change of population (Siddiqi, Credit Risk Scorecards, 2006). What it
is held against is the first ``WINDOW`` dossiers that this process judged with this version: a
restart or a new version begins anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from math import log

import numpy as np

from heft_model.features import FEATURES, measure
from streams.errors import Invalid
from streams.events import Facts, Verdict

__all__ = ["SCORE", "WINDOW", "Drift", "psi"]

WINDOW = 1_000
"""Dossiers: with ten bins, chance alone gives a PSI of about 0.02."""
BINS = 10
SCORE = "score"
NAMES = tuple(each.name for each in FEATURES)

Row = Mapping[str, float | None]


def psi(expected: Sequence[int], actual: Sequence[int]) -> float:
    """The index of two counts over the same bins; half a case in each keeps empty bins finite."""
    total, now = sum(expected) + len(expected) / 2, sum(actual) + len(actual) / 2
    shares = [((e + 0.5) / total, (a + 0.5) / now) for e, a in zip(expected, actual, strict=True)]
    return sum((after - before) * log(after / before) for before, after in shares)


class Drift:
    """Collects dossiers with their verdicts, and says now and then how far they have moved."""

    def __init__(self, window: int = WINDOW) -> None:
        """Compare the last ``window`` with the first."""
        self._window = window
        self._edges: dict[str, list[float]] = {}
        self._first: list[Row] = []
        self._last: deque[Row] = deque(maxlen=window)
        self._bundle, self._since = "", 0

    def note(self, facts: Facts, verdict: Verdict) -> dict[str, float] | None:
        """One more; the PSI of the score and of each feature every tenth of a window, else nothing.

        A verdict of another version than before is the first of a new count.
        """
        if verdict.bundle != self._bundle:
            self._begin(verdict.bundle)
        try:
            row = {**measure(facts, NAMES), SCORE: verdict.probability}
        except Invalid:
            return None  # a number beyond use, in a fact that this version does not read
        if len(self._first) < self._window:
            self._first.append(row)
            return None
        self._last.append(row)
        self._since += 1
        if len(self._last) < self._window or self._since < self._window // 10:
            return None
        self._since = 0
        return self._measured()

    def _begin(self, bundle: str) -> None:
        for kept in (self._edges, self._first, self._last):
            kept.clear()
        self._bundle, self._since = bundle, 0

    def _measured(self) -> dict[str, float]:
        if not self._edges:
            self._edges = {name: _edges(self._first, name) for name in (SCORE, *NAMES)}
        return {
            name: psi(_counts(self._first, name, edges), _counts(self._last, name, edges))
            for name, edges in self._edges.items()
        }


def _edges(rows: Sequence[Row], name: str) -> list[float]:
    """Upper ends of about equally filled bins; fewer where many cases have one value."""
    known = [value for row in rows if (value := row[name]) is not None]
    if not known:
        return []
    cuts = np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf")
    return sorted(set(cuts.tolist()))


def _counts(rows: Sequence[Row], name: str, edges: Sequence[float]) -> list[int]:
    """Cases in each bin, and in the last place those where it is unknown."""
    counts = [0] * (len(edges) + 2)
    for row in rows:
        value = row[name]
        counts[-1 if value is None else bisect_left(edges, value)] += 1
    return counts
