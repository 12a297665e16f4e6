"""One node over HTTP: a POST per call or batch; httpx2's home on this side of the program."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import anyio
import httpx2

from streams.errors import Retry
from streams.evm.rpc import Call, Reply, refused_by_http, replies, request
from streams.evm.socket import MOST_FRAME_BYTES

__all__ = ["Http"]

for _chatty in ("httpx2", "httpcore2"):  # each request at INFO, with the whole URL and its key
    logging.getLogger(_chatty).setLevel(logging.WARNING)


class Http:
    """``Rpc`` over HTTP; keeps connections alive, never fails for good."""

    failed = False

    def __init__(self, url: str, *, patience: float = 10.0) -> None:
        self._url = url
        self._patience = patience
        self._client = httpx2.AsyncClient(timeout=patience, follow_redirects=False, trust_env=False)
        self._number = 0

    async def call(self, method: str, params: Sequence[Any] = (), type_: Any = Any) -> Any:
        """The result, decoded as ``type_``. Raises ``RpcError`` or ``Retry``."""
        (reply,) = await self._ask([(method, params)], batch=False)
        return reply.result_as(type_)

    async def batch(self, calls: Sequence[Call], type_: Any = Any) -> list[Any]:
        """A result or ``RpcError`` for each call, in their order. Raises ``Retry``."""
        return [reply.value(type_) for reply in await self._ask(calls, batch=True)]

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _ask(self, calls: Sequence[Call], *, batch: bool) -> list[Reply]:
        if not calls:
            return []
        numbered = [(self._number + place, call) for place, call in enumerate(calls, 1)]
        self._number += len(calls)
        answers = {reply.id: reply for reply in await self._post(request(numbered, batch=batch))}
        try:
            return [answers[number] for number, _ in numbered]
        except KeyError as error:
            said = next((a.error.message[:100] for a in answers.values() if a.error), "wrong ids")
            raise Retry(f"a node did not answer what was asked: {said}") from error

    async def _post(self, body: bytes) -> list[Reply]:
        headers = {"Content-Type": "application/json"}
        try:
            with anyio.fail_after(self._patience):  # httpx2's own is for each piece of a body
                async with self._client.stream(
                    "POST", self._url, content=body, headers=headers
                ) as answer:
                    wait = answer.headers.get("Retry-After", "")
                    if refusal := refused_by_http(answer.status_code, wait):
                        raise refusal
                    return replies(await _body(answer))
        except TimeoutError as error:
            raise Retry(f"no answer within {self._patience:g} s") from error
        except httpx2.HTTPError as error:
            told = " ".join(str(error).split())[:120] or type(error).__name__
            raise Retry(f"no answer: {told}") from error
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise Retry("the endpoint's URL is no URL") from error


async def _body(answer: httpx2.Response) -> bytes:
    """The body, at most ``MOST_FRAME_BYTES`` of it: raises ``Retry`` for a larger one."""
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > MOST_FRAME_BYTES:
            raise Retry(f"a node's answer is over {MOST_FRAME_BYTES >> 20} MiB")
    return bytes(body)
