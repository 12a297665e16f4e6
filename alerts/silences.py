"""The silences that hold now, from the settings and from the state, where the command line writes.

A silence that was lifted or is over stays in its table, as a record of who wanted what.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from alerts.silence import Silence
from alerts.tables import SILENCES
from streams.events import decode, encode
from streams.state import State

__all__ = ["Silences"]

NEVER = 253_402_300_799.0
"""Unix time of the end of the year 9999: of a mute window without an end."""


class Silences:
    """Those of the settings, and those of an open state."""

    def __init__(self, state: State, fixed: Sequence[Silence] = ()) -> None:
        self._state = state
        self._fixed = tuple(fixed)

    async def add(self, silence: Silence) -> None:
        """Keep one; a daemon that runs beside heeds it from the next alert on. Raises ``Retry``."""
        until = silence.until.timestamp() if silence.until else NEVER
        row = {"id": silence.id, "until": until, "lifted": "", "silence": encode(silence)}
        async with self._state.begin() as connection:
            await self._state.upsert(connection, SILENCES, [row])

    async def lift(self, name: str, who: str) -> bool:
        """End one; whether there was one to end. Raises ``Retry``."""
        holding = (SILENCES.c.id == name) & (SILENCES.c.lifted == "")
        async with self._state.begin() as connection:
            found = (await connection.execute(select(SILENCES.c.id).where(holding))).first()
            await connection.execute(update(SILENCES).where(holding).values(lifted=who))
        return found is not None

    async def current(self, now: datetime) -> list[Silence]:
        """All that are neither lifted nor over, those of the settings first; raises ``Retry``."""
        query = select(SILENCES.c.silence).where(
            SILENCES.c.lifted == "", SILENCES.c.until > now.timestamp()
        )
        async with self._state.begin() as connection:
            kept = list((await connection.execute(query.order_by(SILENCES.c.until))).scalars())
        fixed = [each for each in self._fixed if each.until is None or each.until > now]
        return [*fixed, *(decode(row, Silence) for row in kept)]
