"""What the contracts of launches that were drained looked like: our own archive of rugs.

Bounded: of the newest ``MOST_RUGS`` tokens the sketch is kept, so that a copy is recognised when it
launches. Plain code that rugged once looks like every honest copy of itself, too: a likeness is a
finding, and proves nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import msgspec
from sqlalchemy import Column, Float, String, Table, delete, select

from streams.errors import Retry
from streams.state import State, metadata

__all__ = ["Rug", "Rugs"]

MOST_RUGS = 1_000
"""Comparing with so many takes half a millisecond."""
LOOK_AGAIN_S = 60.0

_rugs = Table(
    "rugs",
    metadata,
    Column("token", String, primary_key=True),
    Column("sketch", String, nullable=False),
    Column("at", Float, nullable=False),
)


class Rug(msgspec.Struct, frozen=True, kw_only=True):
    """A token whose pool was drained, as ``chain:address``, and its contract's sketch."""

    token: str
    sketch: str
    at: float
    """When it was found so, in UNIX seconds."""


class Rugs:
    """Reads and writes rugs in durable state."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: list[Rug] = []
        self._looked = float("-inf")

    async def sketches(self, but: str) -> list[str]:
        """The sketches of rugs, each once, without that of the token ``but``.

        Read once a minute; while the database does not answer, what was read before.
        """
        if time.monotonic() - self._looked >= LOOK_AGAIN_S:
            self._looked = time.monotonic()
            with contextlib.suppress(Retry):  # the next minute reads again
                self._known = await self._read()
        return list(dict.fromkeys(each.sketch for each in self._known if each.token != but))

    async def note(self, rugs: Sequence[Rug]) -> None:
        """Add these, and forget the oldest beyond ``MOST_RUGS``. Raises ``Retry``."""
        if not rugs:
            return
        kept = select(_rugs.c.token).order_by(_rugs.c.at.desc(), _rugs.c.token).limit(MOST_RUGS)
        async with self._state.begin() as connection:
            await self._state.upsert(connection, _rugs, [msgspec.structs.asdict(e) for e in rugs])
            await connection.execute(delete(_rugs).where(_rugs.c.token.not_in(kept)))

    async def _read(self) -> list[Rug]:
        query = select(_rugs).order_by(_rugs.c.at.desc())
        async with self._state.begin() as connection:
            rows = await connection.execute(query)
            return [Rug(token=row.token, sketch=row.sketch, at=row.at) for row in rows]
