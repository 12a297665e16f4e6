"""The follower of Solana through every fault of its nodes: nothing lost, nothing told twice."""

from __future__ import annotations

import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from streams.errors import Invalid
from streams.events import Activity, Head, Launch, Retraction, Swap
from streams.evm.endpoints import open_endpoints
from streams.solana import backfill
from streams.solana.follow import SolanaFollower
from streams.solana.ledger import Early, SolanaLedger
from streams.solana.rpc import GENESIS, SolanaEndpoints
from streams.solana.sightings import curve_of
from streams.state import State
from tests.chain.solana_node import Chain, Faults, served
from tests.unit.streams.solana.making import instruction, key, logged, transaction
from tests.unit.streams.solana.shapes import compiled

BLOCKS = int(os.environ.get("SOAK_SOLANA_BLOCKS", "30"))
DISCONNECTS = int(os.environ.get("SOAK_SOLANA_DISCONNECTS", "3"))
WORST = Faults(
    refused=0.005, closed=0.05, silent=0.005, withheld=0.1, denied=0.05, lagging=0.2,
    repeated=0.3, missed=0.2, shuffled=0.1,
)  # fmt: skip
USER = key(7)


def _launch(number: int) -> dict[str, Any]:
    """A curve and its first purchase, as pump.fun logs them."""
    mint = key(10_000 + number)
    given: dict[str, Any] = {"mint": mint, "bonding_curve": curve_of(mint), "user": USER}
    made = instruction("pump-fun", "create", given)
    created = logged("pump-fun", "CreateEvent", creator=USER, **given)
    bought = logged("pump-fun", "TradeEvent", mint=mint, user=USER, is_buy=True)
    return compiled(transaction(made, logs=[*created, *bought]), number)


def _silent_launch(number: int) -> dict[str, Any]:
    """A pool of Raydium, whose log names no pool: only its block tells it."""
    accounts = {"amm": key(30_000 + number), "coin_mint": key(9), "user_wallet": USER}
    return compiled(transaction(instruction("raydium-v4", "initialize2", accounts)), number)


def _pool_of(node: dict[str, Any]) -> str:
    message, loaded = node["transaction"]["message"], node["meta"]["loadedAddresses"]
    keys = [*message["accountKeys"], *loaded["writable"], *loaded["readonly"]]
    call = message["instructions"][0]
    speaks = bool(node["meta"]["logMessages"])
    return str(keys[call["accounts"][2 if speaks else 4]])


def _standing(chain: Chain) -> list[str]:
    """The pools that the chain's own ledger has launched, in order."""
    return [
        _pool_of(each)
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

    def __init__(self, urls: list[str], folder: Path, **settings: Any) -> None:
        self.events: list[Activity] = []
        self.position = 0
        self._urls = urls
        self._database = f"sqlite:///{folder}/state.db"
        self._settings = {"silence": 0.7, **settings}
        self._follower: SolanaFollower | None = None

    @property
    def tip(self) -> int:
        return self._follower.tip if self._follower else 0

    async def run(self) -> None:
        state = await State.open(self._database)
        try:
            async with open_endpoints(
                "solana", self._urls, chain_id=GENESIS, patience=0.3, family=SolanaEndpoints
            ) as endpoints:
                self._follower = SolanaFollower(endpoints, state, **self._settings)
                async for played in self._follower.batches(self.position):
                    self.events += played.activity
                    self.position = played.position
        finally:
            with anyio.CancelScope(shield=True):
                await state.close()

    @asynccontextmanager
    async def life(self, chain: Chain) -> AsyncIterator[None]:
        """One life; entered once it has caught up with the chain, and listens."""
        async with anyio.create_task_group() as group:
            self._follower = None
            group.start_soon(self.run)
            await _caught_up(self, chain)
            if self._urls[0].startswith("ws"):
                await _until(lambda: bool(chain.feeds))
            yield
            group.cancel_scope.cancel()

    def retractions(self) -> list[str]:
        return [event.pool for event in self.events if isinstance(event, Retraction)]

    def launches(self) -> list[str]:
        return [event.pool for event in self.events if isinstance(event, Launch)]


async def _until(done: Any) -> None:
    with anyio.fail_after(120):
        while not done():
            await anyio.sleep(0.01)


async def _caught_up(reader: _Reader, chain: Chain) -> None:
    await _until(lambda: reader.tip >= max(chain.blocks))


@pytest.mark.anyio
async def test_launches_are_followed_as_they_come(tmp_path: Path) -> None:
    """Blocks, skipped slots and the chain's clock, from a sound node."""
    chain = Chain()
    async with served(chain, Faults()) as node:
        reader = _Reader([f"ws://{node.address}/"], tmp_path)
        async with reader.life(chain):
            for number in range(12):
                chain.add([_launch(number)], skip=number % 3)
            await _caught_up(reader, chain)
    assert _told(reader.events) == reader.launches() == _standing(chain)
    positions = [e.position for e in reader.events if isinstance(e, Launch)]
    assert positions == sorted(set(positions))
    heads = [event.at for event in reader.events if isinstance(event, Head)]
    assert len(heads) >= 3
    assert heads == sorted(set(heads))
    assert len([event for event in reader.events if isinstance(event, Swap)]) == 12


@pytest.mark.anyio
async def test_a_log_is_told_before_there_is_a_block(tmp_path: Path) -> None:
    """A launch that a node has processed is out at once, and not again with its block."""
    chain = Chain()
    async with served(chain, Faults()) as one, served(chain, Faults()) as two:
        reader = _Reader([f"ws://{one.address}/", f"ws://{two.address}/"], tmp_path)
        async with reader.life(chain):
            await _until(lambda: len(chain.feeds) == 2)
            chain.process([_launch(1)])
            await _until(lambda: reader.launches() != [])
            early = list(reader.events)
            chain.add([_launch(1), _silent_launch(2)], processed=False)
            await _caught_up(reader, chain)
    assert reader.launches() == _standing(chain)
    assert [type(event).__name__ for event in early[-5:]] == [
        "Launch", "Sync", "Sync", "Swap", "Head",
    ]  # fmt: skip
    assert len([event for event in reader.events if isinstance(event, Swap)]) == 1
    assert reader.retractions() == []


@pytest.mark.anyio
async def test_who_wants_what_is_final_hears_nothing_early(tmp_path: Path) -> None:
    """With ``finalized``, a launch is told with its block, and no log is asked for."""
    chain = Chain()
    async with served(chain, Faults()) as node:
        reader = _Reader([f"ws://{node.address}/"], tmp_path, commitment="finalized")
        async with reader.life(chain):
            chain.process([_launch(1)])
            chain.add([_launch(2)])
            await _caught_up(reader, chain)
    assert reader.launches() == [_pool_of(_launch(2))]


@pytest.mark.anyio
async def test_a_pushed_block_needs_no_asking(tmp_path: Path) -> None:
    """With ``blockSubscribe`` a block is told as it comes, also when ``getBlock`` gives none."""
    chain = Chain()
    faults = Faults()
    async with served(chain, faults) as node:
        reader = _Reader([f"ws://{node.address}/"], tmp_path)
        async with reader.life(chain):
            faults.withheld = 1.0
            chain.add([_silent_launch(1)])
            await _caught_up(reader, chain)
    assert reader.launches() == _standing(chain)


@pytest.mark.anyio
@pytest.mark.parametrize("fate", ["never", "later", "failed"])
async def test_processed_and_dropped_is_retracted(tmp_path: Path, fate: str) -> None:
    """A launch that was told of a log, and is not in its slot's block, is taken back once."""
    chain = Chain()
    launch = _launch(1)
    failed = {**launch, "meta": {**launch["meta"], "err": {"InstructionError": [0, "Custom"]}}}
    async with served(chain, Faults(no_blocks=True)) as node:
        reader = _Reader([f"ws://{node.address}/"], tmp_path)
        async with reader.life(chain):
            chain.process([launch])
            await _until(lambda: reader.launches() != [])
            chain.add([failed] if fate == "failed" else [], processed=False)
            chain.add([launch] if fate == "later" else [], processed=False)
            await _caught_up(reader, chain)
    assert len(reader.retractions()) == 1
    assert _told(reader.events) == ([_pool_of(launch)] if fate == "later" else [])


@pytest.mark.anyio
async def test_a_branch_that_is_taken_back_is_retracted(tmp_path: Path) -> None:
    """Launches of dropped blocks are retracted before the branch in their place is told."""
    chain = Chain()
    async with served(chain, Faults()) as node:
        reader = _Reader([f"ws://{node.address}/"], tmp_path)
        async with reader.life(chain):
            for number in range(4):
                chain.add([_launch(number)])
                await _caught_up(reader, chain)
            chain.take_back(2)
            chain.add([_launch(3)])  # the same transaction again, and another one never
            await _caught_up(reader, chain)
    assert len(reader.retractions()) == 2
    assert _told(reader.events) == _standing(chain)


@pytest.mark.anyio
@pytest.mark.parametrize("rewound", [0, 3])
async def test_what_vanished_while_we_were_down_is_retracted_once(
    tmp_path: Path, rewound: int
) -> None:
    """Told early or with its block and gone when we are back; what still stands is told once.

    ``rewound``: the checkpoint was not saved after the last blocks, so that they are only perhaps
    told.
    """
    chain = Chain()
    async with served(chain, Faults()) as node:
        reader = _Reader([f"ws://{node.address}/"], tmp_path)
        async with reader.life(chain):
            for number in range(6):
                chain.add([_launch(number)])
                await _caught_up(reader, chain)
            chain.process([_launch(6), _launch(7)])
            await _until(lambda: len(reader.launches()) == 8)
        reader.position -= rewound
        stood = [event.id for event in reader.events if isinstance(event, Launch)]
        chain.take_back(2)
        chain.add([_launch(5), _launch(7)], processed=False)  # 4 and 6 are gone for good
        for _ in range(2):
            async with reader.life(chain):
                chain.add([])
                await _caught_up(reader, chain)
    again = [event.id for event in reader.events[-1:] if isinstance(event, Launch)]
    assert sorted(reader.retractions()) == sorted(set(reader.retractions()))
    assert {curve_of(key(10_004)), curve_of(key(10_006))} <= set(reader.retractions())
    kept = dict.fromkeys(_repeated_by_id(reader.events))
    assert sorted(kept) == sorted(_standing(chain))
    assert not set(again) & set(stood)


@pytest.mark.anyio
async def test_a_row_that_was_not_forgotten_in_time_takes_nothing_back(tmp_path: Path) -> None:
    """Killed after a block was acknowledged and before its early launches were forgotten."""
    chain = Chain()
    async with served(chain, Faults()) as node:
        reader = _Reader([f"ws://{node.address}/"], tmp_path)
        async with reader.life(chain):
            slot = chain.add([_launch(1)])
            await _caught_up(reader, chain)
        state = await State.open(f"sqlite:///{tmp_path}/state.db")
        await SolanaLedger(state, "solana").note_early([Early(_pool_of(_launch(1)), slot)])
        await state.close()
        async with reader.life(chain):
            chain.add([])
            await _caught_up(reader, chain)
    assert reader.retractions() == []
    assert reader.launches() == _standing(chain)


@pytest.mark.anyio
async def test_nodes_of_another_cluster_end_the_following_with_a_reason(tmp_path: Path) -> None:
    """A node that stands on another genesis is no node of ours; the follower says so and ends."""
    async with served(Chain(), Faults()) as node:
        state = await State.open(f"sqlite:///{tmp_path}/state.db")
        async with open_endpoints(
            "solana", [f"ws://{node.address}/"], chain_id=1, family=SolanaEndpoints
        ) as endpoints:
            with pytest.raises(Invalid, match="it is on chain"):
                await anext(aiter(SolanaFollower(endpoints, state).batches(0)))
        await state.close()


def _repeated_by_id(events: list[Activity]) -> list[str]:
    """As ``_told``, where the same launch at the same position is one (invariant 2)."""
    standing: dict[str, str] = {}
    for event in events:
        if isinstance(event, Launch):
            standing[event.pool] = event.id
        elif isinstance(event, Retraction):
            del standing[event.pool]
    return list(standing)


@pytest.mark.anyio
async def test_a_long_pause_is_made_up_for_by_signature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a gap too long to read, launches are found by ``getSignaturesForAddress``, once."""
    monkeypatch.setattr(backfill, "MAKERS", {})
    monkeypatch.setattr(backfill, "PAGE", 7)
    chain = Chain()
    async with served(chain, Faults()) as node:
        reader = _Reader([f"http://{node.address}/"], tmp_path, most_backfill=200)
        async with reader.life(chain):
            chain.add([_launch(0)])
            await _caught_up(reader, chain)
        for number in range(1, 31):
            launch = _silent_launch if number % 5 == 0 else _launch
            chain.add([launch(number)], skip=19)
        async with reader.life(chain):
            pass
    assert reader.launches() == _standing(chain)


@pytest.mark.anyio
@pytest.mark.timeout(3600)
async def test_the_campaign(tmp_path: Path) -> None:
    """Disconnects, silence, 429s, withheld and denied blocks, forks: equal to the ledger.

    Notifications are missed, repeated and out of order, launches processed and dropped; now and
    then every call is refused for a while. ``make soak`` runs it until 1,000 sockets were closed.
    """
    chain, dice, started = Chain(), random.Random(8), time.monotonic()
    worst = Faults(**{name: getattr(WORST, name) for name in WORST.__struct_fields__})
    async with served(chain, worst, 1) as one, served(chain, worst, 2) as two:
        urls = [f"ws://{one.address}/", f"ws://{two.address}/", f"http://{two.address}/"]
        reader = _Reader(urls, tmp_path)
        blocks = 0
        async with anyio.create_task_group() as group:
            group.start_soon(reader.run)
            await _until(lambda: reader.tip)
            while blocks < BLOCKS or one.closed + two.closed < DISCONNECTS:
                blocks += 1
                await _happen(chain, dice, blocks)
                if blocks % 250 == 125:  # a storm of 429
                    worst.refused = 1.0
                    await anyio.sleep(0.3)
                    worst.refused = WORST.refused
                behind = 200 if blocks % 100 < 20 else 12  # as far as a pause of 80 s
                while chain.slot - reader.tip > behind:
                    chain.tick()
                    await anyio.sleep(0.1)
            while reader.tip < max(chain.blocks):
                chain.tick()
                await anyio.sleep(0.1)
            group.cancel_scope.cancel()
    told, standing = _told(reader.events), _standing(chain)
    print(
        f"{blocks} blocks, {len(standing)} launches, {len(reader.retractions())} retractions, "
        f"{one.closed + two.closed} disconnects, {time.monotonic() - started:.0f} s"
    )
    assert (set(standing) - set(told), len(told) - len(set(told))) == (set(), 0)
    assert sorted(told) == sorted(standing)


async def _happen(chain: Chain, dice: random.Random, number: int) -> None:
    """A block, of whose transactions some were processed first, some never come, some fork."""
    makers = (_launch, _launch, _silent_launch)
    launches = [dice.choice(makers)(1000 * number + n) for n in range(dice.randrange(3))]
    skip = dice.choice((0, 0, 0, 1, 4))
    chain.process([*launches, *([_launch(1000 * number + 900)] if dice.random() < 0.1 else [])])
    await anyio.sleep(0.005)
    chain.add(launches, skip=skip, processed=dice.random() < 0.5)
    if dice.random() < 0.05:
        back = chain.take_back(dice.randrange(1, 4))
        chain.add(dice.sample(back, len(back) // 2))
    await anyio.sleep(0.005)
