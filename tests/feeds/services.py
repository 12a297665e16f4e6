"""Services on loopback that behave like the real ones, and keep score of how we behave to them.

Each has a log of numbered messages, serves whoever connects from where the service would, and ends
connections in every documented way. When somebody connects too early after an end, by the rules
that the service documents, it is a breach.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from streams.feeds.backoff import Rules
from streams.feeds.faults import Fault

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
START_US = 1_790_000_000_000_000


class Score:
    """When connections ended, and whether we came back too early."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._ended: tuple[float, Fault, float] | None = None
        self._row = 0
        self.connections = 0
        self.ends: dict[str, int] = {}
        self.breaches: list[str] = []

    def came(self) -> None:
        """Somebody connects."""
        self.connections += 1
        if self._ended is None:
            return
        at, fault, asked = self._ended
        wait, least = time.monotonic() - at, max(self._rules[fault].wait(1), asked)
        if wait < least:
            self.breaches.append(f"{fault}: came back after {wait:.3f} s and not {least:.3f} s")

    def ended(self, kind: str, fault: Fault = "network", asked: float = 0.0) -> None:
        """A connection ended, or was refused."""
        self.ends[kind] = self.ends.get(kind, 0) + 1
        self._ended = (time.monotonic(), fault, asked)

    @property
    def total(self) -> int:
        """How many ends there were."""
        return sum(self.ends.values())


def post_record(number: int) -> dict[str, Any]:
    """A Bluesky post as it is recorded."""
    return {
        "$type": "app.bsky.feed.post", "text": f"post {number} about $COIN{number % 7}",
        "createdAt": "2026-09-21T12:00:00.000Z", "langs": ["en"],
        "facets": [{"index": {"byteStart": 0, "byteEnd": 4}, "features": [
            {"$type": "app.bsky.richtext.facet#link", "uri": f"https://example.org/{number}"}]}],
    }  # fmt: skip


class JetstreamServer:
    """Versions 1 and 2; ``messages`` posts, every tenth message of another kind."""

    def __init__(
        self, version: int, messages: int, disconnects: int, rules: Rules, *, seed: int = 1
    ) -> None:
        self.version = version
        self.messages = messages
        self.score = Score(rules)
        self.floor = 1
        self.received = 0
        self._left = disconnects
        self._each = max(2, messages // max(1, disconnects))
        self._chance = random.Random(seed)
        self._refusals: list[str] = []
        self.cursors: list[int] = []

    def posts(self) -> set[str]:
        """The ids of all posts that it has."""
        return {f"bluesky:did:plc:{n % 97}/rkey{n}" for n in range(1, self.messages + 1)}

    def frame(self, number: int) -> str:
        """The message of a number."""
        did, time_us = f"did:plc:{number % 97}", START_US + number * 1000
        commit = {
            "rev": f"r{number}", "operation": "create", "collection": "app.bsky.feed.post",
            "rkey": f"rkey{number}", "cid": "bafy", "record": post_record(number),
        }  # fmt: skip
        if self.version == 1:
            return json.dumps({"did": did, "time_us": time_us, "kind": "commit", "commit": commit})
        at = datetime.fromtimestamp(time_us / 1e6, UTC).isoformat().replace("+00:00", "Z")
        payload = {
            "$type": "network.bsky.jetstream.subscribeEvents#commit", "seq": number, "did": did,
            "time": at, **commit,
        }  # fmt: skip
        return json.dumps({"$type": "message", "payload": payload})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve; the base URL."""
        async with serve(
            self._talk, "127.0.0.1", 0, process_request=self._admit, ping_interval=None
        ) as server:
            yield f"ws://127.0.0.1:{port_of(server)}"

    def refuse_next(self, *kinds: str) -> None:
        """Refuse the next connections in these ways."""
        self._refusals += kinds

    async def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.score.came()
        query = parse_qs(urlsplit(request.path).query)
        cursor = int(query.get("cursor", ["0"])[0])
        self.cursors.append(cursor)
        if self._refusals:
            kind = self._refusals.pop(0)
            self.score.ended(kind, "limit" if kind == "429" else "http", 0.0)
            return Response(int(kind), "refused", Headers(), b"")
        if self.version == 2 and 0 < cursor < min(self.floor, START_US):
            self.score.ended("CursorTooOld", "http")
            return Response(400, "Bad Request", Headers(), b'{"error":"CursorTooOld"}')
        return None

    async def _talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        query = parse_qs(urlsplit(socket.request.path).query)
        cursor = int(query.get("cursor", ["0"])[0])
        if self.version == 1 or cursor > self.messages:  # a moment, not a number
            cursor = max(1, (cursor - START_US + 999) // 1000) if cursor else 1
        first = max(cursor, self.floor, 1)
        reader = asyncio.create_task(self._listen(socket))
        try:
            await self._send(socket, first)
        except ConnectionClosed:
            self.score.ended("client left")
        finally:
            reader.cancel()

    async def _listen(self, socket: ServerConnection) -> None:
        async for _ in socket:
            self.received += 1  # version 2 hangs up on whoever says anything
            if self.version == 2:
                await socket.close(1008)

    async def _send(self, socket: ServerConnection, first: int) -> None:
        until = first + self._each + self._chance.randrange(max(1, self._each // 10))
        for number in range(first, self.messages + 1):
            if self._left > 0 and number >= until:
                self._left -= 1
                await self._end(socket)
                return
            await socket.send(self.frame(number))
            if number % 10 == 0:
                await socket.send(self._other(number))
        while True:  # the end of what there is: a service goes on, with what is none of our posts
            await asyncio.sleep(0.05)
            await socket.send(self._other(self.messages))

    def _other(self, number: int) -> str:
        """What is no post: an identity, a like, a message that nobody documents, garbage."""
        time_us = START_US + number * 1000
        kinds = [
            {"did": "did:plc:x", "time_us": time_us, "kind": "identity", "identity": {}},
            {"did": "did:plc:x", "time_us": time_us, "kind": "later", "what": [1, 2]},
            {"$type": "message", "payload": {"$type": "a.b#identity", "seq": number, "did": "d"}},
        ]
        choice = self._chance.randrange(4)
        return json.dumps(kinds[choice]) if choice < 3 else '{"broken": '

    async def _end(self, socket: ServerConnection) -> None:
        kind = self._chance.choice(("1001", "1006", "silent", "error", "503"))
        if kind == "1001":
            self.score.ended(kind)
            await socket.close(1001, "going away")
        elif kind == "1006":
            self.score.ended(kind)
            socket.transport.abort()
        elif kind == "error" and self.version == 2:
            await socket.send('{"$type":"error","error":"ConsumerTooSlow","message":"too slow"}')
            self.score.ended(kind)
            await socket.wait_closed()
        elif kind == "silent":
            await socket.wait_closed()
            self.score.ended(kind, "silence")
        else:
            self.score.ended(kind)
            self._refusals.append("503")
            await socket.close(1011, "internal error")


def port_of(server: Server) -> int:
    """Where a server listens."""
    return int(next(iter(server.sockets)).getsockname()[1])


class XServer:
    """The filtered stream over HTTP/1.1, its rules, and one connection at a time."""

    def __init__(
        self, messages: int, disconnects: int, rules: Rules, *, backfill: bool = True, seed: int = 2
    ) -> None:
        self.messages = messages
        self.score = Score(rules)
        self.rules: dict[str, str] = {}
        self.sent = 0
        self.too_many = 0
        self.bearers: set[str] = set()
        self._backfill = backfill
        self._left = disconnects
        self._each = max(2, messages // max(1, disconnects))
        self._chance = random.Random(seed)
        self._open = False
        self._refusals: list[tuple[int, str]] = []
        self.done = asyncio.Event()

    def refuse_next(self, status: int, retry_after: str = "") -> None:
        """Refuse the next stream."""
        self._refusals.append((status, retry_after))

    def posts(self) -> set[str]:
        """The ids of all posts."""
        return {f"x:{n}" for n in range(1, self.messages + 1)}

    def line(self, number: int) -> bytes:
        """A post as it is streamed."""
        body = {
            "data": {
                "id": str(number), "text": f"post {number} $COIN{number % 7}",
                "author_id": str(number % 50), "created_at": "2026-09-21T12:00:00.000Z",
                "edit_history_tweet_ids": [str(number)],
            },
            "includes": {"users": [{"id": str(number % 50), "name": "n", "username": "u",
                                    "created_at": "2026-09-01T00:00:00.000Z"}]},
            "matching_rules": [{"id": "1", "tag": "heft"}],
        }  # fmt: skip
        return json.dumps(body).encode() + b"\r\n"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve; the base URL."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, target, *_ = head.decode().split(" ")
                headers = {
                    name.lower(): value for name, _, value in
                    (line.partition(": ") for line in head.decode().split("\r\n")[1:])
                }  # fmt: skip
                self.bearers.add(headers.get("authorization", ""))
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if not await self._answer(method, target, body, (reader, writer)):
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, method: str, target: str, body: bytes, streams: Streams) -> bool:
        writer = streams[1]
        if urlsplit(target).path.endswith("/rules"):
            self._change(method, body)
            data = [{"id": key, "value": value, "tag": "heft"} for key, value in self.rules.items()]
            await respond(writer, 201 if method == "POST" else 200, {"data": data})
            return True
        self.score.came()
        if self._refusals:
            status, wait = self._refusals.pop(0)
            fault: Fault = "limit" if status == 429 else "http"
            self.score.ended(str(status), fault, float(wait or 0))
            await respond(writer, status, {}, f"Retry-After: {wait}\r\n" if wait else "")
            return True
        if self._open:
            self.too_many += 1
        self._open = True
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        query = parse_qs(urlsplit(target).query)
        try:
            await self._stream(streams, resend="backfill_minutes" in query)
        finally:
            self._open = False
        return False

    def _change(self, method: str, body: bytes) -> None:
        if method != "POST":
            return
        change = json.loads(body)
        for key in change.get("delete", {}).get("ids", ()):
            self.rules.pop(key, None)
        for rule in change.get("add", ()):
            self.rules[str(len(self.rules) + 100)] = rule["value"]

    async def _stream(self, streams: Streams, *, resend: bool) -> None:
        writer = streams[1]
        if resend:  # what a break missed and more, in another order
            again = list(range(max(1, self.sent - 20), self.sent + 1))
            self._chance.shuffle(again)
            for number in again:
                await chunk(writer, self.line(number))
        until = self.sent + self._each
        while self.sent < self.messages:
            if self._left > 0 and self.sent >= until:
                self._left -= 1
                await self._end(streams)
                return
            self.sent += 1
            await chunk(writer, self.line(self.sent))
            if self.sent % 25 == 0:
                await chunk(writer, b"\r\n")
                await chunk(writer, b'{"later":{"what":1}}\r\n')
        self.done.set()
        while True:
            await asyncio.sleep(0.05)
            await chunk(writer, b"\r\n")

    async def _end(self, streams: Streams) -> None:
        reader, writer = streams
        kind = self._chance.choice(("operational", "reset", "end", "silent"))
        if kind == "operational":
            error = {"title": "operational-disconnect", "disconnect_type": "UpstreamOperational"}
            self.score.ended(kind)
            await chunk(writer, json.dumps({"errors": [error]}).encode() + b"\r\n")
        elif kind == "silent":
            with contextlib.suppress(ConnectionError):
                await reader.read()  # until the client hangs up
            self.score.ended(kind, "silence")
            return
        else:
            self.score.ended(kind)
            if kind == "end":
                writer.write(b"0\r\n\r\n")
        writer.transport.abort() if kind == "reset" else writer.close()


async def respond(writer: asyncio.StreamWriter, status: int, body: Any, headers: str = "") -> None:
    """One JSON answer."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
    writer.write(head.encode() + data)
    await writer.drain()


async def chunk(writer: asyncio.StreamWriter, data: bytes) -> None:
    """A piece of an answer that goes on."""
    if writer.transport.is_closing():
        raise ConnectionError("gone")
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()


class VenueServer:
    """An exchange: trades numbered by one, live only; what a break misses is gone for good.

    Kraken alone sends the last 50 again at each subscription.
    """

    def __init__(
        self, venue: str, trades: int, disconnects: int, rules: Rules, *, seed: int = 3
    ) -> None:
        self.venue = venue
        self.trades = trades
        self.score = Score(rules)
        self.delivered: set[int] = set()
        self.subscribed_late = 0
        self._left = disconnects
        self._each = max(2, trades // max(1, disconnects))
        self._chance = random.Random(seed)
        self._number = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[str]:
        """Serve; the base URL."""

        async def admit(connection: ServerConnection, request: Request) -> None:
            self.score.came()

        async with serve(
            self._talk, "127.0.0.1", 0, process_request=admit, ping_interval=0.2, ping_timeout=0.6
        ) as server:
            yield f"ws://127.0.0.1:{port_of(server)}"

    def frame(self, *numbers: int) -> str:
        """These trades as the venue tells them."""
        if self.venue == "binance":
            (n,) = numbers
            trade = {"e": "trade", "E": START_US // 1000 + n, "s": "ETHUSDT", "t": n, "p": "2500.5",
                     "q": "0.1", "T": START_US // 1000 + n, "m": n % 2 == 0, "M": True}  # fmt: skip
            return json.dumps({"stream": "ethusdt@trade", "data": trade})
        if self.venue == "coinbase":
            (n,) = numbers
            return json.dumps({
                "type": "match", "trade_id": n, "sequence": 10 * n, "maker_order_id": "a",
                "taker_order_id": "b", "time": "2026-09-21T12:00:00.123456Z", "side": "sell",
                "product_id": "ETH-USDT", "size": "0.1", "price": "2500.5",
            })  # fmt: skip
        rows = [
            {"symbol": "ETH/USDT", "side": "buy", "qty": 0.1, "price": 2500.5, "ord_type": "limit",
             "trade_id": n, "timestamp": "2026-09-21T12:00:00.123456Z"} for n in numbers
        ]  # fmt: skip
        return json.dumps({"channel": "trade", "type": "update", "data": rows})

    async def _talk(self, socket: ServerConnection) -> None:
        try:
            if self.venue != "binance":
                async with asyncio.timeout(5):  # Coinbase hangs up on whoever waits longer
                    assert "subscribe" in str(await socket.recv())
            if self.venue == "kraken" and self._number:
                last = range(max(1, self._number - 49), self._number + 1)
                self.delivered.update(last)
                await socket.send(self.frame(*last))
            self._number += self._chance.randrange(5)  # traded while we were away
            await self._send(socket)
        except ConnectionClosed:
            self.score.ended("client left")

    async def _send(self, socket: ServerConnection) -> None:
        until = self._number + self._each
        while self._number < self.trades:
            if self._left > 0 and self._number >= until:
                self._left -= 1
                await self._end(socket)
                return
            self._number += 1
            self.delivered.add(self._number)
            await socket.send(self.frame(self._number))
            if self._chance.random() < 0.02:
                await socket.send(self.frame(self._number))  # a duplicate
            if self._number % 50 == 0:
                await self._beat(socket)
        while True:
            await asyncio.sleep(0.05)
            await self._beat(socket)

    async def _beat(self, socket: ServerConnection) -> None:
        beats: dict[str, Callable[[], dict[str, Any]]] = {
            "binance": lambda: {"stream": "ethusdt@miniTicker", "data": {
                "e": "24hrMiniTicker", "E": START_US // 1000, "s": "ETHUSDT", "c": "2500.5"}},
            "coinbase": lambda: {"type": "heartbeat", "sequence": 1, "product_id": "ETH-USDT",
                                 "last_trade_id": self._number, "time": "2026-09-21T12:00:00Z"},
            "kraken": lambda: {"channel": "heartbeat"},
        }  # fmt: skip
        await socket.send(json.dumps(beats[self.venue]()))

    async def _end(self, socket: ServerConnection) -> None:
        kind = self._chance.choice(("1000", "1006", "shutdown", "silent"))
        if kind == "shutdown" and self.venue == "binance":
            await socket.send('{"stream":"","data":{"e":"serverShutdown","E":1}}')
            self.score.ended(kind)
            await socket.wait_closed()
        elif kind == "1006":
            self.score.ended(kind)
            socket.transport.abort()
        elif kind == "silent":
            await socket.wait_closed()
            self.score.ended(kind, "silence")
        else:
            self.score.ended(kind)
            await socket.close(1000)
