"""What was said about a pool, to whom, and what is still to be said: durable.

Five tables. ``alerts`` holds one row an alerted pool: its ``History``. ``deliveries`` is the outbox
and the record of it: one row a message and sink, written *before* anything is sent, in the same
transaction as the history, so that a crash loses nothing. A message is sent again only when the
crash came between a receiver's acknowledgement and the row's update. ``told`` holds what a
service calls an alert's message, so that it is edited; ``requests`` when a service was last asked,
so that its limits hold over a restart; ``muted`` what nobody wants to hear more of.

Histories are read through a bounded cache, so that months of pools do not grow memory. This module
does not decide (``policy``) nor send (``courier``).
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    and_,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.policy import History, alert_id
from streams.events import Alert, encode
from streams.state import State, metadata

__all__ = ["Delivery", "Ledger", "Queued", "Status"]

CACHE_POOLS = 10_000
"""Pools whose history, or lack of one, is kept in memory: at most 2 kB each."""

Status = Literal["pending", "sent", "refused", "dropped"]

_alerts = Table(
    "alerts",
    metadata,
    Column("alert_id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("handled", BigInteger, nullable=False),
    Column("said", Integer, nullable=False),
    Column("probability", Float, nullable=False),
    Column("triggers", String, nullable=False),  # comma-separated
    Column("raised_at", String, nullable=False),  # ISO 8601, UTC
    Column("liquidity", Float, nullable=False),
    Column("liquidity_max", Float, nullable=False),
    Column("verdict", LargeBinary, nullable=False),  # as JSON
    Column("retraction", String, nullable=False),
)

_deliveries = Table(
    "deliveries",
    metadata,
    # The order of sending; SQLite numbers only keys of the type INTEGER, which has 64 bits there.
    Column("position", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("message", String, nullable=False),
    Column("sink", String, nullable=False),
    Column("pool", String, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("queued_at", String, nullable=False),  # ISO 8601, UTC
    Column("payload", LargeBinary),  # the alert as JSON; empty once it is sent
    UniqueConstraint("message", "sink"),
    Index("deliveries_pending", "sink", "status", "position"),
)

_told = Table(
    "told",
    metadata,
    Column("alert_id", String, primary_key=True),
    Column("sink", String, primary_key=True),
    Column("ref", String, nullable=False),
    Column("at", String, nullable=False),  # ISO 8601, UTC
)

_muted = Table("muted", metadata, Column("alert_id", String, primary_key=True))

_requests = Table(
    "requests",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("sink", String, nullable=False),
    Column("at", Float, nullable=False),  # Unix time
    Index("requests_recent", "sink", "at"),
)


class Queued(msgspec.Struct, frozen=True):
    """An alert that was said, the partition that its pool is on, and who is to hear it."""

    alert: Alert
    partition: int
    sinks: tuple[str, ...] | None = None
    """Beside those who heard of its alert before; ``None``: every sink."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One message that one sink has yet to take."""

    position: int
    message: str
    pool: str
    partition: int
    attempts: int
    queued_at: datetime
    payload: bytes

    @property
    def alert_id(self) -> str:
        """The alert that the message is about."""
        return self.message.rpartition(":")[0]


class Ledger:
    """The two tables of one open state."""

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
            await self._state.upsert(connection, _alerts, rows)
            await _queue(connection, queued, sinks, now)
        self._remember(histories)

    async def pending(
        self, sink: str, partitions: Collection[int], *, start: int = 0, after: int, limit: int
    ) -> list[Delivery]:
        """The oldest messages on these partitions that the sink has yet to take, in order.

        Only messages behind position ``start`` of pools that have nothing waiting up to there, so
        that no message overtakes an earlier one of its pool. ``after`` is the position of the
        last one already looked at. Raises ``Retry``.
        """
        waiting = and_(_deliveries.c.sink == sink, _deliveries.c.status == "pending")
        earlier = select(_deliveries.c.pool).where(waiting, _deliveries.c.position <= start)
        query = (
            select(*(_deliveries.c[name] for name in Delivery.__struct_fields__))
            .where(waiting, _deliveries.c.position > after)
            .where(_deliveries.c.partition.in_(partitions), _deliveries.c.pool.not_in(earlier))
            .order_by(_deliveries.c.position)
            .limit(limit)
        )
        async with self._state.begin() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [msgspec.convert(_plain(row), Delivery) for row in rows]

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
            "attempts": _deliveries.c.attempts + 1,
        }
        if status == "sent":
            values["payload"] = None
        positions = [delivery.position for delivery in deliveries]
        statement = update(_deliveries).where(_deliveries.c.position.in_(positions))
        at = "" if now is None else now.isoformat()
        rows = [
            {"alert_id": alert, "sink": sink, "ref": ref, "at": at}
            for (alert, sink), ref in (told or {}).items()
        ]
        async with self._state.begin() as connection:
            await connection.execute(statement.values(values))
            await self._state.upsert(connection, _told, rows)

    async def told(self, sink: str, alert_ids: Collection[str]) -> dict[str, str]:
        """What the sink's service calls the messages of these alerts, if it has any."""
        query = select(_told.c.alert_id, _told.c.ref).where(
            _told.c.sink == sink, _told.c.alert_id.in_(alert_ids)
        )
        async with self._state.begin() as connection:
            return {row.alert_id: row.ref for row in await connection.execute(query)}

    async def alert_of(self, sink: str, ref: str) -> str | None:
        """The alert whose message the sink's service calls ``ref``."""
        query = select(_told.c.alert_id).where(_told.c.sink == sink, _told.c.ref == ref)
        async with self._state.begin() as connection:
            found: str | None = (await connection.execute(query)).scalar()
        return found

    async def history(
        self, sink: str | None, *, refused: bool, limit: int
    ) -> list[tuple[Any, ...]]:
        """The latest deliveries: when queued, sink, message, status and reason."""
        names = ("queued_at", "sink", "message", "status", "reason")
        query = select(*(_deliveries.c[name] for name in names)).limit(limit)
        if sink is not None:
            query = query.where(_deliveries.c.sink == sink)
        if refused:
            query = query.where(_refused())
        async with self._state.begin() as connection:
            rows = await connection.execute(query.order_by(_deliveries.c.position.desc()))
            return [tuple(row) for row in rows]

    async def deal(self, sink: str | None, status: Status, *, limit: int) -> int:
        """Give the oldest refused deliveries another status; how many they were.

        What is queued again is as if it had been queued now: else it would be too old.
        """
        query = select(_deliveries.c.position).where(_refused())
        if sink is not None:
            query = query.where(_deliveries.c.sink == sink)
        async with self._state.begin() as connection:
            rows = await connection.execute(query.order_by(_deliveries.c.position).limit(limit))
            positions = list(rows.scalars())
            changed = update(_deliveries).where(_deliveries.c.position.in_(positions))
            now = datetime.now(UTC).isoformat()
            await connection.execute(changed.values(status=status, queued_at=now))
        return len(positions)

    async def mute(self, alert_id: str) -> None:
        """Queue nothing more about this alert."""
        async with self._state.begin() as connection:
            await self._state.upsert(connection, _muted, [{"alert_id": alert_id}])

    async def spill(self, sink: str, to: str, before: datetime) -> int:
        """Give what ``sink`` has not taken since ``before`` to another one; how many it was."""
        stuck = and_(
            _deliveries.c.sink == sink,
            _deliveries.c.status == "pending",
            _deliveries.c.queued_at <= before.isoformat(),
        )
        async with self._state.begin() as connection:
            rows = (await connection.execute(select(_deliveries).where(stuck))).mappings().all()
            fresh = [{**_plain(row), "sink": to, "attempts": 0, "reason": ""} for row in rows]
            for row in fresh:
                del row["position"]
            await _insert_new(connection, fresh)
            moved = update(_deliveries).where(stuck)
            await connection.execute(moved.values(status="refused", reason="spilled-over"))
        return len(rows)

    async def note_request(self, sink: str, at: datetime, *, forget: datetime) -> None:
        """Count a request that is about to be made, and forget those up to ``forget``."""
        old = delete(_requests).where(
            _requests.c.sink == sink, _requests.c.at <= forget.timestamp()
        )
        async with self._state.begin() as connection:
            await connection.execute(old)
            await connection.execute(insert(_requests).values(sink=sink, at=at.timestamp()))

    async def requests(self, sink: str, since: datetime) -> list[datetime]:
        """When the sink's service was asked since then, oldest first."""
        query = (
            select(_requests.c.at)
            .where(_requests.c.sink == sink, _requests.c.at > since.timestamp())
            .order_by(_requests.c.at)
        )
        async with self._state.begin() as connection:
            rows = await connection.execute(query)
            return [datetime.fromtimestamp(row.at, since.tzinfo) for row in rows]

    async def _read(self, keys: Iterable[str]) -> dict[str, History]:
        ids = {alert_id(key): key for key in keys}
        async with self._state.begin() as connection:
            query = select(_alerts).where(_alerts.c.alert_id.in_(ids))
            rows = (await connection.execute(query)).mappings().all()
        return {ids[row["alert_id"]]: _history(_plain(row)) for row in rows}

    def _remember(self, histories: Mapping[str, History | None]) -> None:
        for key, history in histories.items():
            self._cache[key] = history
            self._cache.move_to_end(key)
        while len(self._cache) > self._cache_pools:
            self._cache.popitem(last=False)


def _refused() -> Any:
    """Refused for good and nowhere else either."""
    return and_(_deliveries.c.status == "refused", _deliveries.c.reason != "spilled-over")


async def _queue(
    connection: AsyncConnection, queued: Sequence[Queued], sinks: Sequence[str], now: datetime
) -> None:
    """Insert what is not yet there: a repeated write must not send again what was sent."""
    pools = {each.alert.key for each in queued}
    query = select(_deliveries.c.pool, _deliveries.c.sink).where(_deliveries.c.pool.in_(pools))
    heard: defaultdict[str, set[str]] = defaultdict(set)
    for pool, sink in (await connection.execute(query.distinct())).all() if pools else ():
        heard[pool].add(sink)
    named = select(_muted.c.alert_id).where(
        _muted.c.alert_id.in_({each.alert.alert_id for each in queued})
    )
    muted = set((await connection.execute(named)).scalars()) if pools else set()
    rows = list[dict[str, Any]]()
    for each in queued:
        if each.alert.alert_id in muted:
            continue
        heard[each.alert.key] |= set(sinks if each.sinks is None else each.sinks)
        rows += [_delivery_row(each, sink, now) for sink in sinks if sink in heard[each.alert.key]]
    await _insert_new(connection, rows)


async def _insert_new(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert what is not yet there: neither a message nor its sink is named twice."""
    ids = {row["message"] for row in rows}
    query = select(_deliveries.c.message, _deliveries.c.sink).where(_deliveries.c.message.in_(ids))
    known = {tuple(row) for row in (await connection.execute(query)).all()} if ids else set()
    fresh = [row for row in rows if (row["message"], row["sink"]) not in known]
    if fresh:
        await connection.execute(insert(_deliveries), fresh)


def _delivery_row(queued: Queued, sink: str, now: datetime) -> dict[str, Any]:
    alert = queued.alert
    return {
        "message": alert.id,
        "sink": sink,
        "pool": alert.key,
        "partition": queued.partition,
        "status": "pending",
        "reason": "",
        "attempts": 0,
        "queued_at": now.isoformat(),
        "payload": encode(alert),
    }


def _alert_row(history: History) -> dict[str, Any]:
    return msgspec.structs.asdict(history) | {
        "triggers": ",".join(sorted(history.triggers)),
        "raised_at": history.raised_at.isoformat(),
    }


def _history(row: dict[str, Any]) -> History:
    triggers = [name for name in row["triggers"].split(",") if name]
    return msgspec.convert({**row, "triggers": triggers}, History)


def _plain(row: RowMapping) -> dict[str, Any]:
    """The row under plain ``str`` keys; SQLAlchemy's are a subclass, which msgspec refuses."""
    return {str(name): value for name, value in row.items()}
