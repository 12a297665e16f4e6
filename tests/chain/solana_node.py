"""A Solana node for tests: JSON-RPC and PubSub over HTTP and WebSocket, on a chain that we script.

Blocks hold transactions in the form of ``getBlock``; the chain processes transactions before their
block is confirmed, skips slots and takes blocks back. Faults are drawn from a seed: refused calls
(429), closed and silent sockets, blocks withheld, slots called skipped that are not, lagging heads,
notifications missed, repeated and out of order. It speaks the dialect of Agave 3, which the public
``solana`` client accepts (``test_solana_node``).
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
    missed: float = 0.0
    shuffled: float = 0.0
    no_blocks: bool = False
    """``blockSubscribe`` is not offered, as by most providers."""


class Chain:
    """Blocks by slot; ``add`` makes one, ``take_back`` removes the newest ones.

    ``feeds`` are the queues of those who hear what happens: a kind of notification and its value.
    """

    def __init__(self, seed: int = 0) -> None:
        self.blocks: dict[int, dict[str, Any]] = {}
        self.slot = FIRST_SLOT
        self._random = random.Random(seed)
        self._made = 0
        self.answers: dict[str, Callable[[list[Any]], Any]] = {}
        """What it says to other methods, by name: see ``bank_node``."""
        self.feeds: set[asyncio.Queue[tuple[str, Any]]] = set()
        self.add([])

    def process(self, transactions: list[Any], *, skip: int = 0) -> int:
        """Say the logs of transactions in the slot behind ``skip`` others, which has no block."""
        slot = self.slot + 1 + skip
        for each in transactions:
            value = {
                "signature": each["transaction"]["signatures"][0],
                "err": each["meta"]["err"],
                "logs": each["meta"]["logMessages"],
            }
            self._say("logs", {"context": {"slot": slot}, "value": value})
        return slot

    def add(self, transactions: list[Any], *, skip: int = 0, processed: bool = True) -> int:
        """A block behind ``skip`` empty slots; its slot. Logs are said first, if ``processed``."""
        if processed:
            self.process(transactions, skip=skip)
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
        self._say("slot", {"slot": self.slot, "parent": parent, "root": self.slot - 32})
        value = {"slot": self.slot, "err": None, "block": self.blocks[self.slot]}
        self._say("block", {"context": {"slot": self.slot}, "value": value})
        return self.slot

    def tick(self) -> None:
        """Say the slot again: the chain stands, the node does not."""
        self._say("slot", {"slot": self.slot, "parent": self.slot - 1, "root": self.slot - 32})

    def _say(self, kind: str, value: Any) -> None:
        for feed in self.feeds:
            feed.put_nowait((kind, value))

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

    def answer(self, request: Any) -> Any:
        """An answer, or a list of them to a batch."""
        if isinstance(request, list):
            return [self.answer(each) for each in request]
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": request.get("id")}
        try:
            reply["result"] = self.result(request["method"], request.get("params", []))
        except Refused as error:
            reply["error"] = {"code": error.code, "message": str(error)}
        return reply

    def result(self, method: str, params: list[Any]) -> Any:
        if method in self.chain.answers:
            return self.chain.answers[method](params)
        answers: dict[str, Callable[[], Any]] = {
            "getGenesisHash": lambda: GENESIS,
            "getHealth": lambda: "ok",
            "getSlot": self.slot,
            "getBlock": lambda: self.block(params[0]),
            "getSignaturesForAddress": lambda: self.signatures(*params),
            "getTransaction": lambda: self.transaction(params[0]),
        }
        if method in answers:
            return answers[method]()
        if method in SUBSCRIPTIONS and not (method == "blockSubscribe" and self.faults.no_blocks):
            return SUBSCRIPTIONS.index(method) + 1
        raise Refused(-32601, "Method not found")

    def slot(self) -> int:
        lag = self.random.randrange(1, 6) if self.happens(self.faults.lagging) else 0
        return self.chain.slot - lag

    def transaction(self, signature: str) -> Any:
        return next((each for each in self.all() if _signature(each) == signature), None)

    def block(self, slot: int) -> Any:
        if slot > self.chain.slot or self.happens(self.faults.withheld):
            raise Refused(-32004, f"Block not available for slot {slot}")
        if slot not in self.chain.blocks or self.happens(self.faults.denied):
            raise Refused(
                -32007, f"Slot {slot} was skipped, or missing due to ledger jump to recent snapshot"
            )
        return self.chain.blocks[slot]

    def all(self) -> list[Any]:
        """Every transaction in the order of the chain, as ``getTransaction`` gives it."""
        return [
            {"slot": slot, "blockTime": block["blockTime"], **each}
            for slot, block in sorted(self.chain.blocks.items())
            for each in block["transactions"]
        ]

    def signatures(self, address: str, how: dict[str, Any]) -> list[Any]:
        """Newest first, those before a given one only."""
        found = [each for each in reversed(self.all()) if address in _accounts(each)]
        names = [_signature(each) for each in found]
        start = names.index(how["before"]) + 1 if how.get("before") else 0
        return [
            {
                "signature": _signature(each),
                "slot": each["slot"],
                "err": each["meta"]["err"],
                "memo": None,
                "blockTime": each["blockTime"],
                "confirmationStatus": "confirmed",
            }
            for each in found[start : start + (how.get("limit") or 1000)]
        ]

    async def http(self, request: Request) -> Response:
        if self.happens(self.faults.refused):
            return Response("Too many requests", 429, {"Retry-After": "0"})
        asked = await request.json()
        many = [self.answer(each) for each in asked] if isinstance(asked, list) else None
        return JSONResponse(self.answer(asked) if many is None else many)

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        lock, asked = asyncio.Lock(), list[tuple[str, Any]]()
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
                    answer = self.answer(request)
                    async with lock:
                        await socket.send_text(json.dumps(answer))
                    if isinstance(request, list) or "result" not in answer:
                        continue
                    if request["method"] in SUBSCRIPTIONS:
                        if not asked:
                            group.start_soon(self.feed, socket, lock, asked)
                        asked.append((request["method"], request.get("params", [])))
            group.cancel_scope.cancel()

    async def feed(self, socket: WebSocket, lock: asyncio.Lock, asked: list[Any]) -> None:
        """Notifications of what was subscribed to, as soundly as the faults allow."""
        feed: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self.chain.feeds.add(feed)
        held: list[str] = []
        try:
            while True:
                kind, value = await feed.get()
                if not _is_asked(asked, kind, value) or self.happens(self.faults.missed):
                    continue
                if self.happens(self.faults.closed):
                    self.closed += 1
                    await socket.close(1011)
                    return
                notice = _notice(kind, value)
                if self.happens(self.faults.shuffled):
                    held.append(notice)
                    continue
                told = [notice, *held, *([notice] if self.happens(self.faults.repeated) else [])]
                held.clear()
                for text in told:
                    async with lock:
                        await socket.send_text(text)
        except (WebSocketDisconnect, RuntimeError):
            return
        finally:
            self.chain.feeds.discard(feed)


SUBSCRIPTIONS = ("slotSubscribe", "logsSubscribe", "blockSubscribe")


def _is_asked(asked: list[tuple[str, Any]], kind: str, value: Any) -> bool:
    """Whether there is a subscription to this; logs are of those who mention one address."""
    for method, params in asked:
        if method == f"{kind}Subscribe":
            if kind != "logs":
                return True
            address = params[0]["mentions"][0]
            if any(address in line for line in value["value"]["logs"]):
                return True
    return False


def _notice(kind: str, result: Any) -> str:
    number = SUBSCRIPTIONS.index(f"{kind}Subscribe") + 1
    params = {"result": result, "subscription": number}
    return json.dumps({"jsonrpc": "2.0", "method": f"{kind}Notification", "params": params})


def _signature(transaction: Any) -> str:
    return str(transaction["transaction"]["signatures"][0])


def _accounts(transaction: Any) -> list[str]:
    loaded = transaction["meta"]["loadedAddresses"]
    keys = transaction["transaction"]["message"]["accountKeys"]
    return [*keys, *loaded["writable"], *loaded["readonly"]]


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
