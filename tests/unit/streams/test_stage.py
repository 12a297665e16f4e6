"""The loop: what it does in which order, and what becomes of each kind of failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from streams.broker import MAX_RECORD_BYTES, Message, Record
from streams.clock import HandClock
from streams.errors import Broken, Invalid, Retry
from streams.events import DeadLetter, Launch, decode, encode
from streams.memory import MemoryBroker, MemorySubscription
from streams.stage import (
    Brake,
    Drain,
    Outcome,
    Received,
    Stage,
    Turn,
    message,
    run_stage,
)
from streams.topics import DAY_MS, Topic

pytestmark = pytest.mark.anyio

SOURCE = Topic(name="heft.test-in.v1", event=Launch, purpose="read", retention_ms=DAY_MS)
TARGET = Topic(name="heft.test-out.v1", event=Launch, purpose="written", retention_ms=DAY_MS)
START = datetime(2026, 1, 1, tzinfo=UTC)

POISON = {
    b"": "json",
    b"{bad": "json",
    b"\x00": "json",
    b"\xff\xfe": "json",
    b"[" * 100_000: "schema",
    b"\x00" * 1_000_000: "json",
    b"{}": "schema",
    b"[]": "schema",
    b'{"type":"sync","v":1}': "schema",
    b'{"type":"launch","v":2,"news":true}': "unknown-version",
}


class EagerClock(HandClock):
    """A clock on which waiting takes no time, and which remembers how long."""

    def __init__(self) -> None:
        super().__init__(START)
        self.slept: list[float] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.slept.append(seconds)
        self.meanwhile()
        self.move(seconds)
        await anyio.lowlevel.checkpoint()


class Copy:
    """Copies launches to the target; remembers what the loop asked of it, and fails as told."""

    def __init__(self, failures: dict[str, list[Exception]] | None = None) -> None:
        self.calls: list[str] = []
        self.opened: list[frozenset[int]] = []
        self.seen: list[str] = []
        self.refuse: Callable[[Launch], bool] = lambda launch: False
        self.during: Callable[[], None] = lambda: None
        self._failures = failures or {}

    async def open(self, partitions: frozenset[int]) -> None:
        """Remember the assignment."""
        self._step("open")
        self.opened.append(partitions)

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """Copy what is not refused."""
        self._step("apply")
        self.during()
        self.seen += [received.event.id for received in batch]
        return Outcome(
            messages=[message(TARGET, r.event) for r in batch if not self.refuse(r.event)],
            refused=[
                (r.record, Invalid("no use", reason="no-use"))
                for r in batch
                if self.refuse(r.event)
            ],
        )

    async def save(self) -> None:
        """Remember that it was asked."""
        self._step("save")

    def _step(self, name: str) -> None:
        self.calls.append(name)
        if self._failures.get(name):
            raise self._failures[name].pop(0)


def launch(number: int) -> Launch:
    """A launch of its own pool."""
    return Launch(
        chain="ethereum",
        pool=f"0x{number}",
        block=number,
        log_index=0,
        at=START + timedelta(seconds=number),
        venue="uniswap-v2",
        token_is_0=True,
    )


def launches(count: int, start: int = 0) -> list[Message]:
    """So many launches, ready to be published."""
    return [message(SOURCE, launch(number)) for number in range(start, start + count)]


def written(broker: MemoryBroker, topic: str = TARGET.name) -> list[Record]:
    """All that stands in a topic."""
    return [record for log in broker.logs(topic) for record in log]


def pools(broker: MemoryBroker) -> list[str]:
    """The pools of the launches that reached the target, sorted."""
    return sorted(decode(record.value, Launch).pool for record in written(broker))


def letters(broker: MemoryBroker, topic: Topic = SOURCE) -> list[DeadLetter]:
    """The dead letters of a topic."""
    return [decode(record.value, DeadLetter) for record in written(broker, topic.dead)]


async def broker_with(
    messages: Sequence[Message], broker: MemoryBroker | None = None
) -> MemoryBroker:
    """A broker on which these stand already."""
    broker = broker or MemoryBroker()
    await broker.ensure_topics([SOURCE, TARGET], 4)
    await broker.publish(messages)
    return broker


async def run(
    transform: Copy,
    broker: MemoryBroker,
    *,
    brake: Brake | None = None,
    clock: HandClock | None = None,
    drain: Drain | None = None,
    max_records: int = 10,
) -> list[Turn]:
    """Run a stage until a turn found nothing more; gives its turns."""
    drain = drain or Drain()
    turns: list[Turn] = []

    def watch(turn: Turn) -> None:
        turns.append(turn)
        if turn.records == 0:
            drain.ask()

    with anyio.fail_after(30):
        await run_stage(
            Stage("copy", SOURCE, transform, max_records=max_records, max_wait=0.02),
            broker,
            clock=clock or EagerClock(),
            brake=brake or Brake(),
            progress=watch,
            drain=drain,
        )
    return turns


async def committed(broker: MemoryBroker) -> int:
    """How many records of the source the stage's group has committed."""
    subscription = await broker.subscribe(SOURCE.name, "heft.copy")
    lag = await subscription.lag()
    await subscription.close()
    return len(written(broker, SOURCE.name)) - lag


def metric(name: str, **labels: str) -> float:
    """A metric's value by now."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_each_batch_is_applied_saved_and_committed() -> None:
    """Everything arrives once, and the transform is asked in the promised order."""
    broker, transform = await broker_with(launches(25)), Copy()
    turns = await run(transform, broker)
    assert pools(broker) == sorted(f"0x{n}" for n in range(25))
    assert transform.calls == ["open", *["apply", "save"] * 4]
    assert transform.opened == [frozenset(range(4))]
    assert [turn.records for turn in turns] == [10, 10, 5, 0]
    assert turns[0].lag == 15
    assert await committed(broker) == 25


async def test_messages_are_published_before_the_save_and_committed_after_it() -> None:
    """A failure to save leaves the messages published and the records uncommitted."""
    broker = await broker_with(launches(5))
    with pytest.raises(Broken, match="state"):
        await run(Copy({"save": [Broken("state is impossible")]}), broker)
    assert len(written(broker)) == 5
    assert await committed(broker) == 0
    await run(Copy(), broker)
    assert len(written(broker)) == 10
    assert await committed(broker) == 5


@pytest.mark.parametrize(("value", "reason"), POISON.items(), ids=range(len(POISON)))
async def test_a_poisoned_record_becomes_a_counted_dead_letter(value: bytes, reason: str) -> None:
    """It is kept with reason, place and bytes; the records around it are handled."""
    poison = Message(SOURCE.name, "\udcff", value, 0)
    broker = await broker_with([*launches(3), poison, *launches(3, 3)])
    before = metric("heft_dead_letters_total", topic=SOURCE.name, reason=reason)
    await run(Copy(), broker)
    (letter,) = letters(broker)
    place = next(r for r in written(broker, SOURCE.name) if r.key == b"\xff")
    assert (letter.reason, letter.value, letter.key) == (reason, value, b"\xff")
    assert (letter.topic, letter.partition, letter.offset) == (SOURCE.name, 0, place.offset)
    assert (letter.stage, letter.at) == ("copy", START)
    assert len(letter.detail) <= 200
    assert letter.detail.isprintable()
    assert len(pools(broker)) == 6
    assert metric("heft_dead_letters_total", topic=SOURCE.name, reason=reason) == before + 1
    assert await committed(broker) == 7


async def test_ten_megabytes_of_garbage_are_kept_whole() -> None:
    """Even a record far over a broker's usual limit can be looked at and retried later."""
    garbage = b"\xf0" * 10_000_000
    broker = await broker_with([Message(SOURCE.name, "k", garbage)])
    await run(Copy(), broker)
    assert [letter.value for letter in letters(broker)] == [garbage]


async def test_more_than_can_be_kept_leaves_its_place_behind() -> None:
    """A larger record is a dead letter without bytes, which says so."""
    broker = await broker_with([Message(SOURCE.name, "k", b"\xf0" * 12_000_000)])
    await run(Copy(), broker)
    (letter,) = letters(broker)
    assert letter.value == b""
    assert "12000000 bytes are left out" in letter.detail


@given(values=st.lists(st.binary(max_size=60), max_size=20))
async def test_any_bytes_pass(values: list[bytes]) -> None:
    """Whatever stands in a topic, the stage comes to its end with each record accounted for."""
    broker = await broker_with([Message(SOURCE.name, "k", value) for value in values])
    await run(Copy(), broker, brake=Brake(in_a_row=1000))
    assert [letter.value for letter in letters(broker)] == values


async def test_a_transform_can_refuse_a_record() -> None:
    """What decodes and is still of no use goes the same way, under the transform's reason."""
    broker, transform = await broker_with(launches(4)), Copy()
    transform.refuse = lambda event: event.pool == "0x2"
    await run(transform, broker)
    assert [(letter.reason, letter.value) for letter in letters(broker)] == [
        ("no-use", encode(launch(2)))
    ]
    assert pools(broker) == ["0x0", "0x1", "0x3"]


async def test_a_batch_that_is_invalid_as_a_whole_is_named() -> None:
    """It speaks of no record, so nothing is written; the message leads to where it stands."""
    placed = [Message(SOURCE.name, "k", encode(launch(n)), n // 3) for n in range(5)]
    broker = await broker_with(placed)
    places = r"stage copy .* heft\.test-in\.v1 0:0-2 1:0-1 \(odd\).* heft\.copy"
    with pytest.raises(Broken, match=places):
        await run(Copy({"apply": [Invalid("odd")]}), broker)
    assert written(broker) == []
    assert letters(broker) == []
    assert await committed(broker) == 0


async def test_too_many_dead_letters_in_a_row_stop_the_stage() -> None:
    """Then nothing of the batch is written or committed, and the message says what to do."""
    bad = [Message(SOURCE.name, "k", b"?", 0)] * 5
    broker = await broker_with(bad)
    with pytest.raises(Broken, match="5 records in a row"):
        await run(Copy(), broker, brake=Brake(in_a_row=5))
    assert letters(broker) == []
    assert await committed(broker) == 0
    await run(Copy(), broker, brake=Brake(in_a_row=6))
    assert len(letters(broker)) == 5


def test_a_good_record_releases_the_brake() -> None:
    """Only an unbroken row counts, also over several batches."""
    brake = Brake(in_a_row=3)
    for dead in (True, True, False, True, True):
        brake.note(dead=dead)
    with pytest.raises(Broken):
        brake.note(dead=True)


def test_a_high_share_of_dead_letters_stops_the_stage() -> None:
    """Every other record being unusable is as wrong as a row of them."""
    brake = Brake(in_a_row=100, share=0.5, window=10)
    for number in range(9):
        brake.note(dead=number % 2 == 1)
    with pytest.raises(Broken, match="5 of 10"):
        brake.note(dead=True)


def test_each_window_is_judged_by_itself() -> None:
    """What was wrong long ago is forgotten."""
    brake = Brake(in_a_row=100, share=0.5, window=10)
    for number in range(1000):
        brake.note(dead=number % 10 < 4)


@pytest.mark.parametrize("step", ["open", "apply", "save"])
async def test_a_failing_world_is_waited_for(step: str) -> None:
    """The step is repeated after growing waits; nothing is lost or doubled."""
    broker, clock = await broker_with(launches(3)), EagerClock()
    transform = Copy({step: [Retry("away"), Retry("away", retry_after=7), Retry("away")]})
    before = metric("heft_stage_retries_total", stage="copy")
    await run(transform, broker, clock=clock)
    assert clock.slept == [0.5, 7, 2]
    assert len(written(broker)) == 3
    assert await committed(broker) == 3
    assert metric("heft_stage_retries_total", stage="copy") == before + 3


async def test_waits_grow_to_a_limit() -> None:
    """A long outage is asked about every half minute."""
    clock = EagerClock()
    await run(Copy({"open": [Retry("away") for _ in range(9)]}), await broker_with([]), clock=clock)
    assert clock.slept == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


class Flaky(MemoryBroker):
    """A broker that is out of reach for the first few calls of each kind."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = {"publish": 0, "subscribe": failures, "commit": failures, "lag": 0}
        self.rejects = 1 << 60

    async def publish(self, messages: Sequence[Message]) -> None:
        """Fail as often as told, and refuse what is too large."""
        self.fail("publish")
        if any(len(each.value) > self.rejects for each in messages):
            raise Invalid("too large", reason="too-large")
        await super().publish(messages)

    async def subscribe(
        self,
        topic: str,
        group: str,
        *,
        max_records: int = 500,
        min_records: int = 1,
        max_wait: float = 0.5,
        in_no_hurry: bool = False,
    ) -> MemorySubscription:
        """Fail as often as told; so does the subscription's commit."""
        self.fail("subscribe")
        made = await super().subscribe(
            topic,
            group,
            max_records=max_records,
            min_records=min_records,
            max_wait=max_wait,
            in_no_hurry=in_no_hurry,
        )
        commit, lag = made.commit, made.lag

        async def flaky_commit() -> None:
            self.fail("commit")
            await commit()

        async def flaky_lag() -> int:
            self.fail("lag")
            return await lag()

        made.commit = flaky_commit  # type: ignore[method-assign]
        made.lag = flaky_lag  # type: ignore[method-assign]
        return made

    def fail(self, name: str) -> None:
        """Raise, as long as there are failures left."""
        if self.failures[name]:
            self.failures[name] -= 1
            raise Retry(f"{name} failed")


async def test_an_unreachable_broker_is_waited_for() -> None:
    """Joining, publishing and committing are repeated until they succeed."""
    flaky = Flaky(2)
    broker = await broker_with(launches(3), flaky)
    flaky.failures["publish"] = 2
    await run(Copy(), broker)
    assert set(flaky.failures.values()) == {0}
    assert len(written(broker)) == 3
    assert await committed(broker) == 3


async def test_a_message_that_no_broker_takes_becomes_a_dead_letter_of_its_topic() -> None:
    """The others are published; the refused one leaves its key and the reason."""
    flaky = Flaky(0)
    broker = await broker_with(launches(3), flaky)
    flaky.rejects = 300
    transform = Copy()
    plain_apply = transform.apply

    async def apply(batch: Sequence[Received]) -> Outcome:
        outcome = await plain_apply(batch)
        if batch:
            outcome.messages.append(Message(TARGET.name, "large", b"x" * 400))
        return outcome

    transform.apply = apply  # type: ignore[method-assign]
    await run(transform, broker)
    assert len(written(broker)) == 3
    (letter,) = letters(broker, TARGET)
    assert (letter.reason, letter.key, letter.value) == ("too-large", b"large", b"")
    assert (letter.partition, letter.offset) == (-1, -1)
    assert await committed(broker) == 3


async def test_a_dead_letter_that_no_broker_takes_loses_its_bytes_only() -> None:
    """Its place and reason are kept, and the stage goes on."""
    flaky = Flaky(0)
    broker = await broker_with([Message(SOURCE.name, "k", b"?" * 400), *launches(1)], flaky)
    flaky.rejects = 400
    await run(Copy(), broker)
    (letter,) = letters(broker)
    assert (letter.reason, letter.value, letter.offset) == ("json", b"", 0)
    assert len(written(broker)) == 1


async def test_a_broker_that_denies_us_ends_the_stage() -> None:
    """Missing rights are not the message's fault, so no dead letter takes its place."""
    denied = Denying()
    broker = await broker_with(launches(3), denied)
    denied.denies = True
    with pytest.raises(Invalid, match="no rights"):
        await run(Copy(), broker)
    denied.denies = False
    assert letters(broker, TARGET) == []
    assert await committed(broker) == 0


class Denying(MemoryBroker):
    """A broker on which we may not write."""

    denies = False

    async def publish(self, messages: Sequence[Message]) -> None:
        """Refuse whoever asks."""
        if self.denies:
            raise Invalid("no rights", reason="denied")
        await super().publish(messages)


async def test_a_lag_that_cannot_be_read_is_left_out() -> None:
    """Not knowing how far behind it is does not stop a stage."""
    flaky = Flaky(0)
    flaky.failures["lag"] = 1
    broker = await broker_with(launches(3), flaky)
    turns = await run(Copy(), broker)
    assert [turn.lag for turn in turns] == [None, 0]
    assert await committed(broker) == 3


async def test_drain_finishes_the_batch_in_hand() -> None:
    """Asked in the middle, the stage publishes, saves and commits before it ends."""
    broker, drain = await broker_with(launches(20)), Drain()
    transform = Copy()
    transform.during = drain.ask
    await run(transform, broker, drain=drain)
    assert transform.calls == ["open", "apply", "save", "apply", "save"]
    assert await committed(broker) == len(written(broker)) == 20


async def test_drain_ends_a_wait_for_records() -> None:
    """An idle stage ends at once, however long it would have waited."""
    broker, drain = await broker_with([]), Drain()
    stage = Stage("copy", SOURCE, Copy(), max_wait=3600)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:

            async def go() -> None:
                await run_stage(stage, broker, clock=EagerClock(), brake=Brake(), drain=drain)

            tasks.start_soon(go)
            await anyio.wait_all_tasks_blocked()
            drain.ask()


class Silent(MemoryBroker):
    """A broker on which a join is never answered."""

    async def subscribe(self, *_: object, **__: object) -> MemorySubscription:
        """Wait for the other members for ever."""
        await anyio.sleep_forever()
        raise AssertionError("for ever is over")


async def test_drain_ends_a_wait_for_the_group() -> None:
    """A stage whose join is not answered ends at once, without having begun."""
    drain, transform = Drain(), Copy()
    stage = Stage("copy", SOURCE, transform)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:

            async def go() -> None:
                await run_stage(stage, Silent(), clock=EagerClock(), brake=Brake(), drain=drain)

            tasks.start_soon(go)
            await anyio.wait_all_tasks_blocked()
            drain.ask()
    assert transform.calls == []


async def test_drain_ends_a_wait_for_the_world() -> None:
    """A stage that cannot finish its batch gives up uncommitted, without an error."""
    broker, drain, clock = await broker_with(launches(3)), Drain(), HandClock()
    stage = Stage("copy", SOURCE, Copy({"save": [Retry("away"), Retry("away")]}))
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:

            async def go() -> None:
                await run_stage(stage, broker, clock=clock, brake=Brake(), drain=drain)

            tasks.start_soon(go)
            await anyio.wait_all_tasks_blocked()
            assert clock.sleepers == 1
            drain.ask()
    assert await committed(broker) == 0


async def test_a_drain_asked_before_the_start_is_obeyed() -> None:
    """A stage started into a shutdown handles what is gathered, which is nothing new."""
    broker, drain, transform = await broker_with([]), Drain(), Copy()
    drain.ask()
    with anyio.fail_after(30):
        await run_stage(
            Stage("copy", SOURCE, transform, max_wait=3600),
            broker,
            clock=EagerClock(),
            brake=Brake(),
            drain=drain,
        )
    assert transform.calls == []


async def test_what_a_patient_stage_had_gathered_is_handled_at_the_drain() -> None:
    """Records that waited for a larger batch are not left to the next start."""
    broker, drain, transform = await broker_with(launches(3)), Drain(), Copy()
    stage = Stage("copy", SOURCE, transform, min_records=500, max_wait=3600)
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:

            async def go() -> None:
                await run_stage(stage, broker, clock=EagerClock(), brake=Brake(), drain=drain)

            tasks.start_soon(go)
            await anyio.wait_all_tasks_blocked()
            assert transform.calls == []
            drain.ask()
    assert await committed(broker) == len(written(broker)) == 3


async def test_a_cancelled_stage_commits_nothing_of_its_batch() -> None:
    """It leaves the group, so the records come again at once."""
    broker, transform = await broker_with(launches(3)), Copy()
    with anyio.CancelScope() as scope:
        transform.during = scope.cancel
        await run_stage(Stage("copy", SOURCE, transform), broker, clock=EagerClock(), brake=Brake())
    assert await committed(broker) == 0
    await run(Copy(), broker)
    assert await committed(broker) == 3


async def test_partitions_that_moved_are_neither_saved_nor_committed() -> None:
    """A batch whose partitions went elsewhere is the new owner's; ours reloads its state."""
    broker = await broker_with(launches(40))
    transform = Copy()
    others: list[MemorySubscription] = []

    def join() -> None:
        transform.during = lambda: None
        group = broker._groups[SOURCE.name, "heft.copy"]
        others.append(MemorySubscription(broker, group, SOURCE.name, 10, 1, 0.1))

    transform.during = join
    await run(transform, broker)
    assert transform.calls[:4] == ["open", "apply", "open", "apply"]
    assert [len(opened) for opened in transform.opened] == [4, 2]
    (other,) = others
    rest = [record async for record in _all(other)]
    handled = {decode(record.value, Launch).id for record in rest} | set(transform.seen[10:])
    assert len(handled) == 40


async def test_a_save_is_not_repeated_once_the_partitions_moved() -> None:
    """An owner that could not save in time does not write over what the next one has."""
    broker, clock = await broker_with(launches(5)), EagerClock()
    transform = Copy({"save": [Retry("away")]})

    def move() -> None:
        broker._groups[SOURCE.name, "heft.copy"].deal()

    clock.meanwhile = move
    await run(transform, broker, clock=clock)
    assert transform.calls == ["open", "apply", "save", "open", *["apply", "save"] * 2]
    assert len(transform.seen) == 10
    assert await committed(broker) == 5


async def _all(subscription: MemorySubscription) -> AsyncIterator[Record]:
    while records := await subscription.batch():
        for record in records:
            yield record


async def test_the_limit_of_a_record_leaves_room_for_its_dead_letter() -> None:
    """Ten megabytes in base64, with all around them, are a record that brokers take."""
    assert MAX_RECORD_BYTES > 10_000_000 * 4 / 3 * 1.1
