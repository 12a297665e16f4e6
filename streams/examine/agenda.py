"""Which launches are still to be examined, and when next: durable, one row a launch."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
from sqlalchemy import Column, Float, Integer, LargeBinary, String, Table, delete, select

from streams.errors import Broken, Invalid
from streams.events import Launch, decode, encode
from streams.state import State, metadata

__all__ = ["Agenda", "Entry"]

_examinations = Table(
    "examinations",
    metadata,
    Column("key", String, primary_key=True),
    Column("partition", Integer, nullable=False, index=True),
    Column("round", Integer, nullable=False),
    Column("opened", Float, nullable=True),
    Column("most", Float, nullable=False),
    Column("launch", LargeBinary, nullable=False),
)


class Entry(msgspec.Struct):
    """A launch that is to be examined. Nothing is due before it can be traded."""

    launch: Launch
    partition: int
    round: int = 0
    """The next examination's number: its place among the ages."""
    opened: float | None = None
    """When it could first be traded, in UNIX seconds."""
    most: float = 0.0
    """The most of the quote that its pool was found to hold, in base units."""


class Agenda:
    """Reads and writes entries; every method is one transaction and may raise ``Retry``."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def load(self, partitions: Collection[int]) -> list[Entry]:
        """What is still to be examined on these partitions. Raises ``Broken`` when unreadable."""
        query = select(_examinations).where(_examinations.c.partition.in_(partitions))
        async with self._state.begin() as connection:
            rows = list(await connection.execute(query))
        try:
            return [
                Entry(decode(row.launch, Launch), row.partition, row.round, row.opened, row.most)
                for row in rows
            ]
        except Invalid as error:
            raise Broken(f"the agenda of examinations cannot be read: {error}") from error

    async def save(self, entries: Iterable[Entry], done: Collection[str]) -> None:
        """Write these as they are now, and forget those keys."""
        rows = [
            {
                "key": each.launch.key,
                "partition": each.partition,
                "round": each.round,
                "opened": each.opened,
                "most": each.most,
                "launch": encode(each.launch),
            }
            for each in entries
        ]
        if not rows and not done:
            return
        async with self._state.begin() as connection:
            await self._state.upsert(connection, _examinations, rows)
            if done:
                await connection.execute(
                    delete(_examinations).where(_examinations.c.key.in_(list(done)))
                )
