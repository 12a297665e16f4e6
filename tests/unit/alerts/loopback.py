"""A real HTTP server on a free loopback port that answers as a test scripts it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Self

import msgspec

__all__ = ["HANG", "HANG_UP", "Received", "Receiver", "http", "receiver"]

HANG = b"hang"
"""Scripted instead of an answer: accept, read, and never answer."""

HANG_UP = b"hang up"
"""Scripted instead of an answer: accept, read, and close."""


class Received(msgspec.Struct, frozen=True):
    """One request as it arrived; header names in lower case."""

    target: str
    headers: dict[str, str]
    body: bytes


def http(status: int, *headers: str, body: bytes = b"", length: int | None = None) -> bytes:
    """An answer's bytes; ``length`` lies about the body's."""
    size = len(body) if length is None else length
    head = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {size}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Receiver:
    """The server: what came in, and what it will answer (the last answer repeats)."""

    def __init__(self, answers: Sequence[bytes]) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.answers = list(answers)
        self._gone = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._gone.set()
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where to post."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/hook?token=t0k3n"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Read one request and play the next answer; whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append(Received(head[0].split(" ")[1], headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == HANG_UP:
            return False
        if answer == HANG:
            await self._gone.wait()
            return False
        writer.write(answer)
        await writer.drain()
        return b"Connection: close" not in answer


@contextlib.asynccontextmanager
async def receiver(*answers: bytes) -> AsyncIterator[Receiver]:
    """A running server that answers 200 unless told otherwise."""
    async with Receiver(answers or [http(200)]) as server:
        yield server
