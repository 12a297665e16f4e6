"""Links to explorers, charts and launchpads: the chain and address that each one names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from importlib.resources import files
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from streams.social.linking.addresses import Found, has_good_checksum, is_mint

__all__ = ["CHAIN_NAMES", "Linked", "host_of", "known_hosts", "linked", "links_in"]

_LINK = re.compile(r"(?i)(?<![\w@.])h(?:tt|xx)ps?://[^\s<>\"'`|]+")
_BARE = re.compile(r"(?i)(?<![\w@./-])(?:[a-z0-9-]+\.){1,3}[a-z]{2,10}/[^\s<>\"'`|]+")
_END = ".,;:!?)]}*_"
_EVM = re.compile(r"0x[0-9a-fA-F]{40}")


class _Site(msgspec.Struct, frozen=True):
    hosts: tuple[str, ...]
    find: str
    chain: str = ""
    query: str = ""


class _Table(msgspec.Struct, frozen=True):
    chains: dict[str, str]
    site: tuple[_Site, ...]


class _Way(NamedTuple):
    find: re.Pattern[str]
    chain: str
    query: re.Pattern[str] | None


class Linked(NamedTuple):
    """An address that a link names; on which chain, where the link says so (else empty)."""

    found: Found
    chain: str


_table = msgspec.toml.decode(files(__package__).joinpath("sites.toml").read_bytes(), type=_Table)
CHAIN_NAMES = _table.chains
"""What sites call chains, to what we call them."""

_WAYS: dict[str, list[_Way]] = defaultdict(list)
for _site in _table.site:
    for _host in _site.hosts:
        _query = re.compile(_site.query) if _site.query else None
        _WAYS[_host].append(_Way(re.compile(_site.find), _site.chain, _query))


def known_hosts() -> frozenset[str]:
    """The hosts that token links lead to: those that phishing disguises itself as."""
    return frozenset(_WAYS)


def links_in(text: str) -> list[str]:
    """The links of a plain text, those without a scheme too, in order and once."""
    found = [match[0].rstrip(_END) for match in _LINK.finditer(text)]
    if "/" in text:
        found += [f"https://{match[0].rstrip(_END)}" for match in _BARE.finditer(text)]
    return list(dict.fromkeys(f"http{link[4:]}" for link in found))


def host_of(link: str) -> str:
    """A link's host in lower case without ``www.``; empty for what is no link."""
    try:
        return (urlsplit(link).hostname or "").removeprefix("www.").rstrip(".")
    except ValueError:
        return ""


def linked(links: Iterable[str]) -> list[Linked]:
    """What the links name, as far as they lead to a host that we know."""
    found = []
    for link in links:
        ways = _WAYS.get(host_of(link), ())
        named = next((each for way in ways if (each := _named(link, way))), None)
        if named is not None:
            found.append(named)
    return found


def _named(link: str, way: _Way) -> Linked | None:
    parts = urlsplit(link)
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    query = f"?{parts.query}" if parts.query else ""
    match = way.find.search(f"{parts.path}{query}{fragment}")
    if match is None:
        return None
    address, chain = match["address"], way.chain
    said = match.groupdict().get("chain")
    if way.query is not None and (asked := way.query.search(parts.query)):
        said = asked["chain"]
    if said:
        chain = CHAIN_NAMES.get(said, "")
        if not chain:
            return None  # a chain that we do not follow
    if _EVM.fullmatch(address):
        digits = address[2:]
        mixed = digits not in (digits.lower(), digits.upper())
        evm = Linked(Found(address.lower(), not mixed or has_good_checksum(digits)), chain)
        return evm if chain != "solana" else None
    if is_mint(address):
        return Linked(Found(address), "solana")
    # DexScreener writes a Solana pair's address in lower case, which names only a known one.
    return Linked(Found(address, sure=False), "solana") if chain == "solana" else None
