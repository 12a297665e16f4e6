"""When a consumer stops asking: nothing came, and whoever publishes in this process would say so.

A broker that holds each fetch for its whole wait must be asked often to be heard of soon. With
an embedded broker nearly all that is published comes from this very process, which can wake its own
consumers; for what others publish one consumer looks out for all (``lookout``).
"""

from __future__ import annotations

import asyncio
import contextlib
import time

__all__ = ["Doze"]


class Doze:
    """One consumer's sleep; of no seconds, it never sleeps."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._news = asyncio.Event()
        self._until: float | None = None

    @property
    def asleep(self) -> bool:
        """Whether nothing was published here since a look found nothing."""
        return self._until is not None and not self._news.is_set()

    def wake(self) -> None:
        """There is news: to be called after it can be fetched."""
        self._news.set()

    def look(self) -> None:
        """A look for records begins: what is published from here on is news."""
        self._news.clear()

    def begin(self) -> bool:
        """A look has found nothing; whether to sleep until ``wake`` or the end of the doze."""
        if not self._seconds or self._news.is_set():
            return False
        self._until = time.monotonic() + self._seconds
        return True

    async def sleeps(self, seconds: float) -> bool:
        """Wait at most so long; whether the doze goes on."""
        if self._until is None:
            return False
        wait = min(seconds, max(0.0, self._until - time.monotonic()))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._news.wait()
        if self._news.is_set() or time.monotonic() >= self._until:
            self._until = None
        return self._until is not None
