"""A thousand hostile names are inert in the format of every sink, the topic and the page.

Where people read, nothing of a name is markup, a link, a mention or a character that cannot be
seen. Where programs read (webhook, topic) a name is a JSON string and nothing else.
"""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console
from starlette.requests import Request

from alerts import topic
from alerts.apprise import AppriseSink
from alerts.console import ConsoleSettings, ConsoleSink
from alerts.links import links
from alerts.secret import Secret
from alerts.sink import Sent
from alerts.webhook import WebhookSettings, WebhookSink
from alerts.wire import Reply
from daemon.page.board import Board
from streams.clock import SystemClock
from streams.events import Alert, decode
from tests.unit.alerts.hostile import hostile_names, unseemly
from tests.unit.alerts.loopback import receiver
from tests.unit.alerts.making import an_alert
from tests.unit.alerts.services import ChatServer
from tests.unit.alerts.test_chat import every_service, service_of

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def alert_called(name: str) -> Alert:
    """Every word of a stranger's in it is the name."""
    return an_alert(name=name, symbol=name, quote_symbol=name[:32], analysis=name)


async def answer_of(server: ChatServer, url: str, body: dict[str, Any]) -> Reply:
    """What the server says to a call, without a wire between."""
    path = url.partition("127.0.0.1:1")[2]
    scope = {"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""}
    request = Request(scope)
    request.state.number = 0
    response = server._take(request, body)
    return Reply(response.status_code, response.headers, json.loads(bytes(response.body)))


@every_service
async def test_a_thousand_hostile_names_are_inert(kind: str) -> None:
    """The service reads the markup, finds no tag, link or mention but ours, and no length over."""
    service = service_of(kind, "http://127.0.0.1:1")
    server = ChatServer(kind)
    ours = set(links(an_alert().verdict).values())
    for name in hostile_names(1000):
        alert = alert_called(name)
        for call in (service.say(alert, plain=False), service.digest([alert] * 7)):
            answer = service.answer(await answer_of(server, call.url, call.body), NOW)
            assert isinstance(answer, Sent), name[:80]
            shown = next(reversed(server.messages.values()))
            for address in ours:
                shown = shown.replace(address, "")
            assert unseemly(shown) == ""
            assert kind == "telegram" or not re.search(r"(?<!\\)<[@!#]\w", shown)
    assert set(server.hrefs) <= ours
    assert server.violations == [] or all("mentions" not in each for each in server.violations)


@pytest.mark.parametrize("shape", ["panel", "line"])
async def test_they_are_inert_on_a_terminal(shape: Any) -> None:
    """No escape but our own colours: no cursor is moved, no title set, no link made."""
    out = io.StringIO()
    terminal = Console(file=out, force_terminal=True, color_system="truecolor", width=120)
    sink = ConsoleSink(ConsoleSettings(shape=shape), terminal)
    for name in hostile_names(1000):
        assert await sink.send(alert_called(name)) == Sent()
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert "RAISED" in shown
    assert unseemly(shown, mentions=False) == ""


async def test_they_are_inert_through_apprise(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the title and text that it is given for whatever service; one message is one title."""
    sink, given = AppriseSink(Secret("json://127.0.0.1:1/"), "apprise", 5.0), list[dict[str, Any]]()

    def notify(**message: Any) -> bool:
        given.append(message)
        return True

    monkeypatch.setattr(sink._apprise, "notify", notify)
    for name in hostile_names(1000):
        assert await sink.send(alert_called(name)) == Sent()
        assert await sink.digest([alert_called(name)] * 7) == Sent()
    assert len(given) == 2000
    for message in given:
        assert "\n" not in message["title"]
        text = message["title"] + message["body"]
        for address in links(an_alert().verdict).values():
            text = text.replace(address, "")
        assert unseemly(text) == ""


async def test_they_are_strings_for_a_webhook() -> None:
    """The body is the alert as JSON, whole; no name gets into a header."""
    names = hostile_names(1000)
    async with receiver() as server:
        sink = WebhookSink(WebhookSettings(url=server.url), Secret("s"), SystemClock())
        for name in names:
            assert await sink.send(alert_called(name)) == Sent()
        await sink.close()
    assert [decode(each.body, Alert).verdict.name for each in server.requests] == names
    assert all(not re.search(rb"[\x00-\x1f]", each.body) for each in server.requests)
    told = {value for each in server.requests for value in each.headers.values()}
    assert not [value for value in told if "evil" in value or "x" * 100 in value]


def test_they_are_strings_on_the_topic() -> None:
    """One record a name, under its pool's key, that reads back as it was."""
    names = hostile_names(1000)
    messages = topic.outcome(map(alert_called, names)).messages
    assert [decode(each.value, Alert).verdict.name for each in messages] == names
    assert {each.key for each in messages} == {an_alert().key}
    assert all(not re.search(rb"[\x00-\x1f]", each.value) for each in messages)


def test_they_are_inert_in_the_page_s_lists() -> None:
    """What lists show is a summary; the page's script makes text of everything else."""
    board = Board()
    for name in hostile_names(1000):
        summary = board.note(alert_called(name))
        words = (summary.name, summary.symbol, summary.quote)
        assert unseemly("\n".join(words), mentions=False) == ""
        assert len(summary.name) <= 60
