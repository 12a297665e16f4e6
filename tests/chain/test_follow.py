"""A chain is followed without loss, whatever its nodes do; what it takes back is taken back."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from streams.events import Launch
from tests.chain.devnet import Devnet, devnet
from tests.chain.following import Watcher, recount
from tests.chain.liar import Liar, liar

pytestmark = [pytest.mark.anyio]


@pytest.fixture
def net() -> Iterator[Devnet]:
    """A chain of this test's own."""
    with devnet() as chain:
        yield chain


@pytest.fixture
def watcher(net: Devnet, tmp_path: Path) -> Watcher:
    """A follower of it that has not begun."""
    return Watcher(net, tmp_path)


async def act(net: Devnet, chance: random.Random, blocks: int, pause: float = 0.02) -> None:
    """So many blocks, with launches and deposits in most of them."""

    def one() -> None:
        for _ in range(chance.randrange(3)):
            net.launch_random(chance)
        if chance.random() < 0.5:
            net.deposit(10**20)
        net.mine()

    for _ in range(blocks):
        await anyio.to_thread.run_sync(one)
        await anyio.sleep(pause)


async def test_everything_is_told_once(net: Devnet, watcher: Watcher) -> None:
    """Over quiet endpoints a full recount of the chain equals what reached the topic, once each."""
    async with watcher.follow([net.ws, net.http]):
        await act(net, random.Random(1), 30)
        await watcher.until_told(recount(net))
    told = watcher.told()
    assert set(told) == recount(net)
    assert set(told.values()) == {1}


@pytest.mark.timeout(3600 if "SOAK_DISCONNECTS" in os.environ else 120)
async def test_nothing_is_lost_over_faults(net: Devnet, watcher: Watcher) -> None:
    """Disconnects of each kind, refusals, lies and nonsense lose and repeat nothing.

    ``SOAK_DISCONNECTS`` is how many disconnects it takes until it is enough (``make soak``).
    """
    enough = int(os.environ.get("SOAK_DISCONNECTS", "6"))
    chance = random.Random(7)
    async with liar(net.ws, seed=7) as first, liar(net.ws, seed=8) as second:
        for proxy in (first, second):
            proxy.disconnects, proxy.refusals, proxy.lies = 0.12, 0.1, 0.05
            proxy.nonsense, proxy.removed = 0.02, 0.05
        async with watcher.follow([first.url, second.url], patience=0.5):
            blocks = 0
            while disconnects(first, second) < enough or missing(first, second):
                await act(net, chance, 10)
                blocks += 10
                if enough >= 100:
                    print(f"{disconnects(first, second)} disconnects, {blocks} blocks", flush=True)
                assert blocks < 2_000 + 20 * enough, (first.fired, second.fired)
            await watcher.until_told(recount(net), seconds=90 if enough < 100 else 900)
    told = watcher.told()
    print(f"{blocks} blocks, {len(told)} events, {first.fired + second.fired}")
    assert set(told) == recount(net)
    assert set(told.values()) == {1}
    assert not watcher.retracted()


def missing(*proxies: Liar) -> set[str]:
    """Kinds of fault that did not come up yet: when they do depends on how calls interleave."""
    return {
        kind
        for kind in ("lie", "refusal", "removed")
        if not any(proxy.fired[kind] for proxy in proxies)
    }


def disconnects(*proxies: Liar) -> int:
    """How many connections were broken so far."""
    kinds = ("clean", "reset", "half-open", "silent")
    return sum(proxy.fired[kind] for proxy in proxies for kind in kinds)


@pytest.mark.parametrize("depth", [1, 3, 12, 64])
async def test_a_reorganisation_is_taken_back(net: Devnet, watcher: Watcher, depth: int) -> None:
    """Every launch of an orphaned block is retracted once, every canonical one stands once."""
    async with watcher.follow([net.ws]):
        await act(net, random.Random(depth), depth + 2, pause=0)
        before = recount(net)
        await watcher.until_told(before)
        net.ask("anvil_reorg", depth, [])
        net.launch_random(random.Random(depth + 100))
        net.mine()
        await watcher.until_told(recount(net))
        orphans = pools_of(watcher) - set(net.launches())
        await until(lambda: len(watcher.retracted()) >= len(orphans))
    assert orphans
    assert set(watcher.retracted().values()) == {1}
    assert {id_.split(":")[1] for id_ in watcher.retracted()} == orphans


async def test_reorganisations_follow_each_other_and_a_restart(
    net: Devnet, watcher: Watcher
) -> None:
    """Consecutive reorganisations, one of them while we are away, leave the canonical launches."""
    chance = random.Random(5)
    async with watcher.follow([net.ws]):
        await act(net, chance, 6, pause=0)
        await watcher.until_told(recount(net))
        for depth in (2, 4):
            net.ask("anvil_reorg", depth, [])
            await act(net, chance, 2, pause=0)
            await watcher.until_told(recount(net))
    net.ask("anvil_reorg", 5, [])
    async with watcher.follow([net.ws]):
        await act(net, chance, 2, pause=0)
        await watcher.until_told(recount(net))
        orphans = pools_of(watcher) - set(net.launches())
        await until(lambda: len(watcher.retracted()) >= len(orphans))
    assert orphans
    assert set(watcher.retracted().values()) == {1}
    assert {id_.split(":")[1] for id_ in watcher.retracted()} == orphans


async def test_a_gap_is_filled_after_a_restart(net: Devnet, watcher: Watcher) -> None:
    """What happened while nobody followed is told, once, when somebody does again."""
    async with watcher.follow([net.http]):
        await act(net, random.Random(1), 3, pause=0)
        await watcher.until_told(recount(net))
    await act(net, random.Random(2), 120, pause=0)
    async with watcher.follow([net.http]):
        await watcher.until_told(recount(net))
    assert set(watcher.told().values()) == {1}


async def test_a_node_that_went_back_in_time_is_not_believed_at_once(
    net: Devnet, watcher: Watcher
) -> None:
    """A node set back to an older state causes no retraction until its chain has overtaken ours."""
    async with watcher.follow([net.ws]):
        snapshot = net.ask("evm_snapshot")
        await act(net, random.Random(3), 6, pause=0)
        await watcher.until_told(recount(net))
        launched = pools_of(watcher) - {net.pair}
        net.ask("evm_revert", snapshot)
        await anyio.sleep(0.5)
        assert not watcher.retracted()
        await act(net, random.Random(4), 8, pause=0)
        await watcher.until_told(recount(net))
        orphans = launched - set(net.launches())
        await until(lambda: len(watcher.retracted()) >= len(orphans))
    assert orphans
    assert {id_.split(":")[1] for id_ in watcher.retracted()} == orphans


async def test_finalized_delivery_waits_and_retracts_nothing(net: Devnet, watcher: Watcher) -> None:
    """Only blocks below finality (64 on anvil) are told, so a reorganisation takes nothing back."""
    chance = random.Random(9)
    async with watcher.follow([net.http], delivery="finalized"):
        await act(net, chance, 20, pause=0)
        net.ask("anvil_reorg", 12, [])
        early = recount(net)
        await anyio.to_thread.run_sync(net.mine, 60)
        finalized = int(net.ask("eth_getBlockByNumber", "finalized", False)["number"], 16)
        final = {name for name in early if block_of(name) <= finalized}
        await watcher.until_told(final)
    assert final
    assert all(block_of(name) <= finalized for name in watcher.told())
    assert set(watcher.told().values()) == {1}
    assert not watcher.retracted()


async def test_a_block_that_nobody_proves_is_told_late(net: Devnet, watcher: Watcher) -> None:
    """Its logs withheld, the chain goes on without it; when they come, they are told, once."""
    async with liar(net.ws) as proxy:
        net.launch_random(random.Random(6))
        net.mine()
        block = net.ask("eth_getBlockByNumber", "latest", False)
        proxy.withheld.add(block["hash"])
        async with watcher.follow([proxy.url]):
            await act(net, random.Random(7), 3, pause=0)
            everything = recount(net)
            held = {name for name in everything if block_of(name) == int(block["number"], 16)}
            await watcher.until_told(everything - held)
            assert not held & set(watcher.told())
            proxy.withheld.clear()
            await watcher.until_told(everything)
    assert held
    assert set(watcher.told().values()) == {1}


def block_of(name: str) -> int:
    """The block of an event, by its name in ``told`` and ``recount``."""
    return int(name.split(":")[3])


def pools_of(watcher: Watcher) -> set[str]:
    """Every pool that was ever launched."""
    return {event.pool for event in watcher.published() if isinstance(event, Launch)}


async def until(holds: object, seconds: float = 20.0) -> None:
    """Return once a claim holds."""
    with anyio.fail_after(seconds):
        while not holds():  # type: ignore[operator]
            await anyio.sleep(0.05)
