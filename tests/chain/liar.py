"""A proxy in front of a node that fails as nodes and networks fail; every fault is counted.

It speaks WebSocket both ways. Chances are per frame, and come from a seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

__all__ = ["Liar", "liar"]

REFUSALS = (
    {"code": -32005, "message": "query returned more than 10000 results"},
    {"code": -32602, "message": "block range is too wide: limited to 2 blocks"},
    {"code": -32600, "message": "Log response size exceeded. Try [0x1, 0x2]"},
    {"code": -32000, "message": "query timeout exceeded"},
    {"code": -32005, "message": "daily request count exceeded, request rate limited"},
    {"code": 429, "message": "Too Many Requests"},
    {"code": -32701, "message": "Please specify an address in your request"},
    {"code": -32000, "message": "header not found"},
)


class Liar:
    """One proxy: set chances, read ``fired``."""

    def __init__(self, upstream: str, seed: int) -> None:
        self.upstream = upstream
        self.chance = random.Random(seed)
        self.disconnects = 0.0
        self.refusals = 0.0
        self.nonsense = 0.0
        self.lies = 0.0
        """Share of blocks whose logs are kept back the first time that they are asked for."""
        self.removed = 0.0
        self.withheld: set[str] = set()
        """Hashes of blocks whose logs and receipts are kept back, however often asked for."""
        self.fired: Counter[str] = Counter()
        self.url = ""
        self._lied: set[str] = set()
        self._asked: dict[Any, Any] = {}

    async def handle(self, client: ServerConnection) -> None:
        """One connection of ours, with one to the node behind it."""
        with contextlib.suppress(ConnectionClosed, OSError):
            async with connect(self.upstream, max_size=None, proxy=None) as node:
                tasks = [
                    asyncio.create_task(self._forth(client, node)),
                    asyncio.create_task(self._back(client, node)),
                ]
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _forth(self, client: ServerConnection, node: Any) -> None:
        async for frame in client:
            for call in _calls(frame):
                self._asked[id(client), call["id"]] = call
            await node.send(frame)

    async def _back(self, client: ServerConnection, node: Any) -> None:
        async for frame in node:
            if self.chance.random() < self.disconnects:
                await self._disconnect(client)
                return
            await client.send(self._spoilt(client, frame))

    async def _disconnect(self, client: ServerConnection) -> None:
        kind = self.chance.choice(("clean", "reset", "half-open", "silent"))
        self.fired[kind] += 1
        if kind == "clean":
            await client.close(1000)
        elif kind == "reset":
            client.transport.abort()
        elif kind == "half-open":  # nothing is read or answered any more, not even pings
            client.transport.pause_reading()
            await asyncio.sleep(5)
        else:  # pings are answered, calls are not
            await asyncio.sleep(5)

    def _spoilt(self, client: ServerConnection, frame: Any) -> Any:
        reply = json.loads(frame)
        if isinstance(reply, dict) and "id" in reply:
            call = self._asked.pop((id(client), reply["id"]), {"method": ""})
            if call["method"] == "eth_getLogs":
                return self._spoilt_logs(call, reply)
            if call["method"] == "eth_getBlockReceipts" and call["params"][0] in self.withheld:
                return json.dumps(reply | {"result": []})
        if self.chance.random() < self.nonsense:
            return self._nonsense(reply)
        return frame

    def _spoilt_logs(self, call: dict[str, Any], reply: dict[str, Any]) -> str:
        if self.chance.random() < self.refusals:
            refusal = self.chance.choice(REFUSALS)
            self.fired["refusal"] += 1
            return json.dumps({"jsonrpc": "2.0", "id": reply["id"], "error": refusal})
        kept = []
        for log in reply.get("result") or []:
            if self._lies_about(log["blockHash"]):
                continue
            if self.chance.random() < self.removed:
                self.fired["removed"] += 1
                kept.append({**log, "removed": True})
            kept.append(log)
        for hash_ in {log["blockHash"] for log in reply.get("result") or []}:
            if self._lies_about(hash_):
                self.fired["lie"] += 1
                self._lied.add(hash_)
        return json.dumps(reply | ({"result": kept} if "result" in reply else {}))

    def _lies_about(self, hash_: str) -> bool:
        first_time = hash_ not in self._lied and int(hash_[2:10], 16) / 2**32 < self.lies
        return first_time or hash_ in self.withheld

    def _nonsense(self, reply: Any) -> str | bytes:
        kind = self.chance.choice(("json", "id", "hex", "bytes", "shape", "huge"))
        self.fired[f"nonsense-{kind}"] += 1
        if kind == "json":
            return json.dumps(reply)[:-3]
        if kind == "bytes":
            return b"\xff\xfe\x00" * 100
        if kind == "shape":
            return '{"jsonrpc":"2.0","id":[],"result":{"a":1}}'
        if kind == "huge":
            return json.dumps({"jsonrpc": "2.0", "id": 10**9, "result": "x" * 2_000_000})
        if isinstance(reply, dict) and kind == "id":
            return json.dumps({**reply, "id": 10**12})
        return json.dumps(reply).replace("0x", "0xzz", 1)


def _calls(frame: Any) -> list[dict[str, Any]]:
    said = json.loads(frame)
    return said if isinstance(said, list) else [said]


@asynccontextmanager
async def liar(upstream: str, seed: int = 1) -> AsyncIterator[Liar]:
    """A proxy that is honest until its chances are set."""
    proxy = Liar(upstream, seed)
    server: Server = await serve(
        proxy.handle, "127.0.0.1", 0, max_size=None, ping_interval=None, close_timeout=0.1
    )
    port = next(iter(server.sockets)).getsockname()[1]
    proxy.url = f"ws://127.0.0.1:{port}"
    try:
        yield proxy
    finally:
        server.close()
        await server.wait_closed()
