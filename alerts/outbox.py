"""What waits for each sink: deliveries, and how they are put into their table.

Functions on a connection: the ``Ledger`` calls them within its transactions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy import and_, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.tables import DELIVERIES, MUTED
from streams.events import Alert, encode

__all__ = ["Delivery", "Queued", "Status", "alert_in", "insert_new", "is_refused", "queue"]

Status = Literal["pending", "sent", "refused", "dropped", "held"]
"""Held: not told on purpose, as the reason says."""


class Queued(msgspec.Struct, frozen=True):
    """An alert that was said, the partition that its pool is on, and who is to hear it."""

    alert: Alert
    partition: int
    sinks: tuple[str, ...] | None = None
    """Beside those who heard of its alert before; ``None``: every sink."""
    held: str = ""
    """Why nobody is to hear it, not even who heard before: a silence."""
    kept: dict[str, str] = {}
    """Sinks that are not to hear it unless they heard before, and why: it is on the record."""
    wave: str = ""
    """The wave that it speaks for from now on, if it does."""


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
        return alert_in(self.message)


def alert_in(message: str) -> str:
    """The alert that the message with this id is about."""
    return message.rpartition(":")[0]


def is_refused() -> Any:
    """Refused for good and nowhere else either."""
    return and_(DELIVERIES.c.status == "refused", DELIVERIES.c.reason != "spilled-over")


async def queue(
    connection: AsyncConnection, queued: Sequence[Queued], sinks: Sequence[str], now: datetime
) -> None:
    """Insert what is not yet there: a repeated write must not send again what was sent."""
    pools = {each.alert.key for each in queued}
    query = select(DELIVERIES.c.pool, DELIVERIES.c.sink).where(
        DELIVERIES.c.pool.in_(pools), DELIVERIES.c.status != "held"
    )
    heard: defaultdict[str, set[str]] = defaultdict(set)
    for pool, sink in (await connection.execute(query.distinct())).all() if pools else ():
        heard[pool].add(sink)
    named = select(MUTED.c.alert_id).where(
        MUTED.c.alert_id.in_({each.alert.alert_id for each in queued})
    )
    muted = set((await connection.execute(named)).scalars()) if pools else set()
    rows = list[dict[str, Any]]()
    for each in queued:
        held = "muted" if each.alert.alert_id in muted else each.held
        wanted = set(sinks if each.sinks is None else each.sinks)
        hearing = wanted | heard[each.alert.key]
        if not held:
            heard[each.alert.key] = hearing
        rows += [_delivery_row(each, sink, held, now) for sink in sinks if sink in hearing]
        kept = {sink: why for sink, why in each.kept.items() if sink not in hearing}
        rows += [_delivery_row(each, sink, kept[sink], now) for sink in sinks if sink in kept]
    await insert_new(connection, rows)


async def insert_new(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Insert what is not yet there: neither a message nor its sink is named twice."""
    ids = {row["message"] for row in rows}
    query = select(DELIVERIES.c.message, DELIVERIES.c.sink).where(DELIVERIES.c.message.in_(ids))
    known = {tuple(row) for row in (await connection.execute(query)).all()} if ids else set()
    fresh = [row for row in rows if (row["message"], row["sink"]) not in known]
    if fresh:
        await connection.execute(insert(DELIVERIES), fresh)


def _delivery_row(queued: Queued, sink: str, held: str, now: datetime) -> dict[str, Any]:
    alert = queued.alert
    return {
        "message": alert.id,
        "sink": sink,
        "pool": alert.key,
        "partition": queued.partition,
        "status": "held" if held else "pending",
        "reason": held,
        "attempts": 0,
        "queued_at": now.isoformat(),
        "payload": None if held else encode(alert),
    }
