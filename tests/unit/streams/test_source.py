"""The shell around a source: publish, then note how far; repeat a batch, never lose one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio
import pytest

from streams import telemetry
from streams.broker import Message, partition_of
from streams.clock import HandClock
from streams.errors import Retry
from streams.events import Activity, Head, Launch, decode
from streams.memory import MemoryBroker
from streams.recording import open_recording
from streams.replay import ReplaySource
from streams.source import Backlog, Checkpoints, Played, messages_from_activity, run_source
from streams.stage import Drain
from streams.state import State
from streams.topics import ACTIVITY, LAUNCHES, TOPICS
from tests.unit.streams.activity import ANN, ZERO, Script, head
from tests.unit.streams.recorded import pool, sync, write

pytestmark = pytest.mark.anyio

PARTITIONS = 3
EPOCH = "broker-1"


@pytest.fixture
async def state(state_url: str) -> AsyncIterator[State]:
    """An empty state in a file."""
    state = await State.open(state_url)
    yield state
    await state.close()


@pytest.fixture
async def broker() -> MemoryBroker:
    """A broker with our topics."""
    broker = MemoryBroker()
    await broker.ensure_topics(TOPICS, PARTITIONS)
    return broker


class ListSource:
    """Plays a list of batches; the position is how many were played."""

    name = "list"

    def __init__(self, *batches: Sequence[Activity]) -> None:
        self._batches = batches
        self.played = 0

    async def batches(self, since: int) -> AsyncIterator[Played]:
        """The batches behind the first ``since``."""
        for number, batch in enumerate(self._batches[since:], since + 1):
            self.played = number
            yield Played(list(batch), number)


class Life:
    """A source's run with all that it needs; each ``run`` is one life of the process."""

    def __init__(self, broker: MemoryBroker, state: State) -> None:
        self.broker = broker
        self.checkpoints = Checkpoints(state, EPOCH)
        self.backlog = Backlog()
        self.drain = Drain()
        self.progress: list[int] = []
        self._moved = anyio.Event()

    async def run(self, source: ListSource | ReplaySource) -> bool:
        """Until the source ends or is drained."""
        return await run_source(
            source,
            self.broker,
            self.checkpoints,
            drain=self.drain,
            backlog=self.backlog,
            progress=self._note,
        )

    async def until(self, *progress: int) -> None:
        """Return when the source has come so far and waits; it has come no further."""
        with anyio.fail_after(5):
            while len(self.progress) < len(progress):
                await self._moved.wait()
        await anyio.wait_all_tasks_blocked()
        assert self.progress == list(progress)

    def _note(self, played: Played) -> None:
        self.progress.append(played.position)
        self._moved.set()
        self._moved = anyio.Event()


@pytest.fixture
async def life(broker: MemoryBroker, state: State) -> Life:
    """A process that can run a source."""
    return Life(broker, state)


def events_in(broker: MemoryBroker, topic: str = ACTIVITY.name) -> list[Activity]:
    """Everything in the topic, partition by partition."""
    return [decode(record.value, ACTIVITY.event) for log in broker.logs(topic) for record in log]


def history(pools: int = 4) -> list[list[Activity]]:
    """A batch for each pool: its launch, its first reserves, and a head."""
    return [
        [*Script(f"0x{n}").launch(n).lp(n, ZERO, ANN, 5).sync(n, 10, 1000).events, head(n)]
        for n in range(pools)
    ]


async def test_launches_go_to_both_topics_and_heads_everywhere() -> None:
    """A launch is also for whoever wants only launches; every partition hears the clock."""
    launch, lp, reserves, tick = history(1)[0]
    messages = messages_from_activity([launch, lp, reserves, tick], PARTITIONS)
    placed = [(each.topic, each.key, each.partition) for each in messages]
    assert placed == [
        (LAUNCHES.name, "ethereum:0x0", None),
        (ACTIVITY.name, "ethereum:0x0", None),
        (ACTIVITY.name, "ethereum:0x0", None),
        (ACTIVITY.name, "ethereum:0x0", None),
        *((ACTIVITY.name, "ethereum", partition) for partition in range(PARTITIONS)),
    ]
    kinds = [launch, launch, lp, reserves, *[tick] * PARTITIONS]
    assert [decode(each.value, ACTIVITY.event) for each in messages] == kinds
    assert messages_from_activity([], PARTITIONS) == []


async def test_a_source_is_published_to_its_end(life: Life) -> None:
    """Everything arrives in order within its partition, and the end is told."""
    assert await life.run(ListSource(*history()))
    flat = [event for batch in history() for event in batch]
    for partition, log in enumerate(life.broker.logs(ACTIVITY.name)):
        mine = [
            event
            for event in flat
            if isinstance(event, Head) or partition_of(event.key, PARTITIONS) == partition
        ]
        assert [decode(record.value, ACTIVITY.event) for record in log] == mine
    launches = [event for event in flat if isinstance(event, Launch)]
    assert sorted(e.id for e in events_in(life.broker, LAUNCHES.name)) == sorted(
        launch.id for launch in launches
    )
    assert life.progress == [1, 2, 3, 4]
    assert await life.checkpoints.load("list") == 4


async def test_a_source_that_ended_has_nothing_to_add(life: Life) -> None:
    """Run again, it goes on behind its checkpoint."""
    source = ListSource(*history())
    await life.run(source)
    before = len(events_in(life.broker))
    assert await life.run(source)
    assert len(events_in(life.broker)) == before


async def test_the_time_of_a_source_is_measured(life: Life) -> None:
    """A gauge tells up to when a source has been published."""
    await life.run(ListSource(*history(2)))
    value = telemetry.SOURCE_HEAD.labels("list")._value.get()
    assert value == history(2)[-1][-1].at.timestamp()


class FailingBroker(MemoryBroker):
    """Fails to take, or only to acknowledge, some of the publications."""

    def __init__(self, *, taken: bool, failures: set[int]) -> None:
        super().__init__()
        self.taken = taken
        self.failures = failures
        self.publications = 0

    async def publish(self, messages: Sequence[Message]) -> None:
        """As a broker does, or not."""
        self.publications += 1
        fails = self.publications in self.failures
        if self.taken or not fails:
            await super().publish(messages)
        if fails:
            raise Retry("not acknowledged")


@pytest.mark.parametrize("taken", [False, True], ids=["lost", "unacknowledged"])
async def test_what_was_not_acknowledged_is_published_again(state: State, taken: bool) -> None:
    """The checkpoint moves only behind an acknowledged batch: at most that one is repeated."""
    broker = FailingBroker(taken=taken, failures={3})
    await broker.ensure_topics(TOPICS, 1)
    life = Life(broker, state)
    source = ListSource(*history())
    with pytest.raises(Retry):
        await life.run(source)
    assert await life.checkpoints.load("list") == 2
    assert life.progress == [1, 2]
    assert await life.run(source)
    assert life.progress == [1, 2, 3, 4]
    twice = [history()[2]] if taken else []
    arrived = [*history()[:3], *twice, *history()[3:]]
    assert events_in(broker) == [event for batch in arrived for event in batch]


class ForgetfulCheckpoints(Checkpoints):
    """Dies once before a position is saved."""

    died = False

    async def save(self, source: str, position: int) -> None:
        """As checkpoints do, the second time."""
        if position == 2 and not self.died:
            self.died = True
            raise Retry("killed")
        await super().save(source, position)


async def test_a_crash_before_the_checkpoint_repeats_one_batch(life: Life, state: State) -> None:
    """Published and not yet noted: that batch comes twice, the others once."""
    life.checkpoints = ForgetfulCheckpoints(state, EPOCH)
    source = ListSource(*history())
    with pytest.raises(Retry):
        await life.run(source)
    assert await life.run(source)
    ids = [event.id for event in events_in(life.broker, LAUNCHES.name)]
    launched = [batch[0].id for batch in history()]
    assert sorted(ids) == sorted([*launched, launched[1]])


async def test_checkpoints_belong_to_a_source_and_a_broker(state: State) -> None:
    """Each source has its own position; in another incarnation of the broker it is void."""
    checkpoints = Checkpoints(state, EPOCH)
    assert await checkpoints.load("a") == 0
    await checkpoints.save("a", 7)
    await checkpoints.save("a", 9)
    await checkpoints.save("b", 5)
    assert (await checkpoints.load("a"), await checkpoints.load("b")) == (9, 5)
    assert await Checkpoints(state, "broker-2").load("a") == 0
    await checkpoints.clear("a")
    assert (await checkpoints.load("a"), await checkpoints.load("b")) == (0, 5)


async def test_a_full_pipeline_holds_the_source_back(life: Life) -> None:
    """With too many records on their way nothing is published until some are handled."""
    life.backlog = Backlog(most=5)
    source = ListSource(*history())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(life.run, source)
        await life.until(1)
        assert len(events_in(life.broker)) == 3 + PARTITIONS
        life.backlog.done(0)
        await life.until(1)
        life.backlog.done(1)
        await life.until(1, 2)
        life.backlog.done(10**6)
        await life.until(1, 2, 3)
        life.backlog.done(10**6)


async def test_a_backlog_is_never_negative() -> None:
    """Records of an earlier life of the process do not make room for more than was asked."""
    backlog = Backlog(most=5)
    backlog.done(100)
    backlog.add(6)
    with anyio.move_on_after(0.01) as scope:
        await backlog.room()
    assert scope.cancelled_caught


async def test_a_drain_ends_a_source_that_is_held_back(life: Life) -> None:
    """Asked to stop while it waits for room, it ends without publishing what it holds."""
    life.backlog = Backlog(most=0)
    source = ListSource(*history())
    ended: list[bool] = []

    async def run() -> None:
        ended.append(await life.run(source))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await life.until(1)
        life.drain.ask()
    assert ended == [False]
    assert await life.checkpoints.load("list") == 1


async def test_a_drain_ends_a_source_that_waits_for_its_time(life: Life, tmp_path: Path) -> None:
    """A replay at the pace of the chain may sleep for long between two batches."""
    recording = open_recording(
        write(tmp_path / "r", pools=[pool()], sync=[sync(), sync(number=300)])
    )
    source = ReplaySource(recording=recording, clock=HandClock(), speed=1.0)
    ended: list[bool] = []

    async def run() -> None:
        ended.append(await life.run(source))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await life.until(1)
        life.drain.ask()
    assert ended == [False]
    life.drain = Drain()
    assert await life.run(ReplaySource(recording=recording, clock=HandClock()))
    assert life.progress == [1, 2]


async def test_a_drain_before_the_start_publishes_nothing(life: Life) -> None:
    """Asked already, it ends at once."""
    life.drain.ask()
    assert not await life.run(ListSource(*history()))
    assert events_in(life.broker) == []


async def test_a_replay_survives_any_series_of_failures(state: State, tmp_path: Path) -> None:
    """With every second publication failing, all arrives, each batch at most twice."""
    folder = write(
        tmp_path / "r",
        pools=[pool(f"0xp{n}") for n in range(5)],
        sync=[sync(f"0xp{n % 5}", n) for n in range(200)],
    )
    recording = open_recording(folder)
    broker = FailingBroker(taken=True, failures=set(range(2, 1000, 2)))
    await broker.ensure_topics(TOPICS, PARTITIONS)
    life = Life(broker, state)
    source = ReplaySource(recording=recording, clock=HandClock(), batch=20)
    ended = False
    while not ended:
        try:
            ended = await life.run(source)
        except Retry:
            continue
    counts: dict[str, int] = {}
    for event in events_in(broker):
        if not isinstance(event, Head | Launch):
            counts[event.id] = counts.get(event.id, 0) + 1
    assert len(counts) == 200
    assert max(counts.values()) == 2
    heads = [event for event in events_in(broker) if isinstance(event, Head) and event.last]
    assert len(heads) >= PARTITIONS
    assert await life.checkpoints.load(source.name) == 200
