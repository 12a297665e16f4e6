"""E-mail and HTTP through Apprise, against servers on loopback that refuse as real ones do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.apprise import AppriseSink
from alerts.secret import Secret
from alerts.sink import Refusal, Sent
from tests.unit.alerts.loopback import HANG, HANG_UP, http, receiver
from tests.unit.alerts.making import an_alert

pytestmark = pytest.mark.anyio


class Mailbox:
    """What an SMTP server does with a message: keeps it, or answers with this line."""

    def __init__(self, answer: str = "250 OK") -> None:
        self.answer = answer
        self.taken: list[bytes] = []

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        """Take the message."""
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.taken.append(envelope.content)
        return self.answer


@asynccontextmanager
async def a_mailbox(answer: str = "250 OK") -> AsyncIterator[tuple[Mailbox, AppriseSink]]:
    """A running SMTP server, and the sink that mails to it."""
    box = Mailbox(answer)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield box, sink(f"mailto://127.0.0.1:{port}/?from=heft@a.io&to=ann@a.io&mode=insecure")


def sink(url: str, timeout: float = 10.0) -> AppriseSink:
    """The sink of an Apprise URL."""
    return AppriseSink(Secret(url), "apprise", timeout)


async def test_an_alert_is_an_e_mail() -> None:
    """One text part, the whole alert, its title as the subject; a hostile name adds no header."""
    hostile = an_alert(name="x\r\nBcc: eve@evil.com\r\n\r\n<b>hi</b>")
    async with a_mailbox() as (box, mail):
        assert await mail.send(hostile) == Sent()
    (taken,) = [message_from_bytes(each, policy=policy.default) for each in box.taken]
    assert (taken["To"], taken["Bcc"]) == ("ann@a.io", None)
    assert taken["Subject"].startswith("RAISED ")
    text = taken.get_body(("plain",))
    assert text is not None
    assert "risk 93.0%: of 100 such tokens about 93 rug" in text.get_content()


@pytest.mark.parametrize(("said", "is_one"), [("", True), ("?overflow=split", False)])
async def test_a_short_message_is_one_that_the_service_takes(
    monkeypatch: pytest.MonkeyPatch, said: str, is_one: bool
) -> None:
    """Such as an SMS: cut at the service's own length, or split where the URL says so."""
    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.body_maxlen", 160)
    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.title_maxlen", 0)
    async with receiver() as server:
        place = server.url.removeprefix("http://").partition("/")[0]
        assert await sink(f"json://{place}/{said}").send(an_alert()) == Sent()
        texts = [json.loads(each.body)["message"] for each in server.requests]
    assert max(map(len, texts)) <= 160
    assert (len(texts) == 1) == is_one
    assert "RAISED" in texts[0]


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        ("450 mailbox busy", Refusal("smtp-450")),
        ("550 no such user", Refusal("smtp-550", permanent=True)),
        ("535 wrong password", Refusal("auth", permanent=True)),
    ],
)
async def test_a_mail_server_s_refusal_is_classified(answer: str, refusal: Refusal) -> None:
    """By its code: 4xx passes, 5xx does not, 535 is the password."""
    async with a_mailbox(answer) as (_, mail):
        assert await mail.send(an_alert()) == refusal


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (http(429), Refusal("rate-limited")),
        (http(503), Refusal("http-503")),
        (http(401), Refusal("auth", permanent=True)),
        (http(400), Refusal("http-400", permanent=True)),
        (HANG_UP, Refusal("unreachable")),
        (HANG, Refusal("timeout")),
    ],
)
async def test_a_web_service_s_refusal_is_classified(answer: bytes, refusal: Refusal) -> None:
    """By its status; and an answer that never comes is a time-out, not a hang."""
    async with receiver(answer) as server:
        url = server.url.replace("http://", "json://").partition("/hook")[0]
        assert await sink(url, timeout=1.0).send(an_alert()) == refusal


async def test_a_digest_is_as_long_as_the_service_takes() -> None:
    """And says which critical alerts it had no room for."""
    alerts = [an_alert(pool=f"0x{n:040x}", probability=0.99) for n in range(2000)]
    async with receiver(http(200)) as server:
        web = sink(server.url.replace("http://", "json://").partition("/hook")[0])
        answer = await web.digest(alerts)
    assert isinstance(answer, Sent)
    body = json.loads(server.requests[0].body)["message"]
    named = sum(line.startswith("- ") for line in body.splitlines())
    assert len(answer.left) == len(alerts) - named > 0


async def test_nobody_answers() -> None:
    """A closed port is told as such."""
    assert await sink("json://127.0.0.1:1/").send(an_alert()) == Refusal("unreachable")
