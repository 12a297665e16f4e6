"""The shell around every source: publish what it yields, then save how far it has come.

The source checkpoint is saved after the publication is acknowledged, so a crash repeats at most
one batch, which the log positions make harmless. ``Backlog`` holds a fast source back until the
pipeline has caught up, so that a replay does not pile a whole history up in the broker.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol

import anyio
import msgspec
import structlog
from sqlalchemy import BigInteger, Column, String, Table, delete, select

from streams import telemetry
from streams.broker import Broker, Message
from streams.events import Activity, Head, Launch, Listening, Market, encode
from streams.stage import Drain, message
from streams.state import State, metadata
from streams.topics import ACTIVITY, LAUNCHES

__all__ = [
    "Backlog",
    "Checkpoints",
    "Played",
    "Source",
    "messages_from_activity",
    "run_source",
    "to_every_partition",
]

log = structlog.get_logger(__name__)

_checkpoints = Table(
    "checkpoints",
    metadata,
    Column("source", String, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("incarnation", String, nullable=False),
)


class Played(msgspec.Struct, frozen=True):
    """A batch of activity, never empty, and the source's position once it is published."""

    activity: list[Activity]
    position: int


class Source(Protocol):
    """Where activity comes from; ``batches(since)`` goes on behind a saved position."""

    @property
    def name(self) -> str:
        """Under which its checkpoint is saved."""
        ...

    def batches(self, since: int) -> AsyncIterator[Played]:
        """The activity behind position ``since``; ends only when the source does."""
        ...


class Checkpoints:
    """How far each source has come, in durable state."""

    def __init__(self, state: State, incarnation: str) -> None:
        """``incarnation`` names the broker's memory; a position in another one is void."""
        self._state = state
        self._incarnation = incarnation

    async def load(self, source: str) -> int:
        """The saved position; 0 when there is none in this incarnation of the broker."""
        query = select(_checkpoints.c.position).where(
            _checkpoints.c.source == source, _checkpoints.c.incarnation == self._incarnation
        )
        async with self._state.begin() as connection:
            return (await connection.execute(query)).scalar() or 0

    async def save(self, source: str, position: int) -> None:
        """Note that everything up to ``position`` is published."""
        row = {"source": source, "position": position, "incarnation": self._incarnation}
        async with self._state.begin() as connection:
            await self._state.upsert(connection, _checkpoints, [row])

    async def clear(self, source: str) -> None:
        """Start this source over."""
        async with self._state.begin() as connection:
            await connection.execute(delete(_checkpoints).where(_checkpoints.c.source == source))


class Backlog:
    """Records published and not yet handled; a source waits while there are too many."""

    def __init__(self, most: int = 20_000) -> None:
        self._most = most
        self._open = 0
        self._changed = anyio.Event()

    def add(self, records: int) -> None:
        """So many were published."""
        self._open += records

    def done(self, records: int) -> None:
        """So many were handled downstream."""
        self._open = max(0, self._open - records)
        self._changed.set()
        self._changed = anyio.Event()

    async def room(self) -> None:
        """Return when the pipeline has caught up."""
        while self._open > self._most:
            await self._changed.wait()


async def run_source(
    source: Source,
    broker: Broker,
    checkpoints: Checkpoints,
    *,
    drain: Drain,
    backlog: Backlog,
    progress: Callable[[Played], None],
) -> bool:
    """Publish until the source ends (true) or ``drain`` asks (false). Raises ``Retry``."""
    partitions = await broker.partitions(ACTIVITY.name)
    batches = source.batches(await checkpoints.load(source.name))
    while True:
        played = None
        with drain.interrupts():
            played = await anext(batches, None)
            if played is not None:
                await backlog.room()
        if drain.asked:
            return False
        if played is None:
            return True
        messages = messages_from_activity(played.activity, partitions)
        await broker.publish(messages)
        backlog.add(sum(each.topic == ACTIVITY.name for each in messages))
        await checkpoints.save(source.name, played.position)
        telemetry.SOURCE_HEAD.labels(source.name).set(played.activity[-1].at.timestamp())
        _log_launches(played)
        progress(played)


def to_every_partition(event: Head | Listening | Market, partitions: int) -> list[Message]:
    """What holds for every pool, once for each partition of the activity."""
    value = encode(event)
    return [Message(ACTIVITY.name, event.chain, value, place) for place in range(partitions)]


def _log_launches(played: Played) -> None:
    """Where a trace begins."""
    for event in played.activity:
        if isinstance(event, Launch):
            log.info("launch_told", trace=event.trace, launch=event.id, venue=event.venue)


def messages_from_activity(activity: Iterable[Activity], partitions: int) -> list[Message]:
    """Launches go to both their topics, heads to every partition, the rest by key."""
    messages: list[Message] = []
    for event in activity:
        if isinstance(event, Head):
            messages += to_every_partition(event, partitions)
            continue
        if isinstance(event, Launch):
            messages.append(message(LAUNCHES, event))
        messages.append(message(ACTIVITY, event))
    return messages
