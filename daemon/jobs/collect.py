"""Whole topics read once from their beginning, beside the stages and unseen by them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import anyio

from streams.broker import Broker
from streams.errors import Invalid
from streams.events import decode
from streams.topics import Topic

__all__ = ["events_of", "events_of_each"]

RECORDS_PER_BATCH = 5_000


async def events_of_each(broker: Broker, topics: Sequence[Topic]) -> list[list[Any]]:
    """``events_of`` for several topics at once: joining a group takes seconds."""
    found: list[list[Any]] = [[] for _ in topics]

    async def read(place: int, topic: Topic) -> None:
        found[place] = await events_of(broker, topic)

    async with anyio.create_task_group() as group:
        for place, topic in enumerate(topics):
            group.start_soon(read, place, topic)
    return found


async def events_of(broker: Broker, topic: Topic) -> list[Any]:
    """Every event on the topic until now, each id once, the last sighting of each.

    A record that is no event of the topic is passed over: whoever reads it in earnest puts it to
    the dead letters. Raises ``Retry``.
    """
    group = f"heft.once.{uuid.uuid4().hex}"
    subscription = await broker.subscribe(topic.name, group, max_records=RECORDS_PER_BATCH)
    events: dict[str, Any] = {}
    try:
        while not subscription.partitions or await subscription.lag():
            for record in await subscription.batch():
                _take(record.value, topic, events)
            await subscription.commit()
    finally:
        await subscription.close()
    return list(events.values())


def _take(value: bytes, topic: Topic, events: dict[str, Any]) -> None:
    try:
        event = decode(value, topic.event)
    except Invalid:
        return
    events[event.id] = event
