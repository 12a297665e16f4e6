"""The Kafka alert topic: every alert, whether or not another sink wants it.

It is not a sink of the outbox, because the stage loop does better: it publishes an outcome's
messages and waits for the acknowledgements before anything is saved or committed (invariant 1).
"""

from __future__ import annotations

from collections.abc import Iterable

from streams import telemetry
from streams.events import Alert
from streams.stage import Outcome, message
from streams.topics import ALERTS

__all__ = ["count_acknowledged", "outcome"]

NAME = "topic"


def outcome(alerts: Iterable[Alert]) -> Outcome:
    """The alerts as the alert stage publishes them: in order, under their pools' keys."""
    return Outcome(messages=[message(ALERTS, alert) for alert in alerts])


def count_acknowledged(alerts: Iterable[Alert]) -> None:
    """Count alerts that the topic has."""
    for alert in alerts:
        telemetry.ALERTS.labels(alert.action).inc()
        telemetry.SINK_DELIVERIES.labels(NAME, "sent").inc()
