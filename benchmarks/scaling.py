"""Replicas of enrich and score: what a second one adds, and what killing and adding one loses.

*Throughput*: a topic is filled first; then one, then two processes of a role empty it, each time in
a group and on a broker of their own, with one thread a process for the model. *Loss*: while the
same events are published, two replicas of each role run, one of each is killed with ``kill -9``
half way and another is started; the verdicts must be those of an undisturbed run, the lag zero.
Replicas of enrich share one SQLite file here; in compose they share Postgres.
The recording is the demo's, many times over under other addresses.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread
import msgspec

from benchmarks.machine import describe
from benchmarks.services import Service, service
from daemon.jobs.collect import events_of
from daemon.jobs.demonstration import RECORDING
from daemon.run import configure_silent
from streams.broker import Broker, KafkaSettings
from streams.clock import SystemClock
from streams.embedded import embedded_broker
from streams.events import Activity, Head, Verdict
from streams.kafka import KafkaBroker
from streams.onpool import OnPool
from streams.recording import open_recording
from streams.replay import ReplaySource
from streams.source import messages_from_activity
from streams.topics import ACTIVITY, FACTS, TOPICS, VERDICTS

COPIES = int(os.environ.get("SCALING_COPIES", "12"))
PARTITIONS, BATCH = 4, 500
QUIET = {"LOG__LEVEL": "warning", "MODEL__WORKERS": "1", "SINKS__CONSOLE__ENABLED": "false"}
SESSION_S = 12.0
THREADS = {"OMP_NUM_THREADS": "1"}


async def main() -> int:
    """Print each figure; the exit code is 1 when something was lost."""
    configure_silent()
    print(describe())
    print(f"load {os.getloadavg()[0]:.1f}")
    os.environ |= THREADS
    for role, topic, count in (("enrich", ACTIVITY.name, COPIES), ("score", FACTS.name, COPIES)):
        one, two = [await _throughput(role, topic, replicas, count) for replicas in (1, 2)]
        print(f"{role}: two processes are {two / one:.2f} times one")
    return await _loss()


def _copies(events: list[Activity], copies: int) -> Iterator[list[Activity]]:
    """The recording under other pool addresses, copy by copy; each chain clock once."""
    for number in range(copies):
        yield [
            msgspec.structs.replace(event, pool=f"0x{number:04x}{event.pool[6:]}", **_traced(event))
            if isinstance(event, OnPool)
            else event
            for event in events
        ]


def _traced(event: Activity) -> dict[str, str]:
    return {"trace": ""} if hasattr(event, "trace") else {}


async def _recorded() -> list[Activity]:
    source = ReplaySource(recording=open_recording(RECORDING), clock=SystemClock(), batch=BATCH)
    return [event async for played in source.batches(0) for event in played.activity]


async def _publish(broker: Broker, copies: int) -> int:
    """All copies side by side, in the order of the chain; how many events."""
    made = [*_copies(await _recorded(), copies)]
    merged = [
        event
        for events in zip(*made, strict=True)
        for place, event in enumerate(events)
        if not (place and isinstance(event, Head))
    ]
    for start in range(0, len(merged), BATCH):
        await broker.publish(messages_from_activity(merged[start : start + BATCH], PARTITIONS))
    return len(merged)


async def _throughput(role: str, topic: str, replicas: int, copies: int) -> float:
    """Records a second, from the first that is handled until none is left."""
    async with AsyncExitStack() as stack:
        folder, kafka, broker = await _cluster(stack)
        await _publish(broker, copies)
        if role == "score":
            await anyio.to_thread.run_sync(_emptied, folder, kafka, "enrich", 1)
        records, seconds, cpu = await anyio.to_thread.run_sync(
            _emptied, folder, kafka, role, replicas
        )
        print(
            f"{role:<7} {replicas} process{'es' if replicas > 1 else ''}: {records / seconds:,.0f} "
            f"records of {topic} a second, {records / cpu:,.0f} a second of CPU, "
            f"load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        return records / seconds


def _emptied(folder: Path, kafka: str, role: str, replicas: int) -> tuple[float, float, float]:
    """Records, seconds and CPU seconds that replicas of a role took for what is on its topic."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(service(folder, kafka, (role,), ready=False, settings=QUIET))
            for _ in range(replicas)
        ]
        began, before, first = 0.0, 0.0, 0.0
        while True:
            time.sleep(0.1)
            handled = sum(_told(each, "heft_stage_records_total") for each in running)
            if handled and not began:
                began, first = time.monotonic(), handled
                before = sum(each.cpu_seconds() for each in running)
            if began and all(each.is_ready() for each in running) and not _lag(running):
                seconds = time.monotonic() - began
                return handled - first, seconds, sum(e.cpu_seconds() for e in running) - before


def _told(each: Service, name: str) -> float:
    return each.metric(name) if each.is_ready() else 0.0


def _lag(running: list[Service]) -> float:
    return sum(_told(each, "heft_stage_lag_records") for each in running)


async def _loss() -> int:
    """Verdicts of a disturbed run against those of an undisturbed one; the exit code."""
    ids = [await _verdicts(disturbed=disturbed) for disturbed in (False, True)]
    lost, strange = len(ids[0] - ids[1]), len(ids[1] - ids[0])
    print(
        f"one of two killed and one added: {lost} of {len(ids[0])} verdicts lost, {strange} strange"
    )
    return 1 if lost or strange else 0


async def _verdicts(*, disturbed: bool) -> set[str]:
    async with AsyncExitStack() as stack:
        folder, kafka, broker = await _cluster(stack)
        replicas = ("enrich", "score") * (2 if disturbed else 1)
        running = await anyio.to_thread.run_sync(
            lambda: [
                stack.enter_context(service(folder, kafka, (role,), settings=QUIET))
                for role in replicas
            ]
        )
        async with anyio.create_task_group() as group:
            group.start_soon(_publish, broker, COPIES)
            if disturbed:
                await anyio.sleep(1.5)
                for each in running[:2]:
                    each.process.kill()
                running = running[2:]
                more = await anyio.to_thread.run_sync(
                    lambda: [
                        stack.enter_context(service(folder, kafka, (role,), settings=QUIET))
                        for role in ("enrich", "score")
                    ]
                )
                running += more
        await anyio.to_thread.run_sync(_wait_for, running)
        print(f"{'disturbed' if disturbed else 'undisturbed'}: lag {_lag(running):.0f} at the end")
        told = await events_of(broker, VERDICTS)
        return {each.id for each in told if isinstance(each, Verdict)}


def _wait_for(running: list[Service]) -> None:
    """Until nothing is left, and for longer than a killed member's partitions lie idle."""
    since = time.monotonic()
    while time.monotonic() - since < SESSION_S:
        if _lag(running):
            since = time.monotonic()
        time.sleep(0.5)


async def _cluster(stack: AsyncExitStack) -> tuple[Path, str, KafkaBroker]:
    folder = Path(stack.enter_context(TemporaryDirectory()))
    embedded = await stack.enter_async_context(embedded_broker(folder / "broker"))
    broker = KafkaBroker(KafkaSettings(bootstrap_servers=embedded.bootstrap_servers))
    stack.push_async_callback(broker.close)
    await broker.ensure_topics(TOPICS, PARTITIONS)
    return folder, embedded.bootstrap_servers, broker


if __name__ == "__main__":
    sys.exit(anyio.run(main))
