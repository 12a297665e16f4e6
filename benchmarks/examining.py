"""What ``benchmarks.examine`` measures: the parts of ``heft watch`` on a local chain.

The service is the shipped one: embedded Kafka, SQLite, the bundled model. The node is anvil with
the real Uniswap V2 factory on the same machine, and every launch is a token, its pair and its
liquidity in one transaction: the node's time to make and to serve blocks is in every figure.
``--without`` runs the same without examining, for comparison.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

import anyio
import anyio.to_thread

from benchmarks.machine import describe
from daemon.parts.enriching import enrich_part
from daemon.parts.examining import examine_part
from daemon.parts.following import chain_part
from daemon.parts.scoring import open_judge, score_part
from daemon.plant import Plant, open_plant
from daemon.run import configure_silent
from daemon.settings import Settings
from daemon.supervisor import Part, Supervisor
from streams import telemetry
from streams.events import Verdict, decode
from streams.evm.endpoints import Endpoints, open_endpoints
from streams.source import Checkpoints
from streams.topics import VERDICTS
from tests.chain.devnet import Devnet, devnet
from tests.chain.market import Market

PACED, BURST, IDLE_S = 100, 300, 15.0
PER_SECOND = 5
PER_BLOCK = 5
"""Launches that fit into a block's gas."""
CHECKS = ("identity", "worth", "trade", "contract", "holders", "locks", "deployer")


class Seen:
    """When the first verdict of each pool, and the first that knows of its examination, came."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self.examined: dict[str, float] = {}

    async def read(self, plant: Plant) -> None:
        """Follow the topic of verdicts for ever."""
        subscription = await plant.cluster.broker.subscribe(VERDICTS.name, "heft.benchmark")
        try:
            while True:
                for record in await subscription.batch():
                    self._note(decode(record.value, VERDICTS.event), time.perf_counter())
        finally:
            with anyio.CancelScope(shield=True):
                await subscription.close()

    def _note(self, verdict: object, now: float) -> None:
        if isinstance(verdict, Verdict):
            self.first.setdefault(verdict.pool, now)
            if verdict.trigger == "examined":
                self.examined.setdefault(verdict.pool, now)


def main() -> None:
    """Print what was measured."""
    configure_silent()
    print(describe())
    with_examining = "--without" not in sys.argv
    with devnet() as net:
        asyncio.run(_measure(net, with_examining=with_examining))


async def _measure(net: Devnet, *, with_examining: bool) -> None:
    market = Market(net)
    judge = await anyio.to_thread.run_sync(open_judge, Settings().model)
    with TemporaryDirectory() as folder:
        async with _service(net, Path(folder), judge, with_examining) as seen:
            await _latency(market, seen, with_examining=with_examining)
    with TemporaryDirectory() as folder:
        async with _service(net, Path(folder), judge, with_examining, watched=False):
            await _idle()
    await anyio.to_thread.run_sync(_make, market)
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        async with _service(net, Path(folder), judge, with_examining, first=1) as seen:
            await _throughput(seen, started, with_examining=with_examining)
    if with_examining:
        _costs()


@asynccontextmanager
async def _service(
    net: Devnet,
    folder: Path,
    judge: object,
    with_examining: bool,
    *,
    first: int | None = None,
    watched: bool = True,
) -> AsyncIterator[Seen]:
    """The parts of ``heft watch`` but page and alerts; ``watched``: with a reader of verdicts."""
    settings = Settings(
        state={"dir": folder}, chains={"factories": [f"devnet/uniswap-v2={net.factory}"]}
    )
    seen = Seen()
    async with (
        open_plant(settings) as plant,
        open_endpoints("devnet", [net.ws]) as nodes,
        anyio.create_task_group() as group,
    ):
        if first is not None:
            await _begin_at(plant, nodes, first)
        supervisor = Supervisor(
            _parts(plant, nodes, judge, with_examining), clock=plant.clock, pulse=plant.pulse
        )
        if watched:
            group.start_soon(seen.read, plant)
        group.start_soon(supervisor.run)
        try:
            await plant.progress.running(["enrich", "score"])
            yield seen
        finally:
            supervisor.stop()
            await supervisor.ended("score")
            group.cancel_scope.cancel()


def _parts(plant: Plant, nodes: Endpoints, judge: object, with_examining: bool) -> list[Part]:
    stages = ["enrich", "score", *(["examine"] if with_examining else [])]
    parts = [chain_part(plant, nodes, stages)]
    parts += [examine_part(plant, [nodes])] if with_examining else []
    return [*parts, enrich_part(plant), score_part(plant, judge)]  # type: ignore[arg-type]


async def _begin_at(plant: Plant, nodes: Endpoints, block: int) -> None:
    """As if the service had been down since ``block``."""
    await Checkpoints(plant.state, plant.cluster.incarnation).save(f"evm:{nodes.chain}", block)


async def _latency(market: Market, seen: Seen, *, with_examining: bool) -> None:
    mined: list[float] = []
    for _ in range(PACED):
        market.launch()
        started = time.perf_counter()
        await anyio.to_thread.run_sync(market.net.mine)
        mined.append(started)
        await anyio.sleep(max(0.0, 1 / PER_SECOND - (time.perf_counter() - started)))
    await anyio.to_thread.run_sync(market.net.mine)  # the clock that the last launch waits for
    told = seen.examined if with_examining else seen.first
    await _until(told, PACED)
    pools = market.net.launches()[-PACED:]
    seconds = [told[pool] - at for pool, at in zip(pools, mined, strict=True)]
    cuts = quantiles(seconds, n=20)
    what = "examined verdict" if with_examining else "first verdict, nothing examined"
    print(
        f"{PER_SECOND} a second   block mined to {what}: p50 {1000 * cuts[9]:.0f} ms, "
        f"p95 {1000 * cuts[18]:.0f} ms, most {1000 * max(seconds):.0f} ms"
    )


async def _idle() -> None:
    await anyio.sleep(2)
    used = time.process_time()
    await anyio.sleep(IDLE_S)
    share = (time.process_time() - used) / IDLE_S
    print(f"idle         {100 * share:.2f} % of a core, no block for {IDLE_S:.0f} s")


def _make(market: Market) -> None:
    """Launches on the chain before anybody follows it."""
    for _ in range(BURST // PER_BLOCK):
        for _ in range(PER_BLOCK):
            market.launch()
        market.net.mine()
    market.net.mine()


async def _throughput(seen: Seen, started: float, *, with_examining: bool) -> None:
    told = seen.examined if with_examining else seen.first
    await _until(seen.first, 1)
    used = time.process_time()  # what starting up took is another question
    await _until(told, BURST)
    moments = sorted(told.values())
    seconds = moments[BURST - 1] - min(seen.first.values())
    cpu = 1000 * (time.process_time() - used) / BURST
    print(
        f"full speed   {BURST / seconds:.0f} launches/s from the first verdict to the last, "
        f"{cpu:.1f} ms of CPU each; {moments[BURST - 1] - started:.1f} s with starting up"
    )


def _costs() -> None:
    """Where the time of an examination goes."""
    seconds, calls = _by_check(telemetry.EXAMINE_SECONDS), _by_check(telemetry.EXAMINE_CALLS)
    done = seconds["all"][1]
    print(f"examinations {done:.0f}, {1000 * seconds['all'][0] / done:.0f} ms each in the mean:")
    for check in CHECKS:
        total, count = seconds[check]
        asked = calls.get(check, (0.0, 0.0))[0] / done
        print(f"  {check:<10} {1000 * total / max(1, count):6.0f} ms  {asked:5.1f} calls")
    print(f"  all        {sum(each[0] for each in calls.values()) / done:14.1f} calls")


def _by_check(metric: object) -> dict[str, tuple[float, float]]:
    """Sum and count by check; of a counter, its value twice."""
    found: dict[str, list[float]] = {}
    for family in metric.collect():  # type: ignore[attr-defined]
        for sample in family.samples:
            place = 1 if sample.name.endswith("_count") else 0
            if sample.name.endswith(("_sum", "_count", "_total")):
                found.setdefault(sample.labels["check"], [0.0, 0.0])[place] += sample.value
    return {check: (each[0], each[1]) for check, each in found.items()}


async def _until(told: dict[str, float], many: int) -> None:
    with anyio.fail_after(120):
        while len(told) < many:  # noqa: ASYNC110 - it polls
            await anyio.sleep(0.01)
