"""The figures at the end of a play: what went through, and how fast."""

from __future__ import annotations

import resource
from collections.abc import Iterable
from statistics import median, quantiles

from rich.table import Table

from daemon.display.tables import new_table
from daemon.display.view import duration
from daemon.progress import Progress, Timeline
from streams.events import Verdict

__all__ = ["flow_table", "latencies"]


def flow_table(progress: Progress, seconds: float) -> Table:
    """What went through in so many seconds of wall time, and how much memory it took."""
    table = new_table("Through the pipeline", "", "in all", "a second")
    rows = (
        ("events", progress.events),
        ("launches", progress.launches),
        ("dossiers", progress.published["enrich"]),
        ("verdicts", progress.published["score"]),
        ("alerts", progress.published["alert"]),
        ("dead letters", progress.refused.total()),
    )
    for name, count in rows:
        table.add_row(name, f"{count:,}", f"{count / seconds:,.1f}" if seconds else "")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    table.caption = f"{duration(seconds)}, {peak:,.0f} MiB of memory at most"
    return table


def latencies(verdicts: Iterable[Verdict], timeline: Timeline) -> tuple[float, float] | None:
    """Median and 95th percentile of the seconds from an event's publication to its verdict."""
    waits = sorted(
        (verdict.scored_at - published).total_seconds()
        for verdict in verdicts
        if (published := timeline.published_at(verdict.at)) is not None
    )
    if len(waits) < 2:
        return None
    return median(waits), quantiles(waits, n=20)[-1]
