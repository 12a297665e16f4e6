"""What the parts have done, and when a stage has nothing left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from daemon.progress import Progress, Timeline
from daemon.pulse import Pulse
from streams.clock import HandClock
from streams.events import Activity, Head, Launch
from streams.source import Backlog, Played
from streams.stage import Turn

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 1, tzinfo=UTC)


def progress(clock: HandClock) -> Progress:
    """A progress on a clock that is moved by hand."""
    return Progress(clock=clock, pulse=Pulse(60.0), backlog=Backlog(10))


def turn(stage: str, clock: HandClock, *, lag: int | None = None, **counts: int) -> Turn:
    """A turn of a stage, now."""
    zero = {"records": 0, "published": 0, "refused": 0}
    return Turn(stage=stage, at=clock.now(), lag=lag, **(zero | counts))


def head(seconds: float) -> Head:
    """The chain's clock at so many seconds after the start."""
    return Head(chain="ethereum", block=1, at=START + timedelta(seconds=seconds))


def launch() -> Launch:
    """A launch at the start."""
    return Launch(
        chain="ethereum",
        pool="0x1",
        block=1,
        log_index=0,
        at=START,
        venue="uniswap-v2",
        token_is_0=True,
    )


def test_counts_what_each_stage_did() -> None:
    """Dead letters are counted as such and not as what the stage is there to publish."""
    clock = HandClock()
    made = progress(clock)
    made.note_turn(turn("score", clock, records=5, published=5, refused=1))
    made.note_turn(turn("score", clock, records=2, published=2))
    assert made.handled["score"] == 7
    assert made.published["score"] == 6
    assert made.refused["score"] == 1


def test_counts_what_the_source_published() -> None:
    """Events, launches, the position, and the newest moment on the chain's clock."""
    made = progress(HandClock())
    played: list[Activity] = [launch(), head(60)]
    made.note_played(Played(played, 12))
    made.note_played(Played([head(30)], 13))
    assert (made.events, made.launches, made.position) == (3, 1, 13)
    assert made.head == START + timedelta(seconds=60)


async def test_caught_up_wants_a_look_from_now_on() -> None:
    """That a stage had nothing left before the question says nothing about now."""
    clock = HandClock()
    made = progress(clock)
    made.note_turn(turn("score", clock, lag=0))
    clock.move(1)
    done: list[str] = []

    async def wait() -> None:
        await made.caught_up("score")
        done.append("score")

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        for lag, stage in ((None, "score"), (3, "score"), (0, "alert")):
            clock.move(1)
            made.note_turn(turn(stage, clock, lag=lag))
            await anyio.wait_all_tasks_blocked()
            assert done == []
        clock.move(1)
        made.note_turn(turn("score", clock, lag=0))
    assert done == ["score"]
    assert made.behind["score"] == 0


async def test_running_waits_for_every_stage() -> None:
    """A source starts when all stages have got round their loop."""
    clock = HandClock()
    made = progress(clock)
    async with anyio.create_task_group() as group:
        group.start_soon(made.running, ["enrich", "score"])
        await anyio.wait_all_tasks_blocked()
        made.note_turn(turn("enrich", clock))
        assert not made.is_running("score")
        made.note_turn(turn("score", clock))
    assert made.is_running("score")


async def test_enriched_records_make_room_for_the_source() -> None:
    """The backlog shrinks by what enrich handles, and by nothing else."""
    clock = HandClock()
    backlog = Backlog(10)
    made = Progress(clock=clock, pulse=Pulse(60.0), backlog=backlog)
    backlog.add(15)
    made.note_turn(turn("score", clock, records=15))
    async with anyio.create_task_group() as group:
        group.start_soon(backlog.room)
        await anyio.wait_all_tasks_blocked()
        made.note_turn(turn("enrich", clock, records=5))


def test_a_turn_beats_the_pulse() -> None:
    """A stage that gets round its loop is alive."""
    now = 0.0
    clock, pulse = HandClock(), Pulse(10.0, lambda: now)
    made = Progress(clock=clock, pulse=pulse, backlog=Backlog())
    made.note_turn(turn("score", clock))
    now = 11.0
    assert pulse.silent() == ["score: no progress for 11 s"]


def test_timeline_tells_when_a_moment_was_published() -> None:
    """A moment of the recording was published with the first batch that reaches it."""
    clock = HandClock()
    timeline = Timeline(clock)
    times = []
    for seconds in (10, 5, 20):  # the second batch is of another chain, and behind
        timeline.note_played(Played([head(seconds)], 1))
        times.append(clock.now())
        clock.move(1)
    assert timeline.published_at(START) == times[0]
    assert timeline.published_at(START + timedelta(seconds=10)) == times[0]
    assert timeline.published_at(START + timedelta(seconds=11)) == times[2]
    assert timeline.published_at(START + timedelta(seconds=21)) is None
