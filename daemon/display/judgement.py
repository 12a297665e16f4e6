"""The tables of ``heft replay --report``: verdicts held against what then happened."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from daemon.display.tables import new_table
from daemon.display.view import duration
from daemon.parts.scoring import Judge
from heft_model.calibrate import Threshold
from streams.events import Verdict
from streams.recording import Recording
from streams.replay import activity_from_rows
from trainer.evaluate import Interval
from trainer.labels import outcomes_of
from trainer.report import AgeRow, Report, report_on

__all__ = ["report_tables"]


def report_tables(recording: Recording, judge: Judge, verdicts: Sequence[Verdict]) -> list[Table]:
    """Detection by age and alerts by file; reads the recording once more for the outcomes."""
    trained_until = judge.manifest.window.last_launch_at.timestamp() if judge.manifest else 0.0
    report = report_on(
        verdicts,
        outcomes_of(activity_from_rows(recording, recording.rows())),
        {f"{row.chain}:{row.pool}": row.file for row in recording.pools.values()},
        trained_until=trained_until,
    )
    chains = {row.chain for row in recording.pools.values()}
    taught = set(judge.manifest.window.chains) if judge.manifest else set()
    return [_detection(report, sorted(chains - taught)), _alerts(report, judge.promise)]


def _detection(report: Report, foreign: Sequence[str]) -> Table:
    """``foreign`` are the chains of the recording that the bundle has learnt nothing from."""
    table = new_table(
        f"Detection by {report.bundle}, with 95 % intervals",
        *("file", "age", "pools", "rugs", "AUC", "AP", "calibration error"),
    )
    table.caption = (
        f"{report.judged:,} pools judged; {report.unjudged:,} left out, launched before the "
        "bundle's training ended"
    )
    if foreign:
        table.caption += f"; it has learnt from no launch of {', '.join(foreign)}"
    for row in report.ages:
        _add_age(table, row)
    return table


def _add_age(table: Table, row: AgeRow) -> None:
    found = row.detection
    error = "" if found.calibration_error is None else f"{found.calibration_error:.3f}"
    table.add_row(
        row.part,
        row.age,
        f"{found.n:,}",
        f"{found.rugs:,}",
        _interval(found.auc),
        _interval(found.ap),
        error,
    )


def _alerts(report: Report, promise: Threshold | None) -> Table:
    table = new_table(
        "Alerts at the bundle's threshold",
        *("file", "pools", "rugs", "alerted before", "right", "precision", "recall", "too late"),
        "median lead",
    )
    if promise is not None:
        table.caption = (
            f"threshold {promise.value:.3f}, at which the bundle states a precision of "
            f"{promise.precision:.1%} (of {promise.alerted:,} calibration pools alerted, "
            f"{promise.rugged:,} rugged)"
        )
    for row in report.alerts:
        table.add_row(
            row.part,
            f"{row.pools:,}",
            f"{row.rugs:,}",
            f"{row.alerted:,}",
            f"{row.right:,}",
            _share(row.precision),
            _share(row.recall),
            f"{row.late:,}",
            "" if row.lead_seconds is None else duration(row.lead_seconds),
        )
    return table


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{interval.value:.3f} ({interval.low:.3f} to {interval.high:.3f})"


def _share(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
