"""A feed that says nothing for longer than expected is reported, once for each silence."""

from __future__ import annotations

from datetime import datetime

import structlog

from streams import telemetry
from streams.clock import Clock

__all__ = ["Silence"]

LOOKS = 5
"""Looks at the clock in one expected interval: a silence is told at most a fifth of it late."""

log = structlog.get_logger(__name__)


class Silence:
    """When a feed was last heard, and whether that is too long ago."""

    def __init__(self, name: str, expected: float, clock: Clock) -> None:
        """``expected``: seconds within which something always comes while all is well."""
        self.name = name
        self._expected = expected
        self._clock = clock
        self._heard: datetime = clock.now()
        self.since: datetime = clock.now()
        """From when on it was heard without a silence."""
        self.ever = False
        self.is_silent = False
        telemetry.FEED_SILENT.labels(name).set(0)

    def heard(self) -> None:
        """Something came."""
        self._heard = self._clock.now()
        telemetry.FEED_HEARD.labels(self.name).set(self._heard.timestamp())
        if not self.ever or self.is_silent:
            self.ever, self.since = True, self._heard
        if self.is_silent:
            self.is_silent = False
            telemetry.FEED_SILENT.labels(self.name).set(0)
            log.info("feed_heard_again", feed=self.name)

    def look(self) -> None:
        """Report a silence that has become too long."""
        quiet = (self._clock.now() - self._heard).total_seconds()
        if quiet >= self._expected and not self.is_silent:
            self.is_silent = True
            telemetry.FEED_SILENT.labels(self.name).set(1)
            log.error("feed_silent", feed=self.name, seconds=round(quiet),
                      expected_within_seconds=self._expected)  # fmt: skip

    async def watch(self) -> None:
        """Look now and then, until cancelled."""
        while True:
            await self._clock.sleep(self._expected / LOOKS)
            self.look()
