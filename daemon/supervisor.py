"""Keeps the parts of the process running: downstream first up, upstream first down.

A part is one long-running coroutine: a stage, the source, the health server. One that fails is
started again after a jittered, growing wait; one that raises ``Broken`` or ``Invalid`` stops the
process, since another try would end the same. To stop, the parts are drained in flow order, so
that whatever one still publishes while it finishes its batch has a reader.

This module does not know what the parts do.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Awaitable, Callable, Sequence

import anyio
import msgspec
import structlog

from daemon.pulse import Pulse
from streams import telemetry
from streams.clock import Clock
from streams.errors import Broken, Invalid, Retry
from streams.stage import Drain

__all__ = ["Part", "Supervisor"]

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STEADY_S = 60.0
"""A part that ran this long had recovered: its next failure starts with the first wait again."""

log = structlog.get_logger(__name__)


class Part(msgspec.Struct, frozen=True):
    """One thing to keep running."""

    name: str
    run: Callable[[Drain], Awaitable[None]]
    """Returns soon after the drain is asked for, or when its work is finished for good."""
    beats: bool = False
    """Whether it beats the pulse at every turn, so that its silence means that it hangs."""


class Supervisor:
    """Runs parts given in flow order, upstream first, until stopped or one is ``Broken``."""

    def __init__(self, parts: Sequence[Part], *, clock: Clock, pulse: Pulse) -> None:
        self._parts = tuple(parts)
        self._clock = clock
        self._pulse = pulse
        self._stop = anyio.Event()
        self._drains = {part.name: Drain() for part in parts}
        self._ended = {part.name: anyio.Event() for part in parts}

    def stop(self) -> None:
        """Ask for the end; ``run`` returns when every part has finished its batch."""
        self._stop.set()

    async def run(self) -> None:
        """Start all, downstream first; return after ``stop``. Raises the first ``Broken``."""
        _freeze()
        try:
            async with anyio.create_task_group() as group:
                for part in reversed(self._parts):
                    group.start_soon(self._keep, part, name=part.name)
                await self._stop.wait()
                await self._drain()
        except* (Broken, Invalid) as failures:
            raise _first(failures) from None
        finally:
            gc.unfreeze()  # or extensions complain at the exit that their objects leak

    async def ended(self, name: str) -> None:
        """Return when that part has returned for good."""
        await self._ended[name].wait()

    async def _drain(self) -> None:
        for part in self._parts:
            self._drains[part.name].ask()
            await self._ended[part.name].wait()
            log.debug("part_stopped", part=part.name)

    async def _keep(self, part: Part) -> None:
        """Run the part until it returns, however often it fails before."""
        drain, failures, finished = self._drains[part.name], 0, False
        while not (finished or drain.asked):
            started = self._clock.now()
            if part.beats:
                self._pulse.beat(part.name)
            try:
                await part.run(drain)
                finished = True
            except (Broken, Invalid):
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, the part starts again
                steady = (self._clock.now() - started).total_seconds() >= STEADY_S
                failures = 1 if steady else failures + 1
                await self._wait_after(error, failures, part.name, drain)
        self._pulse.forget(part.name)
        self._ended[part.name].set()

    async def _wait_after(self, error: Exception, failures: int, name: str, drain: Drain) -> None:
        wait = wait_before_restart(failures, error)
        what = {"error": str(error)} if isinstance(error, Retry) else {"exc_info": error}
        log.warning("part_failed", part=name, restart_in_seconds=round(wait, 1), **what)
        telemetry.PART_RESTARTS.labels(name).inc()
        self._pulse.forget(name)
        with drain.interrupts():
            await self._clock.sleep(wait)


def wait_before_restart(failures: int, error: Exception) -> float:
    """Seconds: growing, jittered, bounded, and never less than the other side asked for."""
    longest = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(failures - 1, 10))
    asked = error.retry_after if isinstance(error, Retry) else None
    return max(random.uniform(longest / 2, longest), asked or 0.0)


def _freeze() -> None:
    """Spare the collector what the process is built of: modules and models stay to the end.

    Each full collection would otherwise walk a million objects, which was two fifths of our time
    under a flood of launches. ``gc.freeze`` is for this.
    """
    gc.collect()
    gc.freeze()


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
