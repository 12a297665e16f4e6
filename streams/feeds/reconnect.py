"""The one shell around every long-lived connection: watch it, and connect again by the rules.

``Reconnecting.items`` yields what a *talk* makes of one connection after the other. It waits
between two as the service's rules say, counts and logs each break, and calls a connection dead that
says nothing for longer than the service is ever quiet. Where to go on is the talk's business: it
keeps its cursor and asks for what lies behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

import structlog

from streams import telemetry
from streams.clock import Clock, SystemClock
from streams.errors import Retry
from streams.feeds.backoff import RULES, Backoff, Rules
from streams.feeds.faults import Denied, Silent, fault_of

__all__ = ["Connection", "Reconnecting", "Watched"]

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Connection(Protocol):
    """What a service is heard through."""

    def frames(self) -> AsyncGenerator[str | bytes, None]:
        """Each message; raises ``Retry`` when the connection ends."""
        ...

    async def send(self, text: str) -> None:
        """Say something to the service; raises ``Retry``."""
        ...

    async def close(self) -> None:
        """Give it up; never raises for what the peer does."""
        ...


class Watched:
    """A connection that is dead when nothing comes for ``silence`` seconds."""

    def __init__(self, connection: Connection, silence: float) -> None:
        self._connection = connection
        self._silence = silence

    async def frames(self) -> AsyncGenerator[str | bytes, None]:
        """As ``Connection``; raises ``Silent`` too."""
        async with aclosing(self._connection.frames()) as frames:
            while True:
                try:
                    async with asyncio.timeout(self._silence):
                        frame = await anext(frames)
                except TimeoutError as error:
                    raise Silent(f"silent for {self._silence:g} s") from error
                except StopAsyncIteration:
                    return
                yield frame

    async def send(self, text: str) -> None:
        """As ``Connection``."""
        await self._connection.send(text)

    async def close(self) -> None:
        """As ``Connection``."""
        await self._connection.close()


class Reconnecting(Generic[T]):
    """One service that is listened to for as long as the process lives."""

    def __init__(
        self,
        name: str,
        dial: Callable[[], Awaitable[Connection]],
        talk: Callable[[Connection], AsyncGenerator[T, None]],
        *,
        silence: float,
        rules: Rules = RULES,
        clock: Clock | None = None,
        jitter: float = 0.25,
    ) -> None:
        """``dial`` connects; ``talk`` turns a connection into items and raises ``Retry``."""
        self.name = name
        self._dial = dial
        self._talk = talk
        self._silence = silence
        self._backoff = Backoff(rules, jitter=jitter)
        self._clock = clock or SystemClock()

    async def items(self) -> AsyncGenerator[T, None]:
        """Everything that the service says, for ever; raises only what is no ``Retry``."""
        while True:
            try:
                async with aclosing(self._connected()) as items:
                    async for item in items:
                        self._backoff.healthy()
                        yield item
                failure = Retry("the service ended the stream")
            except Retry as error:
                failure = error
            await self._wait(failure)

    async def _connected(self) -> AsyncGenerator[T, None]:
        connection = await self._dial()
        try:
            async with aclosing(self._talk(Watched(connection, self._silence))) as items:
                async for item in items:
                    yield item
        finally:
            await connection.close()

    async def _wait(self, failure: Retry) -> None:
        wait, fault = self._backoff.wait_after(failure), fault_of(failure)
        telemetry.FEED_BREAKS.labels(self.name, fault).inc()
        say = log.error if isinstance(failure, Denied) else log.warning
        say("feed_broke", feed=self.name, fault=fault, error=str(failure),
            again_in_seconds=round(wait, 2))  # fmt: skip
        await self._clock.sleep(wait)
