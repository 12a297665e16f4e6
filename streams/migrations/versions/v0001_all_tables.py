"""Every table as it was before there were migrations, where it is missing.

So the same step makes a new database, and takes up one of state version 2 with all its rows: such
a one has the tables of those modules alone that its processes had imported.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

SHUT_OUT = 3
"""A heft of before migrations knows state versions to 2: it says that this one is newer."""

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Forwards; there is no way back but a backup."""
    _chains()
    _pools()
    _alerts()
    _deliveries()
    _quiet()
    _table(
        "state_version",
        key=["version"],
        columns={
            "version": sa.Integer(),
        },
    )
    op.execute("DELETE FROM state_version")
    op.execute(f"INSERT INTO state_version VALUES ({SHUT_OUT})")  # noqa: S608 - our own number


def _chains() -> None:
    """How far sources have come, and what a chain's follower must not forget."""
    text, large = sa.String(), sa.BigInteger()
    _table(
        "checkpoints",
        key=["source"],
        columns={
            "source": text,
            "position": large,
            "incarnation": text,
        },
    )
    _table(
        "evm_blocks",
        key=["source", "number"],
        columns={
            "source": text,
            "number": large,
            "hash": text,
            "parent": text,
            "time": large,
            "launches": sa.Text(),
        },
    )
    _table(
        "evm_missed",
        key=["source", "number"],
        columns={
            "source": text,
            "number": large,
            "tries": sa.Integer(),
        },
    )
    _table(
        "evm_pools",
        key=["source", "pool"],
        columns={
            "source": text,
            "pool": text,
            "token": text,
            "lp": sa.Boolean(),
            "at": large,
        },
    )


def _pools() -> None:
    """What is folded and found of each pool."""
    text, real, raw = sa.String(), sa.Float(), sa.LargeBinary()
    _table(
        "examinations",
        key=["key"],
        optional=["opened"],
        columns={
            "key": text,
            "partition": sa.Integer(),
            "round": sa.Integer(),
            "opened": real,
            "most": real,
            "launch": raw,
        },
    )
    _index("ix_examinations_partition", "examinations", "partition")
    _table(
        "origins",
        key=["key"],
        columns={
            "key": text,
            "chain": text,
            "creator": text,
            "pool": text,
            "quote": text,
            "at": real,
            "most": real,
        },
    )
    _index("origins_creator", "origins", "chain", "creator")
    _table(
        "pools",
        key=["key"],
        optional=["due"],
        columns={
            "key": text,
            "partition": sa.Integer(),
            "due": real,
            "touched": real,
            "pool": raw,
        },
    )
    _index("pools_due", "pools", "partition", "due")
    _index("pools_touched", "pools", "partition", "touched")
    _table(
        "rugs",
        key=["token"],
        columns={
            "token": text,
            "sketch": text,
            "at": real,
        },
    )


def _alerts() -> None:
    """What was said of each pool, and what services call those messages."""
    text, real, raw = sa.String(), sa.Float(), sa.LargeBinary()
    _table(
        "alerts",
        key=["alert_id"],
        columns={
            "alert_id": text,
            "status": text,
            "handled": sa.BigInteger(),
            "said": sa.Integer(),
            "probability": real,
            "triggers": text,
            "raised_at": text,
            "liquidity": real,
            "liquidity_max": real,
            "verdict": raw,
            "retraction": text,
        },
    )
    _table(
        "told",
        key=["alert_id", "sink"],
        columns={
            "alert_id": text,
            "sink": text,
            "ref": text,
            "at": text,
        },
    )


def _deliveries() -> None:
    """The outbox, and when each service was asked."""
    text, whole = sa.String(), sa.Integer()
    _table(
        "deliveries",
        sa.UniqueConstraint("message", "sink"),
        key=["position"],
        optional=["payload"],
        columns={
            "position": NUMBER,
            "message": text,
            "sink": text,
            "pool": text,
            "partition": whole,
            "status": text,
            "reason": text,
            "attempts": whole,
            "queued_at": text,
            "payload": sa.LargeBinary(),
        },
    )
    _index("deliveries_pending", "deliveries", "sink", "status", "position")
    _index("deliveries_pool", "deliveries", "pool")
    _table(
        "requests",
        key=["number"],
        columns={
            "number": NUMBER,
            "sink": text,
            "at": sa.Float(),
        },
    )
    _index("requests_recent", "requests", "sink", "at")
    _table(
        "rests",
        key=["sink"],
        columns={
            "sink": text,
            "until": sa.Float(),
        },
    )


def _quiet() -> None:
    """What nobody wants to hear."""
    text, real = sa.String(), sa.Float()
    _table(
        "muted",
        key=["alert_id"],
        columns={
            "alert_id": text,
        },
    )
    _table(
        "silences",
        key=["id"],
        columns={
            "id": text,
            "until": real,
            "lifted": text,
            "silence": sa.LargeBinary(),
        },
    )
    _table(
        "waves",
        key=["wave"],
        columns={
            "wave": text,
            "pool": text,
            "at": real,
        },
    )
    _index("waves_recent", "waves", "at")


def _table(
    table: str,
    *constraints: sa.Constraint,
    key: list[str],
    optional: list[str] | None = None,
    columns: dict[str, Any],
) -> None:
    """A table unless it is there; every column holds something but the ``optional`` ones."""
    made = [
        sa.Column(name, type_, nullable=name in (optional or [])) for name, type_ in columns.items()
    ]
    op.create_table(table, *made, sa.PrimaryKeyConstraint(*key), *constraints, if_not_exists=True)


def _index(name: str, table: str, *columns: str) -> None:
    op.create_index(name, table, list(columns), if_not_exists=True)
