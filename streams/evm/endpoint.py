"""What is known of one endpoint: how fast and how sound it is, how often it may be asked.

Pure: moments are seconds of any clock that only goes forward. Latency and errors are exponentially
weighted means; the pace that a provider allows is learnt as TCP learns a path's: doubled at a
refusal, eased a little with every answer (additive-increase/multiplicative-decrease, RFC 5681).
"""

from __future__ import annotations

from math import inf

import msgspec

__all__ = ["Endpoint"]

WEIGHT = 0.2
"""Of the newest observation in a mean."""
FIRST_REST_S, LONGEST_REST_S = 0.25, 30.0
LONGEST_HOLD_S = 600.0
FIRST_PACE_S, SLOWEST_PACE_S = 0.05, 2.0
EASED = 0.98
FIRST_BATCH = 100
"""Calls in one batch until a provider refuses so many."""


class Endpoint(msgspec.Struct, kw_only=True):
    """One URL of a chain, and what asking it has taught. ``url`` may hold a key: never print it."""

    url: str
    label: str
    """Fit to be read by anybody."""
    latency: float = 0.2
    errors: float = 0.0
    """Mean of 0 for an answer and 1 for a failure."""
    rest_until: float = -inf
    """Asked last until then, for it failed: a node that is back must not be waited for."""
    hold_until: float = -inf
    """Not asked before, for it said so."""
    failures: int = 0
    """In a row."""
    pace: float = 0.0
    """Least seconds between two requests."""
    next_at: float = -inf
    slowed_until: float = -inf
    """Until then a refusal is of what was asked before the pace was changed."""
    batch: int = FIRST_BATCH
    unsupported: set[str] = msgspec.field(default_factory=set)
    wrong: str = ""
    """Why it is never asked again, e.g. another chain's id."""

    def score(self, now: float) -> float:
        """Less is better: expected seconds until an answer of this endpoint."""
        wait = max(0.0, self.rest_until - now, self.hold_until - now, self.next_at - now)
        return wait + self.latency * (1.0 + 20.0 * self.errors)

    def delay(self, now: float) -> float:
        """Seconds to wait before the next request, which takes this turn."""
        start = max(now, self.next_at, self.hold_until)
        self.next_at = start + self.pace
        return start - now

    def answered(self, seconds: float) -> None:
        """It answered, whatever it said."""
        self.latency += WEIGHT * (seconds - self.latency)
        self.errors -= WEIGHT * self.errors
        self.failures = 0
        self.rest_until = -inf
        self.pace = self.pace * EASED if self.pace > 0.001 else 0.0

    def failed(self, now: float, retry_after: float | None = None) -> None:
        """It could not be asked, or lied; it rests, longer each time in a row."""
        self.errors += WEIGHT * (1.0 - self.errors)
        rest = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(self.failures, 10))
        self.failures += 1
        self.rest_until = now + rest
        if retry_after:
            self.hold_until = max(self.hold_until, now + min(retry_after, LONGEST_HOLD_S))

    def refused_rate(self, now: float, retry_after: float | None = None) -> None:
        """It was asked too often. What was under way then is refused too, and slows it no more."""
        if now >= self.slowed_until:
            self.pace = min(SLOWEST_PACE_S, max(FIRST_PACE_S, 2.0 * self.pace))
            self.slowed_until = now + max(self.latency, self.pace)
        self.failed(now, retry_after)

    def refused_batch(self, size: int) -> None:
        """A batch of ``size`` was too many for it."""
        self.batch = max(1, min(self.batch, size // 2))

    def took_batch(self) -> None:
        """A batch was answered: what was refused may have been a bad moment."""
        self.batch = min(FIRST_BATCH, self.batch + 1)
