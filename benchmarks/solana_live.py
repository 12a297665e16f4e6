"""From Solana's notification to the verdict, through the whole service, and at a sustained load.

    python -m benchmarks.solana_live [--seconds 20] [--rates 20 100]

The service is the shipped one: embedded Kafka, SQLite, the bundled model. The node is the test
node, in the same process: its time to make notifications and blocks is in every figure. A slot
lasts 0.4 s. Nine of ten launches are pump.fun's, whose log is said at once (``processed``) and
which stand in the block at the end of the slot after; the tenth is Raydium's, whose notification is
its block. Each launch brings its first purchase and four more trades on older curves.

``--poll``: the node offers ``getBlock`` alone, over HTTP, as the service followed it before; a
launch is then counted from the same moments.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import anyio.to_thread

from benchmarks.examining import Seen
from benchmarks.machine import describe
from daemon.parts.enriching import enrich_part
from daemon.parts.following import chain_part
from daemon.parts.scoring import Judge, open_judge, score_part
from daemon.plant import open_plant
from daemon.run import configure_silent
from daemon.settings import Settings
from daemon.supervisor import Supervisor
from streams.evm.endpoints import open_endpoints
from streams.solana.rpc import GENESIS, SolanaEndpoints
from streams.solana.sightings import curve_of
from tests.chain.solana_node import Chain, Faults, served
from tests.unit.streams.solana.making import instruction, key, logged, transaction
from tests.unit.streams.solana.shapes import compiled

SLOT_S = 0.4
CONFIRMED_S = 0.5
"""From ``processed`` to ``confirmed`` on mainnet, about: a block is known so long after its end."""
TRADES = 4
USER = key(7)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rates", type=int, nargs="+", default=[20, 100], help="a second")
    parser.add_argument("--poll", action="store_true", help="no subscriptions, for comparison")
    arguments = parser.parse_args()
    configure_silent()
    print(describe(), f"load {os.getloadavg()[0]:.1f}", sep="\n")
    asyncio.run(_measure(arguments.rates, arguments.seconds, poll=arguments.poll))


async def _measure(rates: Sequence[int], seconds: float, *, poll: bool) -> None:
    judge = await anyio.to_thread.run_sync(open_judge, Settings().model)
    for rate in rates:
        load = _Load(rate, seconds)
        chain = Chain()
        with TemporaryDirectory() as folder:
            async with _service(chain, Path(folder), judge, poll=poll) as seen:
                used = time.process_time()
                said = await load.run(chain)
                ended = time.perf_counter()
                await _until(seen, len(said))
                behind = time.perf_counter() - ended
                used = time.process_time() - used
        _tell(rate, said, seen, behind)
        print(
            f"      {1000 * used / len(said):.1f} ms of CPU a launch and its trades, node included"
        )


@asynccontextmanager
async def _service(chain: Chain, folder: Path, judge: Judge, *, poll: bool) -> AsyncIterator[Seen]:
    """The parts of ``heft watch --chain solana`` but page and alerts, and a reader of verdicts."""
    seen = Seen()
    async with (
        served(chain, Faults()) as node,
        open_plant(Settings(state={"dir": folder})) as plant,
        open_endpoints(
            "solana",
            [f"{'http' if poll else 'ws'}://{node.address}/"],
            chain_id=GENESIS,
            family=SolanaEndpoints,
        ) as nodes,
        anyio.create_task_group() as group,
    ):
        parts = [chain_part(plant, nodes, ["enrich", "score"]), enrich_part(plant)]
        parts.append(score_part(plant, judge))
        supervisor = Supervisor(parts, clock=plant.clock, pulse=plant.pulse)
        group.start_soon(seen.read, plant)
        group.start_soon(supervisor.run)
        try:
            await plant.progress.running(["enrich", "score"])
            await anyio.sleep(2.0)  # until it listens
            chain.add([])
            await anyio.sleep(1.0)
            yield seen
        finally:
            supervisor.stop()
            await supervisor.ended("score")
            group.cancel_scope.cancel()


class _Load:
    """Launches at a steady rate; ``run`` tells when each was said first."""

    def __init__(self, rate: int, seconds: float) -> None:
        many = int(rate * seconds)
        self._every = 1 / rate
        self._launches = [_raydium(n) if n % 10 == 9 else _pump(n) for n in range(many)]
        chance = random.Random(rate)
        self._trades = [
            [_trade(chance.randrange(n + 1), n * TRADES + t) for t in range(TRADES)]
            for n in range(many)
        ]

    async def run(self, chain: Chain) -> dict[str, float]:
        """Pools in order, with the moment of their notification."""
        said: dict[str, float] = {}
        ready: list[list[Any]] = [[]]
        start = time.perf_counter()
        async with anyio.create_task_group() as group:
            group.start_soon(self._confirm, chain, ready, said)
            for number, (pool, launch) in enumerate(self._launches):
                await anyio.sleep(max(0.0, start + number * self._every - time.perf_counter()))
                if launch["meta"]["logMessages"]:
                    said[pool] = time.perf_counter()
                    chain.process([launch])
                else:
                    said[pool] = 0.0  # its block is its notification
                ready[-1] += [launch, *self._trades[number]]
            await anyio.sleep(SLOT_S + CONFIRMED_S + 0.1)
            group.cancel_scope.cancel()
        while ready and any(ready):
            _add(chain, ready.pop(0), said)
        return said

    async def _confirm(self, chain: Chain, ready: list[list[Any]], said: dict[str, float]) -> None:
        """A block a slot, which is known a while after its slot's end."""
        while True:
            await anyio.sleep(SLOT_S)
            ready.append([])
            asyncio.get_running_loop().call_later(
                CONFIRMED_S, lambda: _add(chain, ready.pop(0), said)
            )


def _add(chain: Chain, transactions: Sequence[Any], said: dict[str, float]) -> None:
    chain.add(list(transactions), processed=False)
    for pool, moment in said.items():
        if not moment:
            said[pool] = time.perf_counter()


def _pump(number: int) -> tuple[str, Any]:
    mint = key(10_000 + number)
    given: dict[str, Any] = {"mint": mint, "bonding_curve": curve_of(mint), "user": USER}
    made = instruction("pump-fun", "create", given)
    logs = logged("pump-fun", "CreateEvent", creator=USER, virtual_sol_reserves=30 * 10**9, **given)
    return given["bonding_curve"], compiled(transaction(made, logs=[*logs, *_bought(mint)]), number)


def _bought(mint: str) -> list[str]:
    return logged(
        "pump-fun", "TradeEvent", mint=mint, user=USER, is_buy=True, sol_amount=10**8,
        virtual_sol_reserves=31 * 10**9, virtual_token_reserves=10**15, token_amount=10**12,
    )  # fmt: skip


def _trade(of: int, number: int) -> Any:
    call = instruction("pump-fun", "buy", {"mint": key(10_000 + of), "user": USER})
    return compiled(transaction(call, logs=_bought(key(10_000 + of))), 10**9 + number)


def _raydium(number: int) -> tuple[str, Any]:
    pool = key(30_000_000 + number)
    accounts = {"amm": pool, "coin_mint": key(10_000 + number), "user_wallet": USER}
    made = instruction(
        "raydium-v4", "initialize2", accounts, init_pc_amount=10**10, init_coin_amount=10**14
    )
    return pool, compiled(transaction(made), number)


async def _until(seen: Seen, many: int) -> None:
    with anyio.move_on_after(120):
        while len(seen.first) < many:  # noqa: ASYNC110 - it polls
            await anyio.sleep(0.01)


def _tell(rate: int, said: dict[str, float], seen: Seen, behind: float) -> None:
    lost = [pool for pool in said if pool not in seen.first]
    seconds = [seen.first[pool] - said[pool] for pool in said if pool in seen.first]
    third = len(seconds) // 3
    parts = [_cuts(seconds), _cuts(seconds[:third]), _cuts(seconds[-third:])]
    (p50, p95), (_, first), (_, last) = parts
    print(
        f"{rate:>4} launches/s  {len(said):,} launches, {len(lost)} without a verdict: "
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, most {1000 * max(seconds):.0f} ms; "
        f"p95 of the first third {first:.0f} ms, of the last {last:.0f} ms; "
        f"the last verdict {1000 * behind:.0f} ms after the load's end"
    )


def _cuts(seconds: Sequence[float]) -> tuple[float, float]:
    cuts = quantiles(seconds, n=20)
    return 1000 * cuts[9], 1000 * cuts[18]


if __name__ == "__main__":
    main()
