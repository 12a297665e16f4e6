"""Every topic in pipeline order: name, event type, key, partitions, retention.

A topic's name carries its version; its dead letters stand beside it in ``<name>.dead``. All
topics share the key ``chain:pool`` and the partition count, so that a pool stays on one partition
number from launch to alert (invariant 3).
"""

from __future__ import annotations

from typing import Any

import msgspec

from streams.events import Activity, Alert, DeadLetter, Facts, Launch, Retraction, Verdict
from streams.labels import Label, Ruling
from streams.markets import Candle
from streams.posts import Deletion, Post

__all__ = [
    "ACTIVITY",
    "ALERTS",
    "CANDLES",
    "DAY_MS",
    "DEAD_EVENT",
    "DEAD_RETENTION_MS",
    "FACTS",
    "LABELS",
    "LAUNCHES",
    "POSTS",
    "RULINGS",
    "TOPICS",
    "VERDICTS",
    "Topic",
]

DAY_MS = 86_400_000


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic: what it holds and how long."""

    name: str
    event: Any
    """The struct, or union of structs, that every record decodes to."""
    purpose: str
    retention_ms: int

    @property
    def dead(self) -> str:
        """Where records of this topic go that could not be used."""
        return f"{self.name}.dead"


LAUNCHES = Topic(
    name="heft.launches.v1",
    event=Launch,
    purpose="first sight of each tradable token, for whoever wants only that",
    retention_ms=30 * DAY_MS,
)
ACTIVITY = Topic(
    name="heft.activity.v1",
    event=Activity,
    purpose="launches and what happens on their pools, in chain order per pool",
    retention_ms=2 * DAY_MS,
)
FACTS = Topic(
    name="heft.facts.v1",
    event=Facts | Retraction,
    purpose="dossiers, at launch, at fixed ages and on material change; and retractions",
    retention_ms=7 * DAY_MS,
)
VERDICTS = Topic(
    name="heft.verdicts.v1",
    event=Verdict | Retraction,
    purpose="the model's calibrated opinion on each dossier; and retractions",
    retention_ms=30 * DAY_MS,
)
ALERTS = Topic(
    name="heft.alerts.v1",
    event=Alert,
    purpose="what people are told: raised, updated, confirmed, cleared, retracted",
    retention_ms=90 * DAY_MS,
)

LABELS = Topic(
    name="heft.labels.v1",
    event=Label,
    purpose="what people say of alerts: it was a rug, or a false alarm",
    retention_ms=90 * DAY_MS,
)

RULINGS = Topic(
    name="heft.rulings.v1",
    event=Ruling,
    purpose="what our rules say became of each launch, at fixed horizons",
    retention_ms=90 * DAY_MS,
)
POSTS = Topic(
    name="heft.posts.v1",
    event=Post | Deletion,
    purpose="what people say in public, and that they took it back; authors are hashed",
    retention_ms=3 * DAY_MS,
)
CANDLES = Topic(
    name="heft.candles.v1",
    event=Candle,
    purpose="trades on exchanges, a minute and pair at a time",
    retention_ms=7 * DAY_MS,
)

TOPICS: tuple[Topic, ...] = (
    LAUNCHES, ACTIVITY, FACTS, VERDICTS, ALERTS, LABELS, RULINGS, POSTS, CANDLES,
)  # fmt: skip
DEAD_RETENTION_MS = 30 * DAY_MS
DEAD_EVENT = DeadLetter
