"""A topic read from its beginning and then on, beside the stages and unseen by them."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from streams.broker import Broker
from streams.errors import Invalid
from streams.events import decode
from streams.stage import Drain
from streams.topics import Topic

__all__ = ["follow"]


async def follow(broker: Broker, topic: Topic, note: Callable[[Any], None], drain: Drain) -> None:
    """Call ``note`` with every event until the drain is asked for.

    In a group of its own that commits nothing: whoever starts again reads all of it again. A
    record that is no event of the topic is passed over, since the stages put it to the dead
    letters. Raises ``Retry``.
    """
    subscription = None
    try:
        with drain.interrupts():
            subscription = await broker.subscribe(topic.name, f"heft.page.{uuid.uuid4().hex}")
            while True:
                for record in await subscription.batch():
                    _note(record.value, topic, note)
    finally:
        if subscription is not None:
            await subscription.close()


def _note(value: bytes, topic: Topic, note: Callable[[Any], None]) -> None:
    try:
        event = decode(value, topic.event)
    except Invalid:
        return
    note(event)
