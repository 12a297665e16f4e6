"""Word that a chain has moved: from a subscription while one lives, from the clock otherwise.

A notice is only a hint; what is told is read from the nodes (``fetch``). So a subscription that
drops events, dies or lies costs time and nothing else. Logs are not subscribed to: their
``removed: true`` comes late or never, and the heads say the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

import msgspec
import structlog

from streams.errors import HeftError, Retry
from streams.evm.blocks import Block, Header, block_of
from streams.evm.endpoints import Endpoints
from streams.feeds.backoff import Backoff, Rule, Rules
from streams.feeds.faults import Silent

__all__ = ["Heads"]

log = structlog.get_logger(__name__)

PAUSES: Rules = dict.fromkeys(
    ("network", "http", "limit", "silence", "denied"), Rule(0.2, 5.0, factor=2.0)
)
"""Short ones: another node is subscribed to, and each rests by itself (``endpoint``)."""


class Heads:
    """The newest hint of one chain. ``run`` listens until it is cancelled."""

    def __init__(
        self, endpoints: Endpoints, *, silence: float, subscription: Sequence[str] = ("newHeads",)
    ) -> None:
        """A socket that says nothing for ``silence`` seconds is taken for dead."""
        self._endpoints = endpoints
        self._silence = silence
        self._subscription = subscription
        self._woken = asyncio.Event()
        self._hint: Block | None = None

    async def wait(self, seconds: float) -> Block | None:
        """The next hint, or none after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        self._woken.clear()
        hint, self._hint = self._hint, None
        return hint

    async def run(self) -> None:
        """Subscribe, listen, and subscribe again whenever the connection is lost."""
        backoff = Backoff(PAUSES)
        while True:
            try:
                async for notice in self._notices():
                    backoff.healthy()
                    self._take(notice)
            except HeftError as error:
                log.info("heads_lost", chain=self._endpoints.chain, error=str(error))
                self._woken.set()  # what was missed meanwhile is asked for at once
                failure = error if isinstance(error, Retry) else Retry(str(error))
                await asyncio.sleep(backoff.wait_after(failure))

    async def _notices(self) -> AsyncIterator[msgspec.Raw]:
        """Notices until the socket is lost or silent."""
        async with contextlib.aclosing(self._endpoints.listen(self._subscription)) as notices:
            while True:
                try:
                    async with asyncio.timeout(self._silence):
                        notice = await anext(notices)
                except TimeoutError as error:
                    raise Silent(f"no head for {self._silence:g} s") from error
                yield notice

    def _take(self, notice: msgspec.Raw) -> None:
        with contextlib.suppress(msgspec.MsgspecError, Retry):  # the nodes are asked anyway
            self._hint = block_of(msgspec.json.decode(notice, type=Header))
        self._woken.set()
