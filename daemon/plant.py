"""What the parts of one process share, opened and closed as one: broker, state, clock, progress."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from pydantic import SecretStr

from daemon.progress import Progress
from daemon.pulse import Pulse
from daemon.sections import Kafka
from daemon.settings import Settings
from streams.broker import Broker, KafkaSettings
from streams.clock import Clock, SystemClock
from streams.embedded import EmbeddedAddress, embedded_broker, running_broker
from streams.errors import Invalid
from streams.kafka import KafkaBroker
from streams.source import Backlog
from streams.state import State
from streams.topics import POSTS, TOPICS, Topic

__all__ = [
    "Cluster",
    "Plant",
    "find_cluster",
    "kafka_settings",
    "open_cluster",
    "open_found_state",
    "open_plant",
    "plant_on",
    "topics_of",
]

EXTERNAL = "external"
"""The incarnation of every cluster that is not ours: it keeps its records."""


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """A broker, and what others must know to reach it."""

    broker: Broker
    address: str
    incarnation: str = EXTERNAL
    """Another one means that no record of before is left."""
    embedded: EmbeddedAddress | None = None


class Plant(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that more than one part uses."""

    settings: Settings
    cluster: Cluster
    state: State
    clock: Clock
    pulse: Pulse
    backlog: Backlog
    progress: Progress


def topics_of(settings: Settings) -> list[Topic]:
    """Every topic, with the retention that the settings give to what people say."""
    kept = round(settings.social.text_hours * 3_600_000)
    return [
        msgspec.structs.replace(topic, retention_ms=kept) if topic is POSTS else topic
        for topic in TOPICS
    ]


@asynccontextmanager
async def open_plant(settings: Settings) -> AsyncIterator[Plant]:
    """Broker with its topics, and state; raises ``Retry`` or ``Invalid`` when one is not there.

    On the embedded broker the state is that of its incarnation: without the records, what was
    remembered of them is void.
    """
    async with open_cluster(settings) as cluster:
        await cluster.broker.ensure_topics(topics_of(settings), settings.kafka.partitions)
        _drop_void(settings, cluster.embedded)
        state = await State.open(_state_url(settings, cluster.embedded))
        try:
            yield plant_on(settings, cluster, state)
        finally:
            await state.close()


@asynccontextmanager
async def open_cluster(settings: Settings) -> AsyncIterator[Cluster]:
    """The configured Kafka, or an embedded broker when none is."""
    if settings.kafka.bootstrap_servers:
        async with _client(kafka_settings(settings.kafka)) as broker:
            yield Cluster(broker=broker, address=settings.kafka.bootstrap_servers)
        return
    async with (
        embedded_broker(settings.state.dir / "broker") as embedded,
        _client(embedded.settings(settings.kafka.client_id)) as broker,
    ):
        yield Cluster(
            broker=broker,
            address=embedded.bootstrap_servers,
            incarnation=embedded.incarnation,
            embedded=embedded,
        )


async def find_cluster(settings: Settings) -> KafkaSettings:
    """The configured Kafka, or the broker of a daemon that runs beside; ``Invalid`` without."""
    if settings.kafka.bootstrap_servers:
        return kafka_settings(settings.kafka)
    if (embedded := await running_broker(settings.state.dir / "broker")) is not None:
        return embedded.settings(settings.kafka.client_id)
    raise Invalid(
        "there is no Kafka to ask: set kafka.bootstrap_servers (heft demo prints its own), or "
        "state.dir to the --state of a replay that runs",
        reason="usage",
    )


@asynccontextmanager
async def open_found_state(settings: Settings) -> AsyncIterator[State]:
    """The state of the daemon that runs beside, or of the next one with these settings."""
    embedded = None
    if not settings.kafka.bootstrap_servers:
        embedded = await running_broker(settings.state.dir / "broker")
    state = await State.open(_state_url(settings, embedded))
    try:
        yield state
    finally:
        await state.close()


def plant_on(settings: Settings, cluster: Cluster, state: State) -> Plant:
    """A plant on a broker and a state that are open already."""
    clock, pulse = SystemClock(), Pulse(settings.http.stall_seconds)
    backlog = Backlog(settings.stages.backlog)
    return Plant(
        settings=settings,
        cluster=cluster,
        state=state,
        clock=clock,
        pulse=pulse,
        backlog=backlog,
        progress=Progress(clock=clock, pulse=pulse, backlog=backlog),
    )


def kafka_settings(kafka: Kafka) -> KafkaSettings:
    """What the broker's client takes, with the secrets revealed."""
    options: dict[str, Any] = kafka.model_dump(exclude={"partitions"})
    for name, value in options.items():
        if isinstance(value, SecretStr):
            options[name] = value.get_secret_value()
    return KafkaSettings(**options)


@asynccontextmanager
async def _client(settings: KafkaSettings) -> AsyncIterator[KafkaBroker]:
    broker = KafkaBroker(settings)
    try:
        yield broker
    finally:
        await broker.close()


def _state_url(settings: Settings, embedded: EmbeddedAddress | None) -> str:
    """SQLite in the state folder unless told otherwise.

    The embedded broker's state is always beside it: anywhere else it would outlive its records.
    """
    folder = settings.state.dir
    if embedded is None:
        url = settings.state.url.get_secret_value()
        return url or f"sqlite:///{folder / 'state.sqlite'}"
    return f"sqlite:///{folder / _embedded_file(embedded)}"


def _embedded_file(embedded: EmbeddedAddress) -> str:
    return f"embedded-{embedded.incarnation}.sqlite"


def _drop_void(settings: Settings, embedded: EmbeddedAddress | None) -> None:
    """Remove what is remembered of embedded brokers that are gone, and their records with them."""
    if embedded is None:
        return
    for left in settings.state.dir.glob("embedded-*.sqlite*"):
        if not left.name.startswith(_embedded_file(embedded)):
            left.unlink(missing_ok=True)
