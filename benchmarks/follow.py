"""A local chain followed live: from a block to the topic, at 5 launches a second and at full speed.

The node is anvil with the real Uniswap V2 factory, on the same machine: its time to make and to
serve blocks is in every figure. Enrichment and scoring come behind the topic and are measured
elsewhere (``benchmarks.pipeline``).
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread
import structlog

from benchmarks.machine import describe
from streams.events import Launch
from streams.topics import LAUNCHES
from tests.chain.devnet import Devnet, devnet
from tests.chain.following import Watcher

PACED, BURST, IDLE_S = 100, 500, 10.0
PER_BLOCK = 5
"""Pairs that fit into a block's gas."""


def main() -> None:
    """Print what was measured."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    print(describe())
    with devnet() as net, TemporaryDirectory() as folder:
        asyncio.run(_measure(net, Watcher(net, Path(folder))))


async def _measure(net: Devnet, watcher: Watcher) -> None:
    chance = random.Random(1)
    async with watcher.follow([net.ws]):
        await _told(watcher, 1)
        await _latency(net, watcher, chance)
        await _throughput(net, watcher, chance)
        used = time.process_time()
        await anyio.sleep(IDLE_S)
        idle = (time.process_time() - used) / IDLE_S
        print(f"idle         {100 * idle:.1f} % of a core, one chain, no block for {IDLE_S:.0f} s")


async def _latency(net: Devnet, watcher: Watcher, chance: random.Random) -> None:
    seconds: list[float] = []
    known = _launches(watcher)
    for number in range(PACED):
        net.launch_random(chance)
        started = time.perf_counter()
        await anyio.to_thread.run_sync(net.mine)
        await _told(watcher, known + number + 1)
        seconds.append(time.perf_counter() - started)
        await anyio.sleep(max(0.0, 0.2 - seconds[-1]))
    cuts = quantiles(seconds, n=20)
    print(f"5 a second   mined to topic: p50 {1000 * cuts[9]:.0f} ms, p95 {1000 * cuts[18]:.0f} ms")


async def _throughput(net: Devnet, watcher: Watcher, chance: random.Random) -> None:
    def act() -> None:
        for _ in range(BURST // PER_BLOCK):
            for _ in range(PER_BLOCK):
                net.launch_random(chance)
            net.mine()

    known, used = _launches(watcher), time.process_time()
    started = time.perf_counter()
    await anyio.to_thread.run_sync(act)
    await _told(watcher, known + BURST)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    print(
        f"full speed   {BURST / seconds:.0f} launches/s, {1000 * used / BURST:.1f} ms of CPU each, "
        "the making of them included"
    )


def _launches(watcher: Watcher) -> int:
    return sum(isinstance(event, Launch) for event in watcher.published())


async def _told(watcher: Watcher, launches: int) -> None:
    """Return once so many launches are on their topic."""
    while sum(map(len, watcher.broker.logs(LAUNCHES.name))) < launches:  # noqa: ASYNC110 - it polls
        await anyio.sleep(0.002)


if __name__ == "__main__":
    main()
