"""Start order, restarts with a growing wait, drains in flow order, loud ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.pulse import Pulse
from daemon.supervisor import LONGEST_WAIT_S, Part, Supervisor, wait_before_restart
from streams.clock import HandClock
from streams.errors import Broken, Invalid, Retry
from streams.stage import Drain

pytestmark = pytest.mark.anyio

NAMES = ("source", "enrich", "score", "alert")


def steady(name: str, diary: list[str]) -> Part:
    """A part that runs until it is drained, and notes when it starts and stops."""

    async def run(drain: Drain) -> None:
        diary.append(f"+{name}")
        with drain.interrupts():
            await anyio.sleep_forever()
        diary.append(f"-{name}")

    return Part(name, run)


def failing(name: str, errors: list[Exception], running: list[str] | None = None) -> Part:
    """A part that raises each error in turn, then notes that it runs."""

    async def run(drain: Drain) -> None:
        if errors:
            raise errors.pop(0)
        (running if running is not None else []).append(name)
        with drain.interrupts():
            await anyio.sleep_forever()

    return Part(name, run)


def supervisor(*parts: Part, clock: HandClock | None = None) -> Supervisor:
    """A supervisor of these parts, on a clock that stands still."""
    return Supervisor(parts, clock=clock or HandClock(), pulse=Pulse(60.0))


async def until(claim: Callable[[], bool]) -> None:
    """Let the other tasks run until the claim holds."""
    with anyio.fail_after(5):
        while not claim():
            await anyio.sleep(0.001)


async def run_with(process: Supervisor, act: Callable[[], Awaitable[None]]) -> None:
    """Run the process while ``act`` is done to it, then stop it."""
    async with anyio.create_task_group() as group:
        group.start_soon(process.run)
        await act()
        process.stop()


async def test_downstream_starts_first_and_upstream_stops_first() -> None:
    """Whatever a part publishes has a reader: on the way up and on the way down."""
    diary: list[str] = []

    async def act() -> None:
        await until(lambda: len(diary) == len(NAMES))

    await run_with(supervisor(*(steady(name, diary) for name in NAMES)), act)
    assert diary == [
        *("+alert", "+score", "+enrich", "+source"),
        *("-source", "-enrich", "-score", "-alert"),
    ]


async def test_failed_part_starts_again_after_a_wait() -> None:
    """A part that fails, in a known or unknown way, is waited for and started again."""
    clock, running = HandClock(), list[str]()
    errors = [Retry("broker away"), ValueError("bug"), OSError("disk")]

    async def act() -> None:
        for left in (2, 1, 0):
            await until(lambda: (len(errors), clock.sleepers) == (left, 1))  # noqa: B023
            clock.move(LONGEST_WAIT_S)
        await until(lambda: running == ["score"])

    await run_with(supervisor(failing("score", errors, running), clock=clock), act)


async def test_stop_ends_a_wait() -> None:
    """A stop does not wait for a part that waits to be started again."""
    clock = HandClock()

    async def act() -> None:
        await until(lambda: clock.sleepers == 1)

    with anyio.fail_after(5):
        await run_with(supervisor(failing("score", [Retry("away")]), clock=clock), act)


@pytest.mark.parametrize("error", [Broken("impossible"), Invalid("denied")])
async def test_what_cannot_get_better_ends_the_process(error: Exception) -> None:
    """Broken or Invalid from a part ends all parts, and is raised as itself."""
    process = supervisor(steady("enrich", []), failing("score", [error]))
    with pytest.raises(type(error)) as caught:
        await process.run()
    assert caught.value is error


async def test_a_finished_part_is_not_started_again() -> None:
    """A part that returns has finished its work for good, and can be waited for."""
    runs: list[str] = []

    async def once(_: Drain) -> None:
        runs.append("source")

    process = supervisor(Part("source", once), steady("enrich", []))

    async def act() -> None:
        await process.ended("source")

    await run_with(process, act)
    assert runs == ["source"]


async def test_a_waiting_part_is_not_silent() -> None:
    """Liveness must not kill a process that waits for the outside world."""
    now = 0.0
    clock, pulse = HandClock(), Pulse(10.0, lambda: now)
    process = Supervisor([failing("score", [Retry("away")])], clock=clock, pulse=pulse)

    async def act() -> None:
        nonlocal now
        await until(lambda: clock.sleepers == 1)
        now = 100.0
        assert pulse.silent() == []

    await run_with(process, act)


@given(st.integers(1, 1000), st.none() | st.floats(0, 1000))
def test_wait_is_bounded_and_polite(failures: int, asked: float | None) -> None:
    """However often a part failed, the wait is bounded; and it honours what was asked for."""
    wait = wait_before_restart(failures, Retry("away", retry_after=asked))
    assert wait >= (asked or 0)
    assert 0.25 <= wait <= max(LONGEST_WAIT_S, asked or 0)


def test_wait_grows() -> None:
    """The shortest wait after many failures is longer than the longest after one."""
    assert wait_before_restart(8, OSError()) > wait_before_restart(1, OSError())
