"""What teaches and what judges, kept apart, and the checks of it that can fail.

A row of the teaching side that shares anything with the judging side (address, source, text, pool)
is dropped, and, where rows have times, so is one from the judging side's time on. What cannot be
kept apart that way is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from streams.errors import Invalid
from trainer.sources.table import Table, take

__all__ = ["Check", "Sides", "checks_of", "clusters", "kept_apart", "parted"]

FEWEST = 40
"""Rows of the teaching side below which nothing can be said."""
STRAY = 0.01
SUSPICIOUS = 0.97
"""AUC from which a single column is too good to be known beforehand."""


class Sides(NamedTuple):
    """The two sides, and how many teaching rows were dropped for what."""

    train: Table
    test: Table
    shared: int
    future: int


class Check(NamedTuple):
    """One leak check and what it found."""

    name: str
    passed: bool
    found: str


def clusters(groups: Sequence[frozenset[str]]) -> NDArray[np.int64]:
    """A number a row; rows that share a key, directly or through others, have the same."""
    parent: dict[str, str] = {}

    def root(key: str) -> str:
        while parent.setdefault(key, key) != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for keys in groups:
        first, *rest = sorted(keys)
        for key in rest:
            parent[root(key)] = root(first)
    roots = [root(min(keys)) for keys in groups]
    return np.asarray(np.unique(roots, return_inverse=True)[1], dtype=np.int64)


def parted(table: Table, *, share: float = 0.3, seed: int = 0) -> Sides:
    """One set into two sides: the newest groups judge; without times, groups drawn by ``seed``."""
    cluster = clusters(table.groups)
    count = int(cluster.max()) + 1
    if np.ptp(table.times) > 0:
        first = np.full(count, np.inf)
        np.minimum.at(first, cluster, table.times)
        judging = table.times >= np.quantile(first, 1 - share)
    else:
        order = np.random.default_rng(seed).permutation(count)
        judging = np.isin(cluster, order[int(count * (1 - share)) :])
    return kept_apart(take(table, ~judging), take(table, judging))


def kept_apart(train: Table, test: Table) -> Sides:
    """Two given sets with the teaching one purged; raises ``Invalid`` when too little is left."""
    if train.names != test.names:
        raise Invalid("the two folders do not hold the same columns", reason="columns")
    known = frozenset[str]().union(*test.groups)
    shared = np.array([bool(keys & known) for keys in train.groups], dtype=bool)
    timed = np.ptp(np.concatenate([train.times, test.times])) > 0
    future = (train.times >= _start(test)) & ~shared if timed else np.zeros_like(shared)
    kept = take(train, ~(shared | future))
    if len(kept) < FEWEST:
        raise Invalid(
            f"{len(kept)} rows are left to teach, of {len(train)}: {int(shared.sum())} stand on"
            f" both sides and {int(future.sum())} lie in the future of the other",
            reason="leak",
        )
    for name, part in (("teaching", kept), ("judging", take(test, test.judged))):
        if len(set(part.labels.tolist())) < 2:
            raise Invalid(f"the {name} side holds only one class", reason="one-class")
    return Sides(kept, test, int(shared.sum()), int(future.sum()))


def checks_of(sides: Sides) -> list[Check]:
    """What could leak, looked for after the purge."""
    train, test = sides.train, sides.test
    both = frozenset[str]().union(*train.groups) & frozenset[str]().union(*test.groups)
    timed = np.ptp(np.concatenate([train.times, test.times])) > 0
    best, name = _best_column(train)
    return [
        Check("nothing stands on both sides", not both, f"{len(both)} shared keys"),
        Check(
            "the teaching side is older",
            not timed or float(train.times.max()) < _start(test),
            f"newest {train.times.max():.0f}, judged from {_start(test):.0f}"
            if timed
            else "this set is parted by group, not by time",
        ),
        Check(
            "no single column knows the answer",
            best < SUSPICIOUS,
            f"best: {name}, AUC {best:.3f} on the teaching side",
        ),
    ]


def _start(test: Table) -> float:
    """When the judging side begins; one row in a hundred, a stray, may be older."""
    return float(np.quantile(test.times, STRAY, method="lower"))


def _best_column(table: Table) -> tuple[float, str]:
    """The AUC (in its better direction) of the strongest column, unknown values lowest."""
    best = (0.5, "none")
    rows = table.judged
    for place, name in enumerate(table.names):
        column = np.nan_to_num(table.numbers[rows, place], nan=-1e300, posinf=1e300, neginf=-1e300)
        auc = float(roc_auc_score(table.labels[rows], column))
        best = max(best, (max(auc, 1 - auc), name))
    return best
