"""One node listened to: the slots, the logs of launches, and whole blocks where it offers them.

A notification is a hint: slots wake the follower, logs are told before their block and proven or
taken back by it, a block is told when it stands on our last. So one that is missed, repeated or out
of order costs time at most. ``slotSubscribe`` is the pulse: a socket without a slot for a while is
dead, whatever TCP says, and is left for another.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import structlog

from streams.errors import HeftError, Retry
from streams.evm.endpoint import Endpoint
from streams.evm.endpoints import Endpoints
from streams.solana.rpc import Block, Commitment
from streams.solana.spoken import SPEAKING, Spoken, may_launch

__all__ = ["Heard", "Listener", "subscriptions"]

log = structlog.get_logger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0

Heard = Block | Spoken | int
"""A block, a log, or the slot that a node has reached."""


def subscriptions(commitment: Commitment) -> list[list[Any]]:
    """What a listener asks for. Logs only where ``processed`` is earlier than what is told."""
    blocks = {
        "commitment": commitment,
        "encoding": "json",
        "transactionDetails": "full",
        "maxSupportedTransactionVersion": 0,
        "showRewards": False,
    }
    asked: list[list[Any]] = [["slotSubscribe"], ["blockSubscribe", "all", blocks]]
    if commitment != "finalized":
        processed = {"commitment": "processed"}
        asked += [["logsSubscribe", {"mentions": [each]}, processed] for each in SPEAKING]
    return asked


class Listener:
    """``run`` listens at one node until it is cancelled, and hands on what it hears."""

    def __init__(
        self,
        endpoints: Endpoints,
        endpoint: Endpoint,
        asked: Sequence[Sequence[Any]],
        *,
        silence: float,
        hear: Callable[[Heard], None],
    ) -> None:
        """A socket that says nothing for ``silence`` seconds is taken for dead."""
        self._endpoints = endpoints
        self._endpoint = endpoint
        self._asked = asked
        self._silence = silence
        self._hear = hear

    async def run(self) -> None:
        """Subscribe, listen, and subscribe again whenever the connection is lost."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                async for notice in self._notices():
                    pause = FIRST_PAUSE_S
                    if (heard := heard_in(notice)) is not None:
                        self._hear(heard)
            except HeftError as error:
                wait = max(pause, getattr(error, "retry_after", None) or 0.0)
                log.info("listener_lost", endpoint=self._endpoint.label, error=str(error))
                pause = min(LONGEST_PAUSE_S, 2 * pause)
                await asyncio.sleep(wait)

    async def _notices(self) -> AsyncIterator[bytes]:
        """Notices until the socket is lost or silent."""
        listening = self._endpoints.listen(*self._asked, at=self._endpoint)
        async with contextlib.aclosing(listening) as notices:
            while True:
                try:
                    async with asyncio.timeout(self._silence):
                        notice = await anext(notices)
                except TimeoutError as error:
                    raise Retry(f"no slot for {self._silence:g} s") from error
                yield bytes(notice)


class _Context(msgspec.Struct):
    slot: int = 0


class _Value(msgspec.Struct):
    slot: int = 0
    signature: str = ""
    err: Any = None
    logs: list[Any] | None = None
    block: Block | None = None


class _Notice(msgspec.Struct):
    slot: int = 0
    context: _Context | None = None
    value: _Value | None = None


_notice = msgspec.json.Decoder(_Notice)


def heard_in(notice: bytes) -> Heard | None:
    """What one notification says; ``None`` when it is of no use, or nonsense."""
    if b'"logs"' in notice and b'"block"' not in notice and not may_launch(notice):
        return None
    try:
        said = _notice.decode(notice)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    value = said.value
    if value is None:
        return said.slot or None
    if value.block is not None:
        return msgspec.structs.replace(value.block, slot=value.slot) if value.slot else None
    if value.err is None and value.logs and value.signature and said.context:
        return Spoken(said.context.slot, value.signature, value.logs)
    return None
