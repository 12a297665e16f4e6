"""What a follower must not forget: the newest blocks it told, the pools it follows, what it missed.

Written *before* the events of a block are published, so that whatever may have been published can
be taken back, even when we die between publishing and saving the source checkpoint. Rows above the
checkpoint say "perhaps told".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, Text, delete, select

from streams.evm.blocks import Block
from streams.evm.watchlist import Followed
from streams.state import State, metadata

__all__ = ["Launched", "Ledger", "Told"]

_blocks = Table(
    "evm_blocks",
    metadata,
    Column("source", String, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("hash", String, nullable=False),
    Column("parent", String, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("launches", Text, nullable=False),
)
_pools = Table(
    "evm_pools",
    metadata,
    Column("source", String, primary_key=True),
    Column("pool", String, primary_key=True),
    Column("token", String, nullable=False),
    Column("lp", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
)
_missed = Table(
    "evm_missed",
    metadata,
    Column("source", String, primary_key=True),
    Column("number", BigInteger, primary_key=True),
    Column("tries", Integer, nullable=False),
)

_launches = msgspec.json.Decoder(list[tuple[str, int]])
ROWS_AT_ONCE = 500
"""Rows of one statement: databases bound its parameters."""


class Launched(msgspec.Struct, frozen=True):
    """A launch that a block held: what is needed to take it back."""

    pool: str
    log_index: int


class Told(msgspec.Struct, frozen=True):
    """A block whose events were told, or perhaps were, and its launches."""

    block: Block
    launches: tuple[Launched, ...] = ()


class Ledger:
    """One source's share of the state; every method is one transaction and may raise ``Retry``."""

    def __init__(self, state: State, source: str) -> None:
        self._state = state
        self._source = source

    async def clear(self) -> None:
        """Start over: the broker that was told of all this is gone."""
        async with self._state.begin() as connection:
            for table in (_blocks, _pools, _missed):
                await connection.execute(delete(table).where(table.c.source == self._source))

    async def told(self) -> list[Told]:
        """The newest blocks, oldest first."""
        query = select(_blocks).where(_blocks.c.source == self._source).order_by(_blocks.c.number)
        async with self._state.begin() as connection:
            return [
                Told(
                    Block(number=row.number, hash=row.hash, parent=row.parent, time=row.time),
                    tuple(Launched(*each) for each in _launches.decode(row.launches)),
                )
                for row in await connection.execute(query)
            ]

    async def pools(self) -> list[Followed]:
        """Every pool that is followed."""
        query = select(_pools).where(_pools.c.source == self._source)
        async with self._state.begin() as connection:
            return [
                msgspec.convert(
                    {"pool": row.pool, "token": row.token, "lp": row.lp, "at": row.at}, Followed,
                    strict=False,
                )
                for row in await connection.execute(query)
            ]  # fmt: skip

    async def note(self, told: Sequence[Told], pools: Iterable[Followed], keep_from: int) -> None:
        """These blocks are about to be told; those below ``keep_from`` are final."""
        blocks = [
            {
                "source": self._source, "number": each.block.number, "hash": each.block.hash,
                "parent": each.block.parent, "time": each.block.time,
                "launches": msgspec.json.encode(
                    [(one.pool, one.log_index) for one in each.launches]
                ).decode(),
            }
            for each in told
        ]  # fmt: skip
        followed = [
            {
                "source": self._source, "pool": each.pool, "token": each.token, "lp": each.lp,
                "at": int(each.at.timestamp()),
            }
            for each in pools
        ]  # fmt: skip
        final = (_blocks.c.source == self._source, _blocks.c.number < keep_from)
        async with self._state.begin() as connection:
            for table, rows in ((_blocks, blocks), (_pools, followed)):
                for start in range(0, len(rows), ROWS_AT_ONCE):
                    await self._state.upsert(connection, table, rows[start : start + ROWS_AT_ONCE])
            await connection.execute(delete(_blocks).where(*final))

    async def forget_above(self, number: int, pools: Iterable[str]) -> None:
        """Blocks above ``number`` were taken back, and these pools with them."""
        above = (_blocks.c.source == self._source, _blocks.c.number > number)
        async with self._state.begin() as connection:
            await connection.execute(delete(_blocks).where(*above))
            for pool in pools:
                one = (_pools.c.source == self._source, _pools.c.pool == pool)
                await connection.execute(delete(_pools).where(*one))

    async def missed(self) -> dict[int, int]:
        """Blocks that were passed over, and how often each was tried since."""
        query = select(_missed.c.number, _missed.c.tries).where(_missed.c.source == self._source)
        async with self._state.begin() as connection:
            return {row.number: row.tries for row in await connection.execute(query)}

    async def miss(self, number: int, tries: int) -> None:
        """A block is passed over, or was tried in vain again."""
        row = {"source": self._source, "number": number, "tries": tries}
        async with self._state.begin() as connection:
            await self._state.upsert(connection, _missed, [row])

    async def found(self, number: int) -> None:
        """A missed block was told after all, or is given up."""
        one = (_missed.c.source == self._source, _missed.c.number == number)
        async with self._state.begin() as connection:
            await connection.execute(delete(_missed).where(*one))
