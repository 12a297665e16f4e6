"""How the page reads a topic: everything once, and news told from the past."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from daemon.page.reader import AT_ONCE, Reader
from streams.broker import Record
from streams.events import encode
from streams.memory import MemoryBroker
from streams.stage import Drain, message
from streams.topics import TOPICS, VERDICTS
from tests.unit.alerts.making import a_verdict

pytestmark = pytest.mark.anyio


def record(offset: int, value: bytes | None = None) -> Record:
    """A verdict as it stands on the topic."""
    sent = encode(a_verdict(offset)) if value is None else value
    return Record(VERDICTS.name, 0, offset, b"key", sent)


def test_what_stood_there_before_is_no_news() -> None:
    """Until a batch is not full; a record that is none is passed over."""
    told: list[tuple[int, bool]] = []
    reader = Reader(MemoryBroker(), VERDICTS, lambda e, news: told.append((e.sequence, news)))
    reader.take([record(n) for n in range(AT_ONCE)])
    reader.take([record(AT_ONCE), record(AT_ONCE + 1, b"spoilt")])
    reader.take([record(AT_ONCE + 2)])
    assert [sequence for sequence, _ in told] == [*range(AT_ONCE + 1), AT_ONCE + 2]
    assert [news for _, news in told[-2:]] == [False, True]


async def test_started_again_it_tells_nothing_twice() -> None:
    """The supervisor starts a part again after a broker's hiccup: the topic is read once."""
    broker = MemoryBroker()
    await broker.ensure_topics(TOPICS, 2)
    told: list[Any] = []
    reader = Reader(broker, VERDICTS, lambda event, _: told.append(event.sequence))
    for expected in ([0, 1, 2], [0, 1, 2, 3, 4, 5]):
        first = len(told)
        await broker.publish([message(VERDICTS, a_verdict(first + n)) for n in range(3)])
        drain = Drain()
        async with anyio.create_task_group() as group:
            group.start_soon(reader.run, drain)
            with anyio.fail_after(20):
                while len(told) < len(expected):
                    await anyio.sleep(0.01)
            await anyio.sleep(0.05)
            drain.ask()
        assert told == expected
