"""What ``heft topics`` does: makes the topics that are missing, and prints the table of all."""

from __future__ import annotations

from collections.abc import Sequence

from daemon.display.tables import new_table, output
from daemon.plant import find_cluster, open_cluster, topics_of
from daemon.settings import Settings
from streams.broker import KafkaSettings
from streams.errors import Invalid
from streams.kafka import KafkaBroker
from streams.kafka.offsets import group_lag
from streams.topics import ACTIVITY, DAY_MS, FACTS, TOPICS, VERDICTS, Topic

__all__ = ["create_topics", "print_topics"]

READERS = {ACTIVITY.name: ("examine", "enrich"), FACTS.name: ("score",), VERDICTS.name: ("alert",)}
"""The stages that read a topic; the others are for people outside."""


async def create_topics(settings: Settings) -> int:
    """Make what is missing on the configured Kafka; raises ``Invalid`` when none is configured."""
    if not settings.kafka.bootstrap_servers:
        raise Invalid("--create needs kafka.bootstrap_servers in the settings", reason="usage")
    async with open_cluster(settings) as cluster:
        await cluster.broker.ensure_topics(topics_of(settings), settings.kafka.partitions)
    return 0


async def print_topics(settings: Settings) -> int:
    """Print every topic, with partitions and lag if there is a cluster to ask."""
    kafka = await _cluster(settings)
    table = new_table("Topics", "topic", "what it holds", "kept", "read by", "partitions", "behind")
    for topic in TOPICS:
        readers = _readers(settings, topic)
        table.add_row(
            topic.name,
            topic.purpose,
            f"{topic.retention_ms // DAY_MS} d",
            "\n".join(readers),
            *(await _figures(kafka, topic, readers) if kafka is not None else ("", "")),
        )
    output().print(table)
    return 0


async def _cluster(settings: Settings) -> KafkaSettings | None:
    try:
        return await find_cluster(settings)
    except Invalid:
        return None


def _readers(settings: Settings, topic: Topic) -> list[str]:
    """Those that run: who is switched off is not behind."""
    off = set() if settings.examine.enabled else {"examine"}
    return [stage for stage in READERS.get(topic.name, ()) if stage not in off]


async def _figures(
    settings: KafkaSettings, topic: Topic, readers: Sequence[str]
) -> tuple[str, str]:
    broker = KafkaBroker(settings)
    try:
        partitions = await broker.partitions(topic.name)
    finally:
        await broker.close()
    behind = [
        f"{await group_lag(settings, topic.name, partitions, f'heft.{stage}'):,}"
        for stage in readers
    ]
    return str(partitions), "\n".join(behind)
