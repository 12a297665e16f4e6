"""A member of a consumer group that hands over between batches and notices a dead cluster."""

from __future__ import annotations

import asyncio
import time
from typing import Any, NoReturn

import anyio
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as kafka_errors

from streams.broker import KafkaSettings, Record
from streams.errors import Retry
from streams.kafka.client import start, stop, told
from streams.kafka.doze import Doze
from streams.kafka.lookout import Lookout

__all__ = ["KafkaSubscription"]

REBALANCE_SECONDS = 30.0
HAND_OVER_SECONDS = 20.0
"""A leaving owner may finish its batch this long, well inside the rebalance timeout."""

SILENCE_SECONDS = 10.0
"""A broker that has not answered one fetch for so long is out of reach."""

POSITION_SECONDS = 0.5
"""Known at once where a fetch was answered."""

log = structlog.get_logger(__name__)


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
        doze: Doze | None = None,
        lookout: Lookout | None = None,
    ) -> None:
        self.partitions: frozenset[int] = frozenset()
        self.generation = 0
        self._settings = settings
        self._topic = topic
        self._group = group
        self._max_records = max_records
        self._min_records = min_records
        self._max_wait = max_wait
        self._doze = doze or Doze(0.0)
        self._lookout = lookout
        self._consumer: AIOKafkaConsumer | None = None
        self._gathered: list[Record] = []
        self._pending: dict[TopicPartition, int] = {}
        self._committed: dict[TopicPartition, int] = {}
        self._lag_asleep: int | None = None
        """Measured in this doze: while it lasts, it stays."""
        self._idle = asyncio.Event()
        self._joining = True
        self._unanswered = 0.0

    async def batch(self) -> list[Record]:
        """The next records, after at most ``max_wait`` seconds; may be empty; raises ``Retry``."""
        self._idle.set()
        consumer = await self.joined()
        if await self._doze.sleeps(self._max_wait):
            return self._take(consumer)
        consumer.resume(*consumer.paused())
        self._doze.look()
        self._lag_asleep = None
        deadline = time.monotonic() + self._max_wait
        while len(self._gathered) < self._min_records:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                break
            await self._gather(consumer, remaining)
        if not self._gathered:
            await self._fall_asleep(consumer)
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
        if self._doze.asleep and self._lag_asleep is not None:
            return self._lag_asleep
        self._lag_asleep = None
        was_asleep = self._doze.asleep
        consumer, generation = await self.joined(), self.generation
        with told("read offsets", self._settings), anyio.fail_after(self._settings.seconds):
            ends = await consumer.end_offsets(consumer.assignment())
            starts = {place: await self._start_of(consumer, place) for place in ends}
        if self._joining or self.generation != generation:
            raise Retry(f"the partitions of {self._topic} moved: ask for its lag again")
        self._committed |= starts
        lag = sum(_behind(consumer, place, starts[place], end) for place, end in ends.items())
        if was_asleep:
            self._lag_asleep = lag
        return lag

    async def close(self) -> None:
        """Leave the group without committing."""
        self._idle.set()
        self._forget()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await stop(consumer)

    async def joined(self) -> AIOKafkaConsumer:
        """Be a member of the group; raises ``Retry`` when cluster or group do not answer."""
        if self._consumer is None:
            consumer = self._new_consumer()
            with told(f"join group {self._group}", self._settings):
                await start(consumer, REBALANCE_SECONDS + self._settings.seconds)
            self._consumer = consumer
        return self._consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Let the batch in hand end, so that the next owner starts behind it; then forget."""
        if revoked:
            with anyio.move_on_after(HAND_OVER_SECONDS):
                await self._idle.wait()
        self._forget()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """The group has answered: whatever was loaded while it had not is of no use."""
        log.info("partitions_assigned", topic=self._topic, group=self._group, count=len(assigned))
        self.generation += 1
        self._doze.wake()
        self._joining = False
        self._unanswered = 0.0

    def _new_consumer(self) -> AIOKafkaConsumer:
        client = self._settings.client()
        # A join is answered when the other members have finished their batches.
        client["request_timeout_ms"] = int(1000 * (REBALANCE_SECONDS + self._settings.seconds))
        consumer = AIOKafkaConsumer(
            **client,
            group_id=self._group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=self._settings.fetch_max_wait_ms,
            session_timeout_ms=self._settings.session_timeout_ms,
            heartbeat_interval_ms=self._settings.session_timeout_ms // 3,
            rebalance_timeout_ms=int(REBALANCE_SECONDS * 1000),
            max_poll_interval_ms=self._settings.max_poll_interval_ms,
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

    async def _fall_asleep(self, consumer: AIOKafkaConsumer) -> None:
        """Doze, unless something is on its way to us, or we do not know whether anything is."""
        if self._lookout is None or self._joining or self._unanswered:
            return
        places: dict[TopicPartition, int] = {}
        with anyio.move_on_after(POSITION_SECONDS) as waiting:
            for place in consumer.assignment():
                places[place] = await consumer.position(place)
        read = all(consumer.highwater(place) == position for place, position in places.items())
        if read and not (waiting.cancelled_caught or self._joining) and self._doze.begin():
            consumer.pause(*places)
            self._lookout.post(places)

    def _take(self, consumer: AIOKafkaConsumer) -> list[Record]:
        records, self._gathered = self._gathered, []
        # While we join, aiokafka still names the old assignment, which may be another's by now.
        places = () if self._joining else consumer.assignment()
        self.partitions = frozenset(place.partition for place in places)
        for record in records:
            self._pending[TopicPartition(record.topic, record.partition)] = record.offset + 1
        if records:
            self._idle.clear()
        return records

    async def _commit_pending(self) -> None:
        consumer, offsets, generation = await self.joined(), dict(self._pending), self.generation
        with told("commit offsets", self._settings):
            try:
                with anyio.fail_after(self._settings.seconds):
                    await consumer.commit(offsets)
            except (kafka_errors.CommitFailedError, kafka_errors.IllegalStateError):
                log.info("partitions_moved_before_commit", topic=self._topic, group=self._group)
            else:
                if self.generation == generation:
                    self._committed |= offsets
        self._pending.clear()

    async def _start_of(self, consumer: AIOKafkaConsumer, place: TopicPartition) -> int:
        """Where the group goes on in a partition: behind its commit, or at its beginning."""
        if place in self._committed:
            return self._committed[place]
        offset: int | None = await consumer.committed(place)
        if offset is None:
            offset = (await consumer.beginning_offsets([place]))[place]
        return offset

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
        with told(f"read {self._topic}", self._settings):
            raise error


def _behind(consumer: AIOKafkaConsumer, place: TopicPartition, start: int, end: int) -> int:
    """Records of one assigned partition from ``start`` on.

    Tansu answers with where the last batch begins; the last fetch knows better there.
    """
    return max(end, consumer.highwater(place) or 0, start) - start
