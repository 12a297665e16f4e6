"""What KafkaBroker does when the cluster is away, and at a rebalance."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio
import msgspec
import pytest
from aiokafka import TopicPartition

from streams.broker import KafkaSettings, Message, Record
from streams.embedded import _binary
from streams.errors import Invalid, Retry
from streams.events import Launch
from streams.kafka import KafkaBroker, subscription
from streams.kafka.offsets import group_lag
from streams.kafka.subscription import KafkaSubscription
from streams.keeper import _answers, _end, _free_port, _spawn
from streams.topics import DAY_MS, Topic

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]

TOPIC = Topic(name="heft.test.v1", event=Launch, purpose="a test", retention_ms=DAY_MS)


@contextmanager
def tansu(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A broker on this very port."""
    with tempfile.TemporaryFile() as log:
        process = _spawn(_binary(), port, log)
        assert _answers(process, port)
        try:
            yield process
        finally:
            _end(process)


@pytest.fixture
def port() -> int:
    """A port on which nobody listens."""
    return _free_port()


@pytest.fixture
async def broker(port: int) -> AsyncIterator[KafkaBroker]:
    """A client of whatever is on the port, which soon loses patience."""
    made = KafkaBroker(
        KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}", fetch_max_wait_ms=50, timeout_ms=1500)
    )
    yield made
    await made.close()


@contextmanager
def refused(port: int) -> Iterator[None]:
    """Expect a ``Retry`` that names the address, in one line."""
    with pytest.raises(Retry) as caught:
        yield
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_what_another_process_publishes_ends_a_doze(port: int) -> None:
    """Dozes of a minute, and news of another client is there long before: also a topic's first.

    Twice, so that whoever was woken falls asleep and is woken again.
    """
    settings = KafkaSettings(
        bootstrap_servers=f"127.0.0.1:{port}", fetch_max_wait_ms=50, doze_seconds=60.0
    )
    here, there = KafkaBroker(settings), KafkaBroker(settings)
    with tansu(port):
        await here.ensure_topics([TOPIC], 4)
        reader = await here.subscribe(TOPIC.name, "dozing", max_wait=0.1)
        for number in range(2):
            with anyio.fail_after(30):
                while not reader._doze.asleep:
                    assert await reader.batch() == []
            await there.publish([Message(TOPIC.name, "ethereum:0xa", str(number).encode())])
            found: list[Record] = []
            with anyio.fail_after(20):
                while not found:
                    found = await reader.batch()
            assert [record.value for record in found] == [str(number).encode()]
        await reader.close()
        await here.close()
        await there.close()


async def test_an_unreachable_cluster_is_one_line(broker: KafkaBroker, port: int) -> None:
    """Every entrance says the same: where, and what to check; nothing is printed."""
    for step in (
        lambda: broker.ensure_topics([TOPIC], 2),
        lambda: broker.partitions(TOPIC.name),
        lambda: broker.publish([Message(TOPIC.name, "k", b"")]),
        lambda: broker.subscribe(TOPIC.name, "g"),
    ):
        with refused(port):
            await step()


async def test_a_cluster_that_does_not_answer_is_not_waited_for(
    broker: KafkaBroker, port: int
) -> None:
    """A port that accepts and stays silent is an unreachable cluster too."""
    with socket.create_server(("127.0.0.1", port)), anyio.fail_after(30):
        with refused(port):
            await broker.ensure_topics([TOPIC], 2)
        with refused(port):
            await broker.subscribe(TOPIC.name, "g")


async def test_an_outage_is_told_and_survived(
    broker: KafkaBroker, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the broker is away everything is a Retry; when it is back, the same objects go on."""
    monkeypatch.setattr(subscription, "SILENCE_SECONDS", 0.5)
    with tansu(port):
        await broker.ensure_topics([TOPIC], 2)
        await broker.publish([Message(TOPIC.name, "k", b"0")])
        member = await broker.subscribe(TOPIC.name, "g", max_wait=0.2)
        generation = member.generation
        assert [r.value for r in await _some(member)] == [b"0"]
        await member.commit()
    with refused(port), anyio.fail_after(30):
        while True:
            await member.batch()
    with refused(port):
        await member.batch()
    with refused(port):
        await broker.publish([Message(TOPIC.name, "k", b"1")])
    assert member.generation > generation
    with tansu(port):
        await broker.ensure_topics([TOPIC], 2)
        await broker.publish([Message(TOPIC.name, "k", b"2")])
        assert [r.value for r in await _some(member)] == [b"2"]
        await member.commit()
        assert await member.lag() == 0
        await member.close()


async def test_a_commit_in_an_outage_can_be_repeated(broker: KafkaBroker, port: int) -> None:
    """It raises, and forgets nothing of what there is to commit."""
    with tansu(port):
        await broker.ensure_topics([TOPIC], 2)
        await broker.publish([Message(TOPIC.name, "k", b"0")])
        member = await broker.subscribe(TOPIC.name, "g")
        await _some(member)
    for _ in range(2):
        with refused(port):
            await member.commit()
    with refused(port):
        await member.lag()
    await member.close()


async def test_lag_is_asked_without_joining_the_group(embedded_address: str) -> None:
    """All is behind before the first commit, nothing after it; the member keeps its partitions."""
    settings = KafkaSettings(bootstrap_servers=embedded_address, fetch_max_wait_ms=50)
    broker = KafkaBroker(settings)
    await broker.ensure_topics([TOPIC], 2)
    await broker.publish([Message(TOPIC.name, str(n), b"0") for n in range(50)])
    assert await group_lag(settings, TOPIC.name, 2, "lag") == 50
    member = await broker.subscribe(TOPIC.name, "lag")
    generation = member.generation
    while await member.batch():
        await member.commit()
    assert await group_lag(settings, TOPIC.name, 2, "lag") == 0
    assert member.generation == generation
    await member.close()
    await broker.close()


async def test_lag_of_an_unreachable_cluster_is_one_line(port: int) -> None:
    """The same words as everywhere."""
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}", timeout_ms=1500)
    with refused(port):
        await group_lag(settings, TOPIC.name, 2, "lag")


async def _some(member: KafkaSubscription) -> list[Record]:
    with anyio.fail_after(30):
        while True:
            if records := await member.batch():
                return records


async def test_partitions_are_given_away_after_the_batch_in_hand(broker: KafkaBroker) -> None:
    """A rebalance waits for the commit, so the next owner starts behind it."""
    member = KafkaSubscription(broker._settings, TOPIC.name, "g", 10, 1, 0.1)
    member._idle.clear()  # as after a batch with records
    generation = member.generation
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(member.on_partitions_revoked, {TopicPartition(TOPIC.name, 0)})
        await anyio.wait_all_tasks_blocked()
        assert member.generation == generation
        await member.commit()
    assert member.generation > generation


async def test_a_join_that_is_cut_short_leaves_nothing_running(embedded_address: str) -> None:
    """Nobody waits for the batch that another member has in hand, and no task outlives it."""
    broker = KafkaBroker(KafkaSettings(bootstrap_servers=embedded_address, fetch_max_wait_ms=50))
    topic = msgspec.structs.replace(TOPIC, name="heft.test-short.v1")
    await broker.ensure_topics([topic], 2)
    await broker.publish([Message(topic.name, "k", b"0")])
    member = await broker.subscribe(topic.name, topic.name)
    await _some(member)
    before = _routines()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(broker.subscribe, topic.name, topic.name)
        asked = (await member.joined())._coordinator._rejoin_needed_fut
        while not asked.done():
            await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()
    assert _routines() == before
    await member.close()
    await broker.close()


def _routines() -> Counter[str]:
    """What consumers keep running until they are stopped."""
    names = (str(task.get_coro()) for task in asyncio.all_tasks())
    kinds = ("_coordination_routine", "_fetch_requests_routine", "_md_synchronizer", ".stop")
    return Counter(kind for name in names for kind in kinds if kind in name)


async def test_partitions_that_come_back_are_a_new_assignment(embedded_address: str) -> None:
    """Nothing is ours between losing a session and the group's answer: another may have had it."""
    broker = KafkaBroker(KafkaSettings(bootstrap_servers=embedded_address, fetch_max_wait_ms=50))
    topic = msgspec.structs.replace(TOPIC, name="heft.test-back.v1")
    await broker.ensure_topics([topic], 2)
    member = await broker.subscribe(topic.name, topic.name, max_wait=0.1)
    places = (await member.joined()).assignment()
    seen = []
    for step in (_stay, member.on_partitions_revoked, member.on_partitions_assigned):
        await step(places)
        await member.batch()
        seen.append((member.partitions, member.generation))
    (first, one), (between, two), (again, three) = seen
    assert (first, between, again) == (frozenset({0, 1}), frozenset(), first)
    assert one < two < three
    await member.close()
    await broker.close()


async def test_a_lag_asked_during_a_rebalance_is_asked_again(embedded_address: str) -> None:
    """What is read of partitions that move meanwhile is neither counted nor remembered."""
    broker = KafkaBroker(KafkaSettings(bootstrap_servers=embedded_address, fetch_max_wait_ms=50))
    topic = msgspec.structs.replace(TOPIC, name="heft.test-moving.v1")
    await broker.ensure_topics([topic], 2)
    member = await broker.subscribe(topic.name, topic.name, max_wait=0.1)
    await member.batch()

    async def move() -> None:
        consumer = await member.joined()
        await member.on_partitions_revoked(consumer.assignment())
        consumer._subscription.assign_from_subscribed([])
        await member.on_partitions_assigned(set())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(move)
        with pytest.raises(Retry, match="moved"):
            await member.lag()
    assert member._committed == {}
    assert await member.lag() == 0
    await member.close()
    await broker.close()


async def test_a_commit_answered_after_the_partitions_moved_is_not_remembered(
    embedded_address: str,
) -> None:
    """By then another may have committed more: the lag asks for the group's offsets again."""
    broker = KafkaBroker(KafkaSettings(bootstrap_servers=embedded_address, fetch_max_wait_ms=50))
    topic = msgspec.structs.replace(TOPIC, name="heft.test-late.v1")
    await broker.ensure_topics([topic], 2)
    await broker.publish([Message(topic.name, "k", b"0")])
    member = await broker.subscribe(topic.name, topic.name)
    await _some(member)

    async def move() -> None:
        member._forget()  # as when the hand-over took too long

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(move)
        await member.commit()
    assert member._committed == {}
    await member.close()
    await broker.close()


async def _stay(_: set[TopicPartition]) -> None:
    """Nothing moves."""


async def test_a_batch_that_takes_too_long_does_not_hold_the_group_up(
    broker: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the partitions go, and what is in hand is not committed by us."""
    monkeypatch.setattr(subscription, "HAND_OVER_SECONDS", 0.01)
    member = KafkaSubscription(broker._settings, TOPIC.name, "g", 10, 1, 0.1)
    member._idle.clear()
    member._pending[TopicPartition(TOPIC.name, 0)] = 5
    generation = member.generation
    await member.on_partitions_revoked({TopicPartition(TOPIC.name, 0)})
    assert member.generation > generation
    await member.commit()  # would have to connect, if there were anything to commit


async def test_a_cluster_without_our_codec_is_told(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing compression library is a setting to change, not a crash."""
    monkeypatch.setattr("aiokafka.codec.cramjam", None)
    settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}", compression="lz4")
    broker = KafkaBroker(settings)
    broker._counts[TOPIC.name] = 1
    with pytest.raises(Invalid, match=r"kafka\.compression"):
        await broker.publish([Message(TOPIC.name, "k", b"")])
