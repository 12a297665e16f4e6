"""One WebSocket, opened; the home of websockets. Chains and feeds talk through it in their ways."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from streams.errors import Retry
from streams.feeds.faults import refused, told

__all__ = ["MOST_FRAME_BYTES", "WebSocket", "open_websocket"]

MOST_FRAME_BYTES = 4 * 2**20
"""A larger frame ends the connection (close code 1009): no post or trade comes near it."""


class WebSocket:
    """A connected socket as ``Connection``: frames in, text out, ``Retry`` for every end."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def frames(self) -> AsyncGenerator[str | bytes, None]:
        """Each frame as it came; raises ``Retry`` when the connection ends, however it does."""
        try:
            async for frame in self._connection:
                yield frame
        except ConnectionClosed as error:
            raise Retry(f"the connection broke: {told(error)}") from error
        except (WebSocketException, OSError) as error:
            raise Retry(f"the connection failed: {told(error)}") from error
        raise Retry(f"the service closed the connection ({self._connection.close_code})")

    async def send(self, text: str) -> None:
        """Send one text frame; raises ``Retry``."""
        try:
            await self._connection.send(text, text=True)
        except (WebSocketException, OSError) as error:
            raise Retry(f"the connection broke: {told(error)}") from error

    async def close(self) -> None:
        """Say goodbye if the peer still listens, and be gone either way."""
        with contextlib.suppress(asyncio.CancelledError, WebSocketException, OSError):
            await self._connection.close()
        self._connection.transport.abort()  # a half-open peer never finishes the handshake


async def open_websocket(
    url: str,
    *,
    who: str = "the service",
    patience: float = 10.0,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] = (),
    most_bytes: int = MOST_FRAME_BYTES,
    ping_every: float | None = 20.0,
    deflate: bool = False,
) -> ClientConnection:
    """Connect within ``patience`` seconds; raises ``Retry``, ``Refused`` where HTTP answered.

    A ping that is not answered within ``ping_every`` seconds ends the connection; pings of the
    other side are answered by the library, with their payload. ``deflate`` offers compression of
    frames, of which ``most_bytes`` bounds what comes out.
    """
    try:
        return await connect(
            url, open_timeout=patience, max_size=most_bytes, ping_interval=ping_every,
            ping_timeout=ping_every, close_timeout=1.0, proxy=None,
            compression="deflate" if deflate else None,
            additional_headers=dict(headers or {}),
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
        )  # fmt: skip
    except InvalidStatus as error:
        answer = error.response
        wait = next(iter(answer.headers.get_all("Retry-After")), "")  # a stranger may send two
        raise refused(who, answer.status_code, wait) from error
    except (OSError, TimeoutError, WebSocketException, ValueError) as error:
        raise Retry(f"no connection: {told(error)}") from error
