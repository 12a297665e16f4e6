"""One HTTP call to a chat service, and what came back; never an exception of the outside world.

The address is a secret (Telegram and webhooks carry their token in it): it is in no error here.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from typing import Any

import anyio
import httpx2
import msgspec

from alerts.sink import Refusal

__all__ = ["Call", "Reply", "Wire"]

ANSWER_LIMIT_BYTES = 65_536

for _chatty in ("httpx2", "httpcore2"):  # each request at INFO, with the whole URL and its token
    logging.getLogger(_chatty).setLevel(logging.WARNING)


class Call(msgspec.Struct, frozen=True):
    """A request with a JSON body."""

    method: str
    url: str
    body: dict[str, Any]
    authorization: str = ""
    left: frozenset[str] = frozenset()
    """Alerts that this was to say and has no room for; see ``Sent.left``."""


class Reply(msgspec.Struct, frozen=True):
    """A status, the headers in lower case, and the body as far as it came in time."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    """What of the answer is a JSON object; a page of HTML is empty here."""


class Wire:
    """Calls of one sink, one connection after another."""

    def __init__(self, timeout_seconds: float, most_bytes: int = ANSWER_LIMIT_BYTES) -> None:
        self._timeout = timeout_seconds
        self._most_bytes = most_bytes
        self._client = httpx2.AsyncClient(follow_redirects=False, timeout=None)

    async def call(self, call: Call) -> Reply | Refusal:
        """Make one request; a slow or broken body does not undo a status that has come."""
        if not call.authorization.isascii():  # no header can hold it: the token is mistyped
            return Refusal("auth", permanent=True)
        reply: Reply | Refusal = Refusal("timeout")
        with anyio.move_on_after(self._timeout):
            try:
                response = await self._client.send(self._request(call), stream=True)
                async with contextlib.aclosing(response):
                    headers = {name.lower(): value for name, value in response.headers.items()}
                    reply = Reply(response.status_code, headers, {})
                    reply = Reply(
                        response.status_code, headers, _object(await self._read(response))
                    )
            except (httpx2.RequestError, httpx2.InvalidURL):
                reply = reply if isinstance(reply, Reply) else Refusal("unreachable")
        return reply

    def _request(self, call: Call) -> httpx2.Request:
        headers = {"User-Agent": "heft-monitor"}
        if call.authorization:
            headers["Authorization"] = call.authorization
        return self._client.build_request(call.method, call.url, json=call.body, headers=headers)

    async def _read(self, response: httpx2.Response) -> bytes:
        body = b""
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > self._most_bytes:
                return b""
        return body

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
