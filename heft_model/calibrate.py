"""Score to probability, and the probability from which an alert keeps its stated precision.

Pure numpy. Both maps are fitted on launches later than any that the weights have seen. A map is
chosen between Platt scaling [1] and isotonic regression [2] by cross-validated log loss, whole
pools held out together. The threshold is a statement about pools, because a pool is alerted once:
it is the lowest at which the one-sided Clopper-Pearson bound [3] of the alerts' precision holds.

[1] J. Platt, "Probabilistic outputs for support vector machines", 1999.
[2] B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability
    estimates", KDD 2002.
[3] C. Clopper and E. Pearson, Biometrika 26 (1934).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.errors import Invalid

__all__ = [
    "YOUNGEST_ALERT_S",
    "Calibration",
    "Curve",
    "Threshold",
    "calibration_error",
    "choose_threshold",
    "fit_curve",
    "log_loss",
    "pool_maxima",
    "precision_bound",
]

Floats = NDArray[np.float64]
FOLDS = 5
MIN_SLOPE = 0.01
"""Least calibrated logits per logit: no two scores are ever merged into one."""

YOUNGEST_ALERT_S = 60.0
"""Seconds since launch from which a dossier may be alerted on. At launch next to nothing is known
that tells launches apart, and most of them rug: alerting then would be alerting on every one."""

MIN_ISOTONIC = 200
"""Below this many pools a step function remembers them one by one."""


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A rising map from logit to calibrated logit: straight lines between knots."""

    kind: Literal["platt", "isotonic"]
    logits: tuple[float, ...]
    outputs: tuple[float, ...]
    tail: float
    """The slope beyond the first and last knot; above 0, so that order is never lost."""

    def __post_init__(self) -> None:
        """Refuse a map that does not rise."""
        knots = np.array([self.logits, self.outputs]) if self._even else np.empty((2, 0))
        if knots.shape[1] < 2 or not np.all(np.diff(knots) > 0) or not 0 < self.tail < math.inf:
            raise Invalid("the calibration curve does not rise: retrain", reason="calibration")

    @property
    def _even(self) -> bool:
        return len(self.logits) == len(self.outputs)

    def probability(self, logit: ArrayLike) -> Floats:
        """Calibrated probabilities, 0..1, same shape as ``logit``."""
        x = np.asarray(logit, dtype=np.float64)
        inside = np.clip(x, self.logits[0], self.logits[-1])
        return _sigmoid(np.interp(inside, self.logits, self.outputs) + self.tail * (x - inside))


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """From which probability on to alert, and what was promised on which evidence."""

    value: float
    precision: float
    """The stated precision: of 100 pools alerted, at least this share rugs."""
    wanted: float
    """What was asked for; more than ``precision`` when no threshold reaches it."""
    confidence: float
    alerted: int
    """Calibration pools at or above ``value``, and how many of them rugged."""
    rugged: int


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle stores in ``calibration.json``."""

    curve: Curve
    threshold: Threshold
    error: float
    """Expected calibration error by cross-validation, 0..1."""
    pools: int
    examples: int
    kinds: dict[str, Curve] = {}
    """Of each kind that could be calibrated; another that the model answers is not told."""


def fit_curve(
    logits: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, smooth: bool = False
) -> tuple[Curve, Floats]:
    """The better curve, and each example's probability from a curve fitted without its group.

    ``labels`` are 0 or 1; examples of one group (pool) are held out together. ``smooth`` keeps to
    Platt's: a step function remembers the very scores of one model, and does not carry over to
    one that is taught again. Raises ``Invalid`` when either class is absent.
    """
    x, y, fold = _floats(logits), _floats(labels), _folds(groups)
    if not 0 < y.sum() < len(y):
        raise Invalid("calibration needs both rugs and others: widen its slice", reason="one-class")
    ways: list[Callable[[Floats, Floats], Curve]] = [_platt]
    if not smooth and len(np.unique(np.asarray(groups))) >= MIN_ISOTONIC:
        ways.append(_isotonic)
    held_out = [_held_out(way, x, y, fold) for way in ways]
    best = int(np.argmin([log_loss(p, y) for p in held_out]))
    return ways[best](x, y), held_out[best]


def choose_threshold(
    probabilities: ArrayLike, labels: ArrayLike, *, precision: float, confidence: float
) -> Threshold:
    """The lowest threshold whose precision is at least ``precision`` with ``confidence``.

    One entry a pool: its highest probability and whether it rugged. When none is good enough, the
    threshold with the best provable precision, stated as that.
    """
    p, y = _floats(probabilities), _floats(labels)
    order = np.argsort(-p, kind="stable")
    p, y = p[order], y[order]
    ends = np.flatnonzero(np.append(p[1:] != p[:-1], True))  # whole ties only
    counts = [(int(end) + 1, int(y[: end + 1].sum())) for end in ends]
    good = [i for i, (n, k) in enumerate(counts) if _at_least(k, n, precision) <= 1 - confidence]
    bounds = [precision_bound(k, n, confidence) for n, k in counts] if not good else []
    pick = good[-1] if good else int(np.argmax(bounds))
    return Threshold(
        value=float(p[ends[pick]]),
        precision=precision if good else bounds[pick],
        wanted=precision,
        confidence=confidence,
        alerted=counts[pick][0],
        rugged=counts[pick][1],
    )


def precision_bound(hits: int, n: int, confidence: float) -> float:
    """Clopper-Pearson: the rate that ``hits`` of ``n`` proves with one-sided ``confidence``."""
    if hits == 0:
        return 0.0
    low, high = 0.0, hits / n
    for _ in range(40):
        middle = (low + high) / 2
        if _at_least(hits, n, middle) > 1 - confidence:
            high = middle
        else:
            low = middle
    return low


def pool_maxima(
    probabilities: ArrayLike, labels: ArrayLike, groups: ArrayLike
) -> tuple[Floats, Floats]:
    """Each group's highest probability, and its label (true if any of its examples is)."""
    names, index = np.unique(np.asarray(groups), return_inverse=True)
    p, y = np.zeros(len(names)), np.zeros(len(names))
    np.maximum.at(p, index, _floats(probabilities))
    np.maximum.at(y, index, _floats(labels))
    return p, y


def calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = 10) -> float:
    """Expected calibration error over ``bins`` of equally many examples, 0..1."""
    p, y = _floats(probabilities), _floats(labels)
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    return float(sum(abs(p[part].mean() - y[part].mean()) * len(part) for part in parts) / len(p))


def log_loss(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean negative log likelihood, probabilities kept 1e-6 off 0 and 1."""
    p, y = np.clip(_floats(probabilities), 1e-6, 1 - 1e-6), _floats(labels)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)))


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -700, 700))), dtype=np.float64)


def _folds(groups: ArrayLike) -> NDArray[np.int64]:
    """A fold for each example, the same for all of a group, independent of their order."""
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    shuffled = np.random.default_rng(0).permutation(index.max() + 1)
    return np.asarray(shuffled[index] % FOLDS, dtype=np.int64)


def _held_out(
    way: Callable[[Floats, Floats], Curve], x: Floats, y: Floats, fold: NDArray[np.int64]
) -> Floats:
    out = np.full(len(x), y.mean())
    for k in np.unique(fold):
        rest = fold != k
        if 0 < y[rest].sum() < rest.sum():
            out[~rest] = way(x[rest], y[rest]).probability(x[~rest])
    return out


def _platt(x: Floats, y: Floats) -> Curve:
    """Two numbers by Newton's method on Platt's smoothed targets; the slope is kept positive."""
    n1, n0 = y.sum(), len(y) - y.sum()
    target = np.where(y > 0, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))
    design = np.stack([x, np.ones_like(x)], axis=1)
    w = np.array([1.0, 0.0])
    for _ in range(50):
        p = _sigmoid(design @ w)
        hessian = design.T @ (design * (p * (1 - p))[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(hessian, design.T @ (p - target))
        w -= step / max(1.0, float(np.abs(step).max()))
    slope, shift = max(float(w[0]), MIN_SLOPE), float(w[1])
    return Curve(
        kind="platt", logits=(-1.0, 1.0), outputs=(shift - slope, shift + slope), tail=slope
    )


def _isotonic(x: Floats, y: Floats) -> Curve:
    """Pool adjacent violators, then lines through the blocks' middles, tilted to keep order."""
    blocks: list[tuple[float, float, float]] = []  # each: examples, rugs, sum of logits
    for i in np.argsort(x, kind="stable"):
        blocks.append((1.0, y[i], x[i]))
        while len(blocks) > 1 and _rate(blocks[-2]) >= _rate(blocks[-1]):
            (n1, k1, s1), (n2, k2, s2) = blocks.pop(), blocks.pop()
            blocks.append((n1 + n2, k1 + k2, s1 + s2))
    n, k, total = np.array(blocks).T
    middles, first = np.unique(total / n, return_index=True)
    rates = np.maximum.accumulate((k + 1) / (n + 2))[first]  # Laplace's rule: never 0 or 1
    if len(middles) < 2:
        return _platt(x, y)
    outputs = np.log(rates / (1 - rates)) + MIN_SLOPE * (middles - middles[0])
    return Curve(
        kind="isotonic",
        logits=tuple(middles.tolist()),
        outputs=tuple(outputs.tolist()),
        tail=MIN_SLOPE,
    )


def _rate(block: tuple[float, float, float]) -> float:
    return block[1] / block[0]


def _at_least(hits: int, n: int, rate: float) -> float:
    """P(X >= hits) for X ~ Binomial(n, rate)."""
    if not 0 < rate < 1:
        return float(rate >= 1)
    k = np.arange(hits, n + 1)
    log_factorial = np.append(0.0, np.cumsum(np.log(np.arange(1, n + 1))))
    choose = log_factorial[n] - log_factorial[k] - log_factorial[n - k]
    return float(np.exp(choose + k * math.log(rate) + (n - k) * math.log1p(-rate)).sum())
