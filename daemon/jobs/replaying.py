"""One ``heft replay`` from opening the recording to the last table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import anyio.to_thread
from rich.console import Console

from daemon.display.summary import flow_table
from daemon.display.tables import output
from daemon.display.view import View, log_stream
from daemon.exits import INTERRUPTED
from daemon.health import listen
from daemon.jobs.collect import events_of
from daemon.jobs.verdicts import check_writable, write_verdicts
from daemon.options import ReplayOptions
from daemon.parts.scoring import Judge, open_judge
from daemon.parts.sinks import sinks_from
from daemon.plant import Plant, open_plant
from daemon.play import Play, play
from daemon.run import configure_quiet
from daemon.sections import Kafka, Model, State
from daemon.settings import Settings
from heft_model.registry import Registry
from streams.clock import SystemClock
from streams.errors import Invalid
from streams.events import Verdict
from streams.recording import Recording, open_recording
from streams.replay import ReplaySource
from streams.topics import VERDICTS

__all__ = ["apart", "replay_folder", "with_state"]

JUDGED_SHARE = 0.3
"""The latest launches, on which a report must be able to judge."""


async def replay_folder(settings: Settings, folder: Path, options: ReplayOptions) -> int:
    """Play the folder, then write and print what was asked for; gives the exit code."""
    terminal, out = Console(stderr=True), output()
    configure_quiet(settings.log, log_stream(terminal))
    _check(settings, options)
    recording = await anyio.to_thread.run_sync(_open, folder, options.limit_pools)
    model = settings.model
    if options.report and not model.bundle:
        model = await anyio.to_thread.run_sync(_unseeing, model, recording)
    judge = await anyio.to_thread.run_sync(open_judge, model)
    alone = settings if options.external else apart(settings)
    with with_state(alone, options.state) as kept:
        async with open_plant(kept) as plant:
            started = monotonic()
            if not await _play(plant, recording, judge, options, terminal):
                terminal.print(_stopped(plant), soft_wrap=True)
                return INTERRUPTED
            out.print(flow_table(plant.progress, monotonic() - started))
            await _tell(plant, recording, judge, options, out)
    return 0


def _check(settings: Settings, options: ReplayOptions) -> None:
    """Refuse at once what would fail only at the end, or do something else than was asked."""
    if options.external and not settings.kafka.bootstrap_servers:
        raise Invalid("--external needs kafka.bootstrap_servers in the settings", reason="usage")
    if options.limit_pools is not None and options.limit_pools < 1:
        raise Invalid("--limit-pools must be 1 or more", reason="usage")
    if options.report and find_spec("sklearn") is None:
        raise Invalid("a report needs more: pip install 'heft-monitor[cpu,train]'")
    if options.verdicts is not None:
        check_writable(options.verdicts)


def apart(settings: Settings) -> Settings:
    """The settings on a broker and a state of our own: what is played is not the live chains'."""
    kafka = Kafka(partitions=settings.kafka.partitions)
    state = State(dir=settings.state.dir)
    return settings.model_copy(update={"kafka": kafka, "state": state})


@contextmanager
def with_state(settings: Settings, folder: Path | None) -> Iterator[Settings]:
    """The settings with a state that is gone afterwards, unless a folder is named to keep it."""
    if folder is not None:
        yield settings
        return
    with TemporaryDirectory(prefix="heft-", ignore_cleanup_errors=True) as made:
        yield settings.model_copy(update={"state": State(dir=Path(made))})


def _stopped(plant: Plant) -> str:
    """What the next run will do; the embedded broker's records end with it."""
    if plant.cluster.embedded is not None:
        return "heft: stopped before the end; the next run starts over"
    return "heft: stopped before the end; the next run with the same --state goes on here"


def _unseeing(model: Model, recording: Recording) -> Model:
    """The newest version that has not learnt from the last launches of the recording.

    The best version to serve has learnt from everything; judged on what it has learnt from, it
    would only show its memory. Where every version has, the champion judges, and the report says
    that no pool is left.
    """
    pools = list(recording.pools)
    moment = recording.first_time(pools[int(len(pools) * (1 - JUDGED_SHARE))])
    version = Registry(model.registry).newest_before(datetime.fromtimestamp(moment, UTC))
    return model.model_copy(update={"bundle": version.id}) if version else model


def _open(folder: Path, limit_pools: int | None) -> Recording:
    return open_recording(folder, limit_pools=limit_pools)


async def _play(
    plant: Plant, recording: Recording, judge: Judge, options: ReplayOptions, terminal: Console
) -> bool:
    source = ReplaySource(recording=recording, clock=SystemClock(), speed=options.speed)
    http = plant.settings.http
    view = View(plant.progress, terminal, recording.count)
    wanted = Play(
        source=source,
        judge=judge,
        sinks=lambda: sinks_from(plant.settings, terminal, plant.clock) if options.sinks else [],
        listener=listen("http", http.host, http.port) if options.port is not None else None,
        note=plant.progress.note_played,
        watch=view.run,
    )
    return await play(plant, wanted)


async def _tell(
    plant: Plant, recording: Recording, judge: Judge, options: ReplayOptions, out: Console
) -> None:
    if not (options.verdicts or options.report):
        return
    verdicts = await _verdicts(plant, recording)
    if options.verdicts:
        written = await anyio.to_thread.run_sync(write_verdicts, options.verdicts, verdicts)
        out.print(f"{written:,} verdicts written to {options.verdicts}", soft_wrap=True)
    if options.report:
        from daemon.display.judgement import report_tables  # scikit-learn takes its time to load

        for table in await anyio.to_thread.run_sync(report_tables, recording, judge, verdicts):
            out.print(table)


async def _verdicts(plant: Plant, recording: Recording) -> list[Verdict]:
    """The verdicts on this recording's pools; an external topic may hold others too."""
    keys = {f"{row.chain}:{row.pool}" for row in recording.pools.values()}
    return [
        verdict
        for verdict in await events_of(plant.cluster.broker, VERDICTS)
        if isinstance(verdict, Verdict) and verdict.key in keys
    ]
