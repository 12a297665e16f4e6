"""A consumer's doze: it ends with news, or by itself, and never misses what came meanwhile."""

from __future__ import annotations

import anyio
import pytest

from streams.kafka.doze import Doze

pytestmark = pytest.mark.anyio


async def test_news_ends_a_doze_at_once() -> None:
    """Whoever waits goes on as soon as something was published, long before the doze is over."""
    doze = Doze(60.0)
    doze.look()
    assert doze.begin()
    assert doze.asleep
    async with anyio.create_task_group() as group:
        group.start_soon(_wake_soon, doze)
        with anyio.fail_after(5):
            assert not await doze.sleeps(30.0)


async def test_a_wait_is_no_longer_than_it_was_asked_to_be() -> None:
    """A loop that must beat its pulse gets round, and the doze goes on."""
    doze = Doze(60.0)
    assert doze.begin()
    assert await doze.sleeps(0.01)
    assert doze.asleep


async def test_a_doze_ends_by_itself() -> None:
    """What another process published is looked for then."""
    doze = Doze(0.02)
    assert doze.begin()
    await anyio.sleep(0.03)
    assert not await doze.sleeps(30.0)


async def test_news_during_a_look_keeps_awake() -> None:
    """What was published while a look found nothing may be what it did not see."""
    doze = Doze(60.0)
    doze.look()
    doze.wake()
    assert not doze.begin()
    doze.look()
    assert doze.begin()


async def test_without_seconds_nobody_dozes() -> None:
    """A Kafka that is named is asked as ever."""
    assert not Doze(0.0).begin()


async def _wake_soon(doze: Doze) -> None:
    await anyio.sleep(0.01)
    doze.wake()
