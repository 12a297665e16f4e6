"""``heft watch`` on a Kafka that something else puts activity on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import httpx2
import pytest

from daemon.jobs.collect import events_of
from streams.broker import KafkaSettings
from streams.kafka import KafkaBroker
from streams.recording import open_recording
from streams.replay import activity_from_rows
from streams.source import messages_from_activity
from streams.topics import ALERTS, TOPICS
from tests.pipeline.recordings import address, write_recording
from tests.unit.heft_model.making import write_tiny_bundle

pytestmark = [pytest.mark.anyio, pytest.mark.kafka, pytest.mark.train]

ROOT = Path(__file__).parents[2]
POOLS = 4


@contextmanager
def watching(folder: Path, kafka: str, port: int) -> Iterator[subprocess.Popen[str]]:
    """A daemon that follows this Kafka; killed if it is still there at the end."""
    environment = {
        "PYTHONPATH": str(ROOT),
        "HEFT_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "HEFT_ALERTS__THRESHOLD": "0.0",
        "HEFT_SINKS__CONSOLE__SHAPE": "line",
        "HEFT_ARCHIVE__DIR": str(folder / "archive"),
        "HEFT_LOG__FORMAT": "json",
        "HEFT_PAGE__PORT": "0",
        "HEFT_ALERTS__QUIET_AFTER_SECONDS": "1e10",  # what is played is years old
    }
    command = [sys.executable, "-m", "daemon", "watch", "--port", str(port)]
    with subprocess.Popen(
        [*command, "--bundle", str(folder / "bundle")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def until_ready(port: int) -> None:
    """Return when /ready says so."""
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        with anyio.fail_after(60):
            while not await is_ready(client):
                await anyio.sleep(0.1)


async def is_ready(client: httpx2.AsyncClient) -> bool:
    """Whether the daemon answers, and with yes."""
    try:
        return (await client.get("/ready")).status_code == 200
    except httpx2.TransportError:
        return False


async def test_watch_follows_what_others_publish(
    tmp_path: Path, embedded_address: str, free_port: int
) -> None:
    """Activity becomes alerts on the topic, the console and in the archive; SIGTERM ends it."""
    write_tiny_bundle(tmp_path / "bundle")
    recording = open_recording(write_recording(tmp_path / "recording", POOLS))
    broker = KafkaBroker(KafkaSettings(bootstrap_servers=embedded_address, fetch_max_wait_ms=50))
    await broker.ensure_topics(TOPICS, 4)
    with watching(tmp_path, embedded_address, free_port) as process:
        await until_ready(free_port)
        await broker.publish(
            messages_from_activity(activity_from_rows(recording, recording.rows()), 4)
        )
        wanted = {address(number) for number in range(POOLS)}
        with anyio.fail_after(60):
            while not wanted <= {alert.pool for alert in await events_of(broker, ALERTS)}:
                pass
        process.send_signal(signal.SIGTERM)
        out, err = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=30))
    await broker.close()
    assert process.returncode == 0, err
    assert all(line.startswith("{") for line in err.splitlines()), err
    for number in range(POOLS):
        assert f"Token {number}" in out
    assert list((tmp_path / "archive").rglob("*.parquet"))
