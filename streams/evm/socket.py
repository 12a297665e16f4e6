"""One WebSocket to one node: a future per request, batches, subscriptions.

A socket that has failed stays failed: whoever holds it opens another (``endpoints``). It fails when
the peer closes it, when a ping or a call is not answered in time, and when the node sends what no
call of ours can have caused; then every open call raises ``Retry`` at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import WebSocketException

from streams.errors import Retry
from streams.evm.rpc import Call, Reply, refused_by_http, replies, request
from streams.feeds.faults import Refused, told
from streams.feeds.websocket import open_websocket

__all__ = ["MOST_FRAME_BYTES", "Socket"]

MOST_FRAME_BYTES = 64 * 2**20
"""A larger frame ends the connection (close code 1009): ``eth_getLogs`` answers reach megabytes."""
PING_EVERY_S = 10.0
NOTICES_KEPT = 1024
"""Notifications that wait for a slow reader; beyond, the oldest go: a head is only a hint."""


class Socket:
    """A connected WebSocket; ``Rpc`` with subscriptions. Make it with ``open``."""

    def __init__(self, connection: ClientConnection, patience: float) -> None:
        self._connection = connection
        self._patience = patience
        self._number = 0
        self._open: dict[int, asyncio.Future[Reply]] = {}
        self._notices: deque[tuple[str, msgspec.Raw]] = deque(maxlen=NOTICES_KEPT)
        self._noticed = asyncio.Event()
        self._failure: Retry | None = None
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, url: str, *, patience: float = 10.0) -> Socket:
        """Connect within ``patience`` seconds, which each call has too. Raises ``Retry``."""
        try:
            connection = await open_websocket(
                url,
                patience=patience,
                most_bytes=MOST_FRAME_BYTES,
                ping_every=PING_EVERY_S,
                deflate=True,
            )
        except Refused as error:
            wait = "" if error.retry_after is None else f"{error.retry_after:.0f}"
            refusal = refused_by_http(error.status, wait)
            raise refusal or Retry(f"no connection: HTTP {error.status}") from error
        return cls(connection, patience)

    @property
    def failed(self) -> bool:
        """Whether this socket will never answer again."""
        return self._failure is not None

    async def call(self, method: str, params: Sequence[Any] = (), type_: Any = Any) -> Any:
        """The result, decoded as ``type_``. Raises ``RpcError`` or ``Retry``."""
        (reply,) = await self._ask([(method, params)], batch=False)
        return reply.result_as(type_)

    async def batch(self, calls: Sequence[Call], type_: Any = Any) -> list[Any]:
        """A result or ``RpcError`` for each call, in their order. Raises ``Retry``."""
        return [reply.value(type_) for reply in await self._ask(calls, batch=True)]

    async def subscribe(self, *params: Any) -> str:
        """Ask for notifications, as ``eth_subscribe`` does; the subscription's id."""
        return str(await self.call("eth_subscribe", params, str))

    async def notices(self) -> AsyncIterator[tuple[str, msgspec.Raw]]:
        """Subscription id and raw result of each notification; raises ``Retry`` at the end."""
        while True:
            while self._notices:
                yield self._notices.popleft()
            if self._failure is not None:
                raise self._failure
            self._noticed.clear()
            await self._noticed.wait()

    async def close(self) -> None:
        """Say goodbye if the peer still listens; open calls raise ``Retry``."""
        self._fail(Retry("the connection was closed by us"))
        self._reader.cancel()
        with contextlib.suppress(asyncio.CancelledError, WebSocketException, OSError):
            await self._connection.close()
        self._connection.transport.abort()  # a half-open peer never finishes the handshake
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader

    async def _ask(self, calls: Sequence[Call], *, batch: bool) -> list[Reply]:
        if self._failure is not None:
            raise self._failure
        if not calls:
            return []
        numbered = [(self._number + place, call) for place, call in enumerate(calls, 1)]
        self._number += len(calls)
        loop = asyncio.get_running_loop()
        futures = {number: loop.create_future() for number, _ in numbered}
        self._open.update(futures)
        try:
            async with asyncio.timeout(self._patience):
                await self._connection.send(request(numbered, batch=batch), text=True)
                return [await future for future in futures.values()]
        except TimeoutError as error:
            self._connection.transport.abort()  # half-open: it would not say goodbye either
            failure = Retry(f"no answer to {calls[0][0]} within {self._patience:g} s")
            raise self._fail(failure) from error
        except (WebSocketException, OSError) as error:
            raise self._fail(Retry(f"the connection broke: {told(error)}")) from error
        finally:
            for number, future in futures.items():
                self._open.pop(number, None)
                future.cancel()

    async def _read(self) -> None:
        try:
            async for frame in self._connection:
                for reply in replies(frame):
                    self._take(reply)
            self._fail(Retry("the node closed the connection"))
        except Retry as error:
            self._fail(error)
        except (WebSocketException, OSError) as error:
            self._fail(Retry(f"the connection broke: {told(error)}"))

    def _take(self, reply: Reply) -> None:
        if reply.params is not None:
            self._notices.append((str(reply.params.subscription), reply.params.result))
            self._noticed.set()
            return
        if not isinstance(reply.id, int) or not 0 < reply.id <= self._number:
            # Also how a node refuses a whole batch: by an error without an id.
            said = reply.error.message[:100] if reply.error else "an id that nobody asked"
            raise Retry(f"a node answered to no call: {said}")
        future = self._open.get(reply.id)
        if future is not None and not future.done():
            future.set_result(reply)

    def _fail(self, failure: Retry) -> Retry:
        """End every open call; the first failure is what is told of it, now and later."""
        self._failure = self._failure or failure
        self._noticed.set()
        for future in self._open.values():
            if not future.done():
                future.set_exception(self._failure)
                future.exception()  # seen: a call that was cancelled does not ask for it
        return self._failure
