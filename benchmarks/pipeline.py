"""Events a second through broker, enricher and state, for a growing number of pools.

    python -m benchmarks.pipeline [--pools 1000 2000 5000] [FOLDER]

FOLDER is a recording (default: ``$HEFT_DATA_DIR/data/uniswap_v2_pool_events``). Beside the real
thing (embedded broker, SQLite) it runs the same stage in one process on ``MemoryBroker``, and the
bare fold, so that one sees what the broker and the state cost.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from benchmarks.machine import describe, resident_mib
from streams.broker import Broker, KafkaSettings
from streams.embedded import embedded_broker
from streams.enrich.enricher import EnrichTransform
from streams.enrich.fold import Fold
from streams.enrich.store import PoolStore
from streams.kafka import KafkaBroker
from streams.memory import MemoryBroker
from streams.recording import Recording, open_recording
from streams.replay import ReplaySource, activity_from_rows
from streams.source import Backlog, Checkpoints, run_source
from streams.stage import Brake, Drain, Stage, SystemClock, Turn, run_stage
from streams.state import State
from streams.topics import ACTIVITY, TOPICS

PARTITIONS = 4


def main() -> None:
    """Parse the command line, run every case, print one row each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=_default_folder())
    parser.add_argument("--pools", nargs="+", type=int, default=[1000, 2000, 5000])
    arguments = parser.parse_args()
    print(describe())
    print(f"{'pools':>6} {'events':>9} {'way':<28} {'events/s':>9} {'RSS MiB':>8}")
    for pools in arguments.pools:
        recording = open_recording(arguments.folder, limit_pools=pools)
        for way, seconds, events in _ways(recording):
            rate = events / seconds
            print(f"{pools:>6} {events:>9} {way:<28} {rate:>9.0f} {resident_mib():>8.0f}")
            sys.stdout.flush()


def _ways(recording: Recording) -> list[tuple[str, float, int]]:
    return [
        ("fold alone", *_fold(recording)),
        ("memory broker + SQLite", *asyncio.run(_pipeline(recording, real=False))),
        ("embedded broker + SQLite", *asyncio.run(_pipeline(recording, real=True))),
    ]


def _fold(recording: Recording) -> tuple[float, int]:
    started, fold = time.perf_counter(), Fold()
    for event in activity_from_rows(recording, recording.rows()):
        fold.feed(event)
    return time.perf_counter() - started, recording.count


async def _pipeline(recording: Recording, *, real: bool) -> tuple[float, int]:
    """Seconds from the first publication to the commit of the last event."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker: Broker = MemoryBroker()
        if real:
            address = await stack.enter_async_context(embedded_broker(folder / "broker"))
            broker = KafkaBroker(
                KafkaSettings(bootstrap_servers=address.bootstrap_servers, fetch_max_wait_ms=50)
            )
        stack.push_async_callback(broker.close)
        await broker.ensure_topics(TOPICS, PARTITIONS)
        state = await State.open(f"sqlite:///{folder}/state.db")
        stack.push_async_callback(state.close)
        started = time.perf_counter()
        await _run(recording, broker, state)
        return time.perf_counter() - started, recording.count


async def _run(recording: Recording, broker: Broker, state: State) -> None:
    drain, backlog = Drain(), Backlog()
    finished = asyncio.Event()

    def watch(turn: Turn) -> None:
        backlog.done(turn.records)
        if finished.is_set() and turn.lag == 0:
            drain.ask()

    stage = Stage("enrich", ACTIVITY, EnrichTransform(PoolStore(state)), max_records=2000)
    clock = SystemClock()
    enrich = asyncio.create_task(
        run_stage(stage, broker, clock=clock, brake=Brake(), progress=watch, drain=drain)
    )
    await run_source(
        ReplaySource(recording=recording, clock=clock),
        broker,
        Checkpoints(state, "benchmark"),
        drain=drain,
        backlog=backlog,
        progress=lambda _: None,
    )
    finished.set()
    await enrich


def _default_folder() -> Path:
    shared = Path(os.environ.get("HEFT_DATA_DIR", "../shared"))
    return shared / "data" / "uniswap_v2_pool_events"


if __name__ == "__main__":
    main()
