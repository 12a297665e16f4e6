"""The figures and tables at the end of a play."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console, RenderableType

from daemon.display.planted import Planted, planted_table, read_planted, score_line
from daemon.display.summary import flow_table, latencies
from daemon.progress import Progress, Timeline
from daemon.pulse import Pulse
from streams.clock import HandClock
from streams.events import Alert, Head
from streams.source import Backlog, Played
from tests.unit.alerts.making import POOL, a_verdict, alerts_of

START = a_verdict().at


def shown(what: RenderableType) -> str:
    """As a terminal shows it."""
    out = io.StringIO()
    Console(file=out, width=100).print(what)
    return out.getvalue()


def launch(kind: str, *, pool: str = POOL, rug_after: float | None = None) -> Planted:
    """A planned launch, an hour before the first verdict."""
    launched_at = START - timedelta(hours=1)
    rug_at = None if rug_after is None else launched_at + timedelta(seconds=rug_after)
    return Planted(
        key=f"ethereum:{pool}",
        name="[bold]evil.com",
        kind=kind,
        launched_at=launched_at,
        rug_at=rug_at,
    )


def alerts() -> list[Alert]:
    """One pool, alerted when it is an hour old."""
    return alerts_of(a_verdict(60, at=START))


def test_flow_table_counts_and_divides() -> None:
    """In all, a second, and the memory."""
    progress = Progress(clock=HandClock(), pulse=Pulse(60.0), backlog=Backlog())
    progress.events = 12_000
    progress.published.update(score=30)
    text = shown(flow_table(progress, 10.0))
    assert "12,000" in text
    assert "1,200.0" in text
    assert "MiB" in text


def test_latency_counts_from_publication_to_verdict() -> None:
    """Median and 95th percentile over the verdicts whose moment was published in this run."""
    clock = HandClock()
    timeline = Timeline(clock)
    timeline.note_played(Played([Head(chain="ethereum", block=1, at=START)], 1))
    published = clock.now()
    verdicts = [
        a_verdict(0, scored_at=published + timedelta(seconds=seconds)) for seconds in range(1, 101)
    ]
    late = a_verdict(9, at=START + timedelta(days=1))
    found = latencies([*verdicts, late], timeline)
    assert found is not None
    assert found[0] == 50.5
    assert 95 <= found[1] <= 97
    assert latencies([late], timeline) is None


def test_an_alert_in_time_is_told_with_its_lead() -> None:
    """The rug came two hours after launch, and the alert one hour before it."""
    plan = [launch("liquidity-pull", rug_after=7200)]
    assert all(column.header for column in planted_table(plan, alerts()).columns)
    assert "1h" in shown(planted_table(plan, alerts())).split("2h")[1]
    assert score_line(plan, alerts()) == (
        "1 of 1 rugs alerted before or as they happened; 0 of 0 honest launches alerted"
    )


def test_late_missed_and_false_alerts_are_told() -> None:
    """Nothing is glossed over."""
    late = [launch("honeypot", rug_after=1800)]
    assert "30m too late" in shown(planted_table(late, alerts()))
    assert score_line(late, alerts()).startswith("0 of 1 rugs")
    missed = [launch("tax", pool="0x2", rug_after=1800)]
    assert "missed" in shown(planted_table(missed, alerts()))
    false = [launch("honest")]
    assert "false alarm" in shown(planted_table(false, alerts()))
    assert score_line(false, alerts()).endswith("1 of 1 honest launches alerted")


def test_names_are_shown_inert() -> None:
    """A launch's name is neither markup nor a link."""
    text = shown(planted_table([launch("honest")], []))
    assert "[bold]evil[.]com" in text


def test_the_plan_is_read_from_a_recording(tmp_path: Path) -> None:
    """In order of launch, with the moment of the rug where there is one."""
    rows = [
        {
            "chain": "devnet",
            "pool": f"0x{n}",
            "name": f"n{n}",
            "planted": "honest" if n else "tax",
            "timestamp": 100 - n,
            "rug_timestamp": None if n else 200,
        }
        for n in range(2)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "pools.parquet")
    first, second = read_planted(tmp_path)
    assert (first.key, first.rug_at) == ("devnet:0x1", None)
    assert (second.kind, second.rug_at) == ("tax", datetime.fromtimestamp(200, UTC))


def test_the_bundled_recording_has_a_plan() -> None:
    """The demo's recording tells of honest launches and of every kind of rug."""
    folder = Path(__file__).parents[3] / "daemon" / "recordings" / "demo"
    kinds = {launch.kind for launch in read_planted(folder)}
    assert kinds == {"honest", "liquidity-pull", "honeypot", "hidden-mint", "tax"}
