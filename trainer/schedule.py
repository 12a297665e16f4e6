"""When a refresh is tried: by the clock, by enough new outcomes, by drift, or because it is asked.

The one home of APScheduler. What was done last is in the runs on disk and not in a job store: a
moment that passed while nothing ran is made up for once, at the first look after it, however many
passed (misfires are coalesced), and a run that was killed is gone on with before anything else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import msgspec
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from streams.errors import Invalid
from trainer.runs import Run

__all__ = ["Conditions", "looking", "was_due", "why_now"]


class Conditions(msgspec.Struct, frozen=True, kw_only=True):
    """What calls for a refresh."""

    cron: str = "0 3 * * *"
    """Five fields, in UTC; empty is never."""
    labels: int = 200
    """Launches settled since the last run; 0 is never."""
    drift: bool = True


def was_due(cron: str, last: datetime, now: datetime) -> bool:
    """Whether a moment of ``cron`` has come since ``last``; raises ``Invalid`` for no cron."""
    if not cron:
        return False
    following = trigger_of(cron).get_next_fire_time(None, last)
    return following is not None and following <= now


def why_now(
    conditions: Conditions,
    runs: Sequence[Run],
    settled: int,
    drifted: Callable[[], Sequence[str]],
    now: datetime,
) -> str | None:
    """Why a refresh is to be tried, or ``None``.

    ``settled`` counts the launches with an outcome; those of the last run are in its counts. Drift
    is looked for last, and not again until there are new outcomes to learn from.
    """
    last = runs[-1] if runs else None
    known = sum(n for name, n in last.counts.items() if _is_settled(name)) if last else 0
    if last is not None and was_due(conditions.cron, last.began, now):
        return "cron"
    if conditions.labels and settled - known >= conditions.labels:
        return "labels"
    if conditions.drift and settled > known and (names := drifted()):
        return f"drift of {', '.join(names)}"
    return None


def trigger_of(cron: str) -> CronTrigger:
    """Raises ``Invalid`` for what is no crontab expression."""
    try:
        return CronTrigger.from_crontab(cron, timezone=UTC)
    except ValueError as error:
        raise Invalid(f"learn.cron {cron!r} cannot be used: {error}", reason="setting") from error


def looking(look: Callable[[], Awaitable[None]], cron: str, every: float) -> AsyncIOScheduler:
    """A scheduler that looks at once, every so many seconds, and at the moments of ``cron``.

    One look at a time; those that come meanwhile are one. Start it on a running loop.
    """
    scheduler = AsyncIOScheduler(timezone=UTC)
    told = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
    soon = datetime.now(UTC)
    scheduler.add_job(look, IntervalTrigger(seconds=every), next_run_time=soon, id="look", **told)
    if cron:
        scheduler.add_job(look, trigger_of(cron), id="cron", **told)
    return scheduler


def _is_settled(name: str) -> bool:
    return name.startswith(("people", "rules")) and not name.endswith("so far")
