"""The generic webhook against a real server on the loopback interface."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
import stamina
from structlog.testing import capture_logs

from alerts.secret import Secret
from alerts.sink import Refusal, Sent
from alerts.webhook import ANSWER_LIMIT_BYTES, WebhookSettings, WebhookSink, sign, worth_waiting
from streams.clock import HandClock
from streams.errors import Invalid, Retry
from streams.events import Alert, encode
from tests.unit.alerts.loopback import HANG, HANG_UP, Receiver, http, receiver
from tests.unit.alerts.making import an_alert

SECRET = Secret("correct horse battery staple")
NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_waiting() -> Any:
    """Stamina's waits between attempts take no time here."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@asynccontextmanager
async def posting_to(server: Receiver, **settings: Any) -> AsyncIterator[WebhookSink]:
    """A sink that posts to the server."""
    given = WebhookSettings(url=server.url, **settings)
    sink = WebhookSink(given, SECRET, HandClock(NOW))
    yield sink
    await sink.close()


@pytest.mark.anyio
async def test_what_arrives_is_the_topic_s_json_signed() -> None:
    """A receiver can verify who sent what and when, and tell a repetition."""
    alert = an_alert(name='Qu"ote ☃')
    async with receiver() as server, posting_to(server) as sink:
        assert await sink.send(alert) == Sent()
    (request,) = server.requests
    assert request.body == encode(alert)
    assert json.loads(request.body)["type"] == "alert"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "heft-monitor"
    assert request.headers["idempotency-key"] == alert.id
    timestamp = request.headers["x-heft-timestamp"]
    assert timestamp == str(int(NOW.timestamp()))
    signed = timestamp.encode() + b"." + request.body
    digest = hmac.new(SECRET.reveal().encode(), signed, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(request.headers["x-heft-signature"], f"v1={digest}")


def test_the_signature_covers_time_and_body() -> None:
    """Neither an old message nor a changed one passes for a new one; a golden value is kept."""
    assert sign(Secret("k"), "1", b"{}") != sign(Secret("k"), "2", b"{}")
    assert sign(Secret("k"), "1", b"{}") != sign(Secret("k"), "1", b"[]")
    assert sign(Secret("k"), "1", b"{}") != sign(Secret("l"), "1", b"{}")
    # printf '1.{}' | openssl dgst -sha256 -hmac k
    golden = "v1=3dd49b2593d0f9a349e9e71c4bde3e2b862c2be4003fe9b4ba81332029310158"
    assert sign(Secret("k"), "1", b"{}") == golden


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("answers", "answer", "attempts"),
    [
        ([http(204)], Sent(), 1),
        ([http(500), http(200)], Sent(), 2),
        ([HANG_UP, http(429, "Retry-After: 0"), http(202)], Sent(), 3),
        ([http(503)], Refusal("http-503"), 3),
        ([http(429, "Retry-After: 2")], Refusal("rate-limited", 2.0), 3),
        ([http(429, "Retry-After: 10072")], Refusal("rate-limited", 10072.0), 1),
        (
            [http(503, "Retry-After: Sun, 22 Nov 2026 12:02:00 GMT")],
            Refusal("http-503", 120.0),
            1,
        ),
        ([http(429, body=b"<html>slow down</html>")], Refusal("rate-limited"), 3),
        ([http(400)], Refusal("http-400", permanent=True), 1),
        ([http(401)], Refusal("auth", permanent=True), 1),
        ([http(403)], Refusal("auth", permanent=True), 1),
        ([http(302, "Location: http://127.0.0.1:1/")], Refusal("redirected", permanent=True), 1),
        ([HANG_UP], Refusal("unreachable"), 3),
        ([b"no http at all\r\n\r\n"], Refusal("unreachable"), 3),
    ],
    ids=str,
)
async def test_each_answer_has_its_consequence(
    answers: list[bytes], answer: object, attempts: int
) -> None:
    """What may pass is tried again at once, unless the wait is long; what will not is not."""
    async with receiver(*answers) as server, posting_to(server) as sink:
        assert await sink.send(an_alert()) == answer
    assert len(server.requests) == attempts
    assert {request.headers["idempotency-key"] for request in server.requests} == {an_alert().id}


@pytest.mark.anyio
async def test_nobody_there() -> None:
    """A port that nobody listens on is a refusal that may pass."""
    async with receiver() as server:
        url = server.url
    sink = WebhookSink(WebhookSettings(url=url), SECRET, HandClock(NOW))
    assert await sink.send(an_alert()) == Refusal("unreachable")
    await sink.close()


@pytest.mark.anyio
async def test_a_server_that_accepts_and_never_answers_is_left() -> None:
    """One attempt is bounded in time, whatever the server does."""
    async with receiver(HANG) as server, posting_to(server, timeout_seconds=0.05) as sink:
        assert await sink.send(an_alert()) == Refusal("timeout")
    assert len(server.requests) == 3


@pytest.mark.anyio
@pytest.mark.parametrize(
    "answer",
    [
        http(200, body=b"half", length=4096),
        http(200, body=b"x" * (ANSWER_LIMIT_BYTES * 20)),
        http(200, "Content-Encoding: gzip", body=b"this is no gzip"),
    ],
    ids=["never-ends", "endless", "lies"],
)
async def test_the_status_counts_and_the_body_does_not(answer: bytes) -> None:
    """An acknowledged alert is not sent again because of what follows the acknowledgement."""
    async with receiver(answer) as server, posting_to(server, timeout_seconds=0.2) as sink:
        assert await sink.send(an_alert()) == Sent()
    assert len(server.requests) == 1


@pytest.mark.anyio
async def test_a_broken_body_after_the_status_is_an_acknowledgement() -> None:
    """The connection may go down in the middle of the answer's body."""
    answer = http(200, "Connection: close", body=b"half", length=9)
    async with receiver(answer) as server, posting_to(server) as sink:
        assert await sink.send(an_alert()) == Sent()
    assert len(server.requests) == 1


@pytest.mark.anyio
async def test_alerts_share_a_connection() -> None:
    """A short answer is read, so that a flood of alerts is not a flood of connections."""
    async with receiver(http(200, body=b"ok")) as server, posting_to(server) as sink:
        for sequence in range(5):
            assert await sink.send(an_alert(sequence)) == Sent()
    assert (len(server.requests), server.connections) == (5, 1)


@pytest.mark.anyio
async def test_a_hostile_pool_address_cannot_add_headers() -> None:
    """Line breaks and letters beyond ASCII in an id are percent-encoded."""
    alert: Alert = an_alert(pool="0x\r\nX-Evil: 1\u2603")
    async with receiver() as server, posting_to(server) as sink:
        assert await sink.send(alert) == Sent()
    (request,) = server.requests
    assert "x-evil" not in request.headers
    assert request.headers["idempotency-key"] == "ethereum:0x%0D%0AX-Evil:%201%E2%98%83:rug:0"


@pytest.mark.anyio
async def test_nothing_secret_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the secret nor the URL's token stands in logs, settings or answers."""
    caplog.set_level("DEBUG")
    with capture_logs() as logs:
        async with receiver(http(500)) as server, posting_to(server) as sink:
            answer = await sink.send(an_alert())
            settings = repr(sink._settings)
    for text in (str(logs), caplog.text, settings, repr(answer), repr(sink._secret)):
        assert "t0k3n" not in text
        assert SECRET.reveal() not in text
    assert settings == "WebhookSettings(name='webhook', host='127.0.0.1')"


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        (Retry("busy"), True),
        (Retry("busy", retry_after=0.0), 0.0),
        (Retry("busy", retry_after=5.0), 5.0),
        (Retry("busy", retry_after=5.1), False),
        (ValueError("a fault of ours"), False),
    ],
)
def test_a_receiver_s_wait_is_obeyed_or_left_to_the_outbox(
    error: Exception, wait: float | bool
) -> None:
    """Exactly as long as was asked, up to patience; beyond, the outbox waits instead."""
    assert worth_waiting(5.0)(error) is wait or worth_waiting(5.0)(error) == wait != 1


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "example.com/hook"},
        {"url": "ftp://example.com"},
        {"url": "https://"},
        {"url": "https://exa mple.com:port/"},
        {"name": ""},
        {"name": "My Hook"},
        {"timeout_seconds": 0.0},
        {"timeout_seconds": float("nan")},
        {"attempts": 0},
        {"patience_seconds": 61.0},
    ],
    ids=str,
)
def test_a_senseless_setting_is_refused_in_a_sentence(changes: dict[str, Any]) -> None:
    """The sentence names the setting, says what to give, and does not repeat the URL."""
    with pytest.raises(Invalid, match=rf"^webhook: {next(iter(changes))} is .*: give ") as refused:
        WebhookSettings(**{"url": "https://example.com/hook", **changes})
    assert "example" not in str(refused.value)
    assert refused.value.reason == "setting"
