"""KafkaBroker: the Broker seam on a Kafka cluster, and the only file that imports aiokafka.

Three things that aiokafka leaves to its user are settled here. It logs and repeats for ever where
we want a ``Retry``; it resumes sending behind a batch that failed, which would re-order a repeated
publish; and it gives partitions away in the middle of a batch.

This module does not own the promises (``broker``) nor the embedded cluster (``embedded``).
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NoReturn

import anyio
import structlog
from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    TopicPartition,
)
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.broker import (
    MAX_RECORD_BYTES,
    KafkaSettings,
    Message,
    Record,
    key_bytes,
    partition_of,
    too_large,
)
from streams.errors import Invalid, Retry
from streams.topics import DEAD_RETENTION_MS, Topic

__all__ = ["KafkaBroker", "KafkaSubscription"]

BATCH_BYTES = 900_000
"""Below Kafka's default ``message.max.bytes`` (1,048,588), which counts a whole batch."""

REBALANCE_SECONDS = 30.0
HAND_OVER_SECONDS = 20.0
"""A leaving owner may finish its batch this long, well inside the rebalance timeout."""

SILENCE_SECONDS = 10.0
"""A broker that has not answered one fetch for so long is out of reach."""

CLOSE_SECONDS = 5.0

DENIED = (
    kafka_errors.AuthenticationFailedError,
    kafka_errors.AuthenticationMethodNotSupported,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.GroupAuthorizationFailedError,
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
)

log = structlog.get_logger(__name__)


class KafkaBroker:
    """A Kafka cluster; connects on first use."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._counts: dict[str, int] = {}

    async def ensure_topics(self, topics: Sequence[Topic], partitions: int) -> None:
        """Create what is missing; raises ``Invalid`` when one has another partition count."""
        with _told("create topics", self._settings):
            async with _admin(self._settings) as admin:
                present = await _counts(admin)
                wanted = _new_topics(topics, partitions, self._settings.replication_factor)
                missing = [topic for topic in wanted if topic.name not in present]
                if missing:
                    _check_created(await admin.create_topics(missing))
                    present = await _await_topics(admin, {topic.name for topic in wanted})
        _check_counts(topics, partitions, present)
        self._counts.update(present)

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has; raises ``Invalid`` when there is no such topic."""
        if topic not in self._counts:
            with _told("list topics", self._settings):
                async with _admin(self._settings) as admin:
                    self._counts.update(await _counts(admin))
        if topic not in self._counts:
            raise Invalid(f"there is no topic {topic}: create it", reason="no-topic")
        return self._counts[topic]

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when all are acknowledged; raises ``Retry``, or ``Invalid`` if one is too large.

        Within a partition a batch is sent only when the one before is acknowledged: a consumer
        that ignores older positions would otherwise lose what a repeated publish re-orders.
        """
        queues = await self._queues(messages)
        if not queues:
            return
        producer = await self._connected()
        results = await asyncio.gather(
            *(_send(producer, place, queue) for place, queue in queues.items()),
            return_exceptions=True,
        )
        failed = next((result for result in results if result is not None), None)
        if failed is not None:
            await self._give_up(failed)

    async def subscribe(
        self,
        topic: str,
        group: str,
        *,
        max_records: int = 500,
        min_records: int = 1,
        max_wait: float = 0.5,
    ) -> KafkaSubscription:
        """Join the group and wait for partitions; raises ``Retry``."""
        subscription = KafkaSubscription(
            self._settings, topic, group, max_records, min_records, max_wait
        )
        await subscription.joined()
        return subscription

    async def close(self) -> None:
        """Give the producer's connections back; subscriptions are closed by who opened them."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await _stop(producer)

    async def _queues(self, messages: Sequence[Message]) -> dict[TopicPartition, list[Message]]:
        queues: dict[TopicPartition, list[Message]] = defaultdict(list)
        for message in messages:
            if len(message.value) > MAX_RECORD_BYTES:
                raise too_large(message, "the limit of 16 MiB")
            count = self._counts.get(message.topic) or await self.partitions(message.topic)
            partition = message.partition
            if partition is None:
                partition = partition_of(message.key, count)
            queues[TopicPartition(message.topic, partition)].append(message)
        return queues

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                self._producer = await self._new_producer()
            return self._producer

    async def _new_producer(self) -> AIOKafkaProducer:
        try:
            producer = AIOKafkaProducer(
                **self._settings.client(),
                acks="all",
                enable_idempotence=self._settings.enable_idempotence,
                compression_type=self._settings.compression,
                max_batch_size=BATCH_BYTES,
                max_request_size=MAX_RECORD_BYTES * 2,
            )
        except RuntimeError as error:
            raise Invalid(f"kafka.compression: {error}", reason="compression") from error
        with _told("connect", self._settings):
            await _start(producer, self._settings.seconds)
        return producer

    async def _give_up(self, error: BaseException) -> None:
        """Tell what went wrong; a producer that cannot recover is replaced at the next publish."""
        if not getattr(error, "retriable", False) and not isinstance(error, Invalid):
            await self.close()
        with _told("publish", self._settings):
            raise error


class KafkaSubscription(ConsumerRebalanceListener):  # type: ignore[misc]
    """A member of a consumer group on Kafka; see ``Subscription`` for its promises."""

    def __init__(
        self,
        settings: KafkaSettings,
        topic: str,
        group: str,
        max_records: int,
        min_records: int,
        max_wait: float,
    ) -> None:
        self.partitions: frozenset[int] = frozenset()
        self.generation = 0
        self._settings = settings
        self._topic = topic
        self._group = group
        self._max_records = max_records
        self._min_records = min_records
        self._max_wait = max_wait
        self._consumer: AIOKafkaConsumer | None = None
        self._gathered: list[Record] = []
        self._pending: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._idle = asyncio.Event()
        self._joining = True
        self._unanswered = 0.0

    async def batch(self) -> list[Record]:
        """The next records, after at most ``max_wait`` seconds; may be empty; raises ``Retry``."""
        self._idle.set()
        consumer = await self.joined()
        deadline = time.monotonic() + self._max_wait
        while len(self._gathered) < self._min_records:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                break
            await self._gather(consumer, remaining)
        return self._take(consumer)

    def rest(self) -> list[Record]:
        """What a ``batch()`` that was cut short had gathered; at once, and without waiting."""
        return [] if self._consumer is None else self._take(self._consumer)

    async def commit(self) -> None:
        """Commit all that ``batch()`` returned; raises ``Retry`` (then commit again)."""
        try:
            if self._pending:
                await self._commit_pending()
        finally:
            self._idle.set()

    async def lag(self) -> int:
        """Records on the assigned partitions that are not yet committed; raises ``Retry``."""
        consumer = await self.joined()
        with _told("read offsets", self._settings), anyio.fail_after(self._settings.seconds):
            ends = await consumer.end_offsets(consumer.assignment())
            return sum([await self._behind(consumer, place, end) for place, end in ends.items()])

    async def close(self) -> None:
        """Leave the group without committing."""
        self._idle.set()
        self._forget()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await _stop(consumer)

    async def joined(self) -> AIOKafkaConsumer:
        """Be a member of the group; raises ``Retry`` when cluster or group do not answer."""
        if self._consumer is None:
            consumer = self._new_consumer()
            limit = REBALANCE_SECONDS + self._settings.seconds
            with _told(f"join group {self._group}", self._settings):
                await _start(consumer, limit)
            self._consumer = consumer
        return self._consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let the batch in hand end, so that the next owner starts behind it; then forget."""
        if revoked:
            with anyio.move_on_after(HAND_OVER_SECONDS):
                await self._idle.wait()
        self._forget()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """The group has answered."""
        log.info("partitions_assigned", topic=self._topic, group=self._group, count=len(assigned))
        self._joining = False
        self._unanswered = 0.0

    def _new_consumer(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            **self._settings.client(),
            group_id=self._group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=self._settings.fetch_max_wait_ms,
            session_timeout_ms=self._settings.session_timeout_ms,
            heartbeat_interval_ms=self._settings.session_timeout_ms // 4,
            rebalance_timeout_ms=int(REBALANCE_SECONDS * 1000),
            max_poll_interval_ms=self._settings.max_poll_interval_ms,
            max_partition_fetch_bytes=MAX_RECORD_BYTES,
        )
        consumer.subscribe(topics=[self._topic], listener=self)
        return consumer

    def _forget(self) -> None:
        """Whatever was read belongs to the next owner of the partitions."""
        self.generation += 1
        self._joining = True
        self._unanswered = 0.0
        self._gathered.clear()
        self._pending.clear()
        self._committed.clear()

    async def _gather(self, consumer: AIOKafkaConsumer, seconds: float) -> None:
        found: dict[TopicPartition, list[Any]] = {}
        room = self._max_records - len(self._gathered)
        asked = time.time()
        try:
            # While a rebalance is on, getmany waits for its end without a limit of its own.
            with anyio.move_on_after(seconds + 0.2):
                found = await consumer.getmany(timeout_ms=int(seconds * 1000), max_records=room)
        except kafka_errors.KafkaError as error:
            await self._start_over(error)
        for place, records in found.items():
            self._gathered += [
                Record(place.topic, place.partition, r.offset, r.key or b"", r.value or b"")
                for r in records
            ]
        if not found:
            await self._check_silence(consumer, asked)

    def _take(self, consumer: AIOKafkaConsumer) -> list[Record]:
        records, self._gathered = self._gathered, []
        self.partitions = frozenset(place.partition for place in consumer.assignment())
        for record in records:
            self._pending[TopicPartition(record.topic, record.partition)] = record.offset + 1
        if records:
            self._idle.clear()
        return records

    async def _commit_pending(self) -> None:
        consumer, offsets = await self.joined(), dict(self._pending)
        with _told("commit offsets", self._settings):
            try:
                with anyio.fail_after(self._settings.seconds):
                    await consumer.commit(offsets)
            except (kafka_errors.CommitFailedError, kafka_errors.IllegalStateError):
                log.info("partitions_moved_before_commit", topic=self._topic, group=self._group)
            else:
                self._committed |= offsets
        self._pending.clear()

    async def _behind(self, consumer: AIOKafkaConsumer, place: TopicPartition, end: int) -> int:
        """Records of one partition behind the group's commit, or behind its beginning.

        Tansu answers with where the last batch begins; the last fetch knows better there.
        """
        if place not in self._committed:
            offset = await consumer.committed(place)
            if offset is None:
                offset = (await consumer.beginning_offsets([place]))[place]
            self._committed[place] = offset
        start = self._committed[place]
        return max(end, consumer.highwater(place) or 0, start) - start

    async def _check_silence(self, consumer: AIOKafkaConsumer, asked: float) -> None:
        """Raise ``Retry`` when neither a fetch nor a join was answered for long.

        aiokafka itself only logs this. Its poll times are milliseconds of ``time.time``.
        """
        places = consumer.assignment()
        polls = [consumer.last_poll_timestamp(place) or 0 for place in places]
        if not self._joining and (not places or max(polls) >= asked * 1000):
            self._unanswered = 0.0
            return
        self._unanswered += time.time() - asked
        if self._unanswered > (2 * REBALANCE_SECONDS if self._joining else SILENCE_SECONDS):
            await self._start_over(kafka_errors.KafkaConnectionError())

    async def _start_over(self, error: BaseException) -> NoReturn:
        """Leave, so that the next ``batch()`` joins anew at the committed offsets."""
        await self.close()
        with _told(f"read {self._topic}", self._settings):
            raise error


@contextmanager
def _told(doing: str, settings: KafkaSettings) -> Iterator[None]:
    """Turn what aiokafka raises into one of our three kinds, in one line with the address."""
    where = f"could not {doing} at Kafka {settings.bootstrap_servers}"
    try:
        yield
    except DENIED as error:
        raise Invalid(
            f"{where}: {_short(error)}: check kafka.security_protocol, sasl_* and the ACLs",
            reason="denied",
        ) from error
    except (kafka_errors.KafkaConnectionError, TimeoutError) as error:
        raise Retry(
            f"{where}: no answer; check that it runs, kafka.bootstrap_servers and, if the cluster"
            " wants them, kafka.security_protocol and kafka.sasl_*"
        ) from error
    except (kafka_errors.KafkaError, OSError) as error:
        raise Retry(f"{where}: {_short(error)}") from error


def _short(error: BaseException) -> str:
    return f"{type(error).__name__} {error}".split("\n")[0][:200]


async def _start(client: Any, seconds: float) -> None:
    """Start an aiokafka client, or stop what was started of it."""
    try:
        with anyio.fail_after(seconds):
            await client.start()
    except BaseException:
        await _stop(client)
        raise


async def _stop(client: Any) -> None:
    """Stop an aiokafka client, also when cancelled, but do not wait for ever."""
    # aiokafka says good-bye to a group from generation 1 on only, and Tansu counts from 0:
    # without this, the next member waits until the session of the last one has run out.
    coordinator = getattr(client, "_coordinator", None)
    if coordinator is not None and coordinator.generation == 0:
        coordinator.generation = 1
    with anyio.move_on_after(CLOSE_SECONDS, shield=True):
        await (client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client for one conversation."""
    client = AIOKafkaAdminClient(**settings.client())
    await _start(client, settings.seconds)
    try:
        yield client
    finally:
        await _stop(client)


def _new_topics(topics: Sequence[Topic], partitions: int, replication: int) -> list[NewTopic]:
    """The topics and their dead letters (one partition each: they are few, and read in order)."""
    limit = {"max.message.bytes": str(MAX_RECORD_BYTES)}
    dead = {"retention.ms": str(DEAD_RETENTION_MS), **limit}
    # aiokafka wants an (empty) assignment beside -1, and none beside a number.
    assignments: dict[int, list[int]] | None = {} if replication == -1 else None
    return [
        NewTopic(
            t.name, partitions, replication, assignments, {"retention.ms": str(t.retention_ms)}
        )
        for t in topics
    ] + [NewTopic(t.dead, 1, replication, assignments, dead) for t in topics]


async def _counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions of every topic; asks for all, since asking for one may create it."""
    return {t["topic"]: len(t["partitions"]) for t in await admin.describe_topics()}


def _check_created(response: Any) -> None:
    for topic, code, *rest in response.topic_errors:
        kind = kafka_errors.for_code(code)
        if kind not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
            raise kind(f"{topic}: {rest[0] if rest else ''}")


async def _await_topics(admin: AIOKafkaAdminClient, names: set[str]) -> dict[str, int]:
    """Wait until the metadata shows what was created; other brokers learn of it a bit later."""
    with anyio.fail_after(10):
        while not names <= (present := await _counts(admin)).keys():  # noqa: ASYNC110
            await anyio.sleep(0.1)  # the cluster tells nobody when it is done
        return present


def _check_counts(topics: Sequence[Topic], partitions: int, present: dict[str, int]) -> None:
    for topic in topics:
        if present[topic.name] != partitions:
            raise Invalid(
                f"topic {topic.name} has {present[topic.name]} partitions and not {partitions}: "
                "all topics need the same count, so set kafka.partitions to it",
                reason="partitions",
            )


async def _send(producer: AIOKafkaProducer, place: TopicPartition, messages: list[Message]) -> None:
    """Send one partition's messages in order, batch after batch."""
    batch = producer.create_batch()
    for message in messages:
        key = key_bytes(message.key)
        if batch.append(timestamp=None, key=key, value=message.value) is None:
            await _deliver(producer, place, batch)
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=message.value)
    await _deliver(producer, place, batch)


async def _deliver(producer: AIOKafkaProducer, place: TopicPartition, batch: Any) -> None:
    batch.close()  # a closed batch does not linger
    try:
        await (await producer.send_batch(batch, place.topic, partition=place.partition))
    except kafka_errors.MessageSizeTooLargeError as error:
        raise Invalid(
            f"a batch of {batch.size()} bytes is over max.message.bytes of topic {place.topic}",
            reason="too-large",
        ) from error
