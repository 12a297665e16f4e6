"""What others see of a daemon: its topics by a plain Kafka client, its pages, its end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jsonschema
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.topics import (
    ACTIVITY,
    ALERTS,
    CANDLES,
    FACTS,
    LABELS,
    LAUNCHES,
    POSTS,
    RULINGS,
    TOPICS,
    VERDICTS,
)
from tests.unit.heft_model.making import write_tiny_bundle

pytestmark = [pytest.mark.anyio, pytest.mark.kafka, pytest.mark.train]

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
EXPECTED = {
    LAUNCHES.name: 21,
    FACTS.name: 100,
    VERDICTS.name: 100,
    ALERTS.name: 21,
    ACTIVITY.name: 6_000,
    **dict.fromkeys((LABELS.name, RULINGS.name, POSTS.name, CANDLES.name), 0),  # nobody says a word
}
"""At least so many records of the demo, when every pool is alerted."""


class Demo:
    """A demo that has played to its end and stays up."""

    def __init__(self, folder: Path) -> None:
        write_tiny_bundle(folder / "bundle")
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "daemon", "demo", "--seconds", "0", "--port", "0"),
                *("--bundle", str(folder / "bundle")),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT), "HEFT_ALERTS__THRESHOLD": "0.0"},
        )
        self.kafka = self._wait_for(r"Kafka listens on (\S+), with")
        self.http = self._wait_for(r"Health and metrics: (http://[\d.:]+)/ready")

    def _wait_for(self, pattern: str) -> str:
        assert self.process.stdout is not None
        said: list[str] = []
        for line in self.process.stdout:
            said.append(line)
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError("".join(said) + self.process.communicate()[1])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for the tests of this file; the last thing it must do is to end well."""
    started = Demo(tmp_path_factory.mktemp("demo"))
    yield started
    started.process.send_signal(signal.SIGTERM)
    _, err = started.process.communicate(timeout=30)
    assert (started.process.returncode, err) == (0, "")


async def read(kafka: str, topic: str, at_least: int) -> list[dict[str, Any]]:
    """Every record of a topic, as a stranger with a plain client reads it."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = consumer.partitions_for_topic(topic) or await partitions_of(consumer, topic)
        consumer.assign([TopicPartition(topic, partition) for partition in partitions])
        records: list[dict[str, Any]] = []
        while found := await consumer.getmany(timeout_ms=1000):
            records += [json.loads(each.value) for batch in found.values() for each in batch]
    finally:
        await consumer.stop()
    assert len(records) >= at_least
    return records


async def partitions_of(consumer: AIOKafkaConsumer, topic: str) -> set[int]:
    """The partitions of a topic that the client has not heard of yet."""
    await consumer.topics()
    return set(consumer.partitions_for_topic(topic) or ())


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
async def test_every_record_is_valid_by_the_published_schema(topic: Any, demo: Demo) -> None:
    """Other people's consumers have a contract, and every record keeps it."""
    schema = json.loads((SCHEMAS / f"{topic.name}.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    for record in await read(demo.kafka, topic.name, EXPECTED[topic.name]):
        validator.validate(record)


async def test_alerts_of_a_pool_come_in_order(demo: Demo) -> None:
    """Raised first, then updated, confirmed last, numbered without a gap."""
    told: dict[str, list[dict[str, Any]]] = {}
    for record in await read(demo.kafka, ALERTS.name, EXPECTED[ALERTS.name]):
        told.setdefault(record["alert_id"], []).append(record)
    for alerts in told.values():
        assert [alert["sequence"] for alert in alerts] == list(range(len(alerts)))
        assert [alert["action"] for alert in alerts].index("raised") == 0
        assert "confirmed" not in [alert["action"] for alert in alerts[:-1]]


async def test_the_pages_tell_of_a_daemon_that_is_well(demo: Demo) -> None:
    """Alive, ready with each check named, and counting."""
    async with httpx2.AsyncClient(base_url=demo.http) as client:
        live, ready, metrics = [await client.get(page) for page in ("/live", "/ready", "/metrics")]
    assert (live.status_code, ready.status_code) == (200, 200)
    assert set(ready.json()["checks"]) == {"broker", "state", "stages"}
    assert 'heft_stage_records_total{stage="alert"}' in metrics.text
    published = rf'heft_published_messages_total{{topic="{ALERTS.name}"}} [1-9]'
    assert re.search(published, metrics.text)
