"""The page under load beside the pipeline: does the pipeline's latency suffer, do bad readers cost?

The demo's launches run through enrich, score and alert twice, each time on a broker of its own:
once with nobody on the page, once with 1,000 readers of the event stream (a tenth of whom never
read, a tenth of whom vanish and come again) and 200 requests a second on the API. The readers are a
process of their own on the same machine and its cores, at the lowest priority. Prints the time from
an event to its verdict, the API's own latency, and what the page's process took.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import anyio

from benchmarks.machine import describe, resident_mib
from benchmarks.services import Service, service
from daemon.display.summary import latencies
from daemon.jobs.collect import events_of_each
from daemon.jobs.demonstration import BATCH, RECORDING
from daemon.progress import Timeline
from daemon.run import configure_silent
from streams.broker import KafkaSettings
from streams.clock import SystemClock
from streams.embedded import embedded_broker
from streams.events import Verdict
from streams.kafka import KafkaBroker
from streams.recording import open_recording
from streams.replay import ReplaySource
from streams.source import messages_from_activity
from streams.topics import ACTIVITY, TOPICS, VERDICTS
from tests.chain.devnet import free_port

PAGE_NICENESS = 10
"""What compose says by ``cpu_shares``: who looks must not keep others from being warned."""
READERS, PER_SECOND, SECONDS = 1_000, 200, 30.0
ASKED = ("/v1/tokens?limit=60", "/v1/alerts?limit=20", "/v1/veto/devnet/0x1", "/v1/labels")


def main() -> None:
    """Two phases, and the ratio of their figures."""
    if sys.argv[1:]:
        print(json.dumps(asyncio.run(_load(int(sys.argv[1])))))
        return
    configure_silent()
    print(describe())
    alone = anyio.run(_phase, False)
    loaded = anyio.run(_phase, True)
    print(f"p95 with readers is {loaded[1] / alone[1]:.2f} times that without")


async def _phase(with_readers: bool) -> tuple[float, float]:
    """Play the demo in ``SECONDS``; the median and the 95th percentile of its latencies."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        embedded = await stack.enter_async_context(embedded_broker(folder / "broker"))
        kafka, port = embedded.bootstrap_servers, free_port()
        broker = KafkaBroker(KafkaSettings(bootstrap_servers=kafka))
        stack.push_async_callback(broker.close)
        await broker.ensure_topics(TOPICS, 4)
        quiet = {"SINKS__CONSOLE__ENABLED": "false", "ALERTS__QUIET_AFTER_SECONDS": "1e10"}
        pipeline = ("enrich", "score", "alert")
        await anyio.to_thread.run_sync(
            lambda: stack.enter_context(service(folder, kafka, pipeline, settings=quiet))
        )
        page = await anyio.to_thread.run_sync(
            lambda: stack.enter_context(
                service(
                    folder,
                    kafka,
                    ("page",),
                    niceness=PAGE_NICENESS,
                    settings={"PAGE__PORT": str(port)},
                )
            )
        )
        load = await _begin(port) if with_readers else None
        before, started = page.cpu_seconds(), time.monotonic()
        timeline = Timeline(SystemClock())
        await _play(broker, timeline)
        told = (await events_of_each(broker, [VERDICTS]))[0]
        waits = latencies([each for each in told if isinstance(each, Verdict)], timeline)
        assert waits
        core = (page.cpu_seconds() - before) / (time.monotonic() - started)
        _print("with readers" if with_readers else "without readers", waits, page, core)
        if load is not None:
            _print_load(json.loads((await load.communicate())[0]))
        return waits


async def _begin(port: int) -> asyncio.subprocess.Process:
    """The readers, when all of them read."""
    load = await asyncio.create_subprocess_exec(
        *("nice", "-n", "19", sys.executable, "-m", "benchmarks.readers", str(port)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert load.stderr
    await load.stderr.readline()
    return load


async def _play(broker: KafkaBroker, timeline: Timeline) -> None:
    """Publish the demo's events at their pace, and wait until their verdicts are there."""
    recording = open_recording(RECORDING)
    times = [row.time for row in recording.rows()]
    source = ReplaySource(
        recording=recording,
        clock=SystemClock(),
        speed=(max(times) - min(times)) / SECONDS,
        batch=BATCH,
    )
    partitions = await broker.partitions(ACTIVITY.name)
    async for played in source.batches(0):
        await broker.publish(messages_from_activity(played.activity, partitions))
        timeline.note_played(played)
    seen = -1
    while True:
        await anyio.sleep(2)
        count = len((await events_of_each(broker, [VERDICTS]))[0])
        if count == seen:
            return
        seen = count


def _print(name: str, waits: tuple[float, float], page: Service, core: float) -> None:
    print(
        f"{name:<16} event to verdict p50 {waits[0] * 1000:.0f} ms, p95 {waits[1] * 1000:.0f} ms; "
        f"page {100 * core:.0f} % of a core, {resident_mib(page.pid):.0f} MiB; "
        f"load {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def _print_load(told: dict[str, Any]) -> None:
    ms = told["ms"]
    cuts = quantiles(ms, n=20)
    print(
        f"  {told['readers']} readers, {told['news']:,} pieces of news read, {told['vanished']:,} "
        f"vanished, {told['let_go']:,} let go; {len(ms) / told['seconds']:.0f} requests a second, "
        f"p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms, {told['failed']} failed"
    )


class _Load:
    """What the readers and askers saw."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ms: list[float] = []
        self.news = self.vanished = self.failed = self.let_go = self.reading = 0

    async def open(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A request, sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        return reader, writer

    async def read(self, number: int, end: float) -> None:
        """One reader: nine of ten read, of ten one sleeps over it, one vanishes and comes again."""
        while time.monotonic() < end:
            reader, writer = await self.open("/v1/stream")
            await reader.readline()
            self.reading += 1
            try:
                if number % 10 == 0:
                    await asyncio.sleep(max(0.0, end - time.monotonic()))
                    return
                until = min(end, time.monotonic() + 3) if number % 10 == 1 else end
                await self._follow(reader, until)
                self.vanished += number % 10 == 1
            finally:
                writer.transport.abort()

    async def _follow(self, reader: asyncio.StreamReader, until: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, until - time.monotonic())):
                while line := await reader.readline():
                    self.news += line.startswith(b"data:")
                self.let_go += 1
        except TimeoutError:
            return

    async def ask(self, path: str) -> None:
        """One question, answered in full."""
        started = time.monotonic()
        try:
            reader, writer = await self.open(path)
            answer = await reader.read()
            writer.close()
            self.failed += not answer.startswith(b"HTTP/1.1 200")
        except OSError:
            self.failed += 1
        self.ms.append(1000 * (time.monotonic() - started))


async def _load(port: int) -> dict[str, Any]:
    """Read and ask until the demo is over; says on stderr when everybody reads."""
    load, began = _Load(port), time.monotonic()
    end = began + SECONDS + 15
    readers = [asyncio.create_task(load.read(number, end)) for number in range(READERS)]
    for _ in range(240):
        if load.reading >= READERS:
            break
        await asyncio.sleep(0.05)
    print(load.reading, file=sys.stderr, flush=True)
    asking, started = set[asyncio.Task[None]](), time.monotonic()
    number = 0
    while time.monotonic() < end:
        while number < PER_SECOND * (time.monotonic() - started):
            asking.add(asyncio.create_task(load.ask(ASKED[number % len(ASKED)])))
            number += 1
        asking = {each for each in asking if not each.done()}
        await asyncio.sleep(0.005)
    seconds = time.monotonic() - started
    await asyncio.gather(*readers, *asking, return_exceptions=True)
    told = {name: getattr(load, name) for name in ("ms", "news", "vanished", "failed", "let_go")}
    return {**told, "readers": load.reading, "seconds": seconds}


if __name__ == "__main__":
    main()
