"""All endpoints of one chain as one ``Rpc``: the soundest and fastest is asked first.

An endpoint that fails, refuses for its own reasons (rate, method, a block that it lacks) or stands
on another chain is rotated away; an answer that the chain itself gives (a revert, a window too
wide) is the answer. Endpoints are connected when they are first needed, and each says its chain id
before it is believed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import anyio
import msgspec
import structlog

from streams import telemetry
from streams.errors import Invalid, Retry
from streams.evm.endpoint import Endpoint
from streams.evm.http import Http
from streams.evm.rpc import Call, RpcError, Throttled
from streams.evm.socket import Socket

__all__ = ["Answer", "Endpoints", "open_endpoints"]

log = structlog.get_logger(__name__)

ROUNDS = 2
"""How often every endpoint is tried before a call is given up."""
LONGEST_WAIT_S = 10.0
"""For an endpoint that asked to be let alone, in one call."""
_OF_THE_NODE = ("rate", "behind", "unsupported")
"""Refusals for a reason of the node's own, which another may not have."""
SCHEMES = ("http", "https", "ws", "wss")


class Answer(NamedTuple):
    """A result, and the label of the endpoint that gave it."""

    value: Any
    by: str


class Endpoints:
    """``Rpc`` over several endpoints of one chain. Make it with ``open_endpoints``."""

    def __init__(
        self, chain: str, chain_id: int | None, urls: Sequence[str], *, patience: float = 10.0
    ) -> None:
        self.chain = chain
        self.known = [Endpoint(url=url, label=_label(url)) for url in dict.fromkeys(urls)]
        self._chain_id = chain_id
        self._patience = patience
        self._clients: dict[str, Http | Socket] = {}
        self._opening: dict[str, anyio.Lock] = {each.url: anyio.Lock() for each in self.known}

    async def call(self, method: str, params: Sequence[Any] = (), type_: Any = Any) -> Any:
        """The result of the first endpoint that gives one. Raises ``RpcError`` or ``Retry``."""
        return (await self.ask(method, params, type_)).value

    async def ask(
        self,
        method: str,
        params: Sequence[Any] = (),
        type_: Any = Any,
        *,
        avoid: Collection[str] = (),
    ) -> Answer:
        """As ``call``, saying who answered; those in ``avoid`` are asked last."""

        async def once(_: Endpoint, client: Http | Socket) -> Any:
            self._count_calls([(method, params)])
            return await client.call(method, params, type_)

        return await self._rotate(method, once, avoid)

    async def batch(self, calls: Sequence[Call], type_: Any = Any) -> list[Any]:
        """A result or ``RpcError`` for each call, in their order. Raises ``Retry``."""
        results: list[Any] = []
        while len(results) < len(calls):
            results += await self._part(calls[len(results) :], type_)
        return results

    async def _part(self, calls: Sequence[Call], type_: Any) -> list[Any]:
        """The results of as many of the first calls as an endpoint takes at once."""
        found: list[Any] = []

        async def once(endpoint: Endpoint, client: Http | Socket) -> list[Any]:
            part = calls[: endpoint.batch]
            self._count_calls(part)
            try:
                found[:] = await client.batch(part, type_)
            except Retry:
                endpoint.refused_batch(len(part))
                raise
            endpoint.took_batch()
            for each in found:  # one that is no answer of the chain's: another may have it
                if isinstance(each, RpcError) and each.refusal in _OF_THE_NODE:
                    raise each
            return found

        try:
            return list((await self._rotate(calls[0][0], once, ())).value)
        except RpcError:
            if not found:
                raise
            return found

    def distrust(self, label: str) -> None:
        """What this endpoint said was found to be untrue: ask others first for a while."""
        for each in self.known:
            if each.label == label:
                each.failed(time.monotonic())

    @property
    def sockets(self) -> list[Endpoint]:
        """The endpoints that speak WebSocket, the best first."""
        return [each for each in self._ranked(()) if each.url.startswith("ws")]

    async def listen(
        self, *subscriptions: Sequence[Any], at: Endpoint | None = None
    ) -> AsyncGenerator[msgspec.Raw]:
        """Notifications of one WebSocket endpoint (the best), on a connection of their own.

        Who listens ``at`` a node of its choice has its own patience with it; that a connection
        breaks says nothing of the calls then.

        Ends by ``Retry`` when the connection does, at once when there is none to be had.
        """
        endpoint = at or next(iter(self.sockets), None)
        if endpoint is None:
            raise Retry("no endpoint speaks WebSocket", retry_after=60.0)
        if endpoint.wrong:
            raise Retry(endpoint.wrong, retry_after=60.0)
        socket = await self._open_socket(endpoint)
        try:
            for subscription in subscriptions:
                await self._subscribe(socket, subscription)
            async for _, result in socket.notices():
                yield result
        except Retry as error:
            if at is None:
                endpoint.failed(time.monotonic(), error.retry_after)
            raise
        finally:
            with anyio.CancelScope(shield=True):
                await socket.close()

    async def close(self) -> None:
        """End every connection."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()

    async def _rotate(
        self,
        method: str,
        once: Callable[[Endpoint, Http | Socket], Any],
        avoid: Collection[str],
    ) -> Answer:
        last: Exception = Retry(f"{self.chain}: no endpoint is left to ask")
        for _ in range(ROUNDS):
            for endpoint in self._ranked(avoid):
                if method in endpoint.unsupported:
                    continue
                try:
                    return Answer(await self._attempt(endpoint, once), endpoint.label)
                except RpcError as error:
                    if error.refusal not in _OF_THE_NODE:
                        raise
                    self._rotated(endpoint, method, error)
                    last = error
                except Retry as error:
                    last = Retry(f"{self.chain} {endpoint.label}: {error}")
        self._give_up()
        raise last

    async def _attempt(self, endpoint: Endpoint, once: Callable[[Endpoint, Any], Any]) -> Any:
        """One try at one endpoint: its answer, or what came instead, noted on it."""
        now = time.monotonic()
        if endpoint.hold_until - now > LONGEST_WAIT_S:
            raise Retry(f"it asked for {endpoint.hold_until - now:.0f} s of rest")
        await anyio.sleep(endpoint.delay(now))
        started = time.monotonic()
        try:
            value = await once(endpoint, await self._client(endpoint))
        except RpcError:
            endpoint.answered(time.monotonic() - started)
            self._count("refused", endpoint)
            raise
        except Retry as error:
            limited = isinstance(error, Throttled)
            note = endpoint.refused_rate if limited else endpoint.failed
            note(time.monotonic(), error.retry_after)
            self._count("rate" if limited else "failed", endpoint)
            log.debug("rpc_failed", chain=self.chain, endpoint=endpoint.label, error=str(error))
            raise
        endpoint.answered(time.monotonic() - started)
        self._count("answered", endpoint)
        return value

    def _rotated(self, endpoint: Endpoint, method: str, error: RpcError) -> None:
        if error.refusal == "rate":
            endpoint.refused_rate(time.monotonic())
        elif error.refusal == "unsupported" and len(self.known) > 1:
            endpoint.unsupported.add(method)

    def _ranked(self, avoid: Collection[str]) -> list[Endpoint]:
        now = time.monotonic()
        usable = [each for each in self.known if not each.wrong]
        return sorted(usable, key=lambda each: (each.label in avoid, each.score(now)))

    async def _client(self, endpoint: Endpoint) -> Http | Socket:
        async with self._opening[endpoint.url]:
            client = self._clients.get(endpoint.url)
            if client is None or client.failed:
                if client is not None:
                    await client.close()
                client = self._clients[endpoint.url] = await self._open(endpoint)
            return client

    async def _open(self, endpoint: Endpoint) -> Http | Socket:
        if endpoint.url.startswith("http"):
            client: Http | Socket = Http(endpoint.url, patience=self._patience)
            await self._identify(endpoint, client)
            return client
        return await self._open_socket(endpoint)

    async def _open_socket(self, endpoint: Endpoint) -> Socket:
        socket = await Socket.open(endpoint.url, patience=self._patience)
        await self._identify(endpoint, socket)
        return socket

    async def _identify(self, endpoint: Endpoint, client: Http | Socket) -> None:
        """Raises ``Retry`` unless the node stands on the right chain; one that does not is out."""
        try:
            found = await self._identity(client)
        except (ValueError, RpcError) as error:
            await client.close()
            raise Retry(f"it does not say its chain id: {error}") from error
        except BaseException:
            await client.close()
            raise
        self._chain_id = self._chain_id or found
        if found != self._chain_id:
            await client.close()
            endpoint.wrong = f"it is on chain {found}, not {self._chain_id}"
            log.error("endpoint_refused", endpoint=endpoint.label, reason=endpoint.wrong)
            raise Retry(endpoint.wrong)

    async def _identity(self, client: Http | Socket) -> int:
        """Which chain a node is on; ``ValueError`` for an answer that says none."""
        return int(await client.call("eth_chainId", (), str), 16)

    async def _subscribe(self, socket: Socket, subscription: Sequence[Any]) -> None:
        """Ask one node for notifications; another family of chains asks in another way."""
        await socket.subscribe(*subscription)

    def _give_up(self) -> None:
        if all(each.wrong for each in self.known):
            reasons = "; ".join(f"{each.label}: {each.wrong}" for each in self.known)
            raise Invalid(f"no endpoint of {self.chain} can be used: {reasons}", reason="setting")

    def _count(self, outcome: str, endpoint: Endpoint) -> None:
        chain = telemetry.chain_label(self.chain)
        telemetry.RPC_REQUESTS.labels(chain, outcome).inc()
        telemetry.RPC_LATENCY.labels(chain, endpoint.label).set(endpoint.latency)
        telemetry.RPC_ERRORS.labels(chain, endpoint.label).set(endpoint.errors)

    def _count_calls(self, calls: Sequence[Call]) -> None:
        """What a paid node counts, whatever it answers; the methods are ours and few."""
        chain = telemetry.chain_label(self.chain)
        for method, times in Counter(method for method, *_ in calls).items():
            telemetry.RPC_CALLS.labels(chain, method).inc(times)


@asynccontextmanager
async def open_endpoints(
    chain: str,
    urls: Sequence[str],
    *,
    chain_id: int | None = None,
    patience: float = 10.0,
    family: type[Endpoints] = Endpoints,
) -> AsyncIterator[Endpoints]:
    """The endpoints of one chain; ``chain_id`` of ``None`` believes the first that answers.

    ``family`` says how nodes of that kind of chain name themselves and take subscriptions.

    Raises ``Invalid`` when a URL is none of a node's.
    """
    for url in urls:
        if urlsplit(url).scheme not in SCHEMES or not urlsplit(url).hostname:
            raise Invalid(
                f"{telemetry.redact(url)} is no endpoint: give http(s):// or ws(s)://",
                reason="setting",
            )
    if not urls:
        raise Invalid(f"{chain} has no endpoint: give --rpc or chains.rpc", reason="setting")
    endpoints = family(chain, chain_id, urls, patience=patience)
    try:
        yield endpoints
    finally:
        with anyio.CancelScope(shield=True):
            await endpoints.close()


def _label(url: str) -> str:
    """Scheme, host and port: a key stands in the path, the query or before the @."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"
