"""What every broker promises, on each of them: in memory, embedded, and a Kafka of yours.

Name the last by ``HEFT_KAFKA__BOOTSTRAP_SERVERS``; its topics are new for every test.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator

import anyio
import pytest

from streams.broker import (
    MAX_RECORD_BYTES,
    Broker,
    KafkaSettings,
    Message,
    Record,
    Subscription,
    partition_of,
)
from streams.errors import Invalid
from streams.events import Launch
from streams.kafka import KafkaBroker
from streams.memory import MemoryBroker
from streams.topics import DAY_MS, Topic

pytestmark = pytest.mark.anyio

PARTITIONS = 4
MOST_SECONDS = 60.0
EXTERNAL = os.environ.get("HEFT_KAFKA__BOOTSTRAP_SERVERS")


KINDS = ["memory", pytest.param("embedded", marks=pytest.mark.kafka)]
if EXTERNAL:
    KINDS.append(pytest.param("external", marks=pytest.mark.kafka))


@pytest.fixture(params=KINDS)
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    """One broker of each kind in turn."""
    made: Broker = MemoryBroker()
    if request.param == "embedded":
        address = request.getfixturevalue("embedded_address")
        made = KafkaBroker(KafkaSettings(bootstrap_servers=address, fetch_max_wait_ms=50))
    elif request.param == "external":
        made = KafkaBroker(KafkaSettings(bootstrap_servers=EXTERNAL or "", enable_idempotence=True))
    yield made
    await made.close()


@pytest.fixture
async def topic(broker: Broker) -> Topic:
    """A topic that no other test has seen."""
    name = f"heft.test-{uuid.uuid4().hex[:12]}.v1"
    made = Topic(name=name, event=Launch, purpose="a test", retention_ms=DAY_MS)
    await broker.ensure_topics([made], PARTITIONS)
    return made


def numbered(topic: Topic, count: int, keys: int = 8) -> list[Message]:
    """Messages whose values are 0, 1, 2 ... over a few keys."""
    return [Message(topic.name, f"ethereum:0x{i % keys}", str(i).encode()) for i in range(count)]


async def read(subscription: Subscription, count: int, *, commit: bool = True) -> list[Record]:
    """So many records at least, over as many batches as it takes."""
    records: list[Record] = []
    with anyio.fail_after(MOST_SECONDS):
        while len(records) < count:
            records += await subscription.batch()
            if commit:
                await subscription.commit()
    return records


def values(records: list[Record]) -> list[int]:
    """The numbers that the records hold."""
    return [int(record.value) for record in records]


async def test_everything_published_is_read_once_and_in_order_per_key(
    broker: Broker, topic: Topic
) -> None:
    """Nothing is lost or doubled, and each key keeps its order on the partition of its hash."""
    await broker.publish(numbered(topic, 100))
    await broker.publish(numbered(topic, 200)[100:])
    subscription = await broker.subscribe(topic.name, "g", max_records=37)
    records = await read(subscription, 200)
    await subscription.close()
    assert sorted(values(records)) == list(range(200))
    for number in range(8):
        mine = [record for record in records if record.key == f"ethereum:0x{number}".encode()]
        assert values(mine) == list(range(number, 200, 8))
        assert {record.partition for record in mine} == {
            partition_of(f"ethereum:0x{number}", PARTITIONS)
        }


async def test_a_named_partition_is_obeyed(broker: Broker, topic: Topic) -> None:
    """A message can be sent to every partition, as a chain's clock must be."""
    await broker.publish([Message(topic.name, "k", b"0", p) for p in range(PARTITIONS)])
    subscription = await broker.subscribe(topic.name, "g")
    records = await read(subscription, PARTITIONS)
    assert sorted(record.partition for record in records) == list(range(PARTITIONS))
    assert subscription.partitions == frozenset(range(PARTITIONS))
    await subscription.close()


async def test_a_batch_keeps_to_its_limits(broker: Broker, topic: Topic) -> None:
    """No batch is over ``max_records``, and an idle one comes back empty."""
    await broker.publish(numbered(topic, 20))
    subscription = await broker.subscribe(topic.name, "g", max_records=7, max_wait=0.2)
    sizes: list[int] = []
    while sum(sizes) < 20:
        sizes.append(len(await subscription.batch()))
    assert max(sizes) <= 7
    assert await subscription.batch() == []
    await subscription.close()


async def test_a_batch_waits_for_its_least_size(broker: Broker, topic: Topic) -> None:
    """With ``min_records`` several reads are gathered into one batch."""
    subscription = await broker.subscribe(
        topic.name, "g", max_records=50, min_records=30, max_wait=MOST_SECONDS
    )
    async with anyio.create_task_group() as tasks:
        for start in (0, 10, 20):
            tasks.start_soon(broker.publish, numbered(topic, 30)[start : start + 10])
        records = await subscription.batch()
    assert sorted(values(records)) == list(range(30))
    await subscription.close()


async def test_a_cancelled_batch_loses_nothing(broker: Broker, topic: Topic) -> None:
    """What was gathered when the wait was cut short comes with the next batch."""
    await broker.publish(numbered(topic, 5))
    subscription = await broker.subscribe(topic.name, "g", min_records=10, max_wait=1.5)
    with anyio.move_on_after(1):
        await subscription.batch()
    assert sorted(values(await read(subscription, 5))) == list(range(5))
    await subscription.close()


async def test_what_is_not_committed_comes_again(broker: Broker, topic: Topic) -> None:
    """The next member of the group starts where the last commit was."""
    await broker.publish(numbered(topic, 10))
    first = await broker.subscribe(topic.name, "g")
    await read(first, 10)
    await broker.publish(numbered(topic, 30)[10:])
    await read(first, 20, commit=False)
    await first.close()
    second = await broker.subscribe(topic.name, "g")
    assert sorted(values(await read(second, 20))) == list(range(10, 30))
    await second.close()


async def test_groups_do_not_know_each_other(broker: Broker, topic: Topic) -> None:
    """Every group reads all of a topic, from its beginning."""
    await broker.publish(numbered(topic, 10))
    for group in ("a", "b"):
        subscription = await broker.subscribe(topic.name, group)
        assert sorted(values(await read(subscription, 10))) == list(range(10))
        await subscription.close()


async def test_lag_counts_what_is_not_committed(broker: Broker, topic: Topic) -> None:
    """Lag falls by the commit, not by the reading."""
    subscription = await broker.subscribe(topic.name, "g")
    await broker.publish(numbered(topic, 10))
    await read(subscription, 10, commit=False)
    assert await subscription.lag() == 10
    await subscription.commit()
    assert await subscription.lag() == 0
    await subscription.close()


async def test_members_share_the_partitions_and_hand_them_over(
    broker: Broker, topic: Topic
) -> None:
    """A second member takes a part; when it leaves, the first has all again; nothing is lost."""
    await broker.publish(numbered(topic, 100))
    first = await broker.subscribe(topic.name, "g", max_records=10)
    generation = first.generation
    seen = values(await first.batch())
    await first.commit()
    second: list[Subscription] = []

    async def join() -> None:
        second.append(await broker.subscribe(topic.name, "g", max_records=10))

    with anyio.fail_after(MOST_SECONDS):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(join)
            while not second or len(first.partitions) != 2 or len(second[0].partitions) != 2:
                seen += values(await first.batch())
                await first.commit()
                if second:
                    seen += values(await second[0].batch())
                    await second[0].commit()
        assert first.generation > generation
        assert first.partitions | second[0].partitions == frozenset(range(PARTITIONS))
        await second[0].close()
        while len(first.partitions) != PARTITIONS or len(set(seen)) < 100:
            seen += values(await first.batch())
            await first.commit()
    assert set(seen) == set(range(100))
    await first.close()


async def test_a_commit_after_the_partitions_moved_does_nothing(
    broker: Broker, topic: Topic
) -> None:
    """What a closed member had in hand is read again by the next one."""
    await broker.publish(numbered(topic, 10))
    first = await broker.subscribe(topic.name, "g")
    await read(first, 10, commit=False)
    generation = first.generation
    await first.close()
    await first.commit()
    assert first.generation != generation
    second = await broker.subscribe(topic.name, "g")
    assert len(await read(second, 10)) == 10
    await second.close()


async def test_a_large_record_travels(broker: Broker, topic: Topic) -> None:
    """Ten megabytes come through the dead-letter topic, between small ones."""
    sizes = [1, 10_000_000, 2]
    await broker.publish([Message(topic.dead, "k", b"x" * size) for size in sizes])
    subscription = await broker.subscribe(topic.dead, "g")
    assert [len(record.value) for record in await read(subscription, 3)] == sizes
    await subscription.close()


async def test_an_oversize_message_is_refused(broker: Broker, topic: Topic) -> None:
    """What no broker would take is ``Invalid``, at once, and nothing of the publish is sent."""
    with pytest.raises(Invalid) as caught:
        await broker.publish(
            [
                Message(topic.name, "k", b"0"),
                Message(topic.name, "k", b"x" * (MAX_RECORD_BYTES + 1)),
            ]
        )
    assert caught.value.reason == "too-large"
    await broker.publish(numbered(topic, 1))
    subscription = await broker.subscribe(topic.name, "g")
    assert values(await read(subscription, 1)) == [0]
    assert await subscription.lag() == 0
    await subscription.close()


async def test_any_bytes_can_be_a_key(broker: Broker, topic: Topic) -> None:
    """Keys that are not UTF-8 come back as they were."""
    await broker.publish(
        [Message(topic.name, b"\xff\x00k".decode("utf-8", "surrogateescape"), b"1")]
    )
    subscription = await broker.subscribe(topic.name, "g")
    assert [record.key for record in await read(subscription, 1)] == [b"\xff\x00k"]
    await subscription.close()


async def test_topics_are_created_once_with_their_dead_letters(
    broker: Broker, topic: Topic
) -> None:
    """Asking again changes nothing; another partition count is refused; so is no topic."""
    await broker.ensure_topics([topic], PARTITIONS)
    assert await broker.partitions(topic.name) == PARTITIONS
    assert await broker.partitions(topic.dead) == 1
    with pytest.raises(Invalid, match="partitions"):
        await broker.ensure_topics([topic], PARTITIONS + 1)
    with pytest.raises(Invalid, match="no topic"):
        await broker.partitions(f"{topic.name}.absent")
    with pytest.raises(Invalid, match="no topic"):
        await broker.publish([Message(f"{topic.name}.absent", "k", b"")])
    with pytest.raises(Invalid, match="no partition 4"):
        await broker.publish([Message(topic.name, "k", b"", PARTITIONS)])
    await broker.publish([])
