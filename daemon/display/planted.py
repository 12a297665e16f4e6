"""What was planted in a recording of our own, held against what was said about it.

The demo's ``pools.parquet`` tells of each launch what it was made to be and when its buyers'
money was gone; a recording of the real world has no such columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
from rich.table import Table
from rich.text import Text

from alerts.render import inert
from daemon.display.tables import new_table
from daemon.display.view import duration
from streams.events import Alert

__all__ = ["Planted", "planted_table", "read_planted", "score_line"]

HONEST = "honest"
COLUMNS = ("chain", "pool", "name", "planted", "timestamp", "rug_timestamp")
NAME_LIMIT = 18


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """One launch as it was planned."""

    key: str
    name: str
    kind: str
    launched_at: datetime
    rug_at: datetime | None
    """When what buyers had paid in was gone; ``None`` for an honest launch."""


def read_planted(folder: Path) -> list[Planted]:
    """The plan of a recorded folder, in order of launch."""
    rows = pq.read_table(folder / "pools.parquet", columns=list(COLUMNS)).to_pylist()
    return [
        Planted(
            key=f"{row['chain']}:{row['pool']}",
            name=row["name"],
            kind=row["planted"],
            launched_at=datetime.fromtimestamp(row["timestamp"], UTC),
            rug_at=row["rug_timestamp"] and datetime.fromtimestamp(row["rug_timestamp"], UTC),
        )
        for row in sorted(rows, key=lambda row: row["timestamp"])
    ]


def planted_table(plan: Sequence[Planted], alerts: Iterable[Alert]) -> Table:
    """A row a launch: what it was, when it was alerted, and how long before the rug."""
    first = _first_alerts(alerts)
    table = new_table(
        "What was planted, and what was said",
        *("launch", "was", "alerted at", "risk", "rug at", "lead time"),
    )
    for launch in plan:
        table.add_row(Text(inert(launch.name, NAME_LIMIT)), launch.kind, *_row(launch, first))
    return table


def score_line(plan: Sequence[Planted], alerts: Iterable[Alert]) -> str:
    """In one line: the rugs that were alerted in time, and the false alarms."""
    first = _first_alerts(alerts)
    rugs = [launch for launch in plan if launch.rug_at is not None]
    in_time = sum(_lead(launch, first) >= timedelta(0) for launch in rugs if launch.key in first)
    false = sum(launch.key in first for launch in plan if launch.rug_at is None)
    return (
        f"{in_time} of {len(rugs)} rugs alerted before or as they happened; "
        f"{false} of {len(plan) - len(rugs)} honest launches alerted"
    )


def _first_alerts(alerts: Iterable[Alert]) -> Mapping[str, Alert]:
    return {alert.key: alert for alert in alerts if alert.action == "raised"}


def _row(launch: Planted, first: Mapping[str, Alert]) -> tuple[str, ...]:
    gone = _age(launch, launch.rug_at) if launch.rug_at else ""
    if launch.key not in first:
        return ("", "", gone, "missed" if launch.rug_at else "")
    alert = first[launch.key]
    said = (_age(launch, alert.raised_at), f"{alert.verdict.probability:.2f}")
    if launch.rug_at is None:
        return (*said, "", "false alarm")
    lead = _lead(launch, first).total_seconds()
    return (*said, gone, duration(lead) if lead >= 0 else f"{duration(-lead)} too late")


def _age(launch: Planted, at: datetime) -> str:
    return duration((at - launch.launched_at).total_seconds())


def _lead(launch: Planted, first: Mapping[str, Alert]) -> timedelta:
    """From the alert to the rug; negative when it came too late."""
    return (launch.rug_at or launch.launched_at) - first[launch.key].raised_at
