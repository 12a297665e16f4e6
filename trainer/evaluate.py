"""How good scores are, said with the uncertainty that the number of pools leaves.

Metrics are scikit-learn's; intervals are percentile bootstraps over rows, which are pools when
one age is judged at a time. Nothing here knows where scores come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from heft_model.calibrate import calibration_error

__all__ = ["Detection", "Interval", "calibration_floor", "judge"]

RESAMPLES = 500
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


class Interval(msgspec.Struct, frozen=True):
    """A figure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """How well scores part rugs from the rest; ``None`` where only one class is present."""

    n: int
    rugs: int
    auc: Interval | None
    ap: Interval | None
    calibration_error: float | None


def judge(probabilities: Sequence[float], labels: Sequence[bool], *, seed: int = 0) -> Detection:
    """AUC, average precision and calibration error of ``probabilities`` against ``labels``."""
    scores, rugs = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=bool)
    both = 0 < rugs.sum() < len(rugs)
    return Detection(
        n=len(rugs),
        rugs=int(rugs.sum()),
        auc=_interval(roc_auc_score, scores, rugs, seed) if both else None,
        ap=_interval(average_precision_score, scores, rugs, seed) if both else None,
        calibration_error=float(calibration_error(scores, rugs)) if len(rugs) else None,
    )


def calibration_floor(probabilities: Floats, *, seed: int = 0) -> float:
    """The mean calibration error of outcomes drawn from ``probabilities`` themselves.

    Binned calibration error is biased upwards when rows are few [1]: this is what is left of it
    where nothing is wrong.

    [1] R. Roelofs et al., "Mitigating bias in calibration error estimation", AISTATS 2022.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.random((200, len(probabilities))) < probabilities
    return float(np.mean([calibration_error(probabilities, outcomes) for outcomes in drawn]))


def _interval(
    metric: Callable[[Flags, Floats], float], scores: Floats, rugs: Flags, seed: int
) -> Interval:
    rng = np.random.default_rng(seed)
    values: list[float] = []
    while len(values) < RESAMPLES:
        picked = rng.integers(0, len(rugs), len(rugs))
        if 0 < rugs[picked].sum() < len(rugs):
            values.append(float(metric(rugs[picked], scores[picked])))
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(float(metric(rugs, scores)), float(low), float(high))
