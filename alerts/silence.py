"""What somebody does not want to hear for a while: of which tokens, until when, by whom and why.

Pure. A silence holds new messages and updates back from every sink; the topic has them all the
same. What takes a message back (cleared, retracted) is not held: it goes to those alone who were
told. A critical alert passes unless the silence names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from alerts.severity import Severity, severity
from streams.errors import Invalid
from streams.events import Alert

__all__ = ["Silence", "is_within", "silenced_by"]

TAKEN_BACK = frozenset({"cleared", "retracted"})


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """All that it names must fit. Raises ``Invalid`` when it names nothing, or has no end."""

    id: str
    who: str
    why: str
    since: datetime | None = None
    until: datetime | None = None
    hours: str = ""
    """Daily, UTC, such as ``22:00-06:30``: a mute window."""
    chain: str = ""
    venue: str = ""
    token: str = ""
    """The address of the token or its pool, or its symbol."""
    creator: str = ""
    severity: Severity | None = None
    critical: bool = False
    """Whether critical alerts are held back too."""

    def __post_init__(self) -> None:
        if not any((self.chain, self.venue, self.token, self.creator, self.severity, self.hours)):
            raise Invalid(
                "a silence of everything: name a chain, venue, token, creator or severity",
                reason="setting",
            )
        start, _, end = self.hours.partition("-")
        if self.hours and start == end:
            raise Invalid(
                f"a silence of no hours: {self.hours} ends as it starts", reason="setting"
            )
        if self.until is None and not self.hours:
            raise Invalid(
                "a silence without an end: say until when, or which hours", reason="setting"
            )

    def holds(self, alert: Alert, now: datetime) -> bool:
        """Whether the alert is not to be told now."""
        is_critical = severity(alert) == "critical"
        return (
            alert.action not in TAKEN_BACK
            and (not is_critical or self.critical or self.severity == "critical")
            and self.is_on(now)
            and self._fits(alert)
        )

    def is_on(self, now: datetime) -> bool:
        """Whether it is its time."""
        started = self.since is None or self.since <= now
        over = self.until is not None and self.until <= now
        return started and not over and (not self.hours or is_within(self.hours, now))

    def _fits(self, alert: Alert) -> bool:
        verdict = alert.verdict
        called = (verdict.pool, verdict.token_address, verdict.symbol)
        return (
            self.chain in ("", alert.chain)
            and self.venue in ("", verdict.venue)
            and (not self.token or _same(self.token, *called))
            and (not self.creator or _same(self.creator, verdict.creator))
            and self.severity in (None, severity(alert))
        )


def silenced_by(silences: Iterable[Silence], alert: Alert, now: datetime) -> Silence | None:
    """The first that holds the alert back, if any does."""
    return next((each for each in silences if each.holds(alert, now)), None)


def is_within(hours: str, at: datetime) -> bool:
    """Whether ``at`` (UTC) is within these hours, which may pass midnight."""
    start, end = hours.split("-")
    now = f"{at:%H:%M}"
    return start <= now < end if start <= end else now >= start or now < end


def _same(named: str, *called: object) -> bool:
    """People copy addresses in either case; Solana's differ by it, but never by it alone."""
    return any(isinstance(each, str) and each.casefold() == named.casefold() for each in called)
