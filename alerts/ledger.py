"""What was said about a pool, to whom, and what is still to be said: durable.

The one place that reads and writes the tables of ``tables``. A message is sent again only when a
crash came between a receiver's acknowledgement and its row's update. Histories are read through a
bounded cache, so that months of pools do not grow memory. This module does not decide (``policy``)
nor send (``courier``).
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import and_, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.history import History, alert_id
from alerts.outbox import Delivery, Queued, Status, alert_in, insert_new, is_refused, queue
from alerts.tables import ALERTS, DELIVERIES, MUTED, REQUESTS, RESTS, TOLD, WAVES, plain
from alerts.wave import Crest
from streams.state import State

__all__ = ["Ledger"]

SPILLED_AT_ONCE = 1_000
"""Deliveries in one statement: a database takes 32,767 parameters at most (PostgreSQL)."""
CACHE_POOLS = 10_000
"""Pools whose history, or lack of one, is kept in memory: at most 2 kB each."""


class Ledger:
    """The tables of one open state."""

    def __init__(self, state: State, *, cache_pools: int = CACHE_POOLS) -> None:
        self._state = state
        self._cache: OrderedDict[str, History | None] = OrderedDict()
        self._cache_pools = cache_pools

    def forget(self) -> None:
        """Drop the cache: another member may have written since."""
        self._cache.clear()

    async def histories(self, keys: Collection[str]) -> dict[str, History]:
        """The histories of those of these pools that were ever alerted; raises ``Retry``."""
        known = {key: self._cache[key] for key in keys if key in self._cache}
        unknown = [key for key in keys if key not in known]
        if unknown:
            known |= dict.fromkeys(unknown) | await self._read(unknown)
        self._remember(known)
        return {key: history for key, history in known.items() if history is not None}

    async def write(
        self,
        histories: Mapping[str, History],
        queued: Sequence[Queued],
        sinks: Sequence[str],
        now: datetime,
    ) -> None:
        """Keep the histories, and queue each alert once for each sink; all or nothing.

        What was queued before stays as it is. Raises ``Retry``, and may then be repeated.
        """
        if not histories and not queued:
            return
        async with self._state.begin() as connection:
            rows = [_alert_row(history) for history in histories.values()]
            await self._state.upsert(connection, ALERTS, rows)
            await queue(connection, queued, sinks, now)
            await self._note_waves(connection, queued)
        self._remember(histories)

    async def crests(self, waves: Collection[str]) -> dict[str, Crest]:
        """The last alert that was told of each of these waves; raises ``Retry``."""
        query = select(WAVES).where(WAVES.c.wave.in_(waves))
        async with self._state.begin() as connection:
            rows = await connection.execute(query)
            return {row.wave: Crest(row.pool, datetime.fromtimestamp(row.at, UTC)) for row in rows}

    async def pending(
        self, sink: str, partitions: Collection[int], *, start: int = 0, after: int, limit: int
    ) -> list[Delivery]:
        """The oldest messages on these partitions that the sink has yet to take, in order.

        Only messages behind position ``start`` of pools that have nothing waiting up to there, so
        that no message overtakes an earlier one of its pool. ``after`` is the position of the
        last one already looked at. Raises ``Retry``.
        """
        waiting = and_(DELIVERIES.c.sink == sink, DELIVERIES.c.status == "pending")
        earlier = select(DELIVERIES.c.pool).where(waiting, DELIVERIES.c.position <= start)
        query = (
            select(*(DELIVERIES.c[name] for name in Delivery.__struct_fields__))
            .where(waiting, DELIVERIES.c.position > after)
            .where(DELIVERIES.c.partition.in_(partitions), DELIVERIES.c.pool.not_in(earlier))
            .order_by(DELIVERIES.c.position)
            .limit(limit)
        )
        async with self._state.begin() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [msgspec.convert(plain(row), Delivery) for row in rows]

    async def settle(
        self,
        deliveries: Sequence[Delivery],
        status: Status,
        reason: str,
        told: Mapping[tuple[str, str], str] | None = None,
        now: datetime | None = None,
    ) -> None:
        """Write down how an attempt ended; a sent message's text is no longer kept.

        ``told`` is what the service calls the message, by alert and sink.
        """
        values: dict[str, Any] = {
            "status": status,
            "reason": reason,
            "attempts": DELIVERIES.c.attempts + 1,
        }
        if status == "sent":
            values["payload"] = None
        positions = [delivery.position for delivery in deliveries]
        statement = update(DELIVERIES).where(DELIVERIES.c.position.in_(positions))
        at = "" if now is None else now.isoformat()
        rows = [
            {"alert_id": alert, "sink": sink, "ref": ref, "at": at}
            for (alert, sink), ref in (told or {}).items()
        ]
        async with self._state.begin() as connection:
            await connection.execute(statement.values(values))
            await self._state.upsert(connection, TOLD, rows)

    async def told(self, sink: str, alert_ids: Collection[str]) -> dict[str, str]:
        """What the sink's service calls the messages of these alerts, if it has any."""
        query = select(TOLD.c.alert_id, TOLD.c.ref).where(
            TOLD.c.sink == sink, TOLD.c.alert_id.in_(alert_ids)
        )
        async with self._state.begin() as connection:
            return {row.alert_id: row.ref for row in await connection.execute(query)}

    async def alert_of(self, sink: str, ref: str) -> str | None:
        """The alert whose message the sink's service calls ``ref``."""
        query = select(TOLD.c.alert_id).where(TOLD.c.sink == sink, TOLD.c.ref == ref)
        async with self._state.begin() as connection:
            found: str | None = (await connection.execute(query)).scalar()
        return found

    async def history(
        self, sink: str | None, *, refused: bool, limit: int
    ) -> list[tuple[Any, ...]]:
        """The latest deliveries: when queued, sink, message, status, reason, the service's id.

        The id is that of the alert's message as it is now; empty where there is none to edit.
        """
        names = ("queued_at", "sink", "message", "status", "reason")
        query = select(*(DELIVERIES.c[name] for name in names)).limit(limit)
        if sink is not None:
            query = query.where(DELIVERIES.c.sink == sink)
        if refused:
            query = query.where(is_refused())
        async with self._state.begin() as connection:
            rows = (await connection.execute(query.order_by(DELIVERIES.c.position.desc()))).all()
            alerts = {alert_in(row.message) for row in rows}
            found = await connection.execute(select(TOLD).where(TOLD.c.alert_id.in_(alerts)))
            refs = {(row.alert_id, row.sink): row.ref for row in found}
        return [(*row, refs.get((alert_in(row.message), row.sink), "")) for row in rows]

    async def deal(self, sink: str | None, status: Status, *, limit: int) -> int:
        """Give the oldest refused deliveries another status; how many they were.

        What is queued again is as if it had been queued now: else it would be too old. What its
        sink has heard something later of is not: a warning that is told after the end is untrue.
        """
        later = DELIVERIES.alias()
        is_over = exists().where(
            later.c.pool == DELIVERIES.c.pool,
            later.c.sink == DELIVERIES.c.sink,
            later.c.position > DELIVERIES.c.position,
            later.c.status == "sent",
        )
        query = select(DELIVERIES.c.position).where(is_refused())
        if sink is not None:
            query = query.where(DELIVERIES.c.sink == sink)
        if status == "pending":
            query = query.where(~is_over)
        async with self._state.begin() as connection:
            rows = await connection.execute(query.order_by(DELIVERIES.c.position).limit(limit))
            positions = list(rows.scalars())
            changed = update(DELIVERIES).where(DELIVERIES.c.position.in_(positions))
            now = datetime.now(UTC).isoformat()
            await connection.execute(changed.values(status=status, queued_at=now))
        return len(positions)

    async def mute(self, alert_id: str) -> None:
        """Queue nothing more about this alert."""
        async with self._state.begin() as connection:
            await self._state.upsert(connection, MUTED, [{"alert_id": alert_id}])

    async def spill(
        self, sink: str, to: str, before: datetime, only: Sequence[Delivery] = ()
    ) -> int:
        """Give what ``sink`` has not taken since ``before`` to another one; how many it was.

        With ``only``, nothing but these.
        """
        stuck = and_(
            DELIVERIES.c.sink == sink,
            DELIVERIES.c.status == "pending",
            DELIVERIES.c.queued_at <= before.isoformat(),
        )
        if only:
            stuck = and_(stuck, DELIVERIES.c.position.in_([each.position for each in only]))
        async with self._state.begin() as connection:
            # Those that are read and no others are given up: one that is queued meanwhile would
            # match the same condition, and nobody would be told of it.
            found = await connection.execute(select(DELIVERIES).where(stuck).with_for_update())
            rows = [plain(row) for row in found.mappings()]
            for start in range(0, len(rows), SPILLED_AT_ONCE):
                part = rows[start : start + SPILLED_AT_ONCE]
                positions = [row.pop("position") for row in part]
                fresh = [{**row, "sink": to, "attempts": 0, "reason": ""} for row in part]
                await insert_new(connection, fresh)
                moved = update(DELIVERIES).where(DELIVERIES.c.position.in_(positions))
                await connection.execute(moved.values(status="refused", reason="spilled-over"))
        return len(rows)

    async def note_request(
        self, sink: str, at: datetime, known: Collection[datetime], *, forget: datetime
    ) -> list[datetime]:
        """Count a request that is about to be made, unless others were made that are not known.

        Gives those, oldest first, so that another process's requests are waited for; where there
        are none, the request is counted. Forgets those up to ``forget``.
        """
        old = delete(REQUESTS).where(REQUESTS.c.sink == sink, REQUESTS.c.at <= forget.timestamp())
        mine = Counter(moment.timestamp() for moment in known)
        async with self._state.begin() as connection:
            await self._state.lock(connection, f"requests of {sink}")
            await connection.execute(old)
            query = select(REQUESTS.c.at).where(REQUESTS.c.sink == sink)
            others = Counter((await connection.execute(query)).scalars()) - mine
            if not others:
                await connection.execute(insert(REQUESTS).values(sink=sink, at=at.timestamp()))
        return [datetime.fromtimestamp(each, at.tzinfo) for each in sorted(others.elements())]

    async def _note_waves(self, connection: AsyncConnection, queued: Sequence[Queued]) -> None:
        told = {each.wave: each.alert for each in queued if each.wave}
        rows = [
            {"wave": wave, "pool": alert.key, "at": alert.at.timestamp()}
            for wave, alert in told.items()
        ]
        await self._state.upsert(connection, WAVES, rows)

    async def note_rest(self, sink: str, until: datetime) -> None:
        """The sink's service wants to be left alone until then; raises ``Retry``."""
        async with self._state.begin() as connection:
            row = {"sink": sink, "until": until.timestamp()}
            await self._state.upsert(connection, RESTS, [row])

    async def resting_until(self, sink: str) -> datetime | None:
        """Until when the sink's service wanted to be left alone; raises ``Retry``."""
        query = select(RESTS.c.until).where(RESTS.c.sink == sink)
        async with self._state.begin() as connection:
            until = (await connection.execute(query)).scalar()
        return None if until is None else datetime.fromtimestamp(until, UTC)

    async def _read(self, keys: Iterable[str]) -> dict[str, History]:
        ids = {alert_id(key): key for key in keys}
        async with self._state.begin() as connection:
            query = select(ALERTS).where(ALERTS.c.alert_id.in_(ids))
            rows = (await connection.execute(query)).mappings().all()
        return {ids[row["alert_id"]]: _history(plain(row)) for row in rows}

    def _remember(self, histories: Mapping[str, History | None]) -> None:
        for key, history in histories.items():
            self._cache[key] = history
            self._cache.move_to_end(key)
        while len(self._cache) > self._cache_pools:
            self._cache.popitem(last=False)


def _alert_row(history: History) -> dict[str, Any]:
    return msgspec.structs.asdict(history) | {
        "triggers": ",".join(sorted(history.triggers)),
        "raised_at": history.raised_at.isoformat(),
    }


def _history(row: dict[str, Any]) -> History:
    triggers = [name for name in row["triggers"].split(",") if name]
    return msgspec.convert({**row, "triggers": triggers}, History)
