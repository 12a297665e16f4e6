"""Publishing in order, and the way to everything else on a cluster."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka import errors as kafka_errors

from streams.broker import (
    MAX_RECORD_BYTES,
    KafkaSettings,
    Message,
    key_bytes,
    place_of,
    too_large,
)
from streams.errors import Invalid
from streams.kafka.admin import create_topics, partition_counts
from streams.kafka.client import admin, start, stop, told
from streams.kafka.doze import Doze
from streams.kafka.lookout import Lookout
from streams.kafka.subscription import KafkaSubscription
from streams.topics import Topic

__all__ = ["KafkaBroker"]

BATCH_BYTES = 900_000
"""Below Kafka's default ``message.max.bytes`` (1,048,588), which counts a whole batch."""


class KafkaBroker:
    """A Kafka cluster; connects on first use."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._counts: dict[str, int] = {}
        self._lookout = Lookout(settings)

    async def ensure_topics(self, topics: Sequence[Topic], partitions: int) -> None:
        """Create what is missing; raises ``Invalid`` when one has another partition count."""
        with told("create topics", self._settings):
            async with admin(self._settings) as client:
                present = await create_topics(
                    client, topics, partitions, self._settings.replication_factor
                )
        self._counts.update(present)

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has; raises ``Invalid`` when there is no such topic."""
        if topic not in self._counts:
            await self._look()
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
        self._lookout.wake({place.topic for place in queues})
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
        in_no_hurry: bool = False,
    ) -> KafkaSubscription:
        """Join the group and wait for partitions; raises ``Retry``, ``Invalid`` without topic."""
        await self._look()
        await self.partitions(topic)
        settings = self._settings
        if in_no_hurry:
            wait = max(settings.fetch_max_wait_ms, int(1000 * max_wait))
            settings = msgspec.structs.replace(settings, fetch_max_wait_ms=wait)
        doze = Doze(settings.doze_seconds)
        lookout = self._lookout if settings.doze_seconds else None
        subscription = KafkaSubscription(
            settings, topic, group, max_records, min_records, max_wait, doze, lookout
        )
        self._lookout.add(topic, doze)
        await subscription.joined()
        return subscription

    async def close(self) -> None:
        """Give the producer's connections back; subscriptions are closed by who opened them."""
        await self._lookout.close()
        await self._drop_producer()

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop(producer)

    async def _look(self) -> None:
        """See what topics there are, which also shows soon whether the cluster answers."""
        with told("list topics", self._settings):
            async with admin(self._settings) as client:
                self._counts.update(await partition_counts(client))

    async def _queues(self, messages: Sequence[Message]) -> dict[TopicPartition, list[Message]]:
        queues: dict[TopicPartition, list[Message]] = defaultdict(list)
        for message in messages:
            if len(message.value) > MAX_RECORD_BYTES:
                raise too_large(message, "the limit of 16 MiB")
            count = self._counts.get(message.topic) or await self.partitions(message.topic)
            queues[TopicPartition(message.topic, place_of(message, count))].append(message)
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
        with told("connect", self._settings):
            await start(producer, self._settings.seconds)
        return producer

    async def _give_up(self, error: BaseException) -> None:
        """Tell what went wrong; a producer that cannot recover is replaced at the next publish."""
        if not getattr(error, "retriable", False) and not isinstance(error, Invalid):
            await self._drop_producer()
        with told("publish", self._settings):
            raise error


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
