"""A recording played through the whole pipeline, and how its end is known.

The end: the source has sent its last event, and then enrich, score and alert, in this order, have
nothing left. Each commits only after what it publishes is acknowledged, so a stage that has
nothing left, seen after the stage before it had nothing left, has done everything.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio
import msgspec

from alerts.sink import Sink
from daemon.parts.alerting import alert_part
from daemon.parts.enriching import enrich_part
from daemon.parts.following import source_part
from daemon.parts.scoring import Judge, score_part
from daemon.parts.serving import broker_part, health_part
from daemon.parts.showing import page_parts
from daemon.plant import Plant
from daemon.signals import stop_on_signals
from daemon.supervisor import Part, Supervisor
from streams.enrich.store import PoolStore
from streams.source import Checkpoints, Played, Source

__all__ = ["Play", "play"]

STAGES = ("enrich", "score", "alert")


class Play(msgspec.Struct, frozen=True, kw_only=True):
    """What is played, by whom it is judged, and who is told."""

    source: Source
    judge: Judge
    sinks: Callable[[], Sequence[Sink]]
    listener: socket.socket | None = None
    page: socket.socket | None = None
    note: Callable[[Played], None]
    """Told of each batch that the source has published."""
    watch: Callable[[], Coroutine[Any, Any, None]]
    """Shows the progress until cancelled."""
    finish: Callable[[], Coroutine[Any, Any, None]] | None = None
    """Called once at the end of the recording; the process stops when it returns."""


async def play(plant: Plant, wanted: Play) -> bool:
    """Play to the end (true) or until a signal asks for a drain (false). Raises ``Broken``."""
    await _start_clean(plant, wanted.source)
    supervisor = Supervisor(_parts(plant, wanted), clock=plant.clock, pulse=plant.pulse)
    finished = anyio.Event()

    async def end() -> None:
        await supervisor.ended("source")
        for stage in STAGES:
            await plant.progress.caught_up(stage)
        finished.set()
        if wanted.finish is not None:
            await wanted.finish()
        supervisor.stop()

    async with anyio.create_task_group() as group:
        group.start_soon(wanted.watch)
        group.start_soon(end)
        with stop_on_signals(supervisor.stop):
            await supervisor.run()
        group.cancel_scope.cancel()
    return finished.is_set()


async def _start_clean(plant: Plant, source: Source) -> None:
    """Forget the pools when the source will start at its beginning: it will tell all of them."""
    checkpoints = Checkpoints(plant.state, plant.cluster.incarnation)
    if await checkpoints.load(source.name) == 0:
        await PoolStore(plant.state).clear()


def _parts(plant: Plant, wanted: Play) -> list[Part]:
    parts = [
        source_part(plant, wanted.source, wanted.note, STAGES),
        enrich_part(plant),
        score_part(plant, wanted.judge),
        alert_part(plant, wanted.sinks),
    ]
    if plant.cluster.embedded is not None:
        parts.append(broker_part(plant.cluster.embedded))
    if wanted.listener is not None:
        parts.append(health_part(plant, wanted.listener, STAGES))
    if wanted.page is not None:
        parts += page_parts(plant, wanted.page)
    return parts
