"""Telegram, Discord and Slack, each against a server that behaves like the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from alerts.chat import Chat, Service
from alerts.discord import Discord
from alerts.secret import Secret
from alerts.sink import MESSAGE_GONE, Refusal, Sent
from alerts.slack import Slack
from alerts.telegram import Telegram
from streams.clock import SystemClock
from tests.unit.alerts.loopback import http, receiver
from tests.unit.alerts.making import a_verdict, alerts_of
from tests.unit.alerts.services import (
    ACCEPT_THEN_HANG,
    HTML_429,
    SLOW_BODY,
    ChatServer,
    chat_server,
)

pytestmark = pytest.mark.anyio

KINDS = ("telegram", "discord", "slack")
TOKEN = "123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
every_service = pytest.mark.parametrize("kind", KINDS)
LIFE = alerts_of(
    a_verdict(1), a_verdict(2, probability=0.1), a_verdict(9, trigger="drained", liquidity=0.0)
)


def service_of(kind: str, url: str) -> Service:
    """The service that talks to the server at ``url``."""
    if kind == "telegram":
        return Telegram(token=Secret(TOKEN), chat_id="-1001", base_url=url)
    if kind == "discord":
        return Discord(url=Secret(f"{url}/api/webhooks/1/{TOKEN[7:]}"))
    return Slack(token=Secret("xoxb-" + TOKEN[7:]), channel="C1", base_url=f"{url}/api")


@asynccontextmanager
async def a_chat(server: ChatServer, patience: float = 2.0) -> AsyncIterator[Chat]:
    """The sink of a running server."""
    chat = Chat(service_of(server.kind, server.url), SystemClock(), timeout_seconds=patience)
    yield chat
    await chat.close()


@every_service
async def test_an_alert_is_one_message_that_is_edited(kind: str) -> None:
    """Raised, cleared, confirmed: one message, and what it says at the end."""
    async with chat_server(kind) as server, a_chat(server) as chat:
        ref = ""
        for alert in LIFE:
            answer = await chat.send(alert, ref)
            assert isinstance(answer, Sent)
            ref = answer.ref or ref
        assert len(server.messages) == 1
        assert [text.split()[0] for text in server.revisions[next(iter(server.messages))]] == [
            "RAISED",
            "CLEARED",
            "CONFIRMED",
        ]


@every_service
async def test_the_same_edit_again_is_sent(kind: str) -> None:
    """As after a crash: Telegram says "not modified", which means that it is so."""
    async with chat_server(kind) as server, a_chat(server) as chat:
        answer = await chat.send(LIFE[0])
        assert isinstance(answer, Sent)
        assert isinstance(await chat.send(LIFE[0], answer.ref), Sent)


@every_service
async def test_a_message_that_is_gone_is_told_as_such(kind: str) -> None:
    """People delete messages."""
    async with chat_server(kind) as server, a_chat(server) as chat:
        ref = "C1 99.000" if kind == "slack" else "99"
        assert await chat.send(LIFE[1], ref) == Refusal(MESSAGE_GONE, permanent=True)


@every_service
@pytest.mark.parametrize("seconds", [1.0, 30.0, 10072.0])
async def test_the_wait_that_is_asked_for_is_understood(kind: str, seconds: float) -> None:
    """429 with a short, a long and an absurd time."""
    async with chat_server(kind, seconds) as server, a_chat(server) as chat:
        assert await chat.send(LIFE[0]) == Refusal("rate-limited", seconds)


@every_service
@pytest.mark.parametrize(
    ("fault", "reason", "permanent"),
    [(500, "http-500", False), (502, "http-502", False), (ACCEPT_THEN_HANG, "timeout", False)],
)
async def test_a_fault_that_may_pass_is_tried_again(
    kind: str, fault: int | str, reason: str, permanent: bool
) -> None:
    """The server's own faults, and an answer that never came."""
    async with chat_server(kind, fault) as server, a_chat(server, 0.3) as chat:
        assert await chat.send(LIFE[0]) == Refusal(reason, permanent=permanent)


@every_service
async def test_a_page_of_html_is_a_rate_limit(kind: str) -> None:
    """What Cloudflare answers with is no JSON."""
    async with chat_server(kind, HTML_429) as server, a_chat(server) as chat:
        answer = await chat.send(LIFE[0])
        assert isinstance(answer, Refusal)
        assert (answer.reason, answer.permanent) == ("rate-limited", False)


@every_service
async def test_a_status_counts_though_its_body_is_slow(kind: str) -> None:
    """It was taken: sending it again would tell it twice."""
    async with chat_server(kind, SLOW_BODY) as server, a_chat(server, 0.3) as chat:
        assert await chat.send(LIFE[0]) == Sent()
        assert len(server.messages) == 1


@pytest.mark.parametrize("status", [200, 429])
async def test_a_status_counts_though_its_body_cannot_be_unpacked(status: int) -> None:
    """A proxy that calls its page gzip: refused for good, a critical alert would be lost."""
    answer = http(status, "Content-Encoding: gzip", body=b"<html>")
    async with receiver(answer) as server:
        chat = Chat(service_of("slack", server.url.partition("/hook")[0]), SystemClock())
        said = await chat.send(LIFE[0])
        await chat.close()
    assert said == (Sent() if status == 200 else Refusal("rate-limited"))


async def test_a_token_that_no_header_can_hold_is_a_wrong_one() -> None:
    """Such as one with a letter of another alphabet pasted in."""
    slack = Slack(token=Secret("xoxb-\u0430bc"), channel="C1", base_url="http://127.0.0.1:1")
    chat = Chat(slack, SystemClock())
    assert await chat.send(LIFE[0]) == Refusal("auth", permanent=True)
    await chat.close()


@pytest.mark.parametrize("error", ["invalid_auth", "token_expired", "missing_scope"])
async def test_a_token_that_may_not_write_is_no_bad_message(error: str) -> None:
    """Slack says so with 200: all that waits is for the second receiver."""
    body = f'{{"ok":false,"error":"{error}"}}'.encode()
    async with receiver(http(200, body=body)) as server:
        chat = Chat(service_of("slack", server.url.partition("/hook")[0]), SystemClock())
        assert await chat.send(LIFE[0]) == Refusal("auth", permanent=True)
        await chat.close()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("group chat was upgraded to a supergroup chat", "chat-moved"),
        ("not enough rights to send text messages to the chat", "no-rights"),
        ("have no rights to send a message", "no-rights"),
        ("need administrator rights in the channel chat", "no-rights"),
        ("CHAT_WRITE_FORBIDDEN", "no-rights"),
        ("chat not found", "not-found"),
        ("something that nobody has seen yet", "http-400"),
    ],
)
async def test_telegram_s_words_tell_a_chat_that_takes_nothing(said: str, reason: str) -> None:
    """All are a 400, as a bad message is; each has its own label."""
    body = f'{{"ok":false,"error_code":400,"description":"Bad Request: {said}"}}'.encode()
    async with receiver(http(400, body=body)) as server:
        chat = Chat(service_of("telegram", server.url.partition("/hook")[0]), SystemClock())
        assert await chat.send(LIFE[0]) == Refusal(reason, permanent=True)
        await chat.close()


def test_a_discord_webhook_may_name_a_thread() -> None:
    """As Discord has it: in the address's query, of new messages and of edits."""
    discord = Discord(url=Secret("https://discord.test/api/webhooks/1/x?thread_id=7"))
    said, edited = discord.say(LIFE[0], plain=False), discord.edit(LIFE[0], "5", plain=False)
    assert said.url == "https://discord.test/api/webhooks/1/x?thread_id=7&wait=true"
    assert edited.url == "https://discord.test/api/webhooks/1/x/messages/5?thread_id=7"
    assert discord.digest(LIFE).url == said.url


def test_no_setting_or_call_shows_its_token() -> None:
    """Printed, they say ``hidden``."""
    for kind in KINDS:
        assert TOKEN[7:] not in repr(service_of(kind, "http://127.0.0.1:1"))
