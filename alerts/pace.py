"""Keeps one receiver's requests within its service's rates, over restarts too.

A leaky bucket (aiolimiter) lets a full bucket and a window's worth of drops through in one window,
twice what a service that counts in sliding windows allows; so the requests of the longest window
are remembered one by one. Each is written to the ledger *before* it is made: a process that was
killed between the two has counted one too many, never one too few.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from alerts.ledger import Ledger
from alerts.limits import Rate
from streams.clock import Clock

__all__ = ["Pace"]

LATEST_SECONDS = 2.0
"""How much later than we noted it a request may have come to its service."""

SLACK_SECONDS = 0.05
"""Requests a window apart at our end may arrive a little less than that apart."""

BURSTS = 5
"""A window's requests are spent in so many parts: spent all at once they leave a silence in which
a warning waits; now it waits for a fifth of it at most."""


class Pace:
    """When the next request to ``sink`` may be made."""

    def __init__(self, sink: str, rates: Sequence[Rate], ledger: Ledger, clock: Clock) -> None:
        self._sink = sink
        self._rates = rates
        self._ledger = ledger
        self._clock = clock
        self._longest = timedelta(
            seconds=max((rate.seconds for rate in rates), default=0.0) + LATEST_SECONDS
        )
        self._made: list[datetime] = []
        """When each request of the longest window may have been counted, in order."""
        self._noted: list[datetime] = []
        """The same as the ledger has them."""
        self._last: datetime | None = None
        self._has_started = False
        self._resting_until: datetime | None = None

    async def turn(self, *, evenly: bool = False) -> None:
        """Return when a request may be made, and count it; ``evenly`` spends no burst.

        Raises ``Retry`` when the ledger is out of reach.
        """
        if not self._rates:
            return
        while True:
            while (wait := self._wait(evenly)) > 0:
                await self._clock.sleep(wait)
            now = self._clock.now()
            forget = now - self._longest
            self._noted = [at for at in self._noted if at > forget]
            others = await self._ledger.note_request(self._sink, now, self._noted, forget=forget)
            self._count(others, now)
            self._has_started = True
            if not others:
                break
        self._noted.append(now)
        insort(self._made, now)
        self._last = now

    def rest(self, seconds: float) -> None:
        """Make no request for so long: the service has said so."""
        self._resting_until = self._clock.now() + timedelta(seconds=seconds)

    def answered(self) -> None:
        """The last request counts from its answer: no sooner can its service have counted it."""
        if self._last in self._made:
            self._made.remove(self._last)
            self._last = self._clock.now()
            insort(self._made, self._last)

    def _count(self, others: Sequence[datetime], now: datetime) -> None:
        """What was noted before we were started again, or by another process since.

        When each came to its service is not known, but hardly later than ``LATEST_SECONDS``. Of
        before our start it has come by now: more would leave nothing to say in a crash loop.
        """
        latest = timedelta(seconds=LATEST_SECONDS)
        for at in others:
            insort(self._made, at + latest if self._has_started else min(at + latest, now))
        self._noted += others

    def _wait(self, evenly: bool) -> float:
        """Seconds until the next request fits into every window."""
        now = self._clock.now()
        self._made = [at for at in self._made if at >= now - self._longest]
        free = [self._resting_until or now, *self._free(self._made, evenly)]
        return (max(free) - now).total_seconds()

    def _free(self, made: Sequence[datetime], evenly: bool) -> Iterable[datetime]:
        for rate in self._rates:
            window = rate.seconds + SLACK_SECONDS
            if len(made) >= rate.requests:
                yield made[-rate.requests] + timedelta(seconds=window)
            burst = max(rate.requests // BURSTS, 1)
            if len(made) >= burst:
                yield made[-burst] + timedelta(seconds=window * burst / rate.requests)
            if evenly and made:
                yield made[-1] + timedelta(seconds=window / rate.requests)
