"""MemoryBroker: the same promises as Kafka in one process, for unit tests.

Does not own the promises themselves: they are stated in ``broker`` and checked by
``tests/contract/test_broker.py`` on both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import anyio
import anyio.lowlevel

from streams.broker import (
    MAX_RECORD_BYTES,
    Message,
    Record,
    key_bytes,
    place_of,
    too_large,
)
from streams.errors import Invalid
from streams.topics import Topic

__all__ = ["MemoryBroker", "MemorySubscription"]

Log = list[Record]


class MemoryBroker:
    """Topics as lists; everything is acknowledged at once and lost with the process."""

    def __init__(self) -> None:
        self._topics: dict[str, list[Log]] = {}
        self._groups: dict[tuple[str, str], _Group] = {}
        self._written = asyncio.Event()

    async def ensure_topics(self, topics: Sequence[Topic], partitions: int) -> None:
        """Create what is missing; raises ``Invalid`` when one has another partition count."""
        for topic in topics:
            self._topics.setdefault(topic.name, [[] for _ in range(partitions)])
            self._topics.setdefault(topic.dead, [[]])
            count = len(self._topics[topic.name])
            if count != partitions:
                message = f"topic {topic.name} has {count} partitions and not {partitions}"
                raise Invalid(message, reason="partitions")

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has; raises ``Invalid`` when there is no such topic."""
        return len(self.logs(topic))

    async def publish(self, messages: Sequence[Message]) -> None:
        """Append all, or none when one is refused; raises ``Invalid`` for a too large one."""
        await anyio.lowlevel.checkpoint()
        for message in messages:
            if len(message.value) > MAX_RECORD_BYTES:
                raise too_large(message, "the limit of 16 MiB")
        places = [(each, place_of(each, len(self.logs(each.topic)))) for each in messages]
        for message, partition in places:
            self._append(message, partition)
        self._written.set()
        self._written = asyncio.Event()

    async def subscribe(
        self,
        topic: str,
        group: str,
        *,
        max_records: int = 500,
        min_records: int = 1,
        max_wait: float = 0.5,
        in_no_hurry: bool = False,  # noqa: ARG002 - it is told at once, which costs nothing
    ) -> MemorySubscription:
        """Join the group; its members' partitions are dealt anew at once."""
        self.logs(topic)
        members = self._groups.setdefault((topic, group), _Group(len(self.logs(topic))))
        return MemorySubscription(self, members, topic, max_records, min_records, max_wait)

    async def close(self) -> None:
        """Nothing to give back."""

    def logs(self, topic: str) -> list[Log]:
        """The topic's partitions, for reading; raises ``Invalid`` when there is no such topic."""
        if topic not in self._topics:
            raise Invalid(f"there is no topic {topic}: create it", reason="no-topic")
        return self._topics[topic]

    async def wait_written(self) -> None:
        """Return after the next publish."""
        await self._written.wait()

    def _append(self, message: Message, partition: int) -> None:
        log = self._topics[message.topic][partition]
        key = key_bytes(message.key)
        log.append(Record(message.topic, partition, len(log), key, message.value))


class _Group:
    """A consumer group: who is in it, and how far it has committed."""

    def __init__(self, partitions: int) -> None:
        self.members: list[MemorySubscription] = []
        self.committed = dict.fromkeys(range(partitions), 0)

    def deal(self) -> None:
        """Assign the partitions to the members in turn."""
        for index, member in enumerate(self.members):
            mine = [p for p in self.committed if p % len(self.members) == index]
            member.assign({p: self.committed[p] for p in mine})


class MemorySubscription:
    """A member of a consumer group in memory; see ``Subscription`` for its promises."""

    def __init__(
        self,
        broker: MemoryBroker,
        group: _Group,
        topic: str,
        max_records: int,
        min_records: int,
        max_wait: float,
    ) -> None:
        self.partitions: frozenset[int] = frozenset()
        self.generation = 0
        self._broker = broker
        self._group = group
        self._topic = topic
        self._max_records = max_records
        self._min_records = min_records
        self._max_wait = max_wait
        self._positions: dict[int, int] = {}
        self._pending: dict[int, int] = {}
        group.members.append(self)
        group.deal()

    async def batch(self) -> list[Record]:
        """The next records, after at most ``max_wait`` seconds; may be empty."""
        with anyio.move_on_after(self._max_wait):
            while len(list(self._ready())) < self._min_records:
                await self._broker.wait_written()
        await anyio.lowlevel.checkpoint()  # before anything is taken: cancelling loses nothing
        return self.rest()

    def rest(self) -> list[Record]:
        """What a ``batch()`` that was cut short had gathered; at once, and without waiting."""
        records = list(self._ready())
        for record in records:
            self._positions[record.partition] = record.offset + 1
        self._pending |= {r.partition: r.offset + 1 for r in records}
        self.partitions = frozenset(self._positions)
        return records

    async def commit(self) -> None:
        """Commit all that ``batch()`` returned; nothing if its partitions moved meanwhile."""
        self._group.committed |= self._pending
        self._pending = {}

    async def lag(self) -> int:
        """Records on the assigned partitions that are not yet committed."""
        logs = self._broker.logs(self._topic)
        return sum(len(logs[p]) - self._group.committed[p] for p in self._positions)

    async def close(self) -> None:
        """Leave the group without committing."""
        if self in self._group.members:
            self._group.members.remove(self)
            self.assign({})
            self._group.deal()

    def assign(self, positions: dict[int, int]) -> None:
        """Take these partitions from these offsets on, and forget the former ones."""
        self.generation += 1
        self._positions = positions
        self._pending = {}

    def _ready(self) -> Iterator[Record]:
        logs = self._broker.logs(self._topic)
        room = self._max_records
        for partition, position in self._positions.items():
            found = logs[partition][position : position + room]
            room -= len(found)
            yield from found
