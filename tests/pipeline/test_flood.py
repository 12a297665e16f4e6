"""A short flood through a real broker: all on the topic, each critical alert named, limits kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.alerts import CHATS, Flood, flood
from streams.broker import KafkaSettings
from streams.embedded import embedded_broker
from streams.kafka import KafkaBroker

pytestmark = [pytest.mark.anyio, pytest.mark.kafka]


async def test_a_flood_is_whole_on_the_topic_and_readable_in_chats(tmp_path: Path) -> None:
    """600 in three seconds; the full flood is ``python -m benchmarks.alerts``."""
    wanted = Flood(tokens=600, seconds=3, critical=20, alone=False)
    async with embedded_broker(tmp_path / "broker", grace=2) as address:
        broker = KafkaBroker(KafkaSettings(bootstrap_servers=address.bootstrap_servers))
        on_topic, rows = await flood(wanted, broker, f"sqlite:///{tmp_path}/state.sqlite")
        await broker.close()
    assert on_topic == wanted.tokens
    assert [row.sink for row in rows] == list(CHATS)
    for row in rows:
        assert (row.named, row.violations) == (wanted.tokens // wanted.critical, 0)
        assert row.requests < 60
