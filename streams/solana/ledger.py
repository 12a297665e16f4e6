"""What the follower of Solana must not forget: blocks that it told, and launches told before them.

Written before it is told, as on EVM chains: whatever may have been published can be taken back by
a later life of ours. Blocks are kept in the EVM follower's table; their times are milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import BigInteger, Column, String, Table, delete, select

from streams.evm.ledger import Ledger
from streams.state import State, metadata

__all__ = ["Early", "SolanaLedger"]

_early = Table(
    "solana_early",
    metadata,
    Column("source", String, primary_key=True),
    Column("pool", String, primary_key=True),
    Column("slot", BigInteger, nullable=False),
)


class Early(msgspec.Struct, frozen=True):
    """A launch that was told before its block, and the slot that it was said to stand in."""

    pool: str
    slot: int
    sure: bool = True
    """Whether this life of ours has told it; an earlier one perhaps had."""
    of_block: bool = False
    """It was told with its block, perhaps: the block is told again, if it still stands."""


class SolanaLedger(Ledger):
    """One source's share of the state; every method is one transaction and may raise ``Retry``."""

    def __init__(self, state: State, source: str) -> None:
        super().__init__(state, source)
        self._mine = _early.c.source == source

    async def clear(self) -> None:
        """Start over: the broker that was told of all this is gone."""
        await super().clear()
        async with self._state.begin() as connection:
            await connection.execute(delete(_early).where(self._mine))

    async def early(self) -> list[Early]:
        """What earlier lives told, or perhaps told, before its block."""
        async with self._state.begin() as connection:
            rows = await connection.execute(select(_early).where(self._mine))
            return [Early(row.pool, row.slot, sure=False) for row in rows]

    async def note_early(self, launches: Sequence[Early]) -> None:
        """These are about to be told."""
        rows = [{"source": self._source, "pool": each.pool, "slot": each.slot} for each in launches]
        async with self._state.begin() as connection:
            await self._state.upsert(connection, _early, rows)

    async def forget_early(self, pools: Iterable[str]) -> None:
        """Their blocks were told, or they were taken back."""
        async with self._state.begin() as connection:
            for pool in pools:
                await connection.execute(delete(_early).where(self._mine, _early.c.pool == pool))
