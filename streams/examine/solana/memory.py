"""What was found of a launch when it was first examined, to be held against what is found later.

A mint's powers: what a maker changes after people have bought is news. And who bought first: a
pool's history soon becomes too long to be read to its beginning.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from sqlalchemy import Column, LargeBinary, String, Table, select

from streams.errors import Broken
from streams.state import State, metadata

__all__ = ["Memory"]

_first = Table(
    "first_findings",
    metadata,
    Column("key", String, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

T = TypeVar("T")


class Memory:
    """Reads and writes what is remembered by a key of the check's own; may raise ``Retry``."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def of(self, key: str, type_: type[T]) -> T | None:
        """What was found first; ``None`` before the first examination."""
        query = select(_first.c.data).where(_first.c.key == key)
        async with self._state.begin() as connection:
            data = (await connection.execute(query)).scalar_one_or_none()
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=type_)
        except msgspec.MsgspecError as error:
            raise Broken(f"what is remembered as {key} cannot be read: {error}") from error

    async def note(self, key: str, found: object) -> None:
        """Remember a first finding, in place of one that a reorganisation took back."""
        row = {"key": key, "data": msgspec.json.encode(found)}
        async with self._state.begin() as connection:
            await self._state.upsert(connection, _first, [row])
