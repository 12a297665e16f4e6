"""Notices that a program has changed: the share of its instructions that cannot be read.

An upgrade that breaks a listener makes no error anywhere; this counts, by venue, what was decoded
and what was not, and says so within a minute when a minute's share passes a limit.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

import structlog

from streams import telemetry
from streams.solana.decode import Outcome

__all__ = ["Drift"]

log = structlog.get_logger(__name__)

WINDOW_S = 30.0
"""Judged twice a minute, so that an alarm comes within 60 s of its cause."""
ALARMING_SHARE = 0.02
"""Of a venue's instructions and events in one window; single strange ones are always about."""
FEWEST = 20
"""Instructions of a venue in a window before its share means anything."""


class Drift:
    """Counts of one source, judged window by window."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: Counter[tuple[str, str]] = Counter()
        self._since = clock()
        self.alarmed: frozenset[str] = frozenset()
        """Venues whose last full window was alarming."""

    def note(self, outcomes: Mapping[tuple[str, Outcome], int]) -> None:
        """Add a transaction's outcomes by venue; the window is judged when it is over."""
        for (venue, outcome), many in outcomes.items():
            telemetry.SOLANA_DECODED.labels(telemetry.venue_label(venue), outcome).inc(many)
        self._counts.update(outcomes)
        if self._clock() - self._since >= WINDOW_S:
            self._judge()

    def refused(self, reason: str) -> None:
        """A transaction that could not be told at all."""
        telemetry.SOLANA_DECODED.labels(telemetry.OTHER, reason).inc()

    def _judge(self) -> None:
        venues = {venue for venue, _ in self._counts}
        alarmed = {venue for venue in venues if self._share(venue) >= ALARMING_SHARE}
        for venue in venues:
            telemetry.SOLANA_DRIFT.labels(telemetry.venue_label(venue)).set(venue in alarmed)
        for venue in sorted(alarmed - self.alarmed):
            log.error("program_drifted", venue=venue, share=round(self._share(venue), 4))
        self.alarmed = frozenset(alarmed)
        self._counts.clear()
        self._since = self._clock()

    def _share(self, venue: str) -> float:
        strange = self._counts[venue, "unknown"] + self._counts[venue, "undecodable"]
        everything = strange + self._counts[venue, "decoded"]
        return strange / everything if everything >= FEWEST else 0.0
