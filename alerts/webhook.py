"""Posts each alert to a URL of the user's, signed: the generic webhook.

The body is the alert as JSON, byte for byte as in the topic ``heft.alerts.v1`` and its published
schema. Four headers go with it:

- ``X-Heft-Timestamp``: Unix time of this attempt in whole seconds;
- ``X-Heft-Signature``: ``v1=`` and the hex HMAC-SHA256, keyed with the shared secret, of the
  timestamp, a full stop and the body. A receiver computes the same, compares in constant time,
  and refuses a timestamp that is more than five minutes off (replays);
- ``Idempotency-Key``: the alert message's id. The same key again is the same message again;
- ``User-Agent: heft-monitor``.

Any 2xx is an acknowledgement; the answer's body is ignored. Private and loopback addresses are
allowed, because the user set the URL; redirects are not followed, because someone else might.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import re
from collections.abc import Callable
from urllib.parse import quote

import anyio
import httpx2
import msgspec
import stamina

from alerts.answers import answer_to
from alerts.secret import Secret
from alerts.sink import Answer, Refusal, Sent
from streams.clock import Clock
from streams.errors import Invalid, Retry
from streams.events import Alert, encode

__all__ = ["WebhookSettings", "WebhookSink", "sign"]

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
ANSWER_LIMIT_BYTES = 16_384
"""What is read of an answer, so that the connection can serve the next alert; never kept."""

for _chatty in ("httpx2", "httpcore2"):  # each request at INFO, with the whole URL and its token
    logging.getLogger(_chatty).setLevel(logging.WARNING)


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to post and how hard to try. Raises ``Invalid`` for a value that makes no sense."""

    url: str
    """May hold a token: never printed in full."""
    name: str = "webhook"
    """Tells several webhooks apart, in the ledger and in metrics."""
    timeout_seconds: float = 10.0
    """For one attempt, from connecting to the answer's status."""
    attempts: int = 3
    """Made at once, a moment apart; after that the message waits in the outbox."""
    patience_seconds: float = 5.0
    """A ``Retry-After`` beyond it is waited for in the outbox."""

    def __post_init__(self) -> None:
        if not SLUG.fullmatch(self.name):
            raise _refusal("name is no slug: give lower-case letters, digits and hyphens")
        if _host(self.url) is None:
            raise _refusal("url is not a web address: give http://... or https://...")
        if not 0 < self.timeout_seconds <= 300:
            raise _refusal("timeout_seconds is out of range: give more than 0, at most 300")
        if not 1 <= self.attempts <= 10:
            raise _refusal("attempts is out of range: give 1 to 10")
        if not 0 <= self.patience_seconds <= 60:
            raise _refusal("patience_seconds is out of range: give 0 to 60")

    def __repr__(self) -> str:
        return f"WebhookSettings(name={self.name!r}, host={_host(self.url)!r})"


class WebhookSink:
    """The Sink that posts to one URL."""

    def __init__(self, settings: WebhookSettings, secret: Secret, clock: Clock) -> None:
        self.name = settings.name
        self._settings = settings
        self._secret = secret
        self._clock = clock
        self._client = httpx2.AsyncClient(follow_redirects=False, timeout=None)

    async def send(self, alert: Alert, earlier: str = "", *, plain: bool = False) -> Answer:  # noqa: ARG002 - nothing is edited here
        """Post it; a failure that may pass is tried again a few times, with jitter."""
        answer: Answer = Refusal("unreachable")
        with contextlib.suppress(Retry):
            async for attempt in stamina.retry_context(
                on=worth_waiting(self._settings.patience_seconds),
                attempts=self._settings.attempts,
                timeout=None,
            ):
                with attempt:
                    answer = await self._post(alert)
                    _raise_if_temporary(self.name, answer)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(self, alert: Alert) -> Answer:
        """One attempt. What counts is the status; an answer's body may break off or be slow."""
        answer: Answer = Refusal("timeout")
        with anyio.move_on_after(self._settings.timeout_seconds):
            try:
                response = await self._client.send(self._request(alert), stream=True)
                async with contextlib.aclosing(response):
                    retry_after = response.headers.get("retry-after")
                    answer = answer_to(response.status_code, retry_after, self._clock.now())
                    await _skim(response)
            except httpx2.TransportError:
                answer = answer if isinstance(answer, Sent) else Refusal("unreachable")
        return answer

    def _request(self, alert: Alert) -> httpx2.Request:
        body = encode(alert)
        timestamp = str(int(self._clock.now().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "heft-monitor",
            "X-Heft-Timestamp": timestamp,
            "X-Heft-Signature": sign(self._secret, timestamp, body),
            "Idempotency-Key": quote(alert.id, safe=":", errors="replace"),
        }
        url = self._settings.url
        return self._client.build_request("POST", url, content=body, headers=headers)


def sign(secret: Secret, timestamp: str, body: bytes) -> str:
    """The signature header's value for a body sent at ``timestamp``."""
    signed = timestamp.encode() + b"." + body
    return "v1=" + hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()


def worth_waiting(patience_seconds: float) -> Callable[[Exception], bool | float]:
    """The stamina hook: wait as long as the receiver asked, unless that is beyond patience."""

    def wait(error: Exception) -> bool | float:
        if not isinstance(error, Retry):
            return False
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after <= patience_seconds else False

    return wait


def _raise_if_temporary(name: str, answer: Answer) -> None:
    if isinstance(answer, Refusal) and not answer.permanent:
        raise Retry(f"{name} refused: {answer.reason}", retry_after=answer.retry_after)


async def _skim(response: httpx2.Response) -> None:
    """Read a short body to its end, so that the connection is reused; give up on a long one."""
    size = 0
    with contextlib.suppress(httpx2.HTTPError):
        async for chunk in response.aiter_raw():
            size += len(chunk)
            if size > ANSWER_LIMIT_BYTES:
                return


def _host(url: str) -> str | None:
    """The host of a web address, or ``None`` for anything else."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return None
    return (parsed.host or None) if parsed.scheme in ("http", "https") else None


def _refusal(sentence: str) -> Invalid:
    return Invalid(f"webhook: {sentence}", reason="setting")
