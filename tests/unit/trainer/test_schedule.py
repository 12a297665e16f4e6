"""When a refresh is tried, and that one runs at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from streams.errors import Invalid
from trainer.drift import drifted
from trainer.runs import Run, Runs
from trainer.schedule import Conditions, looking, was_due, why_now

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
QUIET = Conditions(cron="", labels=0, drift=False)


def run(began: datetime = NOON, **counts: int) -> Run:
    """A run that is over."""
    told = {name.replace("_", ": "): count for name, count in counts.items()}
    return Run(id="r1", why="cron", moment=began, began=began, ended=began, counts=told)


def nothing() -> list[str]:
    """No drift."""
    return []


def test_a_missed_moment_is_made_up_for_once() -> None:
    """Three nights without the service are one refresh; none since the last is none."""
    nightly = Conditions(cron="0 3 * * *", labels=0, drift=False)
    after = NOON + timedelta(days=3)
    assert was_due(nightly.cron, NOON, after)
    assert why_now(nightly, [run()], 0, nothing, after) == "cron"
    assert why_now(nightly, [run(), run(after)], 0, nothing, after) is None


def test_labels_and_drift_call_for_a_refresh() -> None:
    """New outcomes since the last run; drift only where there are some to learn from."""
    runs = [run(rules_rug=60, rules_alive=40)]
    enough = Conditions(cron="", labels=50, drift=False)
    assert why_now(enough, runs, 149, nothing, NOON) is None
    assert why_now(enough, runs, 150, nothing, NOON) == "labels"
    drifting = Conditions(cron="", labels=0, drift=True)
    assert why_now(drifting, runs, 101, lambda: ["score"], NOON) == "drift of score"
    assert why_now(drifting, runs, 100, lambda: ["score"], NOON) is None
    assert why_now(QUIET, [], 10_000, lambda: ["score"], NOON) is None


def test_a_cron_that_is_none_is_refused() -> None:
    """In one line that names the setting."""
    with pytest.raises(Invalid, match=r"learn\.cron"):
        was_due("every night", NOON, NOON)


def test_runs_are_kept_and_one_runs_at_a_time(tmp_path: Path) -> None:
    """A run without an end was killed; a second process is told no; asking is heard once."""
    runs = Runs(tmp_path)
    begun = Run(id="r2", why="asked", moment=NOON, began=NOON)
    runs.write(run(NOON - timedelta(days=1)))
    runs.write(begun)
    assert runs.unfinished() == begun
    (tmp_path / "runs" / "r3.json").write_text("{half")
    assert [each.id for each in runs.all()] == ["r1", "r2"]
    with runs.alone() as first, Runs(tmp_path).alone() as second:
        assert (first, second) == (True, False)
    with runs.alone() as again:
        assert again
    runs.ask()
    assert runs.is_asked()
    runs.heard()
    assert not runs.is_asked()


@pytest.mark.anyio
async def test_looks_do_not_overlap() -> None:
    """The scheduler looks at once and now and then; a look that takes long is not doubled."""
    now, most, looks = 0, 0, 0

    async def look() -> None:
        nonlocal now, most, looks
        now += 1
        most, looks = max(most, now), looks + 1
        await anyio.sleep(0.08)
        now -= 1

    scheduler = looking(look, "* * * * *", 0.02)
    scheduler.start()
    await anyio.sleep(0.4)
    scheduler.shutdown(wait=False)
    assert most == 1
    assert looks >= 2


def test_no_launches_do_not_drift() -> None:
    """Nothing is known of nothing."""
    assert drifted([], "old") == []
