"""Which launches are one wave, so that one alert speaks for them all.

Pure. One account's launches on a chain are a wave. Where the account is unknown, launches with one
symbol are; a token without either is a wave of its own.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from alerts.severity import severity
from streams.events import Alert

__all__ = ["Crest", "Waves", "wave_of"]


class Waves(msgspec.Struct, frozen=True, kw_only=True):
    """How long an alert speaks for its wave."""

    seconds: float = 0.0
    """After the last one told, on the chain's clock; 0 lets every alert speak for itself."""
    critical: bool = False
    """Whether critical alerts are spoken for too."""

    def holds(self, alert: Alert, crest: Crest | None) -> bool:
        """Whether the wave's last alert speaks for this one; its own pool's follow-ups pass."""
        if crest is None or crest.pool == alert.key or not self.leads(alert):
            return False
        if severity(alert) == "critical" and not self.critical:
            return False
        return alert.at - crest.at < timedelta(seconds=self.seconds)

    def leads(self, alert: Alert) -> bool:
        """Whether an alert like this speaks for its wave; what ends one speaks for itself."""
        return self.seconds > 0 and alert.action in ("raised", "updated")


class Crest(msgspec.Struct, frozen=True):
    """The last alert that was told of a wave."""

    pool: str
    at: datetime


def wave_of(alert: Alert) -> str:
    """The wave's name, equal for all of its alerts."""
    verdict = alert.verdict
    if verdict.creator:
        return f"{alert.chain}:creator:{verdict.creator}"
    if verdict.symbol:
        return f"{alert.chain}:symbol:{verdict.symbol.casefold()}"
    return alert.key
