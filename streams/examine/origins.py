"""Which launches each account was behind, as far as we examined them: our own archive of deployers.

Also the most that each pool was seen to hold, so that it can be said later how it ended.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Column, Float, Index, String, Table, delete, select

from streams.state import State, metadata

__all__ = ["Origin", "Origins"]

_origins = Table(
    "origins",
    metadata,
    Column("key", String, primary_key=True),
    Column("chain", String, nullable=False),
    Column("creator", String, nullable=False),
    Column("pool", String, nullable=False),
    Column("quote", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("most", Float, nullable=False),
    Index("origins_creator", "chain", "creator"),
)

MOST_PAST = 50
"""Launches of one account that are looked at, the newest."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """A launch, who was behind it, and the most of the quote that its pool was seen to hold."""

    chain: str
    creator: str
    pool: str
    quote: str
    at: float
    """When it launched, in UNIX seconds."""
    most: float
    """In the quote's base units."""

    @property
    def key(self) -> str:
        """As everywhere: ``chain:pool``."""
        return f"{self.chain}:{self.pool}"


class Origins:
    """Reads and writes origins; every method is one transaction and may raise ``Retry``."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def of(self, chain: str, creator: str) -> list[Origin]:
        """The launches of one account, the newest first."""
        query = (
            select(_origins)
            .where(_origins.c.chain == chain, _origins.c.creator == creator)
            .order_by(_origins.c.at.desc())
            .limit(MOST_PAST)
        )
        async with self._state.begin() as connection:
            rows = await connection.execute(query)
            return [
                Origin(
                    chain=row.chain, creator=row.creator, pool=row.pool, quote=row.quote,
                    at=row.at, most=row.most,
                )
                for row in rows
            ]  # fmt: skip

    async def note(self, origins: Sequence[Origin]) -> None:
        """Add these, or replace what is known of the same pools."""
        rows = [{"key": each.key, **msgspec.structs.asdict(each)} for each in origins]
        if rows:
            async with self._state.begin() as connection:
                await self._state.upsert(connection, _origins, rows)

    async def forget(self, keys: Sequence[str]) -> None:
        """These launches were taken back."""
        if keys:
            async with self._state.begin() as connection:
                await connection.execute(delete(_origins).where(_origins.c.key.in_(keys)))
