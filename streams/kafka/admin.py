"""Topics on a cluster: create what is missing, and count partitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anyio
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.broker import MAX_RECORD_BYTES
from streams.errors import Invalid
from streams.topics import DEAD_RETENTION_MS, Topic

__all__ = ["create_topics", "partition_counts"]


async def create_topics(
    client: AIOKafkaAdminClient, topics: Sequence[Topic], partitions: int, replication: int
) -> dict[str, int]:
    """Create what is missing, dead-letter topics included; gives all topics' partition counts.

    Raises ``Invalid`` when one of ``topics`` has another count.
    """
    present = await partition_counts(client)
    wanted = _new_topics(topics, partitions, replication)
    if missing := [topic for topic in wanted if topic.name not in present]:
        _check_created(await client.create_topics(missing))
        present = await _await_topics(client, {topic.name for topic in wanted})
    _check_counts(topics, partitions, present)
    return present


def _new_topics(topics: Sequence[Topic], partitions: int, replication: int) -> list[NewTopic]:
    """The topics and their dead letters (one partition each: they are few, and read in order)."""
    limit = {"max.message.bytes": str(MAX_RECORD_BYTES)}
    dead = {"retention.ms": str(DEAD_RETENTION_MS), **limit}
    # aiokafka wants an (empty) assignment beside -1, and none beside a number.
    assignments: dict[int, list[int]] | None = {} if replication == -1 else None
    return [
        NewTopic(
            t.name, partitions, replication, assignments, {"retention.ms": str(t.retention_ms)}
        )
        for t in topics
    ] + [NewTopic(t.dead, 1, replication, assignments, dead) for t in topics]


async def partition_counts(client: AIOKafkaAdminClient) -> dict[str, int]:
    """Partitions of every topic; asks for all, since asking for one may create it."""
    return {t["topic"]: len(t["partitions"]) for t in await client.describe_topics()}


def _check_created(response: Any) -> None:
    for topic, code, *rest in response.topic_errors:
        kind = kafka_errors.for_code(code)
        if kind not in (kafka_errors.NoError, kafka_errors.TopicAlreadyExistsError):
            raise kind(f"{topic}: {rest[0] if rest else ''}")


async def _await_topics(client: AIOKafkaAdminClient, names: set[str]) -> dict[str, int]:
    """Wait until the metadata shows what was created; other brokers learn of it a bit later."""
    with anyio.fail_after(10):
        while not names <= (present := await partition_counts(client)).keys():  # noqa: ASYNC110
            await anyio.sleep(0.1)  # the cluster tells nobody when it is done
        return present


def _check_counts(topics: Sequence[Topic], partitions: int, present: dict[str, int]) -> None:
    for topic in topics:
        if present[topic.name] != partitions:
            raise Invalid(
                f"topic {topic.name} has {present[topic.name]} partitions and not {partitions}: "
                "all topics need the same count, so set kafka.partitions to it",
                reason="partitions",
            )
