"""How grave an alert is: what routes and silences choose by."""

from __future__ import annotations

from typing import Literal

from streams.events import Alert

__all__ = ["SEVERITIES", "Severity", "severity"]

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")

CRITICAL_FROM = 0.95
WARNING_FROM = 0.8


def severity(alert: Alert) -> Severity:
    """Critical: it happened, or is all but sure to."""
    if alert.action == "confirmed" or alert.verdict.probability >= CRITICAL_FROM:
        return "critical"
    return "warning" if alert.verdict.probability >= WARNING_FROM else "info"
