"""A process of its own that delivers to services on loopback until it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

__all__ = ["courier_process"]

ROOT = Path(__file__).parents[2]

CHILD = """
import sys, anyio
from alerts.chat import Chat
from alerts.courier import Courier, Spill
from alerts.discord import Discord
from alerts.ledger import Ledger
from alerts.secret import Secret
from alerts.slack import Slack
from alerts.telegram import Telegram
from alerts.webhook import WebhookSettings, WebhookSink
from streams.clock import SystemClock
from streams.state import State

def sink(kind, url, clock):
    if kind == "webhook":
        return WebhookSink(WebhookSettings(url=url, timeout_seconds=2.0), Secret("s"), clock)
    services = {
        "telegram": lambda: Telegram(token=Secret("1:x"), chat_id="-1", base_url=url),
        "discord": lambda: Discord(url=Secret(url + "/api/webhooks/1/x")),
        "slack": lambda: Slack(token=Secret("xoxb-1"), channel="C1", base_url=url + "/api"),
    }
    return Chat(services[kind](), clock, timeout_seconds=2.0)

async def main(state_url, *places):
    clock = SystemClock()
    ledger = Ledger(await State.open(state_url))
    sinks = [sink(*place.split("=", 1), clock) for place in places]
    spill = Spill("webhook", 5.0) if any(each.name == "webhook" for each in sinks) else None
    couriers = [Courier(each, ledger, clock, spill) for each in sinks]
    def wake():
        for courier in couriers:
            courier.wake(frozenset({0}))
    for courier in couriers:
        courier.on_spill = wake
    wake()
    print("up", flush=True)
    async with anyio.create_task_group() as group:
        for courier in couriers:
            group.start_soon(courier.run)

anyio.run(main, *sys.argv[1:])
"""


@asynccontextmanager
async def courier_process(state_url: str, urls: Mapping[str, str]) -> AsyncIterator[None]:
    """Couriers to these services, up and at work; at the end ``kill -9``."""
    places = [f"{kind}={url}" for kind, url in urls.items()]
    arguments = [sys.executable, "-c", CHILD, state_url, *places]
    process = await anyio.open_process(arguments, cwd=ROOT, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    try:
        await process.stdout.receive()
        yield
    finally:
        os.kill(process.pid, signal.SIGKILL)
        await process.aclose()
