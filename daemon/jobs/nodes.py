"""Which chains are followed, and which nodes are asked about each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from daemon.sections import Chains
from streams.errors import Invalid
from streams.evm.endpoints import Endpoints, open_endpoints
from streams.evm.venues import CHAINS, chain_named, with_factories
from streams.solana.rpc import GENESIS, PUBLIC_NODES, SolanaEndpoints
from streams.solana.sightings import CHAIN as SOLANA

__all__ = ["Nodes", "nodes_from"]

Nodes = Mapping[str, Sequence[str]]
"""Endpoints by chain. A URL may hold a key: never print it."""

_OF_CHAIN = re.compile(r"([A-Za-z0-9-]+)=(.+)")


def nodes_from(
    settings: Chains, chains: Sequence[str] = (), urls: Sequence[str] = ()
) -> dict[str, list[str]]:
    """The followed chains with their nodes: what the command line says, settings, public ones.

    Raises ``Invalid`` for an unknown chain, and for a URL of which it is not clear whose it is.
    """
    named = list(dict.fromkeys(_named(each) for each in (*chains, *settings.follow)))
    for chain in named:
        if chain != SOLANA:
            with_factories(chain, settings.factories)  # refused now rather than in its own part
    said: dict[str, list[str]] = {chain: [] for chain in named}
    only = _named(chains[0]) if len(chains) == 1 else named[0] if len(named) == 1 else None
    for url in urls:
        said[_owner(url, said, only)].append(_bare(url))
    for secret in settings.rpc:
        url = secret.get_secret_value()
        match = _OF_CHAIN.fullmatch(url)
        if match is None:
            raise _unclear("chains.rpc")
        chain = _named(match[1])
        if chain in said and not said[chain]:
            said[chain] = [
                _bare(each)
                for each in (one.get_secret_value() for one in settings.rpc)
                if each.startswith(f"{match[1]}=")
            ]
    return {chain: urls or _public(chain) for chain, urls in said.items()}


def endpoints_of(chain: str, urls: Sequence[str]) -> AbstractAsyncContextManager[Endpoints]:
    """The nodes of a chain as one, to be entered. Raises ``Invalid`` for a URL of no node."""
    if chain == SOLANA:
        return open_endpoints(chain, urls, chain_id=GENESIS, family=SolanaEndpoints)
    return open_endpoints(chain, urls, chain_id=CHAINS[chain].id)


def _named(chain: str) -> str:
    return SOLANA if chain.lower() == SOLANA else chain_named(chain)


def _public(chain: str) -> list[str]:
    return list(PUBLIC_NODES if chain == SOLANA else CHAINS[chain].rpc)


def _owner(url: str, said: Mapping[str, object], only: str | None) -> str:
    match = _OF_CHAIN.fullmatch(url) if "=" in url.partition("://")[0] else None
    chain = _named(match[1]) if match else only
    if chain is None or chain not in said:
        raise _unclear("--rpc")
    return chain


def _bare(url: str) -> str:
    match = _OF_CHAIN.fullmatch(url) if "=" in url.partition("://")[0] else None
    return match[2] if match else url


def _unclear(where: str) -> Invalid:
    return Invalid(
        f"{where}: it is not clear of which chain a node is: write chain=url, of a chain that is "
        "followed (--chain)",
        reason="usage",
    )
