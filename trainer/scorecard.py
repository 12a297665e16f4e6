"""One ``heft eval``: a detector and what it must beat, on the same rows, as one card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.errors import Invalid
from trainer.detectors import Boosting, Linear, Stacked, stacked, untuned
from trainer.evaluate import Detection, calibration_floor, judge
from trainer.sides import Check, Sides, checks_of, kept_apart, parted
from trainer.sources.table import Table, take
from trainer.tasks import Published, Task

__all__ = ["Budget", "Card", "Row", "card_of", "sides_of"]

Floats = NDArray[np.float64]
BUDGETS = (0.01, 0.05, 0.1)
STALE_S = 120 * 86_400.0
SMALLEST_SLICE = 20


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What alerting on the highest scores comes to."""

    share: float
    alerts: int
    precision: float
    lead_hours: float | None
    """Median from the row's moment to the rug among the right alerts, where times are known."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One judged row, as it is written to the scores file."""

    id: str
    score: float
    label: int
    counted: bool
    """Whether metrics count it."""
    slices: dict[str, str]
    parts: dict[str, float]


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an evaluation says; ``auc``, ``ap`` and ``n`` are of ``headline``."""

    task: str
    detector: str
    headline: str
    auc: float
    ap: float
    n: int
    positives: int
    ece: float
    ece_floor: float
    """What perfectly calibrated scores would have been said to err by, on as few rows."""
    auc_interval: tuple[float, float]
    ap_interval: tuple[float, float]
    budgets: list[Budget]
    slices: dict[str, dict[str, Detection]]
    baselines: dict[str, dict[str, float]]
    """Each other detector's AUC by part: ``all`` and, where they exist, ages."""
    parts: dict[str, dict[str, float]]
    weights: dict[str, float]
    published: list[Published]
    checks: list[Check]
    taught: int
    dropped_shared: int
    dropped_future: int


def sides_of(task: Task, train: Path, test: Path | None, *, seed: int = 0) -> Sides:
    """The two sides from two folders, or from one, parted; raises ``Invalid``."""
    known = task.load(train)
    if test is None:
        return parted(known, seed=seed)
    judged = task.load_after(test, train) if task.load_after else task.load(test)
    return kept_apart(known, judged)


def card_of(
    task: Task, sides: Sides, *, progress: Callable[[str], None] = lambda _: None
) -> tuple[Card, list[Row]]:
    """Teach the detector and the baselines, judge them; raises ``Invalid``."""
    train, test = sides.train, sides.test
    detector = stacked(train, test, task.network, trees=task.trees, progress=progress)
    if not np.all(np.isfinite(detector.probabilities)):
        raise Invalid("the detector gave scores that are no numbers", reason="nan")
    baselines = _baselines(task, train, test, progress)
    counted = _headline(task, test)
    main = _judged(detector.probabilities, test, counted)
    if main.auc is None or main.ap is None or main.calibration_error is None:
        raise Invalid("the headline's rows hold only one class", reason="one-class")
    card = Card(
        task=task.name,
        detector=f"HEFT stack: Qwen2 network + {task.trees} + linear, same inputs",
        headline="=".join(task.headline) if task.headline else "all",
        auc=main.auc.value,
        ap=main.ap.value,
        n=main.n,
        positives=main.rugs,
        ece=main.calibration_error,
        ece_floor=calibration_floor(detector.probabilities[counted]),
        auc_interval=(main.auc.low, main.auc.high),
        ap_interval=(main.ap.low, main.ap.high),
        budgets=_budgets(detector.probabilities[counted], take(test, counted)),
        slices=_slices(detector.probabilities, test),
        baselines={name: _aucs(scores, test) for name, scores in baselines.items()},
        parts={name: _aucs(scores, test) for name, scores in detector.parts.items()},
        weights=detector.weights,
        published=list(task.published),
        checks=checks_of(sides),
        taught=len(train),
        dropped_shared=sides.shared,
        dropped_future=sides.future,
    )
    return card, _rows(detector, test)


def _baselines(
    task: Task, train: Table, test: Table, progress: Callable[[str], None]
) -> dict[str, Floats]:
    progress("teaching: baselines")
    worded = any(train.texts)
    found = {
        "rules in the style of scanners": task.rules(test),
        "TF-IDF + logistic regression" if worded else "logistic regression": Linear(train).logits(
            test
        ),
        "gradient boosting": Boosting(train, bags=1).logits(test),
        "untuned base + logistic regression": untuned(train, test, task.network),
    }
    old = train.times < train.times.max() - STALE_S
    if task.stale and 0 < train.labels[old].sum() < old.sum():
        progress("teaching: a stale model")
        found["stale: launches over 120 days older"] = stacked(
            take(train, old), test, task.network, trees=task.trees
        ).probabilities
    return found


def _headline(task: Task, test: Table) -> NDArray[np.bool_]:
    if task.headline is None:
        return test.judged
    name, part = task.headline
    return np.asarray(test.judged & (np.array(test.slices[name]) == part))


def _judged(scores: Floats, test: Table, counted: NDArray[np.bool_]) -> Detection:
    return judge(scores[counted].tolist(), test.labels[counted].tolist())


def _slices(scores: Floats, test: Table) -> dict[str, dict[str, Detection]]:
    """Every part of every slicing that is large enough to say something."""
    found: dict[str, dict[str, Detection]] = {}
    for name, parts in test.slices.items():
        for part in sorted(set(parts)):
            counted = test.judged & (np.array(parts) == part)
            if counted.sum() >= SMALLEST_SLICE:
                found.setdefault(name, {})[part] = _judged(scores, test, counted)
    return found


def _aucs(scores: Floats, test: Table) -> dict[str, float]:
    """AUC of all counted rows, and by age where there are ages."""
    parts = {"all": test.judged}
    for age in sorted(set(test.slices.get("age", []))):
        parts[age] = test.judged & (np.array(test.slices["age"]) == age)
    judged = {name: _judged(scores, test, counted) for name, counted in parts.items()}
    return {name: each.auc.value for name, each in judged.items() if each.auc is not None}


def _budgets(scores: Floats, rows: Table) -> list[Budget]:
    order = np.argsort(-scores, kind="stable")
    found = []
    for share in BUDGETS:
        alerted = order[: max(1, round(share * len(order)))]
        leads = rows.lead[alerted]
        known = leads[np.isfinite(leads)]
        found.append(
            Budget(
                share=share,
                alerts=len(alerted),
                precision=float(rows.labels[alerted].mean()),
                lead_hours=float(np.median(known)) / 3600 if len(known) else None,
            )
        )
    return found


def _rows(detector: Stacked, test: Table) -> list[Row]:
    return [
        Row(
            id=test.ids[place],
            score=float(detector.probabilities[place]),
            label=int(test.labels[place]),
            counted=bool(test.judged[place]),
            slices={name: parts[place] for name, parts in test.slices.items()},
            parts={name: float(scores[place]) for name, scores in detector.parts.items()},
        )
        for place in range(len(test))
    ]
