"""A token's off-chain JSON: fetched from wherever a stranger says, and so with great care.

Only when it is switched on. Hosts are resolved here and connected to by the address that was
checked, so that a name cannot change its mind in between; private, loopback, link-local and other
addresses that are not of the public internet are refused, of every redirect too. An answer is
bounded in size and time, never unpacked, and believed in nothing but its shape.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import socket
from collections.abc import Callable, Collection, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import anyio
import httpx2

from streams import telemetry
from streams.checks.answers import Answer, told, unknowns
from streams.errors import Invalid, Retry
from streams.solana.spl.metaplex import Metadata

__all__ = ["JSON_NAMES", "Offchain", "address_of", "gateway_url"]

JSON_NAMES = (
    "metadata.has_json", "metadata.json_agrees", "metadata.has_image", "metadata.has_website",
    "metadata.has_social",
)  # fmt: skip
MOST_BYTES = 64 * 1024
MOST_REDIRECTS = 3
MOST_URL = 2048
PORTS = {"http": 80, "https": 443}
SOCIAL = ("twitter", "x", "telegram", "discord")
WEBSITE = ("website", "external_url")

for _chatty in ("httpx2", "httpcore2"):  # each request at INFO, with the whole URL
    logging.getLogger(_chatty).setLevel(logging.WARNING)

Allowed = Callable[[str], bool]


class Offchain:
    """Fetches metadata; give it back with ``close``."""

    def __init__(
        self, gateway: str, *, patience: float = 1.0, allowed: Allowed | None = None
    ) -> None:
        """``gateway`` answers for ``ipfs://``; ``patience`` is in seconds for all of it.

        ``allowed`` says which addresses may be connected to; by default the public ones.
        """
        self._gateway = gateway
        self._patience = patience
        self._allowed = allowed or is_public
        self._ports: Collection[int] | None = None if allowed else PORTS.values()
        self._client = httpx2.AsyncClient(
            timeout=patience, follow_redirects=False, trust_env=False,
            headers={"Accept-Encoding": "identity", "Accept": "application/json"},
        )  # fmt: skip

    async def answers(self, said: Metadata) -> dict[str, Answer]:
        """The answers of ``JSON_NAMES``; never raises for what a stranger does."""
        if not said.uri:
            rest = unknowns(JSON_NAMES[1:], "it names no JSON")
            return {"metadata.has_json": False, **rest}
        try:
            with anyio.fail_after(self._patience):
                body = await self._fetch(gateway_url(said.uri, self._gateway))
        except (Invalid, Retry, TimeoutError) as error:
            reason = error.reason if isinstance(error, Invalid) else "no-answer"
            telemetry.EXAMINE_FAULTS.labels("offchain", telemetry.fault_label(reason)).inc()
            late = f"not answered within {self._patience:g} s"
            why = late if isinstance(error, TimeoutError) else told(error)
            return unknowns(JSON_NAMES, why)
        return _answers(_parsed(body), said)

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def _fetch(self, url: str) -> bytes:
        for _ in range(MOST_REDIRECTS + 1):
            target, host = await self._target(url)
            try:
                async with self._client.stream(
                    "GET", target, headers={"Host": host},
                    extensions={"sni_hostname": host.partition(":")[0]},
                ) as answer:  # fmt: skip
                    if answer.is_redirect:
                        url = urljoin(url, answer.headers.get("Location", ""))
                        continue
                    if answer.status_code != 200:
                        raise Invalid(f"HTTP {answer.status_code}", reason="garbage")
                    return await _body(answer)
            except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, ValueError) as error:
                raise Retry(f"it could not be fetched: {type(error).__name__}") from error
        raise Invalid("it redirects too often", reason="garbage")

    async def _target(self, url: str) -> tuple[httpx2.URL, str]:
        """The URL with the checked address in it, and the host as the server knows it."""
        host, port, scheme = _parts(url)
        if self._ports is not None and port not in self._ports:
            raise Invalid("it names a port that is not the web's", reason="refused")
        address = await address_of(host, port, self._allowed)
        try:
            target = httpx2.URL(url).copy_with(host=address, port=port, userinfo=b"")
        except (httpx2.InvalidURL, TypeError, UnicodeError, ValueError) as error:
            raise Invalid("its address is no URL", reason="garbage") from error
        return target, host if port == PORTS[scheme] else f"{host}:{port}"


def gateway_url(uri: str, gateway: str) -> str:
    """Where to fetch a URI: ``ipfs://`` by the gateway. Raises ``Invalid`` for any other scheme."""
    if len(uri) > MOST_URL or not uri.isprintable():
        raise Invalid("its address is no URL", reason="garbage")
    scheme, _, rest = uri.partition("://")
    if scheme.lower() == "ipfs":
        path = rest.removeprefix("ipfs/")
        if ".." in path:
            raise Invalid("its address is no URL", reason="garbage")
        return gateway.rstrip("/") + "/" + path
    if scheme.lower() in PORTS:
        return uri
    raise Invalid("its JSON is not on the web", reason="garbage")


async def address_of(host: str, port: int, allowed: Allowed) -> str:
    """An address of the host, all of whose addresses must be ``allowed``.

    Raises ``Invalid`` for a host that may not be asked, ``Retry`` for one that does not resolve.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Retry("its host is not known") from error
    addresses = [str(each[4][0]).partition("%")[0] for each in found]
    if not addresses or not all(map(allowed, addresses)):
        raise Invalid("its host is not of the public internet", reason="refused")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether an address is of the public internet, also where IPv6 wraps an IPv4 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo or (None, None))[1]
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast and not found.is_reserved


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _parts(url: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Invalid("its address is no URL", reason="garbage") from error
    if parts.scheme not in PORTS or not parts.hostname:
        raise Invalid("its JSON is not on the web", reason="garbage")
    return parts.hostname, port or PORTS[parts.scheme], parts.scheme


async def _body(answer: httpx2.Response) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_raw():  # as it comes: a packed answer may be a bomb
        body += chunk
        if len(body) > MOST_BYTES:
            raise Invalid(f"its JSON is over {MOST_BYTES >> 10} KiB", reason="too-large")
    return bytes(body)


def _parsed(body: bytes) -> Mapping[str, Any] | None:
    """The object; ``None`` for what is none."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _answers(found: Mapping[str, Any] | None, said: Metadata) -> dict[str, Answer]:
    if found is None:
        return {"metadata.has_json": False, **unknowns(JSON_NAMES[1:], "it is no JSON")}
    extensions = found.get("extensions")
    inner = extensions if isinstance(extensions, dict) else {}

    def has(names: Collection[str]) -> bool:
        return any(
            isinstance(value := where.get(name), str) and bool(value.strip())
            for where in (found, inner)
            for name in names
        )

    agrees = all(
        str(found.get(name, "")).strip() == mine.strip()
        for name, mine in (("name", said.name), ("symbol", said.symbol))
    )
    return {
        "metadata.has_json": True,
        "metadata.json_agrees": agrees,
        "metadata.has_image": has(("image",)),
        "metadata.has_website": has(WEBSITE),
        "metadata.has_social": has(SOCIAL),
    }
