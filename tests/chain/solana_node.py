"""A Solana node for tests: JSON-RPC and PubSub over HTTP and WebSocket, on a chain that we script.

Blocks hold transactions in the form of ``getBlock``; the chain skips slots and takes blocks back.
Faults are drawn from a seed: refused calls (429), closed and silent sockets, blocks withheld, slots
called skipped that are not, lagging heads, notifications repeated and out of order. It speaks the
dialect of Agave 3, which the public ``solana`` client accepts (``test_solana_node``).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast

import anyio
import based58
import msgspec
from litestar.types import ASGIApp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from daemon.health import listen, serve

__all__ = ["Chain", "Faults", "Refused", "refuse", "served"]

GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
FIRST_SLOT = 1_000
FIRST_TIME = 1_780_000_000


class Faults(msgspec.Struct):
    """How often each goes wrong, 0..1."""

    refused: float = 0.0
    closed: float = 0.0
    silent: float = 0.0
    withheld: float = 0.0
    denied: float = 0.0
    lagging: float = 0.0
    repeated: float = 0.0


class Chain:
    """Blocks by slot; ``add`` makes one, ``take_back`` removes the newest ones."""

    def __init__(self, seed: int = 0) -> None:
        self.blocks: dict[int, dict[str, Any]] = {}
        self.slot = FIRST_SLOT
        self._random = random.Random(seed)
        self._made = 0
        self.added = asyncio.Event()
        self.answers: dict[str, Callable[[list[Any]], Any]] = {}
        """What it says to other methods, by name: see ``bank_node``."""
        self.add([])

    def add(self, transactions: list[Any], *, skip: int = 0) -> int:
        """A block behind ``skip`` empty slots; its slot."""
        parent = max(self.blocks, default=FIRST_SLOT - 1)
        self.slot = self.slot + 1 + skip
        self._made += 1
        before = self.blocks.get(parent, {}).get("blockhash", GENESIS)
        self.blocks[self.slot] = {
            "blockhash": _hash(f"{self.slot}:{self._made}"),
            "previousBlockhash": before,
            "parentSlot": parent,
            "blockHeight": len(self.blocks),
            "blockTime": FIRST_TIME + int(0.4 * (self.slot - FIRST_SLOT)),
            "transactions": transactions,
        }
        self.added.set()
        self.added = asyncio.Event()
        return self.slot

    def take_back(self, many: int) -> list[Any]:
        """Remove the newest blocks: their slots are skipped now; the transactions they held."""
        slots = sorted(self.blocks)[-many:]
        return [each for slot in slots for each in self.blocks.pop(slot)["transactions"]]


class Refused(Exception):
    """A node's answer that it will not."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def refuse(_: Any) -> Any:
    """The answer to a method that a node does not have."""
    raise Refused(-32601, "Method not found")


class _Node:
    def __init__(self, chain: Chain, faults: Faults, seed: int) -> None:
        self.chain = chain
        self.faults = faults
        self.random = random.Random(seed)
        self.closed = 0
        self.address = ""

    def happens(self, share: float) -> bool:
        return self.random.random() < share

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            reply["result"] = self.result(request["method"], request.get("params", []))
        except Refused as error:
            reply["error"] = {"code": error.code, "message": str(error)}
        return reply

    def result(self, method: str, params: list[Any]) -> Any:
        if method == "getGenesisHash":
            return GENESIS
        if method == "getHealth":
            return "ok"
        if method == "getSlot":
            lag = self.random.randrange(1, 6) if self.happens(self.faults.lagging) else 0
            return self.chain.slot - lag
        if method == "getBlock":
            return self.block(params[0])
        if method == "slotSubscribe":
            return 1
        if method in self.chain.answers:
            return self.chain.answers[method](params)
        raise Refused(-32601, "Method not found")

    def block(self, slot: int) -> Any:
        if slot > self.chain.slot or self.happens(self.faults.withheld):
            raise Refused(-32004, f"Block not available for slot {slot}")
        if slot not in self.chain.blocks or self.happens(self.faults.denied):
            raise Refused(
                -32007, f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot"
            )
        return self.chain.blocks[slot]

    async def http(self, request: Request) -> Response:
        if self.happens(self.faults.refused):
            return Response("Too many requests", 429, {"Retry-After": "0"})
        asked = await request.json()
        many = [self.answer(each) for each in asked] if isinstance(asked, list) else None
        return JSONResponse(self.answer(asked) if many is None else many)

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        lock = asyncio.Lock()
        async with anyio.create_task_group() as group:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                async for text in socket.iter_text():
                    if self.happens(self.faults.closed):
                        self.closed += 1
                        await socket.close(1011)
                        break
                    if self.happens(self.faults.silent):
                        continue
                    request = json.loads(text)
                    async with lock:
                        await socket.send_text(json.dumps(self.answer(request)))
                    if request["method"] == "slotSubscribe":
                        group.start_soon(self.slots, socket, lock)
            group.cancel_scope.cancel()

    async def slots(self, socket: WebSocket, lock: asyncio.Lock) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                await self.chain.added.wait()
                slot = self.chain.slot
                many = 2 if self.happens(self.faults.repeated) else 1
                for old in range(many):
                    result = {"slot": slot - old, "parent": slot - 1 - old, "root": slot - 32}
                    notice = {
                        "jsonrpc": "2.0",
                        "method": "slotNotification",
                        "params": {"result": result, "subscription": 1},
                    }
                    async with lock:
                        await socket.send_text(json.dumps(notice))


@asynccontextmanager
async def served(chain: Chain, faults: Faults, seed: int = 0) -> AsyncIterator[_Node]:
    """A node of this chain on loopback; its ``url`` is host and port."""
    node = _Node(chain, faults, seed)
    routes = [Route("/", node.http, methods=["POST"]), WebSocketRoute("/", node.socket)]
    app = cast("ASGIApp", Starlette(routes=routes))
    with listen("test", "127.0.0.1", 0) as listener:
        async with anyio.create_task_group() as group:
            group.start_soon(partial(serve, app, listener))
            node.address = "{}:{}".format(*listener.getsockname()[:2])
            yield node
            group.cancel_scope.cancel()


def _hash(text: str) -> str:
    return based58.b58encode(hashlib.sha256(text.encode()).digest()).decode()
