"""The tables of what was said and what is still to be said, and one of whom nobody should hear.

``alerts`` holds one row an alerted pool: its ``History``. ``deliveries`` is the outbox and the
record of it: one row a message and sink, written *before* anything is sent, in the same
transaction as the history, so that a crash loses nothing. ``told`` holds what a service calls an
alert's message, so that it is edited; ``requests`` when a service was last asked, and ``rests``
until when it wants to be left alone, so that both hold over a restart; ``muted`` what nobody wants
to hear more of, ``silences`` what nobody wants to hear for a while, and ``waves`` the last alert
on each creator's tokens.
"""

from __future__ import annotations

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
)
from sqlalchemy.engine import RowMapping

from streams.state import metadata

__all__ = [
    "ALERTS",
    "DELIVERIES",
    "MUTED",
    "REQUESTS",
    "RESTS",
    "SILENCES",
    "TOLD",
    "WAVES",
    "plain",
]

ALERTS = Table(
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

DELIVERIES = Table(
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
    Index("deliveries_pool", "pool"),
)

TOLD = Table(
    "told",
    metadata,
    Column("alert_id", String, primary_key=True),
    Column("sink", String, primary_key=True),
    Column("ref", String, nullable=False),
    Column("at", String, nullable=False),  # ISO 8601, UTC
)

MUTED = Table("muted", metadata, Column("alert_id", String, primary_key=True))

REQUESTS = Table(
    "requests",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("sink", String, nullable=False),
    Column("at", Float, nullable=False),  # Unix time
    Index("requests_recent", "sink", "at"),
)

RESTS = Table(
    "rests",
    metadata,
    Column("sink", String, primary_key=True),
    Column("until", Float, nullable=False),  # Unix time
)

SILENCES = Table(
    "silences",
    metadata,
    Column("id", String, primary_key=True),
    Column("until", Float, nullable=False),  # Unix time
    Column("lifted", String, nullable=False),  # by whom; empty while it holds
    Column("silence", LargeBinary, nullable=False),  # as JSON
)

WAVES = Table(
    "waves",
    metadata,
    Column("wave", String, primary_key=True),
    Column("pool", String, nullable=False),
    Column("at", Float, nullable=False),  # Unix time
    Index("waves_recent", "at"),
)


def plain(row: RowMapping) -> dict[str, object]:
    """The row under plain ``str`` keys; SQLAlchemy's are a subclass, which msgspec refuses."""
    return {str(name): value for name, value in row.items()}
