"""A topic read from its beginning and then on, beside the stages and unseen by them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from typing import Any

from streams.broker import Broker, Record
from streams.errors import Invalid
from streams.events import decode
from streams.stage import Drain
from streams.topics import Topic

__all__ = ["Note", "Reader"]

AT_ONCE = 500

Note = Callable[[Any, bool], None]
"""Takes an event, and whether it is news: not one of those that stood there before."""


class Reader:
    """Reads one topic; started again after a failure it goes on, and tells nothing twice."""

    def __init__(self, broker: Broker, topic: Topic, note: Note) -> None:
        """``note`` is called with every event, in order per pool."""
        self._broker = broker
        self._topic = topic
        self._note = note
        self._next: dict[int, int] = {}
        self._is_live = False

    async def run(self, drain: Drain) -> None:
        """Read until the drain is asked for.

        In a group of its own that commits nothing. A record that is no event of the topic is
        passed over, since the stages put it to the dead letters. Raises ``Retry``.
        """
        subscription = None
        try:
            with drain.interrupts():
                group = f"heft.page.{uuid.uuid4().hex}"
                subscription = await self._broker.subscribe(
                    self._topic.name, group, max_records=AT_ONCE, in_no_hurry=True
                )
                while True:
                    self.take(await subscription.batch())
        finally:
            if subscription is not None:
                await subscription.close()

    def take(self, records: Sequence[Record]) -> None:
        """Pass on what has not been seen; a batch that is not full has reached the present."""
        for record in records:
            if record.offset < self._next.get(record.partition, 0):
                continue
            self._next[record.partition] = record.offset + 1
            try:
                event = decode(record.value, self._topic.event)
            except Invalid:
                continue
            self._note(event, self._is_live)
        self._is_live = self._is_live or len(records) < AT_ONCE
