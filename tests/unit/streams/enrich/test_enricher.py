"""The enricher as a stage runs it: cut anywhere, crashed anywhere, fed twice, and still the same.

The dossiers of an uninterrupted fold are the truth; the transform over records and stored state
must give the same ones, whatever happens between two batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import anyio
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from streams.broker import Record, partition_of
from streams.clock import HandClock
from streams.enrich.enricher import FORGET_AFTER_S, EnrichTransform
from streams.enrich.fold import Fold
from streams.enrich.store import PoolStore
from streams.errors import Retry
from streams.events import Activity, Facts, Head, Launch, LpTransfer, Swap, Sync, decode
from streams.memory import MemoryBroker
from streams.source import messages_from_activity
from streams.stage import Received
from streams.state import State
from streams.topics import ACTIVITY, FACTS, TOPICS
from tests.unit.streams.activity import (
    ANN,
    BEN,
    LOCKER,
    POOL,
    START,
    ZERO,
    Script,
    dossiers,
    head,
    moment,
)

DAY = 86_400.0


def records_of(activity: Sequence[Activity], partitions: int) -> list[Received]:
    """The activity as it comes out of a topic: heads on every partition, the rest by key."""
    offsets: dict[int, int] = defaultdict(int)
    received = []
    for each in messages_from_activity(activity, partitions):
        if each.topic != ACTIVITY.name:
            continue
        partition = each.partition
        if partition is None:
            partition = partition_of(each.key, partitions)
        record = Record(each.topic, partition, offsets[partition], each.key.encode(), each.value)
        offsets[partition] += 1
        received.append(Received(decode(each.value, ACTIVITY.event), record))
    return received


class Step(NamedTuple):
    """A batch of so many records, and what happens after it was published."""

    records: int
    fate: str
    """``commit``; ``crash-unsaved`` or ``crash-uncommitted``; ``rewind`` after a commit."""
    back: int
    """How far before the committed record reading starts again."""


class Consumer:
    """Runs a transform over records as a stage does, with crashes where a test wants them."""

    def __init__(self, state: State, partitions: int, **options: Any) -> None:
        self.published: dict[str, list[Facts]] = defaultdict(list)
        options = {"clock": HandClock(moment(10**9)), **options}
        self.transform = EnrichTransform(PoolStore(state), **options)
        self._make = partial(EnrichTransform, PoolStore(state), **options)
        self._partitions = frozenset(range(partitions))

    async def start(self) -> None:
        """A new process: nothing in memory."""
        self.transform = self._make()
        await self.transform.open(self._partitions)

    async def run(self, received: Sequence[Received], steps: Sequence[Step] = ()) -> None:
        """Take the steps, then read what is left in one batch."""
        await self.start()
        committed = position = 0
        for step in [*steps, Step(len(received), "commit", 0)]:
            batch = received[position : position + step.records]
            await self._publish(batch)
            if step.fate != "crash-unsaved":
                await self.transform.save()
            position += len(batch)
            if step.fate in ("commit", "rewind"):
                committed = max(committed, position)
            if step.fate != "commit":
                await self.start()
                position = max(0, committed - step.back)
        await self._publish(received[position:])
        await self.transform.save()

    async def _publish(self, batch: Sequence[Received]) -> None:
        outcome = await self.transform.apply(batch)
        assert outcome.refused == []
        for message in outcome.messages:
            assert message.topic == FACTS.name
            self.published[message.key].append(decode(message.value, Facts))

    def distinct(self) -> dict[str, list[Facts]]:
        """Each pool's dossiers without the repeated ones, which must be equal to the first."""
        found: dict[str, dict[int, Facts]] = defaultdict(dict)
        for key, facts in self.published.items():
            for each in facts:
                assert found[key].setdefault(each.sequence, each) == each
        return {key: [by[number] for number in range(len(by))] for key, by in found.items()}


def sample(name: str, **labels: str) -> float:
    """What a metric stands at."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def by_pool(facts: Sequence[Facts]) -> dict[str, list[Facts]]:
    """Dossiers by pool, in order."""
    found: dict[str, list[Facts]] = defaultdict(list)
    for each in facts:
        found[each.key].append(each)
    return dict(found)


@pytest.fixture
async def state(state_url: str) -> AsyncIterator[State]:
    """An empty state in a file."""
    state = await State.open(state_url)
    yield state
    await state.close()


ADDRESSES = st.sampled_from([ZERO, ANN, BEN, LOCKER, "0xp0", "0xp1"])
RESERVES = st.sampled_from([0, 1, 10**15, 10**18, 3 * 10**18, 10**19, 10**24, 2**112 - 1])
PAUSES = st.sampled_from(
    [0, 0, 1, 12, 150, 299, 300, 301, 700, 3300, 3600, 20_000, 80_000, int(FORGET_AFTER_S) + 1]
)


@st.composite
def histories(draw: st.DrawFn) -> list[Activity]:
    """What several pools of two chains do, in chain order, with heads; the last head ends all."""
    pools = [("ethereum", "0xp0"), ("ethereum", "0xp1"), ("polygon", "0xp0"), ("polygon", "0xp2")]
    clock = dict.fromkeys(("ethereum", "polygon"), 0)
    block = dict.fromkeys(clock, 0)
    history: list[Activity] = []
    for number in range(draw(st.integers(1, 40))):
        chain, pool = draw(st.sampled_from(pools))
        pause = draw(PAUSES)
        if pause and draw(st.booleans()):
            history.append(Head(chain=chain, block=block[chain], at=moment(clock[chain])))
        clock[chain] += pause
        block[chain] += pause
        where: dict[str, Any] = {
            "chain": chain,
            "pool": pool,
            "block": block[chain],
            "log_index": 2 * number,
            "at": moment(clock[chain]),
        }
        if not any(isinstance(e, Launch) and e.key == f"{chain}:{pool}" for e in history):
            history.append(Launch(**where, venue="uniswap-v2", token_is_0=draw(st.booleans())))
            where["log_index"] += 1
        history.append(draw(actions(where)))
    history += [head(now + 2 * DAY, chain=chain) for chain, now in clock.items()]
    return history


@st.composite
def actions(draw: st.DrawFn, where: dict[str, Any]) -> Activity:
    """Something that can happen on a pool; new reserves most often."""
    kind = draw(st.sampled_from(["sync", "sync", "sync", "lp", "swap"]))
    if kind == "sync":
        return Sync(**where, reserve0=draw(RESERVES), reserve1=draw(RESERVES))
    sender, to = draw(ADDRESSES), draw(ADDRESSES)
    if kind == "lp":
        return LpTransfer(**where, sender=sender, to=to, value=draw(RESERVES))
    names = ("amount0_in", "amount1_in", "amount0_out", "amount1_out")
    amounts: dict[str, Any] = {name: draw(RESERVES) for name in names}
    return Swap(**where, sender=sender, to=to, **amounts)


def falls_silent(history: Sequence[Activity]) -> bool:
    """Whether a chain's clock jumps far enough for a pool to be forgotten."""
    times = [event.at.timestamp() for event in history if not isinstance(event, Head)]
    return max(times) - min(times) > FORGET_AFTER_S


STEPS = st.builds(
    Step,
    records=st.integers(0, 12),
    fate=st.sampled_from(["commit", "crash-unsaved", "crash-uncommitted", "rewind"]),
    back=st.sampled_from([0, 0, 1, 5, 1000]),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(histories(), st.lists(STEPS, max_size=12), st.integers(1, 3), st.integers(0, 3))
def test_dossiers_do_not_depend_on_batches_and_crashes(
    history: list[Activity], steps: list[Step], partitions: int, pools_kept: int
) -> None:
    """A history gives the same dossiers, numbered without gaps, however it is read.

    It is cut into any batches, with any crash and redelivery between any two of them, on any
    number of partitions and with any room in memory. Reading again what was committed is promised
    only while no pool that it speaks of has been forgotten.
    """
    if falls_silent(history):
        steps = [step._replace(back=0) for step in steps]

    async def scenario() -> dict[str, list[Facts]]:
        state = await State.open("sqlite:///:memory:")
        consumer = Consumer(state, partitions, pools_kept=pools_kept)
        await consumer.run(records_of(history, partitions), steps)
        await state.close()
        return consumer.distinct()

    truth = dossiers(history, fold=Fold(forget_after=FORGET_AFTER_S))
    assert anyio.run(scenario) == by_pool(truth)


@pytest.mark.anyio
async def test_dossiers_go_out_under_their_pool(state: State) -> None:
    """Each is a message on the facts topic with its pool's key, in the order of the records."""
    transform = EnrichTransform(PoolStore(state))
    await transform.open(frozenset({0}))
    history = [*Script().launch().sync(0, 10, 1000).sync(400, 0.1, 10).events]
    outcome = await transform.apply(records_of(history, 1))
    assert [message.key for message in outcome.messages] == [f"ethereum:{POOL}"] * 3
    triggers = [decode(message.value, Facts).trigger for message in outcome.messages]
    assert triggers == ["launch", "5m", "drained"]
    assert await transform.apply([]) != outcome
    assert (await transform.apply([])).messages == []


@pytest.mark.anyio
async def test_a_restart_goes_on_with_what_is_due(state: State) -> None:
    """A quiet pool's dossiers come after a restart from a head alone."""
    consumer = Consumer(state, 1)
    history = Script().launch().sync(0, 10, 1000).events
    await consumer.run(records_of([*history, head(300)], 1))
    await consumer.start()
    await consumer._publish(records_of([head(2 * DAY)], 1))
    (facts,) = consumer.distinct().values()
    assert [each.trigger for each in facts] == ["launch", "5m", "1h", "6h", "24h"]


@pytest.mark.anyio
async def test_only_what_is_due_is_brought_in_at_the_start(state: State) -> None:
    """Finished pools rest in the state until something happens on them; the others wait."""
    finished, waiting = Script("0x01").launch().sync(0, 10, 1000), Script("0x02")
    waiting.launch(DAY).sync(DAY, 10, 1000)
    consumer = Consumer(state, 1)
    await consumer.run(records_of([*finished.events, *waiting.events, head(DAY + 1)], 1))
    await consumer.start()
    assert set(consumer.transform._folds[0].pools) == {"ethereum:0x02"}
    (removed,) = finished.sync(2 * DAY, 1, 100).events[2:]
    await consumer._publish(records_of([removed], 1))
    assert set(consumer.transform._folds[0].pools) == {"ethereum:0x02", "ethereum:0x01"}
    assert consumer.distinct()["ethereum:0x01"][-1].trigger == "liquidity-removed"


@pytest.mark.anyio
async def test_partitions_that_are_gone_are_forgotten(state: State) -> None:
    """After a new assignment only the pools of the own partitions are in memory."""
    scripts = [Script(f"0x{number}").launch().sync(0, 10, 1000) for number in range(20)]
    history = [event for script in scripts for event in script.events]
    consumer = Consumer(state, 2)
    await consumer.run(records_of(history, 2))
    assert len(consumer.transform._folds) == 2
    await consumer.transform.open(frozenset({1}))
    mine = {f"ethereum:0x{n}" for n in range(20) if partition_of(f"ethereum:0x{n}", 2) == 1}
    assert set(consumer.transform._folds[1].pools) == mine
    assert list(consumer.transform._folds) == [1]


@pytest.mark.anyio
async def test_memory_is_bounded_in_pools(state: State) -> None:
    """Of hundreds of finished pools few stay in memory, and all stay in the state."""
    scripts = [Script(f"0x{number}").launch().sync(0, 10, 1000) for number in range(300)]
    history = [event for script in scripts for event in script.events]
    consumer = Consumer(state, 1, pools_kept=10)
    await consumer.run(records_of([*history, head(DAY)], 1))
    fold = consumer.transform._folds[0]
    assert len(fold.pools) == 10
    assert fold.changed == set()
    await consumer._publish(
        records_of([script.sync(2 * DAY, 1, 9).events[-1] for script in scripts], 1)
    )
    assert len(fold.pools) == 300
    await consumer.transform.save()
    assert len(fold.pools) == 10
    assert all(len(facts) == 6 for facts in consumer.distinct().values())


@pytest.mark.anyio
@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
async def test_what_is_forgotten_does_not_depend_on_a_restart(state: State, restart: bool) -> None:
    """After the longest silence a pool is not followed, in memory or not; a day less and it is."""
    stale = Script("0x01").launch().sync(0, 10, 1000)
    quiet = Script("0x02").launch(DAY).sync(DAY, 10, 1000)
    consumer = Consumer(state, 1)
    await consumer.run(records_of([*stale.events, *quiet.events, head(FORGET_AFTER_S + 1)], 1))
    assert await PoolStore(state).load(["ethereum:0x01"]) == []
    if restart:
        await consumer.start()
    late = [script.sync(FORGET_AFTER_S + 2, 0.1, 10).events[-1] for script in (stale, quiet)]
    await consumer._publish(records_of(late, 1))
    last = {key: facts[-1].trigger for key, facts in consumer.distinct().items()}
    assert last == {"ethereum:0x01": "24h", "ethereum:0x02": "drained"}


@pytest.mark.anyio
async def test_a_fast_chain_does_not_make_a_slow_one_old(state: State) -> None:
    """A replay of old events beside a live chain keeps its pools: each has its own clock."""
    consumer = Consumer(state, 1)
    live = Script(chain="polygon").launch(10**8).sync(10**8, 10, 1000)
    await consumer.run(records_of([*Script().launch().sync(0, 10, 1000).events, *live.events], 1))
    assert len(await PoolStore(state).load([f"ethereum:{POOL}", f"polygon:{POOL}"])) == 2


@pytest.mark.anyio
async def test_a_pool_that_is_not_yet_funded_survives_a_restart(state: State) -> None:
    """Launched in one batch and funded in the next: a crash in between loses nothing."""
    launch, *funded = Script().launch().lp(60, ZERO, ANN, 9000).sync(60, 10, 1000).events
    consumer = Consumer(state, 1)
    await consumer.run(records_of([launch, head(50)], 1), [Step(2, "crash-uncommitted", 0)])
    await consumer.start()
    await consumer._publish(records_of([*funded, head(60)], 1))
    (facts,) = consumer.distinct().values()
    assert [(each.trigger, each.age) for each in facts] == [("launch", 0.0)]


@pytest.mark.anyio
async def test_activity_from_the_future_is_refused(state: State) -> None:
    """One event of the year 8000 neither makes every pool old nor has them forgotten."""
    clock = HandClock(START)
    transform = EnrichTransform(PoolStore(state), clock=clock)
    await transform.open(frozenset({0}))
    quiet = Script("0x01").launch().sync(0, 10, 1000)
    wrong = Script("0x02").launch(2 * DAY + 1)
    history = [*quiet.events, head(1), head(2e11), *wrong.events, head(2 * DAY)]
    outcome = await transform.apply(records_of(history, 1))
    assert [(each.offset, error.reason) for each, error in outcome.refused] == [
        (3, "future"),
        (4, "future"),
    ]
    assert len(outcome.messages) == 5
    assert transform._folds[0].clocks == {"ethereum": moment(2 * DAY).timestamp()}
    clock.move(1)
    assert (await transform.apply(records_of(wrong.events, 1))).refused == []


@pytest.mark.anyio
async def test_events_of_unknown_pools_are_counted(state: State) -> None:
    """A launch that nobody saw is no silence: what comes after it shows in a metric."""
    unknown = Script("0x01").launch().sync(0, 10, 1000).lp(1, ZERO, ANN, 9).swap(2, ANN, bought=1)
    known = Script("0x02").launch().sync(0, 10, 1000).sync(3, 11, 900)
    consumer, before = Consumer(state, 1), sample("heft_unknown_pools_total")
    await consumer.run(records_of([*unknown.events[1:], head(1), *known.events, head(4)], 1))
    assert sample("heft_unknown_pools_total") == before + 3


@pytest.mark.anyio
async def test_labels_are_words_of_ours(state: State) -> None:
    """Chains and venues that a record makes up count together: no metric grows by them."""
    labels = {"chain": "other", "venue": "other"}
    before = sample("heft_launches_total", **labels)
    launches = [Script(chain=f"chain-{n}", venue=f"venue-{n}").launch().events[0] for n in range(9)]
    consumer = Consumer(state, 1)
    await consumer.run(records_of(launches, 1))
    assert sample("heft_launches_total", **labels) == before + 9
    assert REGISTRY.get_sample_value("heft_launches_total", {**labels, "chain": "chain-0"}) is None


@pytest.mark.anyio
async def test_a_dossier_that_cannot_be_made_refuses_one_record(state: State) -> None:
    """The record at which it was due is refused; every other dossier is told, without gaps."""
    consumer = Consumer(state, 1)
    bad, good = Script("0x01").launch(), Script("0x02").launch()
    await consumer.run(records_of([*bad.events, *good.events], 1))
    launch = consumer.transform._folds[0].pools["ethereum:0x01"].launch
    msgspec.structs.force_setattr(launch, "total_supply", 2**256)
    events = [good.sync(0, 10, 1000).events[-1], bad.sync(2, 10, 1000).events[-1]]
    batch = records_of([*events, head(2), head(3), head(2 * DAY)], 1)
    outcome = await consumer.transform.apply(batch)
    assert [(each.offset, error.reason) for each, error in outcome.refused] == [
        (2, "amount"),
        (4, "amount"),
    ]
    told = [decode(each.value, Facts) for each in outcome.messages]
    assert [(each.pool, each.trigger) for each in told] == [("0x02", "launch"), ("0x02", "5m")]
    for number in range(4):
        outcome = await consumer.transform.apply(records_of([head(2 * DAY + number)], 1))
        told += [decode(each.value, Facts) for each in outcome.messages]
    assert outcome.refused == []
    assert [(each.pool, each.sequence) for each in told] == [("0x02", n) for n in range(5)]


class FailingStore(PoolStore):
    """A store that is out of reach at each first call."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self.failed: set[str] = set()

    def _fail_once(self, what: str) -> None:
        if what not in self.failed:
            self.failed.add(what)
            raise Retry(f"{what} failed")

    async def load(self, keys: Any) -> Any:
        """As a store does, the second time."""
        self._fail_once("load")
        return await super().load(keys)

    async def save(self, pools: Any) -> None:
        """As a store does, the second time."""
        self._fail_once("save")
        await super().save(pools)

    async def forget(self, partition: int, chain: str, before: float) -> int:
        """As a store does, the second time."""
        self._fail_once("forget")
        return await super().forget(partition, chain, before)


@pytest.mark.anyio
async def test_a_state_out_of_reach_is_tried_again(state: State) -> None:
    """A step that raised ``Retry`` is repeated with the same batch, and nothing counts twice."""
    store = FailingStore(state)
    transform = EnrichTransform(store)
    await transform.open(frozenset({0}))
    batch = records_of([*Script().launch().sync(0, 10, 1000).sync(9, 11, 900).events, head(9)], 1)
    with pytest.raises(Retry, match="load"):
        await transform.apply(batch)
    (message,) = (await transform.apply(batch)).messages
    assert decode(message.value, Facts).trigger == "launch"
    for what in ("save", "forget"):
        with pytest.raises(Retry, match=what):
            await transform.save()
    await transform.save()
    (stored,) = await store.load([f"ethereum:{POOL}"])
    assert (stored.pool.buys, stored.pool.sequence) == (1, 1)
    assert store.failed == {"load", "save", "forget"}


@pytest.mark.anyio
async def test_it_reads_what_a_source_publishes(state: State) -> None:
    """Through a broker: heads reach every partition, so quiet pools on all of them grow older."""
    broker = MemoryBroker()
    await broker.ensure_topics(TOPICS, 3)
    scripts = [Script(f"0x{number}").launch().sync(0, 10, 1000) for number in range(9)]
    history = [event for script in scripts for event in script.events]
    await broker.publish(messages_from_activity([*history, head(2 * DAY)], 3))
    subscription = await broker.subscribe(ACTIVITY.name, "test", max_wait=0.01)
    transform = EnrichTransform(PoolStore(state))
    records = await subscription.batch()
    await transform.open(subscription.partitions)
    batch = [Received(decode(each.value, ACTIVITY.event), each) for each in records]
    outcome = await transform.apply(batch)
    assert len(outcome.messages) == 9 * 5
    assert START.timestamp() in {pool.launched for pool in transform._folds[0].pools.values()}
