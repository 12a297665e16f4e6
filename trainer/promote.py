"""Whether a challenger may serve: the gates, pure, and the decision that is written down.

Both versions have judged the same launches, none of which either has learnt from. Differences are
bootstrapped in pairs, whole launches drawn together [1]: a challenger must win on order (AUC), and
must not be shown to lose on the precision of what it would alert, on calibration, or on any chain
or venue. What a version must do besides (golden dossiers, orders in names, time, memory) is tried
by whoever calls, and comes in as gates.

[1] B. Efron, R. Tibshirani, "An introduction to the bootstrap", 1993, chapter 16.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from heft_model.decision import Gate

__all__ = [
    "Difference",
    "Judged",
    "Limits",
    "auc",
    "compare",
    "first_failure",
    "gates",
    "is_worse",
]

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
RESAMPLES = 500
SURE = 0.975


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """From which evidence on a challenger wins, or a champion has failed."""

    fewest: int = 40
    """Launches that both have judged, below which nothing is decided."""
    confidence: float = 0.8
    """With which the challenger must be the better one."""
    budget: float = 0.1
    """Share of launches that would be alerted, highest first."""
    fewest_in_slice: int = 20
    labels_to_roll_back: int = 40
    """Labelled launches after which a champion that is worse than the one before is taken back."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Probabilities of both versions on the same rows."""

    champion: Floats
    challenger: Floats
    labels: Flags
    pools: list[str]
    """Drawn together."""
    slices: dict[str, list[str]]
    """Such as chain and venue: each row's."""

    def __len__(self) -> int:
        return len(self.labels)


class Difference(msgspec.Struct, frozen=True):
    """Challenger less champion, by paired bootstrap: higher is better for the challenger."""

    value: float
    low: float
    high: float
    better: float
    """Share of the resamples in which the challenger is ahead; ties count half."""


def gates(judged: Judged, limits: Limits) -> list[Gate]:
    """What the figures say, in the order in which a reader wants them."""
    launches = len(set(judged.pools))
    rugs = int(judged.labels.sum())
    if launches < limits.fewest:
        few = f"{launches} launches judged, {limits.fewest} needed"
        return [Gate("enough launches", passed=False, found=few)]
    if not 0 < rugs < len(judged):
        return [Gate("both outcomes", passed=False, found="only one outcome in the window")]
    order = compare(judged, "auc")
    made = [
        Gate("enough launches", passed=True, found=f"{launches}, {rugs / len(judged):.0%} rugs"),
        Gate(
            "better order (AUC)",
            passed=order.value > 0 and order.better >= limits.confidence,
            found=f"{_told(order)}; ahead in {order.better:.0%}, {limits.confidence:.0%} needed",
        ),
    ]
    for name, metric in (("precision of alerts", "precision"), ("calibration", "log_loss")):
        found = compare(judged, metric, budget=limits.budget)
        made.append(Gate(f"no worse {name}", passed=found.high >= 0, found=_told(found)))
    return made + _slices(judged, limits)


def is_worse(judged: Judged, limits: Limits) -> Gate:
    """Whether the version that serves (as champion) is worse than the one before (challenger).

    Asked once ``labels_to_roll_back`` launches have their outcome; ``passed`` means it stays.
    """
    launches = len(set(judged.pools))
    if launches < limits.labels_to_roll_back or not 0 < judged.labels.sum() < len(judged):
        return Gate("live order", passed=True, found=f"{launches} labelled: too few to say")
    order = compare(judged, "auc")
    return Gate(
        "live order",
        passed=not (order.value > 0 and order.better >= SURE),
        found=f"the version before, on {launches} labelled launches: {_told(order)}",
    )


def compare(judged: Judged, metric: str, *, budget: float = 0.1) -> Difference:
    """Challenger less champion by ``auc``, ``precision`` of the highest, or ``log_loss``."""
    rows_of: dict[str, list[int]] = {}
    for row, pool in enumerate(judged.pools):
        rows_of.setdefault(pool, []).append(row)
    groups = [np.array(rows) for rows in rows_of.values()]
    rng = np.random.default_rng(0)
    drawn = list[float]()
    for _ in range(20 * RESAMPLES):
        rows = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        if 0 < judged.labels[rows].sum() < len(rows):
            drawn.append(_difference(judged, rows, metric, budget))
        if len(drawn) == RESAMPLES:
            break
    values = np.array(drawn)
    low, high = np.quantile(values, [1 - SURE, SURE])
    better = float((values > 0).mean() + 0.5 * (values == 0).mean())
    value = _difference(judged, np.arange(len(judged)), metric, budget)
    return Difference(value, float(low), float(high), better)


def _slices(judged: Judged, limits: Limits) -> list[Gate]:
    made = []
    for name, parts in judged.slices.items():
        for part in sorted(set(parts)):
            rows = np.flatnonzero(np.array(parts) == part)
            some = _taken(judged, rows)
            enough = len(set(some.pools)) >= limits.fewest_in_slice
            if not enough or not 0 < some.labels.sum() < len(some):
                continue
            found = compare(some, "auc")
            made.append(Gate(f"no worse on {name} {part}", passed=found.high >= 0,
                             found=_told(found)))  # fmt: skip
    return made


def _taken(judged: Judged, rows: NDArray[np.intp]) -> Judged:
    return Judged(
        champion=judged.champion[rows],
        challenger=judged.challenger[rows],
        labels=judged.labels[rows],
        pools=[judged.pools[row] for row in rows],
        slices={},
    )


def _difference(judged: Judged, rows: NDArray[np.intp], metric: str, budget: float) -> float:
    labels = judged.labels[rows]
    pair = judged.challenger[rows], judged.champion[rows]
    if metric == "auc":
        new, old = (auc(scores, labels) for scores in pair)
    elif metric == "precision":
        new, old = (_precision(scores, labels, budget) for scores in pair)
    else:
        new, old = (-_log_loss(scores, labels) for scores in pair)
    return new - old


def auc(scores: Floats, labels: Flags) -> float:
    """Area under the ROC curve in the Mann-Whitney form: ties count half."""
    rugs = int(labels.sum())
    ranks = float(rankdata(scores)[labels].sum())
    return (ranks - rugs * (rugs + 1) / 2) / (rugs * (len(labels) - rugs))


def _precision(scores: Floats, labels: Flags, budget: float) -> float:
    most = np.argsort(-scores, kind="stable")[: max(1, round(budget * len(scores)))]
    return float(labels[most].mean())


def _log_loss(scores: Floats, labels: Flags) -> float:
    sure = scores.clip(1e-4, 1 - 1e-4)
    return float(-np.where(labels, np.log(sure), np.log1p(-sure)).mean())


def _told(found: Difference) -> str:
    return f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"


def first_failure(made: Sequence[Gate]) -> Gate | None:
    """The gate that decides; ``None`` when all hold."""
    return next((gate for gate in made if not gate.passed), None)
