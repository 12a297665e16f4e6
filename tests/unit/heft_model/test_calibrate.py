"""Scores become probabilities that hold, and thresholds keep the precision they state."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from heft_model.calibrate import (
    Curve,
    calibration_error,
    choose_threshold,
    fit_curve,
    log_loss,
    pool_maxima,
    precision_bound,
)
from streams.errors import Invalid

Array = NDArray[Any]


def drawn(count: int, *, steps: bool = False, seed: int = 0) -> tuple[Array, Array, Array]:
    """Logits, labels that follow a known curve of them, and groups of three."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=count)
    true = np.where(logits > 0, 0.8, 0.2) if steps else 1 / (1 + np.exp(-(1.7 * logits - 0.5)))
    return logits, (rng.random(count) < true).astype(float), np.arange(count) // 3


def test_an_overconfident_score_is_put_right() -> None:
    """Logits three times too large come out as what they are worth."""
    logits, labels, groups = drawn(3000)
    curve, held_out = fit_curve(3 * logits, labels, groups)
    assert curve.probability(0.0) == pytest.approx(1 / (1 + np.exp(0.5)), abs=0.05)
    assert calibration_error(held_out, labels) < 0.03


def test_a_step_is_fitted_by_steps() -> None:
    """Where a straight line fits badly, the held-out loss picks the isotonic curve."""
    logits, labels, groups = drawn(3000, steps=True)
    curve, _ = fit_curve(logits, labels, groups)
    assert curve.kind == "isotonic"
    assert curve.probability(-3.0) == pytest.approx(0.2, abs=0.05)
    assert curve.probability(3.0) == pytest.approx(0.8, abs=0.05)


def test_few_pools_get_the_plain_curve() -> None:
    """Steps would remember a handful of pools one by one."""
    logits, labels, groups = drawn(90, steps=True)
    assert fit_curve(logits, labels, groups)[0].kind == "platt"


@given(st.integers(0, 1000), st.booleans())
def test_order_is_never_lost(seed: int, steps: bool) -> None:
    """A higher score is a higher probability, also far outside what was seen."""
    curve, _ = fit_curve(*drawn(700, steps=steps, seed=seed))
    probabilities = curve.probability(np.linspace(-10, 10, 200))
    assert np.all(np.diff(probabilities) > 0)
    assert np.all((probabilities >= 0) & (probabilities <= 1))


def test_an_inverted_score_does_not_turn_the_curve() -> None:
    """A useless score gives flat probabilities, never falling ones."""
    logits, labels, groups = drawn(600)
    curve, _ = fit_curve(-logits, labels, groups)
    assert np.all(np.diff(curve.probability([-5.0, 0.0, 5.0])) > 0)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_class_is_refused(label: float) -> None:
    """Nothing can be said of rugs without rugs, nor without others."""
    with pytest.raises(Invalid, match="both rugs and others"):
        fit_curve([0.0, 1.0], [label, label], ["a", "b"])


@pytest.mark.parametrize(
    "changes",
    [
        {"logits": (1.0, -1.0)},
        {"outputs": (1.0, 1.0)},
        {"outputs": (1.0,)},
        {"logits": (), "outputs": ()},
        {"tail": 0.0},
        {"tail": float("nan")},
        {"outputs": (0.0, float("nan"))},
    ],
)
def test_a_curve_that_does_not_rise_is_refused(changes: dict[str, Any]) -> None:
    """A spoilt calibration.json never turns a verdict round."""
    fields: dict[str, Any] = {"logits": (-1.0, 1.0), "outputs": (-1.0, 1.0), "tail": 1.0}
    with pytest.raises(Invalid, match="does not rise"):
        Curve(kind="platt", **(fields | changes))


@pytest.mark.parametrize(
    ("hits", "n", "bound"), [(45, 50, 0.8011669974), (10, 10, 0.7411344491), (0, 9, 0.0)]
)
def test_the_bound_is_that_of_clopper_and_pearson(hits: int, n: int, bound: float) -> None:
    """Against the quantiles of the beta distribution, at 95 %."""
    assert precision_bound(hits, n, 0.95) == pytest.approx(bound, abs=1e-8)


def test_the_threshold_keeps_its_word() -> None:
    """On pools never seen, alerts at the threshold are as precise as stated, nearly always."""
    kept = 0
    for seed in range(40):
        p, y = probabilities(400, seed)
        threshold = choose_threshold(p, y, precision=0.8, confidence=0.9)
        assert threshold.precision == 0.8
        later, outcome = probabilities(20_000, seed + 1000)
        kept += bool(outcome[later >= threshold.value].mean() >= 0.8)
    assert kept >= 30


def probabilities(count: int, seed: int) -> tuple[Array, Array]:
    """Calibrated probabilities and what came of them."""
    rng = np.random.default_rng(seed)
    p = rng.random(count)
    return p, (rng.random(count) < p).astype(float)


def test_the_lowest_good_threshold_is_taken() -> None:
    """Every pool that may be alerted is: 30 of 30 prove 90 %, and the next three would not."""
    p = np.array([0.9] * 30 + [0.5] * 3 + [0.1] * 30)
    y = np.array([1.0] * 30 + [0.0] * 33)
    threshold = choose_threshold(p, y, precision=0.9, confidence=0.9)
    assert (threshold.value, threshold.alerted, threshold.rugged) == (0.9, 30, 30)


def test_ties_are_never_split() -> None:
    """Pools of equal probability are alerted together, so they count together."""
    p, y = np.array([0.7] * 40), np.array([1.0] * 20 + [0.0] * 20)
    threshold = choose_threshold(p, y, precision=0.9, confidence=0.9)
    assert (threshold.alerted, threshold.rugged) == (40, 20)


def test_what_cannot_be_promised_is_not() -> None:
    """Too few rugs to prove 99.9 %: the best provable precision is stated instead."""
    p, y = np.array([0.9, 0.8, 0.1]), np.array([1.0, 1.0, 0.0])
    threshold = choose_threshold(p, y, precision=0.999, confidence=0.9)
    assert threshold.value == 0.8
    assert threshold.wanted == 0.999
    assert threshold.precision == pytest.approx(0.1**0.5)


def test_a_pool_counts_once_at_its_highest() -> None:
    """A pool is alerted when any of its dossiers is, and rugs when any says so."""
    p, y = pool_maxima([0.1, 0.9, 0.4, 0.2], [0.0, 1.0, 0.0, 0.0], ["a", "a", "b", "b"])
    assert (p.tolist(), y.tolist()) == ([0.9, 0.4], [1.0, 0.0])


def test_errors_of_the_perfect_and_the_worst() -> None:
    """Both measures are zero for the truth and large for its contrary."""
    truth = np.array([0.0, 1.0] * 10)
    assert calibration_error(truth, truth) == 0
    assert calibration_error(1 - truth, truth) == 1
    assert log_loss(truth, truth) == pytest.approx(0, abs=1e-5)
    assert log_loss(1 - truth, truth) > 13
