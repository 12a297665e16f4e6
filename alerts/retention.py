"""How long what was said is kept, so that the state of a service of years does not grow for ever.

An alert is forgotten, with its deliveries and its place in the chats, when it was raised longer ago
than the retention and nothing about it was queued since or still waits. A pool that wakes after
that is a new one to the policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, or_, select

from alerts.history import key_in
from alerts.tables import ALERTS, DELIVERIES, MUTED, SILENCES, TOLD, WAVES
from streams.clock import Clock
from streams.errors import Retry
from streams.state import State

__all__ = ["Retention"]

SWEEP_SECONDS = 86_400.0
ALERTS_AT_ONCE = 500
"""Alerts in one transaction: it holds SQLite's write lock, which the stages wait for."""

log = structlog.get_logger(__name__)


class Retention:
    """Sweeps the tables of ``alerts.tables`` once a day."""

    def __init__(self, state: State, clock: Clock, *, keep: timedelta) -> None:
        self._state = state
        self._clock = clock
        self._keep = keep

    async def run(self) -> None:
        """Sweep daily until cancelled; a sweep that the database refuses is made up by the next."""
        while True:
            await self._clock.sleep(SWEEP_SECONDS)
            try:
                forgotten = await self.sweep()
            except Retry as error:
                log.warning("retention_put_off", reason=str(error))
            else:
                log.info("retention_swept", alerts=forgotten)

    async def sweep(self) -> int:
        """Forget what is over; how many alerts that were. Raises ``Retry``."""
        before = self._clock.now() - self._keep
        forgotten, last = 0, ""
        while page := await self._old(before, last):
            forgotten += await self._forget(page, before)
            last = page[-1]
        async with self._state.begin() as connection:
            for table, moment in ((WAVES, WAVES.c.at), (SILENCES, SILENCES.c.until)):
                await connection.execute(delete(table).where(moment < before.timestamp()))
        return forgotten

    async def _old(self, before: datetime, last: str) -> Sequence[str]:
        """The next alerts behind ``last`` that were raised before the moment."""
        query = (
            select(ALERTS.c.alert_id)
            .where(ALERTS.c.alert_id > last, ALERTS.c.raised_at < before.isoformat())
            .order_by(ALERTS.c.alert_id)
            .limit(ALERTS_AT_ONCE)
        )
        async with self._state.begin() as connection:
            return list((await connection.execute(query)).scalars())

    async def _forget(self, page: Sequence[str], before: datetime) -> int:
        pools = {key_in(alert): alert for alert in page}
        living = or_(DELIVERIES.c.status == "pending", DELIVERIES.c.queued_at >= before.isoformat())
        query = select(DELIVERIES.c.pool).where(DELIVERIES.c.pool.in_(pools), living)
        async with self._state.begin() as connection:
            for pool in (await connection.execute(query.distinct())).scalars():
                del pools[pool]
            await connection.execute(delete(DELIVERIES).where(DELIVERIES.c.pool.in_(pools)))
            for table in (TOLD, MUTED, ALERTS):
                over = delete(table).where(table.c.alert_id.in_(pools.values()))
                await connection.execute(over)
        return len(pools)
