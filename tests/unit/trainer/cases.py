"""Makes scored launches with outcomes, for the tests of learning."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from heft_model.scorer import verdict_from
from streams.events import Facts, Verdict
from streams.labels import Horizon, Kind, Label, Ruling, Word
from tests.unit.heft_model.making import LAUNCHED, facts
from trainer.asof import Case
from trainer.rulings import RULES

SPANS = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "7d": timedelta(days=7)}
NOW = LAUNCHED + timedelta(days=60)


def dossier(
    number: int, *, hours: int | None = None, drained: bool = False, **changes: Any
) -> Facts:
    """The dossier of a launch's first hour; launch ``number`` comes ``hours`` after the first."""
    launched = LAUNCHED + timedelta(hours=number if hours is None else hours)
    told = facts(number, launched_at=launched, at=launched + timedelta(hours=1), **changes)
    pool = msgspec.structs.replace(
        told.liquidity, reserve=0.1 if drained else 10.0, reserve_max=10.0, removed=9.9 * drained,
        largest_removal_share=0.99 if drained else 0.0,
    )  # fmt: skip
    return msgspec.structs.replace(told, liquidity=pool)


def verdict(told: Facts, probability: float = 0.5, *, bundle: str = "old") -> Verdict:
    """What was said of it, at its moment."""
    return verdict_from(told, probability, threshold=0.8, evidence=[], bundle=bundle, now=told.at)


def ruling(told: Facts, kind: Kind = "alive", horizon: Horizon = "7d", **changes: Any) -> Ruling:
    """What our rules say became of it, at the horizon."""
    made = Ruling(
        chain=told.chain,
        pool=told.pool,
        kind=kind,
        horizon=horizon,
        rules=RULES,
        launched_at=told.launched_at,
        at=told.launched_at + SPANS.get(horizon, timedelta(days=9)),
    )
    return msgspec.structs.replace(made, **changes)


def word(told: Facts, what: Word, who: str = "cli:ann", at: datetime | None = None) -> Label:
    """What somebody says of it."""
    return Label(
        chain=told.chain, pool=told.pool, what=what, who=who,
        at=at or told.at + timedelta(hours=2),
    )  # fmt: skip


def case(number: int, *, rug: bool = False, probability: float = 0.5, **changes: Any) -> Case:
    """A launch that was scored and ruled on."""
    told = changes.pop("facts", None) or dossier(number)
    made = Case(
        facts=told,
        verdict=verdict(told, probability),
        ruling=ruling(told, "liquidity-pulled" if rug else "alive"),
    )
    return msgspec.structs.replace(made, **changes)
