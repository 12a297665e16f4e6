"""Which launches each account was behind, as far as we examined them: our own archive of deployers.

Also the most that each pool was seen to hold, so that it can be said later how it ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import msgspec
from sqlalchemy import Column, Float, Index, String, Table, delete, select, tuple_

from streams.errors import Retry
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

MOST_PAST = 20
"""Launches of one account that are looked at, the newest."""
MOST_ROWS = 2_000
"""Of all accounts that are asked about together."""


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
        self._waiting: dict[tuple[str, str], asyncio.Future[list[Origin] | Retry]] = {}
        self._reader: asyncio.Task[None] | None = None

    async def of(self, chain: str, creator: str) -> list[Origin]:
        """The launches of one account, the newest first.

        Who asks while a transaction runs shares the next one: a flood of launches would queue for
        the database otherwise.
        """
        loop = asyncio.get_running_loop()
        future = self._waiting.setdefault((chain, creator), loop.create_future())
        if self._reader is None or self._reader.done():
            self._reader = loop.create_task(self._read())
        found = await asyncio.shield(future)
        if isinstance(found, Retry):
            raise found
        return found

    async def _read(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, {}
            try:
                found = await self._of_each(asked)
            except Retry as error:
                for future in asked.values():
                    future.set_result(error)
                continue
            for key, future in asked.items():
                future.set_result(found.get(key, [])[:MOST_PAST])

    async def _of_each(
        self, keys: Collection[tuple[str, str]]
    ) -> dict[tuple[str, str], list[Origin]]:
        query = (
            select(_origins)
            .where(tuple_(_origins.c.chain, _origins.c.creator).in_(keys))
            .order_by(_origins.c.at.desc())
            .limit(MOST_ROWS)
        )
        found: dict[tuple[str, str], list[Origin]] = {}
        async with self._state.begin() as connection:
            for row in await connection.execute(query):
                past = found.setdefault((row.chain, row.creator), [])
                if len(past) < MOST_PAST:
                    past.append(
                        Origin(
                            chain=row.chain, creator=row.creator, pool=row.pool,
                            quote=row.quote, at=row.at, most=row.most,
                        )
                    )  # fmt: skip
        return found

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
