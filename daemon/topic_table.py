"""The table of ``heft topics``."""

from __future__ import annotations

from rich.console import Console

from daemon.plant import kafka_settings
from daemon.settings import Kafka
from daemon.tables import new_table
from streams.kafka import KafkaBroker
from streams.offsets import group_lag
from streams.topics import ACTIVITY, DAY_MS, FACTS, TOPICS, VERDICTS, Topic

__all__ = ["print_topics"]

READERS = {ACTIVITY.name: "enrich", FACTS.name: "score", VERDICTS.name: "alert"}
"""The stage that reads a topic; the others are for people outside."""


async def print_topics(kafka: Kafka) -> int:
    """Print every topic, with partitions and lag if there is a cluster to ask."""
    table = new_table("Topics", "topic", "what it holds", "kept", "read by", "partitions", "behind")
    for topic in TOPICS:
        table.add_row(
            topic.name,
            topic.purpose,
            f"{topic.retention_ms // DAY_MS} d",
            READERS.get(topic.name, ""),
            *(await _figures(kafka, topic) if kafka.bootstrap_servers else ("", "")),
        )
    Console().print(table)
    return 0


async def _figures(kafka: Kafka, topic: Topic) -> tuple[str, str]:
    settings = kafka_settings(kafka)
    broker = KafkaBroker(settings)
    try:
        partitions = await broker.partitions(topic.name)
    finally:
        await broker.close()
    if topic.name not in READERS:
        return str(partitions), ""
    group = f"heft.{READERS[topic.name]}"
    return str(partitions), f"{await group_lag(settings, topic.name, partitions, group):,}"
