"""How far a consumer group is behind on a topic, asked without joining the group.

A member that joins only to ask would take partitions from those that work.
"""

from __future__ import annotations

from typing import Any

import anyio
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.broker import KafkaSettings
from streams.kafka.client import start, stop, told

__all__ = ["group_lag"]

FETCH_MS = 300
"""Tansu tells a partition's true end only with a fetch; a moment is enough for one."""


async def group_lag(settings: KafkaSettings, topic: str, partitions: int, group: str) -> int:
    """Records that the group has yet to commit: all, if it never did. Raises ``Retry``."""
    places = [TopicPartition(topic, partition) for partition in range(partitions)]
    consumer = AIOKafkaConsumer(
        **settings.client(), group_id=group, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    with told(f"read the offsets of {topic}", settings):
        await start(consumer, settings.seconds)
        try:
            consumer.assign(places)
            with anyio.fail_after(settings.seconds):
                return await _lag(consumer, places)
        finally:
            await stop(consumer)


async def _lag(consumer: Any, places: list[TopicPartition]) -> int:
    starts = await consumer.beginning_offsets(places)
    for place in places:
        committed = await consumer.committed(place)
        starts[place] = max(starts[place], committed or 0)
    ends = await consumer.end_offsets(places)
    await consumer.getmany(timeout_ms=FETCH_MS)
    ends = {place: max(ends[place], consumer.highwater(place) or 0) for place in places}
    return sum(max(ends[place] - starts[place], 0) for place in places)
