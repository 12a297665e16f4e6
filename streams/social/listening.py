"""Tells every partition that posts are heard, so that a dossier knows what its silence means."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from streams.broker import Broker
from streams.clock import Clock
from streams.events import Listening
from streams.feeds.silence import Silence
from streams.source import to_every_partition
from streams.topics import ACTIVITY

__all__ = ["EVERY_S", "listening_now", "tell_listening"]

EVERY_S = 60.0


def listening_now(feeds: Sequence[Silence], started: datetime, now: datetime) -> Listening | None:
    """What is to be told; ``None`` while no feed is heard."""
    heard = [each for each in feeds if each.ever and not each.is_silent]
    if not heard:
        return None
    since = max(started, *(each.since for each in heard))
    return Listening(at=now, since=since, feeds=sorted(each.name for each in heard))


async def tell_listening(broker: Broker, feeds: Sequence[Silence], clock: Clock) -> None:
    """Tell it each minute, until cancelled; raises ``Retry``."""
    started = clock.now()
    partitions = await broker.partitions(ACTIVITY.name)
    while True:
        said = listening_now(feeds, started, clock.now())
        if said is not None:
            await broker.publish(to_every_partition(said, partitions))
        await clock.sleep(EVERY_S)
