"""Where pools rest: what goes in comes out, what is due is found, what is stale is dropped."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
from sqlalchemy import text

from streams.enrich.fold import Fold
from streams.enrich.pool import Pool
from streams.enrich.store import KEYS_PER_QUERY, PoolStore, Stored
from streams.errors import Broken
from streams.state import State
from tests.unit.streams.activity import ANN, POOL, START, ZERO, Script, dossiers, head

pytestmark = pytest.mark.anyio

T0 = START.timestamp()
DAY = 86_400.0


@pytest.fixture
async def state(state_url: str) -> AsyncIterator[State]:
    """An empty state in a file."""
    state = await State.open(state_url)
    yield state
    await state.close()


def a_pool(name: str = POOL, *, told_until: float = 0, **launch: object) -> Stored:
    """A pool with some history, of which the dossiers up to a moment have been told."""
    script = Script(name, **launch).launch().lp(0, ZERO, ANN, 9000)  # type: ignore[arg-type]
    script.sync(0, 10, 1000).sync(5, 11, 900).swap(5, ANN, bought=100)
    fold = Fold()
    chain = script.events[0].chain
    dossiers(script.events, head(told_until, chain=chain), fold=fold)
    ((key, pool),) = fold.pools.items()
    return Stored(key, 0, pool)


def moved(stored: Stored, partition: int) -> Stored:
    """The same pool, resting on another partition."""
    return Stored(stored.key, partition, stored.pool)


async def test_a_pool_comes_back_as_it_was(state: State) -> None:
    """Every field survives, the largest supply and foreign letters included."""
    stored = a_pool(name="0x01", total_supply=2**256 - 1, symbol="🐸\u202e")
    store = PoolStore(state)
    await store.save([stored])
    assert await store.load([stored.key]) == [stored]
    assert await store.load(["ethereum:0x02"]) == []
    assert await store.load([]) == []


async def test_saving_nothing_and_saving_again(state: State) -> None:
    """An empty save is no work; a second save replaces the first."""
    store, stored = PoolStore(state), a_pool()
    await store.save([])
    await store.save([stored])
    stored.pool.sequence = 7
    await store.save([moved(stored, 3)])
    (found,) = await store.load([stored.key])
    assert (found.pool.sequence, found.partition) == (7, 3)


async def test_it_outlives_the_process(state_url: str, state: State) -> None:
    """Another opening of the same file finds the pools."""
    await PoolStore(state).save([a_pool()])
    again = await State.open(state_url)
    assert await PoolStore(again).load([a_pool().key]) == [a_pool()]
    await again.close()


async def test_more_keys_than_a_statement_takes(state: State) -> None:
    """Loading is split into statements that SQLite's limit of variables allows."""
    store = PoolStore(state)
    pools = [a_pool(f"0x{number:04x}") for number in range(2 * KEYS_PER_QUERY + 1)]
    await store.save(pools)
    assert await store.load(stored.key for stored in reversed(pools)) == pools


async def test_waiting_are_those_with_something_due(state: State) -> None:
    """Of the asked partitions, pools before their last age; not finished or unfunded ones."""
    due, done, elsewhere = a_pool("0x01"), a_pool("0x02", told_until=DAY), a_pool("0x03")
    launch = Script("0x04").launch().events
    fold = Fold()
    dossiers(launch, fold=fold)
    unfunded = Stored("ethereum:0x04", 1, fold.pools["ethereum:0x04"])
    store = PoolStore(state)
    await store.save([moved(due, 1), moved(done, 1), moved(elsewhere, 2), unfunded])
    assert await store.waiting(frozenset({1})) == [moved(due, 1)]
    assert {each.key for each in await store.waiting(frozenset({1, 2}))} == {
        "ethereum:0x01",
        "ethereum:0x03",
    }
    assert await store.waiting(frozenset()) == []


async def test_only_the_stale_of_one_chain_and_partition_are_forgotten(state: State) -> None:
    """Other chains and partitions have clocks of their own."""
    store = PoolStore(state)
    await store.save(
        [
            moved(a_pool("0x01"), 1),
            moved(a_pool("0x02"), 2),
            moved(a_pool("0x03", chain="ethereum-classic"), 1),
        ]
    )
    assert await store.forget(1, "ethereum", T0 + 5) == 0
    assert await store.forget(1, "ethereum", T0 + 6) == 1
    keys = ["ethereum:0x01", "ethereum:0x02", "ethereum-classic:0x03"]
    left = await store.load(keys)
    assert {each.key for each in left} == {"ethereum-classic:0x03", "ethereum:0x02"}


async def test_clear_drops_all(state: State) -> None:
    """When events are read again from the start, no pool remembers them."""
    store = PoolStore(state)
    await store.save([a_pool("0x01"), a_pool("0x02")])
    await store.clear()
    assert await store.load(["ethereum:0x01", "ethereum:0x02"]) == []


async def test_a_row_that_cannot_be_read_stops_us(state: State) -> None:
    """A damaged state is ``Broken`` and says what to do; it is never taken for a new pool."""
    store = PoolStore(state)
    await store.save([a_pool()])
    async with state.begin() as connection:
        await connection.execute(text("update pools set pool = '{\"launch\": 5}'"))
    with pytest.raises(Broken, match="restore a backup"):
        await store.load([a_pool().key])
    with pytest.raises(Broken, match=f"ethereum:{POOL}"):
        await store.waiting(frozenset({0}))


async def test_a_row_of_an_impossible_launch_stops_us(state: State) -> None:
    """What no event could say is damage too, though it has every field."""
    store, stored = PoolStore(state), a_pool()
    msgspec.structs.force_setattr(stored.pool.launch, "total_supply", 2**256)
    await store.save([stored])
    with pytest.raises(Broken, match="restore a backup"):
        await store.load([stored.key])


async def test_a_row_is_bounded(state: State) -> None:
    """Thousands of holders, buyers and trades make a row of less than 100 kB."""
    script = Script().launch()
    for number in range(3000):
        script.lp(number, ZERO, f"0x{number:040x}", 10**20 + number)
        script.sync(number, 10 + number % 2, 1000 - 90 * (number % 2))
        script.swap(number, f"0x{number:040x}", bought=90)
    fold = Fold()
    dossiers(script.events, fold=fold)
    await PoolStore(state).save([Stored(f"ethereum:{POOL}", 0, fold.pools[f"ethereum:{POOL}"])])
    async with state.begin() as connection:
        size = (await connection.execute(text("select length(pool) from pools"))).scalar()
    assert 10_000 < (size or 0) < 100_000


async def test_a_row_of_an_older_program_is_understood(state: State) -> None:
    """Fields are only added to what is stored, with defaults: a row without them decodes."""
    stored, store = a_pool(), PoolStore(state)
    await store.save([stored])
    oldest = msgspec.json.encode(
        {"launch": stored.pool.launch, "position": stored.pool.position, "gone": 1}
    )
    async with state.begin() as connection:
        await connection.execute(text("update pools set pool = :pool"), {"pool": oldest})
    (found,) = await store.load([stored.key])
    assert found.pool == Pool(launch=stored.pool.launch, position=stored.pool.position)
