"""Where pools rest between batches: one row a pool, its state as JSON.

Does not decide what is kept in memory; that is ``enricher``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec
from sqlalchemy import Column, Float, Index, Integer, LargeBinary, String, Table, delete, select

from streams.enrich.fold import next_due
from streams.enrich.pool import Pool
from streams.enrich.surroundings import Surroundings
from streams.errors import Broken, Invalid
from streams.state import State, metadata

__all__ = ["PoolStore", "Stored"]

KEYS_PER_QUERY = 500
"""Below SQLite's default limit of bound variables in one statement."""

_pools = Table(
    "pools",
    metadata,
    Column("key", String, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("due", Float, nullable=True),
    Column("touched", Float, nullable=False),
    Column("pool", LargeBinary, nullable=False),
    Index("pools_due", "partition", "due"),
    Index("pools_touched", "partition", "touched"),
)

_surroundings = Table(
    "surroundings",
    metadata,
    Column("partition", Integer, primary_key=True),
    Column("surroundings", LargeBinary, nullable=False),
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Pool).decode


class Stored(NamedTuple):
    """A pool as it rests: its Kafka key and the partition that it belongs to."""

    key: str
    partition: int
    pool: Pool


class PoolStore:
    """Reads and writes pools; every method is one transaction and may raise ``Retry``."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def waiting(self, partitions: frozenset[int]) -> list[Stored]:
        """The pools of ``partitions`` that still have a scheduled dossier before them."""
        query = select(_pools.c.key, _pools.c.partition, _pools.c.pool).where(
            _pools.c.partition.in_(partitions), _pools.c.due.is_not(None)
        )
        async with self._state.begin() as connection:
            return [_stored(*row) for row in await connection.execute(query)]

    async def load(self, keys: Iterable[str]) -> list[Stored]:
        """Those of ``keys`` that are known."""
        wanted, found = sorted(keys), list[Stored]()
        if not wanted:
            return found
        async with self._state.begin() as connection:
            for start in range(0, len(wanted), KEYS_PER_QUERY):
                query = select(_pools.c.key, _pools.c.partition, _pools.c.pool).where(
                    _pools.c.key.in_(wanted[start : start + KEYS_PER_QUERY])
                )
                found += [_stored(*row) for row in await connection.execute(query)]
        return found

    async def save(self, pools: Iterable[Stored]) -> None:
        """Write the pools as they are now."""
        rows = [_row(stored) for stored in pools]
        if rows:
            async with self._state.begin() as connection:
                await self._state.upsert(connection, _pools, rows)

    async def around(self, partitions: frozenset[int]) -> dict[int, Surroundings]:
        """What each of these partitions was last told beside its pools' activity."""
        query = select(_surroundings).where(_surroundings.c.partition.in_(partitions))
        async with self._state.begin() as connection:
            rows = (await connection.execute(query)).all()
        return {place: msgspec.json.decode(data, type=Surroundings) for place, data in rows}

    async def save_around(self, around: Mapping[int, Surroundings]) -> None:
        """Write what each partition was told."""
        rows = [{"partition": place, "surroundings": _encode(each)}
                for place, each in around.items()]  # fmt: skip
        if rows:
            async with self._state.begin() as connection:
                await self._state.upsert(connection, _surroundings, rows)

    async def forget(self, partition: int, chain: str, before: float) -> int:
        """Drop the pools of ``chain`` without an event since ``before`` (UNIX seconds).

        Only of one partition: others may lag behind. Returns how many there were.
        """
        query = delete(_pools).where(
            _pools.c.partition == partition,
            _pools.c.key.startswith(f"{chain}:", autoescape=True),
            _pools.c.touched < before,
        )
        async with self._state.begin() as connection:
            return (await connection.execute(query)).rowcount

    async def clear(self) -> None:
        """Drop every pool, when the events are about to be read again from the start."""
        async with self._state.begin() as connection:
            await connection.execute(delete(_pools))
            await connection.execute(delete(_surroundings))


def _row(stored: Stored) -> dict[str, object]:
    return {
        "key": stored.key,
        "partition": stored.partition,
        "due": next_due(stored.pool),
        "touched": stored.pool.touched,
        "pool": _encode(stored.pool),
    }


def _stored(key: str, partition: int, pool: bytes) -> Stored:
    try:
        return Stored(key, partition, _decode(pool))
    except (msgspec.MsgspecError, Invalid) as error:
        raise Broken(
            f"the stored pool {key} cannot be read ({error}): restore a backup of the state,"
            " or move it away and replay"
        ) from error
