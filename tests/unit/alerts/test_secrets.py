"""Tokens and webhook URLs are in no log line, error, answer, ledger row, page or metric."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

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
from alerts.sink import Sink
from alerts.webhook import WebhookSettings, WebhookSink
from daemon import cli
from streams.clock import SystemClock
from streams.errors import Invalid
from streams.state import State
from streams.telemetry import configure_logging
from tests.unit.alerts.loopback import HANG_UP, http, receiver
from tests.unit.alerts.making import an_alert
from tests.unit.alerts.scripted import until
from tests.unit.alerts.services import Fault, chat_server
from tests.unit.alerts.test_chat import KINDS, TOKEN, service_of
from tests.unit.daemon.page.test_feedback import TOKEN as PAGE_TOKEN
from tests.unit.daemon.page.test_feedback import served

pytestmark = pytest.mark.anyio

SINKS = (*KINDS, "webhook", "apprise")
SECRETS = (TOKEN[7:], "xoxb-", "t0k3n", "hunter2")


@asynccontextmanager
async def a_sink(kind: str, fault: Fault | None) -> AsyncIterator[Sink]:
    """A sink whose service is well, refuses, or is gone; every address of it holds a secret."""
    clock = SystemClock()
    if kind in KINDS:
        faults = [fault] if isinstance(fault, int) else []
        async with chat_server(kind, *faults) as server:
            url = "http://127.0.0.1:1" if fault == "down" else server.url
            yield Chat(service_of(kind, url), clock, timeout_seconds=1)
        return
    answer = HANG_UP if fault == "down" else http(fault if isinstance(fault, int) else 200)
    async with receiver(answer) as web:
        if kind == "webhook":
            options = WebhookSettings(url=web.url, attempts=1, timeout_seconds=1.0)
            yield WebhookSink(options, Secret("hunter2"), clock)
        else:
            place = web.url.removeprefix("http://").partition("/")[0]
            yield AppriseSink(Secret(f"json://ann:hunter2@{place}/{TOKEN[7:]}"), "apprise", 2.0)


def grep(everything: str) -> list[str]:
    """The secrets that are in it."""
    return [secret for secret in (*SECRETS, PAGE_TOKEN) if secret in everything]


@pytest.mark.parametrize("kind", SINKS)
@pytest.mark.parametrize("fault", [None, 401, 429, 500, "down"])
async def test_nothing_shows_a_secret(
    state: State, kind: str, fault: Fault | None, capfd: pytest.CaptureFixture[str]
) -> None:
    """At the noisiest level, with the service well, refusing, and gone: logs, rows, metrics."""
    out, ledger, clock = io.StringIO(), Ledger(state), SystemClock()
    configure_logging(as_json=True, level="debug", stream=out)
    async with a_sink(kind, fault) as sink:
        courier = Courier(sink, ledger, clock)
        await ledger.write({}, [Queued(an_alert(), 0)], [sink.name], clock.now())
        courier.wake(frozenset({0}))
        async with anyio.create_task_group() as group:
            group.start_soon(courier.run)
            await until(lambda: courier._light_sleep or courier._deep_sleep)
            group.cancel_scope.cancel()
        await sink.close()
    async with state.begin() as connection:
        rows = [
            (await connection.execute(text(f"SELECT * FROM {table}"))).all()
            for table in ("deliveries", "told", "requests")
        ]
    shown = repr(sink) + str(vars(sink)) + str(rows) + "".join(capfd.readouterr())
    assert grep(out.getvalue() + shown + generate_latest(REGISTRY).decode()) == []


async def test_no_page_shows_a_secret(capfd: pytest.CaptureFixture[str]) -> None:
    """Not its own token either, whatever is asked, with it and without."""
    out = io.StringIO()
    configure_logging(as_json=True, level="debug", stream=out)
    async with served([]) as client:
        answers = [
            await client.request(method, path, headers=headers)
            for path in ("/", "/page.js", "/v1/labels", "/v1/schema/openapi.json", "/v1/none")
            for method in ("GET", "POST")
            for headers in ({}, {"Authorization": f"Bearer {PAGE_TOKEN}"})
        ]
    shown = "".join(f"{each.headers}{each.text}" for each in answers)
    assert grep(out.getvalue() + shown + "".join(capfd.readouterr())) == []


SETTINGS = {
    "TELEGRAM__TOKEN": TOKEN,
    "TELEGRAM__CHAT_ID": "-1",
    "TELEGRAM__BASE_URL": "http://127.0.0.1:1",
    "DISCORD__URL": f"http://127.0.0.1:1/api/webhooks/1/{TOKEN[7:]}",
    "SLACK__TOKEN": f"xoxb-{TOKEN[7:]}",
    "SLACK__CHANNEL": "C1",
    "SLACK__BASE_URL": "http://127.0.0.1:1/api",
    "WEBHOOK__URL": "http://127.0.0.1:1/?token=t0k3n",
    "WEBHOOK__SECRET": "hunter2",
    "WEBHOOK__ATTEMPTS": "1",
    "APPRISE__URL": f"json://ann:hunter2@127.0.0.1:1/{TOKEN[7:]}",
}


@pytest.mark.parametrize("kind", SINKS)
def test_no_command_shows_a_secret(
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A receiver that is tried and does not answer is told by its name and a reason."""
    monkeypatch.chdir(tmp_path)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"HEFT_SINKS__{name}", value)
    assert cli.run(["alerts", "test", kind]) == 1
    assert cli.run(["alerts", "test", "nobody"]) == 2
    assert cli.run(["alerts", "route", "--token", "PEPE"]) == 0
    shown = "".join(capfd.readouterr())
    assert f"{kind}: refused (unreachable)" in shown
    assert grep(shown) == []


def test_a_bad_apprise_url_is_refused_without_showing_it() -> None:
    """The sentence says where to look."""
    with pytest.raises(Invalid) as refusal:
        AppriseSink(Secret(f"nonsense://{TOKEN}"), "apprise", 1.0)
    assert grep(str(refusal.value)) == []


def test_a_secret_would_be_found() -> None:
    """The search itself is able to fail."""
    now = datetime.now(UTC)
    assert grep(f"{now} token=t0k3n {PAGE_TOKEN}") == ["t0k3n", PAGE_TOKEN]
