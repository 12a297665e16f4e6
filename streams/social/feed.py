"""The Feed seam, and the shell around every feed: publish what it hears, then save how far it is.

The cursor is saved after the publication is acknowledged (invariant 1). What a service sends again
is known by its id and stands once in the topic, as far back as ``Seen`` remembers; after a crash
the last batch may come again, which readers know by the same id.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import NamedTuple, Protocol

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from sqlalchemy import Column, String, Table, Text, select

from streams import telemetry
from streams.broker import Broker
from streams.errors import Invalid
from streams.feeds.seen import Seen
from streams.feeds.silence import Silence
from streams.posts import Deletion, Post
from streams.stage import Drain, message
from streams.state import State, metadata
from streams.topics import POSTS

__all__ = ["Cursors", "Feed", "Heard", "Posting", "refuse", "run_feed"]

WAITING = 2_000
"""Posts between the service and Kafka: when these are full, the service waits, too."""
AT_ONCE = 500

_cursors = Table(
    "feed_cursors",
    metadata,
    Column("feed", String, primary_key=True),
    Column("incarnation", String, nullable=False),
    Column("cursor", Text, nullable=False),
)
log = structlog.get_logger(__name__)


class Heard(NamedTuple):
    """What came: a post, a deletion, or only a sign of life; and the place to go on behind it."""

    event: Post | Deletion | None
    cursor: str = ""


class Feed(Protocol):
    """A service that posts come from, for ever."""

    name: str
    """Of the feed in topics, metrics and logs: a slug."""
    expected: float
    """Seconds within which something always comes while all is well."""

    def heard(self, since: str) -> AsyncGenerator[Heard, None]:
        """Everything behind the cursor ``since`` (empty: from now), then what comes."""
        ...

    async def close(self) -> None:
        """Give its connections back."""
        ...


class Cursors:
    """How far each feed has come, in durable state."""

    def __init__(self, state: State, incarnation: str) -> None:
        """``incarnation`` names the broker's memory; a cursor of another one is void."""
        self._state = state
        self._incarnation = incarnation

    async def load(self, feed: str) -> str:
        """The saved cursor; empty when there is none."""
        query = select(_cursors.c.cursor).where(
            _cursors.c.feed == feed, _cursors.c.incarnation == self._incarnation
        )
        async with self._state.begin() as connection:
            return (await connection.execute(query)).scalar() or ""

    async def save(self, feed: str, cursor: str) -> None:
        """Note that everything up to ``cursor`` is published."""
        row = {"feed": feed, "incarnation": self._incarnation, "cursor": cursor}
        async with self._state.begin() as connection:
            await self._state.upsert(connection, _cursors, [row])


class Posting:
    """Publishes each post and deletion once."""

    def __init__(self, broker: Broker, seen: Seen | None = None) -> None:
        self._broker = broker
        self._seen = seen or Seen()
        self._turn = anyio.Lock()

    async def publish(self, name: str, events: Sequence[Post | Deletion]) -> int:
        """Those that are new, acknowledged; how many there were. Raises ``Retry``."""
        async with self._turn:  # what two senders bring at once is new for one of them
            batch = {event.id: event for event in events if event.id not in self._seen}
            await self._broker.publish([message(POSTS, event) for event in batch.values()])
            for key in batch:
                self._seen.add(key)
        telemetry.FEED_ITEMS.labels(name, "published").inc(len(batch))
        telemetry.FEED_ITEMS.labels(name, "known").inc(len(events) - len(batch))
        return len(batch)


async def run_feed(
    feed: Feed, posting: Posting, cursors: Cursors, *, silence: Silence, drain: Drain
) -> None:
    """Publish what the feed hears until ``drain`` asks; raises ``Retry`` for the broker's sake."""
    send, receive = anyio.create_memory_object_stream[Heard](WAITING)
    since = await cursors.load(feed.name)
    try:
        async with anyio.create_task_group() as group:
            with drain.interrupts():
                group.start_soon(_listen, feed, since, send)
                group.start_soon(silence.watch)
                await _publish(feed.name, receive, posting, cursors, silence)
            group.cancel_scope.cancel()
    except* Exception as failures:  # noqa: BLE001 - one cause, told as itself
        raise _first(failures) from None
    finally:
        with anyio.CancelScope(shield=True):
            await feed.close()


async def _listen(feed: Feed, since: str, send: MemoryObjectSendStream[Heard]) -> None:
    async with send, aclosing(feed.heard(since)) as heard:
        async for each in heard:
            await send.send(each)


async def _publish(
    name: str,
    receive: MemoryObjectReceiveStream[Heard],
    posting: Posting,
    cursors: Cursors,
    silence: Silence,
) -> None:
    """Whatever waits is one batch, so that a slow broker makes larger ones."""
    async with receive:
        async for first in receive:
            batch = [first]
            while len(batch) < AT_ONCE and receive.statistics().current_buffer_used:
                batch.append(receive.receive_nowait())
            silence.heard()
            if events := [each.event for each in batch if each.event is not None]:
                await posting.publish(name, events)
            if cursor := next((each.cursor for each in reversed(batch) if each.cursor), ""):
                await cursors.save(name, cursor)


def refuse(feed: str, error: Invalid) -> None:
    """Count a message of no use; what it was is a stranger's and not told."""
    telemetry.FEED_REFUSED.labels(feed, error.reason).inc()
    log.debug("feed_message_refused", feed=feed, reason=error.reason)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
