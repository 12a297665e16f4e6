"""What becomes of an alert edits its message, the right one, once, whoever restarts in between."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from alerts.ledger import Ledger
from alerts.messages import follow, retract
from alerts.outbox import Queued
from alerts.policy import PolicySettings, decide
from streams.clock import SystemClock
from streams.events import Alert, Retraction
from streams.state import State
from tests.crash.delivering import courier_process
from tests.unit.alerts.making import LAUNCHED_AT, a_verdict
from tests.unit.alerts.services import chat_server

pytestmark = pytest.mark.anyio

KINDS = ("telegram", "discord", "slack")
ENDINGS = ("confirmed", "cleared", "retracted")


def life(number: int, ending: str) -> tuple[Alert, Alert]:
    """The alert on a pool and what became of it, as the policy says them."""
    pool = f"0x{number:040x}"
    verdict = a_verdict(1, pool=pool)
    (raised,), history = follow(decide(verdict, None, PolicySettings()), verdict, None)
    if ending == "retracted":
        (end,), _ = retract(
            Retraction(chain="ethereum", pool=pool, block=1, at=LAUNCHED_AT), history
        )
        return raised, end
    changes = {"confirmed": {"liquidity": 0.0}, "cleared": {"probability": 0.1}}[ending]
    later = a_verdict(2, pool=pool, **changes)
    (end,), _ = follow(decide(later, history, PolicySettings()), later, history)
    return raised, end


@pytest.mark.timeout(180)
async def test_reorg_clearing_and_confirmation_edit_the_right_message_once(tmp_path: Path) -> None:
    """Three pools, three endings, three services; four processes, each killed when it was done."""
    url = f"sqlite:///{tmp_path}/state.sqlite"
    state = await State.open(url)
    ledger = Ledger(state)
    lives = [life(number, ending) for number, ending in enumerate(ENDINGS, 1)]
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(chat_server(kind)) for kind in KINDS]
        urls = {server.kind: server.url for server in servers}
        halves = [[life[0] for life in lives], [life[1] for life in lives]]
        for alerts in (*halves, *halves):  # the same again, as if replayed
            queued = [Queued(alert, 0) for alert in alerts]
            await ledger.write({}, queued, KINDS, SystemClock().now())
            async with courier_process(url, urls):
                for kind in KINDS:
                    while await ledger.pending(kind, {0}, after=0, limit=1):
                        await anyio.sleep(0.02)
    await state.close()
    for server in servers:
        assert [len(texts) for texts in server.revisions.values()] == [2, 2, 2]
        shown = dict(zip(ENDINGS, server.messages.values(), strict=True))
        for number, (ending, text) in enumerate(shown.items(), 1):
            assert text.startswith(ending.upper())
            assert f"0x{number:040x}" in text
        assert server.requests == 6
        assert server.violations == []
