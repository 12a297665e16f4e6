"""``kill -9`` during delivery: no alert is lost, and no limit broken.

An alert is told twice only where the service had accepted it and the answer was never written
down. The short form kills a few times; ``make soak`` sets ``SOAK_DELIVERY_KILLS``.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from alerts.ledger import Ledger
from alerts.outbox import Queued
from streams.clock import SystemClock
from streams.state import State
from tests.unit.alerts.making import an_alert
from tests.unit.alerts.services import chat_server

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("SOAK_DELIVERY_KILLS", "4"))
SEED = 20261124

COURIER = """
import sys, anyio
from alerts.chat import Chat
from alerts.courier import Courier
from alerts.ledger import Ledger
from alerts.secret import Secret
from alerts.slack import Slack
from streams.clock import SystemClock
from streams.state import State

async def main(state_url, base_url):
    clock = SystemClock()
    ledger = Ledger(await State.open(state_url))
    slack = Slack(token=Secret("xoxb-1"), channel="C1", base_url=base_url)
    courier = Courier(Chat(slack, clock), ledger, clock)
    courier.wake(frozenset({0}))
    print("up", flush=True)
    await courier.run()

anyio.run(main, *sys.argv[1:])
"""


@pytest.mark.timeout(60 + 6 * KILLS)
async def test_no_alert_is_lost_over_kills(tmp_path: Path) -> None:
    """Every alert is told; more often than once only as many times as a kill came in between."""
    chance, url = random.Random(SEED), f"sqlite:///{tmp_path}/state.sqlite"
    state = await State.open(url)
    ledger = Ledger(state)
    alerts = [
        an_alert(pool=f"0x{number:040x}", name=f"T{number:04}") for number in range(KILLS + 3)
    ]
    async with chat_server("slack") as server:
        arguments = [sys.executable, "-c", COURIER, url, server.url]
        for alert in alerts[:KILLS]:
            await ledger.write({}, [Queued(alert, 0)], ["slack"], SystemClock().now())
            process = await anyio.open_process(arguments, cwd=ROOT, stderr=subprocess.DEVNULL)
            assert process.stdout is not None
            await process.stdout.receive()
            await anyio.sleep(chance.uniform(0, 1.2))
            os.kill(process.pid, signal.SIGKILL)
            await process.aclose()
        for alert in alerts[KILLS:]:
            await ledger.write({}, [Queued(alert, 0)], ["slack"], SystemClock().now())
        process = await anyio.open_process(arguments, cwd=ROOT, stderr=subprocess.DEVNULL)
        while await ledger.pending("slack", {0}, after=0, limit=1):
            await anyio.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        await process.aclose()
    await state.close()
    shown = "\n".join(server.messages.values())
    told = [shown.count(f'"{alert.verdict.name}"') for alert in alerts]
    digests = shown.count("DIGEST")
    repeated = sum(count > 1 for count in told)
    print(
        f"{KILLS} kills: {told.count(0)} of {len(alerts)} lost, {repeated} told again, "
        f"{digests} digests, {len(server.violations)} requests above the limits"
    )
    assert 0 not in told
    assert sum(told) - len(told) <= KILLS
    assert server.violations == []
