"""Tokens and webhook URLs are in no log line, error, answer, ledger row or metric."""

from __future__ import annotations

import io

import anyio
import pytest
from prometheus_client import REGISTRY, generate_latest
from sqlalchemy import text

from alerts.apprise import AppriseSink
from alerts.chat import Chat
from alerts.courier import Courier
from alerts.ledger import Ledger
from alerts.outbox import Queued
from alerts.secret import Secret
from streams.clock import SystemClock
from streams.errors import Invalid
from streams.state import State
from streams.telemetry import configure_logging
from tests.unit.alerts.making import an_alert
from tests.unit.alerts.scripted import until
from tests.unit.alerts.services import Fault, chat_server
from tests.unit.alerts.test_chat import TOKEN, every_service, service_of

pytestmark = pytest.mark.anyio


@every_service
@pytest.mark.parametrize("fault", [None, 401, 429, 500, "down"])
async def test_nothing_shows_a_secret(state: State, kind: str, fault: Fault | None) -> None:
    """At the noisiest level, with the service well, refusing, and gone; also when a sink breaks."""
    out, ledger, clock = io.StringIO(), Ledger(state), SystemClock()
    configure_logging(as_json=True, level="debug", stream=out)
    faults = [fault] if isinstance(fault, int) else []
    async with chat_server(kind, *faults) as server:
        url = "http://127.0.0.1:1" if fault == "down" else server.url
        chat = Chat(service_of(kind, url), clock, timeout_seconds=1)
        courier = Courier(chat, ledger, clock)
        await ledger.write({}, [Queued(an_alert(), 0)], [chat.name], clock.now())
        courier.wake(frozenset({0}))
        async with anyio.create_task_group() as group:
            group.start_soon(courier.run)
            await until(lambda: courier._light_sleep or courier._deep_sleep)
            group.cancel_scope.cancel()
        await chat.close()
    async with state.begin() as connection:
        rows = (await connection.execute(text("SELECT * FROM deliveries"))).all()
    everything = out.getvalue() + str(rows) + generate_latest(REGISTRY).decode() + repr(chat)
    assert TOKEN[7:] not in everything
    assert "xoxb" not in everything


def test_a_bad_apprise_url_is_refused_without_showing_it() -> None:
    """The sentence says where to look."""
    with pytest.raises(Invalid) as refusal:
        AppriseSink(Secret(f"nonsense://{TOKEN}"), "apprise", 1.0)
    assert TOKEN[7:] not in str(refusal.value)
