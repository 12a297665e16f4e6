"""Who wakes the consumers that doze: whoever publishes in this process, and one look for others.

A single consumer, in no group, asks for every partition that somebody dozes on in one fetch: what
another process publishes is found soon, and idling stays cheap.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from weakref import WeakSet

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors

from streams.broker import KafkaSettings
from streams.errors import Retry
from streams.kafka.client import start, stop, told
from streams.kafka.doze import Doze

__all__ = ["Lookout"]

LOOK_MS = 20
"""A fetch's wait: a broker that looks for records all the while is spared most of it."""
PAUSE_SECONDS = 0.45
"""Between looks: with a look, how late another process's news is found."""
REST_SECONDS = 1.0
"""After a failure; dozes end by themselves meanwhile."""


class Lookout:
    """The dozes of one process, by topic, and the one consumer that looks out for them."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = msgspec.structs.replace(settings, fetch_max_wait_ms=LOOK_MS)
        self._dozes: dict[str, WeakSet[Doze]] = defaultdict(WeakSet)
        self._places: dict[TopicPartition, int] = {}
        """Where to look from: the position of who fell asleep there last."""
        self._posted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def add(self, topic: str, doze: Doze) -> None:
        """A consumer of ``topic`` that may doze."""
        self._dozes[topic].add(doze)

    def wake(self, topics: Iterable[str]) -> None:
        """There is something to fetch from these topics."""
        for topic in topics:
            for doze in self._dozes.get(topic, ()):
                doze.wake()

    def post(self, places: Mapping[TopicPartition, int]) -> None:
        """A consumer dozes that would go on from ``places``."""
        self._places |= places
        self._posted.set()
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(Retry):
                await self._watch()
            self.wake(list(self._dozes))  # they see for themselves what is wrong
            await asyncio.sleep(REST_SECONDS)

    async def _watch(self) -> None:
        """Look until something fails; raises ``Retry`` then."""
        consumer = AIOKafkaConsumer(
            **self._settings.client(),
            fetch_max_wait_ms=LOOK_MS,
            enable_auto_commit=False,
            auto_offset_reset="latest",
        )
        with told("look for news", self._settings):
            try:
                await start(consumer, self._settings.seconds)
                while True:
                    await self._look(consumer)
            except kafka_errors.IllegalStateError as error:  # a partition that is gone
                raise kafka_errors.KafkaConnectionError from error
            finally:
                await stop(consumer)

    async def _look(self, consumer: AIOKafkaConsumer) -> None:
        """One look at all that somebody dozes on; waits while nobody does."""
        if self._posted.is_set():
            self._posted.clear()
            self._place(consumer)
        asleep = {topic for topic, dozes in self._dozes.items() if any(d.asleep for d in dozes)}
        if not asleep:
            await self._posted.wait()
            return
        assigned = consumer.assignment()
        consumer.resume(*(place for place in assigned if place.topic in asleep))
        found = await consumer.getmany(timeout_ms=LOOK_MS)
        self.wake({place.topic for place in found})
        consumer.pause(*assigned)
        await asyncio.sleep(PAUSE_SECONDS)

    def _place(self, consumer: AIOKafkaConsumer) -> None:
        if set(self._places) != consumer.assignment():
            consumer.assign(list(self._places))
        for place, position in self._places.items():
            consumer.seek(place, position)
