"""What ``heft dead`` does on each topic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rich.text import Text

from daemon.display.tables import new_table, output
from daemon.plant import find_cluster
from daemon.settings import Settings
from streams.broker import Broker
from streams.dead import listed
from streams.errors import Invalid
from streams.kafka import KafkaBroker
from streams.text import sanitise
from streams.topics import TOPICS, Topic

__all__ = ["for_each_topic", "print_letters"]

DETAIL_CHARACTERS = 200


async def for_each_topic(
    settings: Settings, name: str | None, act: Callable[[Broker, Topic], Awaitable[None]]
) -> int:
    """Do ``act`` on the named topic or on all; raises ``Invalid`` without a cluster or topic."""
    topics = [topic for topic in TOPICS if name in (None, topic.name)]
    if not topics:
        raise Invalid(f"there is no topic {name}: see heft topics", reason="usage")
    broker = KafkaBroker(await find_cluster(settings))
    try:
        for topic in topics:
            await act(broker, topic)
    finally:
        await broker.close()
    return 0


async def print_letters(broker: Broker, topic: Topic) -> None:
    """A row a letter; what strangers wrote is shown inert."""
    letters = await listed(broker, topic)
    title = f"{topic.dead}: {len(letters):,}"
    table = new_table(title, "at", "partition", "offset", "stage", "reason", "detail")
    for letter in letters:
        table.add_row(
            f"{letter.at:%Y-%m-%d %H:%M:%S}",
            str(letter.partition),
            str(letter.offset),
            letter.stage,
            letter.reason,
            Text(sanitise(letter.detail, DETAIL_CHARACTERS)),
        )
    output().print(table if letters else f"{topic.dead}: none")
