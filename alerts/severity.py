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
    """Critical: it happened, a trap is proven, or it is all but sure to happen."""
    proven = any(trap.proven for trap in alert.verdict.traps) and alert.action != "retracted"
    if proven or alert.action == "confirmed" or alert.verdict.probability >= CRITICAL_FROM:
        return "critical"
    return "warning" if alert.verdict.probability >= WARNING_FROM else "info"
