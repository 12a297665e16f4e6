"""A stranger's JSON: fetched within limits, never from an address that is not public."""

from __future__ import annotations

import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio.abc import SocketStream

from streams.checks.answers import Answer, Unknown
from streams.errors import Invalid, Retry
from streams.examine.solana.offchain import (
    JSON_NAMES,
    Offchain,
    address_of,
    gateway_url,
    is_public,
)
from streams.solana.spl.metaplex import Metadata

pytestmark = pytest.mark.anyio

GATEWAY = "https://gateway.example/ipfs"
GOOD = {
    "name": "Stone",
    "symbol": "STN",
    "image": "https://i",
    "extensions": {"twitter": "https://t"},
}


def _said(uri: str) -> Metadata:
    return Metadata(name="Stone", symbol="STN", uri=uri, authority=None, mutable=False)


@asynccontextmanager
async def web(reply: Callable[[bytes], bytes | None]) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on loopback that answers each request with raw bytes; ``None`` is silence."""
    requests: list[bytes] = []

    async def handle(stream: SocketStream) -> None:
        async with stream:
            request = await stream.receive()
            requests.append(request)
            if (answer := reply(request)) is None:
                await anyio.sleep_forever()
            else:
                await stream.send(answer)

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        yield listener.extra(anyio.abc.SocketAttribute.local_port), requests
        group.cancel_scope.cancel()


def _http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _ask(
    uri: str, *, allowed: Callable[[str], bool] | None = None, patience: float = 2.0
) -> dict[str, Answer]:
    offchain = Offchain(GATEWAY, patience=patience, allowed=allowed)
    try:
        return await offchain.answers(_said(uri))
    finally:
        await offchain.close()


def _loopback(address: str) -> bool:
    return address == "127.0.0.1"


async def test_a_good_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has is told. The name is looked up once, and is what the server is asked for."""
    looked_up: list[str] = []

    def resolve(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
        looked_up.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async with web(lambda _: _http(json.dumps(GOOD).encode())) as (port, requests):
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        found = await _ask(f"http://stone.example:{port}/x.json?y", allowed=_loopback)
    assert looked_up == ["stone.example"]
    assert found == {
        "metadata.has_json": True, "metadata.json_agrees": True, "metadata.has_image": True,
        "metadata.has_website": False, "metadata.has_social": True,
    }  # fmt: skip
    assert requests[0].startswith(b"GET /x.json?y HTTP/1.1\r\n")
    assert f"host: stone.example:{port}".encode() in requests[0].lower()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"],
)
async def test_our_own_machine_is_never_asked(host: str) -> None:
    """However its address is written, no request arrives."""
    async with web(lambda _: _http(b"{}")) as (port, requests):
        found = await _ask(f"http://{host}:{port}/")
        bare = await _ask(f"http://{host}/")
    assert requests == []
    for answers in (found, bare):
        assert all(isinstance(each, Unknown) for each in answers.values())


async def test_a_redirect_inside_is_not_followed() -> None:
    """Every hop is checked: one that leads to another machine of ours ends it."""
    where: list[str] = []
    async with web(lambda _: _http(b"", f"Location: {where[0]}", status="302 Found")) as (
        port, requests,
    ):  # fmt: skip
        for target in ("http://127.0.0.2/x", "http://169.254.169.254/latest", "file:///etc/passwd"):
            where[:] = [target]
            found = await _ask(f"http://127.0.0.1:{port}/", allowed=_loopback)
            assert isinstance(found["metadata.has_json"], Unknown)
        assert len(requests) == 3
        where[:] = [f"http://127.0.0.1:{port}/again"]
        found = await _ask(f"http://127.0.0.1:{port}/", allowed=_loopback)
    assert "redirects too often" in str(found["metadata.has_json"])
    assert len(requests) == 7


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (_http(b"[" * 70_000), "over 64 KiB"),
        (_http(gzip.compress(json.dumps(GOOD).encode()), "Content-Encoding: gzip"), None),
        (_http(b"not json"), None),
        (_http(b"[" * 60_000), None),
        (_http(b"[1, 2]"), None),
        (_http(b"\xff\xfe{}"), None),
        (_http(b"{}", status="404 Not Found"), "HTTP 404"),
        (b"garbage\r\n\r\n", "could not be fetched"),
        (None, "not answered within"),
    ],
)
async def test_what_a_stranger_answers(reply: bytes | None, says: str | None) -> None:
    """Too large, packed, no JSON, nested deep, an error, nonsense, silence: none fails."""
    async with web(lambda _: reply) as (port, _):
        found = await _ask(f"http://127.0.0.1:{port}/", allowed=_loopback, patience=0.5)
    assert found.keys() == set(JSON_NAMES)
    if says is None:
        assert found["metadata.has_json"] is False
    else:
        assert says in str(found["metadata.has_json"])


async def test_no_uri_and_other_schemes() -> None:
    """A token without JSON has none; what is not on the web is not fetched."""
    assert (await _ask(""))["metadata.has_json"] is False
    for uri in ("ftp://a", "file:///etc/passwd", "javascript:1", "data:,{}", "http://", "x\n"):
        assert isinstance((await _ask(uri))["metadata.has_json"], Unknown)


def test_ipfs_goes_to_the_gateway() -> None:
    """Both ways of writing it, and no way up from there."""
    for uri in ("ipfs://Qm/x.json", "ipfs://ipfs/Qm/x.json"):
        assert gateway_url(uri, GATEWAY + "/") == "https://gateway.example/ipfs/Qm/x.json"
    with pytest.raises(Invalid):
        gateway_url("ipfs://../admin", GATEWAY)


def test_public_addresses() -> None:
    """Private, loopback, link-local, shared, multicast, reserved, and IPv4 inside IPv6 are not."""
    inside = (
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fc00::1",
        "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:7f00:1::", "nonsense", "",
    )  # fmt: skip
    assert [each for each in inside if is_public(each)] == []
    assert all(map(is_public, ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8")))


async def test_a_name_that_is_partly_private_is_refused() -> None:
    """One address of several that may not be asked is enough; a name that is none is waited for."""
    with pytest.raises(Invalid):
        await address_of("localhost", 80, lambda address: address != "127.0.0.1")
    with pytest.raises(Retry):
        await address_of("no.such.host.invalid", 80, is_public)
