"""Keeps one receiver's requests within its service's rates, over restarts too.

A leaky bucket (aiolimiter) lets a full bucket and a window's worth of drops through in one window,
twice what a service that counts in sliding windows allows; so the requests of the longest window
are remembered one by one. Each is written to the ledger *before* it is made: a process that was
killed between the two has counted one too many, never one too few.
"""

from __future__ import annotations

from collections import deque
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
        self._made: deque[datetime] | None = None
        self._resting_until: datetime | None = None

    async def turn(self, *, evenly: bool = False) -> None:
        """Return when a request may be made, and count it; ``evenly`` spends no burst.

        Raises ``Retry`` when the ledger is out of reach.
        """
        if not self._rates:
            return
        made = await self._load()
        while (wait := self._wait(made, evenly)) > 0:
            await self._clock.sleep(wait)
        now = self._clock.now()
        await self._ledger.note_request(self._sink, now, forget=now - self._longest)
        made.append(now)

    def rest(self, seconds: float) -> None:
        """Make no request for so long: the service has said so."""
        self._resting_until = self._clock.now() + timedelta(seconds=seconds)

    def answered(self) -> None:
        """The last request counts from its answer: no sooner can its service have counted it."""
        if self._made:
            self._made[-1] = self._clock.now()

    async def _load(self) -> deque[datetime]:
        """What was noted before we were started again.

        When each came to its service is not known, but that it was by the time of the next one,
        and hardly later than ``LATEST_SECONDS``: more would leave nothing to say in a crash loop.
        """
        if self._made is None:
            now = self._clock.now()
            noted = await self._ledger.requests(self._sink, now - self._longest)
            latest = timedelta(seconds=LATEST_SECONDS)
            after = [*noted[1:], now]
            self._made = deque(
                min(at + latest, next_) for at, next_ in zip(noted, after, strict=False)
            )
        return self._made

    def _wait(self, made: deque[datetime], evenly: bool) -> float:
        """Seconds until the next request fits into every window."""
        now = self._clock.now()
        while made and made[0] < now - self._longest:
            made.popleft()
        free = [self._resting_until or now, *self._free(made, evenly)]
        return (max(free) - now).total_seconds()

    def _free(self, made: deque[datetime], evenly: bool) -> Iterable[datetime]:
        for rate in self._rates:
            window = rate.seconds + SLACK_SECONDS
            if len(made) >= rate.requests:
                yield made[-rate.requests] + timedelta(seconds=window)
            burst = max(rate.requests // BURSTS, 1)
            if len(made) >= burst:
                yield made[-burst] + timedelta(seconds=window * burst / rate.requests)
            if evenly and made:
                yield made[-1] + timedelta(seconds=window / rate.requests)
