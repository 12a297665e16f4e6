"""The progress line, live and plain."""

from __future__ import annotations

import io

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from daemon.display.view import View, duration, log_stream
from daemon.progress import Progress
from daemon.pulse import Pulse
from streams.clock import HandClock
from streams.source import Backlog

pytestmark = pytest.mark.anyio


def progress() -> Progress:
    """Half-way through something."""
    made = Progress(clock=HandClock(), pulse=Pulse(60.0), backlog=Backlog())
    made.events, made.launches, made.position = 1200, 3, 500
    made.published.update(enrich=40, score=30, alert=2)
    return made


async def test_the_line_says_where_things_stand() -> None:
    """Share, counts, and dead letters only when there are any."""
    made = progress()
    view = View(made, Console(file=io.StringIO()), 1000)
    for part in ("50%", "1,200 events", "3 launches", "40 dossiers", "30 verdicts", "2 alerts"):
        assert part in view.line()
    assert "dead" not in view.line()
    made.refused.update(score=7)
    assert "7 dead letters" in view.line()


async def test_plain_output_is_lines() -> None:
    """Where nobody looks live, a log of lines without control characters remains."""
    out = io.StringIO()
    view = View(progress(), Console(file=out), 1000)
    async with anyio.create_task_group() as group:
        group.start_soon(view.run)
        await anyio.wait_all_tasks_blocked()
        view.stop()
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


async def test_live_output_leaves_nothing_behind() -> None:
    """On a terminal the line is drawn, and taken away at the end."""
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, width=120)
    view = View(progress(), terminal, 1000)
    async with anyio.create_task_group() as group:
        group.start_soon(view.run)
        await anyio.wait_all_tasks_blocked()
        view.stop()
    assert "1,200 events" in out.getvalue()
    assert out.getvalue().endswith("\x1b[2K")


async def test_time_left_follows_the_speed_of_late() -> None:
    """By the source's rows first, then by what is left to score."""
    made, now = progress(), 0.0
    view = View(made, Console(file=io.StringIO()), 1000, seconds=lambda: now)

    async def look() -> str:
        with anyio.move_on_after(0):
            await view.run()
        return view.line()

    assert "left" not in await look()
    now, made.position = 10.0, 600
    assert "40s left" in await look()
    now, made.position = 10.0, 1000
    made.behind["score"] = 20
    made.published["score"] = 40
    assert "20s left" in await look()


def test_log_lines_go_above_the_live_line() -> None:
    """On a terminal the log is written through the console that draws."""
    out = io.StringIO()
    log_stream(Console(file=out, force_terminal=True)).write("a warning\n")
    assert "a warning" in out.getvalue()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0s"), (59.6, "1m"), (61, "1m 1s"), (3600, "1h"), (29_220, "8h 7m"), (93_600, "1d 2h")],
)
def test_duration(seconds: float, said: str) -> None:
    """Two units at most, and none of them zero."""
    assert duration(seconds) == said


@given(st.floats(0, 1e9))
def test_any_duration_is_short(seconds: float) -> None:
    """Whatever the length, it fits a column."""
    assert 2 <= len(duration(seconds)) <= 12
