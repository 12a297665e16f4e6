"""The follower of Solana through every fault of its nodes: nothing lost, nothing told twice."""

from __future__ import annotations

import os
import random
from typing import Any

import anyio
import pytest

from streams.events import Activity, Head, Launch, Retraction
from streams.evm.endpoints import open_endpoints
from streams.solana.follow import SolanaFollower
from streams.solana.rpc import GENESIS, SolanaEndpoints
from tests.chain.solana_node import Chain, Faults, served
from tests.unit.streams.solana.making import instruction, key, logged, transaction

BLOCKS = int(os.environ.get("SOAK_SOLANA_BLOCKS", "30"))
DISCONNECTS = int(os.environ.get("SOAK_SOLANA_DISCONNECTS", "3"))
WORST = Faults(
    refused=0.1, closed=0.08, silent=0.005, withheld=0.1, denied=0.05, lagging=0.2, repeated=0.3
)


def _launch(number: int) -> dict[str, Any]:
    mint, pool, user = key(10_000 + number), key(20_000_000 + number), key(7)
    given: dict[str, Any] = {"mint": mint, "bonding_curve": pool, "user": user, "creator": user}
    made, logs = (
        instruction("pump-fun", "create", given),
        logged("pump-fun", "CreateEvent", **given),
    )
    return transaction(made, logs=logs, signature=f"s{number}")


def _standing(chain: Chain) -> list[str]:
    """The pools that the chain's own ledger has launched, in order."""
    return [
        each["transaction"]["message"]["instructions"][0]["accounts"][2]
        for slot in sorted(chain.blocks)
        for each in chain.blocks[slot]["transactions"]
    ]


def _told(events: list[Activity]) -> list[str]:
    """The pools that stand after everything that was told; told twice is in it twice."""
    pools: list[str] = []
    for event in events:
        if isinstance(event, Launch):
            pools.append(event.pool)
        elif isinstance(event, Retraction):
            pools.remove(event.pool)
    return pools


class _Reader:
    """Lives of one follower, each going on where the last one had been acknowledged."""

    def __init__(self, urls: list[str]) -> None:
        self.events: list[Activity] = []
        self.position = 0
        self._urls = urls
        self._follower: SolanaFollower | None = None

    @property
    def tip(self) -> int:
        return self._follower.tip if self._follower else 0

    async def run(self) -> None:
        async with open_endpoints(
            "solana", self._urls, chain_id=GENESIS, patience=0.3, family=SolanaEndpoints
        ) as endpoints:
            self._follower = SolanaFollower(endpoints)
            async for played in self._follower.batches(self.position):
                self.events += played.activity
                self.position = played.position


async def _caught_up(reader: _Reader, chain: Chain) -> None:
    with anyio.fail_after(120):
        while reader.tip < max(chain.blocks):
            await anyio.sleep(0.05)


@pytest.mark.anyio
async def test_launches_are_followed_as_they_come() -> None:
    """Blocks, skipped slots and the chain's clock, from a sound node."""
    chain = Chain()
    async with served(chain, Faults()) as node, anyio.create_task_group() as group:
        reader = _Reader([f"ws://{node.address}/"])
        group.start_soon(reader.run)
        while not reader.tip:
            await anyio.sleep(0.02)
        for number in range(12):
            chain.add([_launch(number)], skip=number % 3)
        await _caught_up(reader, chain)
        group.cancel_scope.cancel()
    assert _told(reader.events) == _standing(chain)
    positions = [e.position for e in reader.events if isinstance(e, Launch)]
    assert positions == sorted(set(positions))
    heads = [event.at for event in reader.events if isinstance(event, Head)]
    assert len(heads) >= 3
    assert heads == sorted(set(heads))


@pytest.mark.anyio
async def test_a_branch_that_is_taken_back_is_retracted() -> None:
    """Launches of dropped blocks are retracted before the branch in their place is told."""
    chain = Chain()
    async with served(chain, Faults()) as node, anyio.create_task_group() as group:
        reader = _Reader([f"http://{node.address}/"])
        group.start_soon(reader.run)
        for number in range(4):
            chain.add([_launch(number)])
            await _caught_up(reader, chain)
        chain.take_back(2)
        chain.add([_launch(3)])  # the same transaction again, and another one never
        await _caught_up(reader, chain)
        group.cancel_scope.cancel()
    assert len([event for event in reader.events if isinstance(event, Retraction)]) == 2
    assert _told(reader.events) == _standing(chain)


@pytest.mark.anyio
@pytest.mark.timeout(3600 if DISCONNECTS < 100 else 5 * 3600)
async def test_the_campaign() -> None:
    """Disconnects, silence, 429s, withheld and denied blocks, forks: equal to the ledger.

    ``make soak`` runs it until 1,000 sockets were closed.
    """
    chain, dice = Chain(), random.Random(8)
    async with served(chain, WORST, 1) as one, served(chain, WORST, 2) as two:
        reader = _Reader([f"ws://{one.address}/", f"ws://{two.address}/", f"http://{two.address}/"])
        async with anyio.create_task_group() as group:
            group.start_soon(reader.run)
            while not reader.tip:
                await anyio.sleep(0.02)
            blocks = 0
            while blocks < BLOCKS or one.closed + two.closed < DISCONNECTS:
                blocks += 1
                launches = [_launch(1000 * blocks + n) for n in range(dice.randrange(3))]
                chain.add(launches, skip=dice.choice((0, 0, 0, 1, 4)))
                if dice.random() < 0.05:
                    back = chain.take_back(dice.randrange(1, 4))
                    chain.add(dice.sample(back, len(back) // 2))
                await anyio.sleep(0.01)
                while chain.slot - reader.tip > 200:  # as far as a pause of 80 s
                    await anyio.sleep(0.05)
            await _caught_up(reader, chain)
            group.cancel_scope.cancel()
    told, standing = _told(reader.events), _standing(chain)
    print(f"{blocks} blocks, {len(standing)} launches, {one.closed + two.closed} disconnects")
    assert (set(standing) - set(told), len(told) - len(set(told))) == (set(), 0)
    assert told == standing
