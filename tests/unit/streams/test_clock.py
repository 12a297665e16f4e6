"""Clocks: the system's tells UTC, the other moves by hand."""

from __future__ import annotations

from datetime import UTC, timedelta

import anyio
import pytest

from streams.clock import HandClock, SystemClock

pytestmark = pytest.mark.anyio


async def test_the_system_clock_tells_utc_and_waits() -> None:
    """Its moments are aware and do not go back."""
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0)
    assert before.tzinfo is UTC
    assert clock.now() >= before


async def test_sleepers_wake_when_the_clock_passes_their_moment() -> None:
    """A hand-moved clock wakes who is due, and nobody else."""
    clock = HandClock()
    start = clock.now()
    woken: list[int] = []

    async def sleep(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with anyio.create_task_group() as tasks:
        for seconds in (1, 2, 3):
            tasks.start_soon(sleep, seconds)
        await anyio.wait_all_tasks_blocked()
        assert clock.sleepers == 3
        clock.move(2)
        await anyio.wait_all_tasks_blocked()
        assert (sorted(woken), clock.sleepers) == ([1, 2], 1)
        clock.move(1)
    assert sorted(woken) == [1, 2, 3]
    assert clock.now() == start + timedelta(seconds=3)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    """Nothing is left behind by who gave up waiting."""
    clock = HandClock()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(clock.sleep, 1)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
    assert clock.sleepers == 0
