"""Notices that a program has changed: what of its instructions and events cannot be read.

An upgrade that breaks a listener makes no error anywhere; this counts, by venue, what was decoded
and what was not. A new way of making pools is rare among trades and moves no share, so the same
strange thing a few times in a window is an alarm at once: a transaction that succeeded did
something that we do not know. A share of everything is one too, at the window's end.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import structlog

from streams import telemetry
from streams.solana.decode import Outcome

__all__ = ["Drift"]

log = structlog.get_logger(__name__)

WINDOW_S = 30.0
"""Judged twice a minute, so that an alarm comes within 60 s of its cause."""
ALARMING_SHARE = 0.02
"""Of a venue's instructions and events in one window; single strange ones are always about."""
REPEATED = 3
"""Times that the same thing must be strange in one window."""
MOST_SHOWN = 32
FEWEST = 20
"""Instructions of a venue in a window before its share means anything."""


class Drift:
    """Counts of one source, judged window by window."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: Counter[tuple[str, str]] = Counter()
        self._strange: Counter[tuple[str, str]] = Counter()
        self._since = clock()
        self.alarmed: frozenset[str] = frozenset()
        """Venues that are alarming: in this window, or in the last that was full."""

    def note(
        self,
        outcomes: Mapping[tuple[str, Outcome], int],
        strange: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Add a transaction's outcomes by venue, and what was strange in it."""
        for (venue, outcome), many in outcomes.items():
            telemetry.SOLANA_DECODED.labels(telemetry.venue_label(venue), outcome).inc(many)
        self._counts.update(outcomes)
        for venue, what in strange:
            self._strange[venue, what] += 1
            if self._strange[venue, what] == REPEATED:
                self._alarm(venue, what=what[:MOST_SHOWN])
        self.look()

    def look(self) -> None:
        """Judge the window if it is over, however quiet it was."""
        if self._clock() - self._since >= WINDOW_S:
            self._judge()

    def refused(self, reason: str) -> None:
        """A transaction that could not be told at all."""
        telemetry.SOLANA_DECODED.labels(telemetry.OTHER, reason).inc()

    def _judge(self) -> None:
        venues = {venue for venue, _ in self._counts}
        repeated = {venue for (venue, _), many in self._strange.items() if many >= REPEATED}
        alarmed = {venue for venue in venues if self._share(venue) >= ALARMING_SHARE} | repeated
        for venue in sorted(alarmed):
            self._alarm(venue, share=round(self._share(venue), 4))
        for venue in (venues | self.alarmed) - alarmed:
            telemetry.SOLANA_DRIFT.labels(telemetry.venue_label(venue)).set(0)
        self.alarmed = frozenset(alarmed)
        self._counts.clear()
        self._strange.clear()
        self._since = self._clock()

    def _alarm(self, venue: str, **found: object) -> None:
        """Said once, until a window without it."""
        if venue not in self.alarmed:
            log.error("program_drifted", venue=venue, **found)
            self.alarmed |= {venue}
        telemetry.SOLANA_DRIFT.labels(telemetry.venue_label(venue)).set(1)

    def _share(self, venue: str) -> float:
        strange = self._counts[venue, "unknown"] + self._counts[venue, "undecodable"]
        everything = strange + self._counts[venue, "decoded"]
        return strange / everything if everything >= FEWEST else 0.0
