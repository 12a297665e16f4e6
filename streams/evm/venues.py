"""The chains and venues that we know, from the data table ``venues.toml`` beside this file.

Factories are keyed by chain *and* address: SushiSwap's V2 factory on BNB and its V3 factory on Base
share one address. What tokens are priced in stands in ``streams.quotes``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from streams.errors import Invalid

__all__ = [
    "CHAINS",
    "VENUES",
    "Chain",
    "Factory",
    "Kind",
    "chain_named",
    "factories_of",
    "tax_signatures",
    "with_factories",
]

Kind = Literal["v2", "v3", "v4", "solidly", "slipstream"]


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """An EVM chain: its id (EIP-155), how fast it is, when a block is final, who can be asked."""

    id: int
    block_seconds: float
    finality: int
    rpc: tuple[str, ...]


class Factory(msgspec.Struct, frozen=True):
    """Who makes pools of a venue on one chain; on V4 the singleton that holds them."""

    venue: str
    kind: Kind


class _Venue(msgspec.Struct, frozen=True):
    kind: Kind
    factories: dict[str, str]


class _Tax(msgspec.Struct, frozen=True):
    signatures: tuple[str, ...]


class _Table(msgspec.Struct, frozen=True):
    chains: dict[str, Chain]
    venues: dict[str, _Venue]
    tax: _Tax


_table = msgspec.toml.decode(files(__package__).joinpath("venues.toml").read_bytes(), type=_Table)

CHAINS: Mapping[str, Chain] = _table.chains
"""Every chain by its slug."""
_EXTRA = re.compile(r"(?P<chain>[a-z0-9-]+)/(?P<venue>[a-z0-9-]+)=(?P<address>0x[0-9a-fA-F]{40})")
VENUES: Mapping[str, Kind] = {name: venue.kind for name, venue in _table.venues.items()}
"""Every venue by its slug, and what kind of venue it is."""


def chain_named(name: str) -> str:
    """The slug of a chain that is named by slug or chain id. Raises ``Invalid`` for another."""
    by_id = {str(chain.id): slug for slug, chain in CHAINS.items()}
    slug = by_id.get(name, name.lower())
    if slug not in CHAINS:
        known = ", ".join(CHAINS)
        raise Invalid(f"{name!r} is no chain that heft knows: {known}", reason="usage")
    return slug


@cache
def factories_of(chain: str) -> Mapping[str, Factory]:
    """The factories on ``chain`` by address."""
    return {
        venue.factories[chain]: Factory(name, venue.kind)
        for name, venue in _table.venues.items()
        if chain in venue.factories
    }


def with_factories(chain: str, extra: Iterable[str]) -> Mapping[str, Factory]:
    """The factories on ``chain``, and those of ``extra``, each ``chain/venue=0xaddress``.

    Raises ``Invalid`` for a line of another form, whichever chain it is of.
    """
    found = dict(factories_of(chain))
    for line in extra:
        match = _EXTRA.fullmatch(line)
        if match is None or match["chain"] not in CHAINS or match["venue"] not in VENUES:
            raise Invalid(
                f"{line!r} is no factory: write chain/venue=0xaddress, with a chain of "
                f"{', '.join(CHAINS)} and a venue of {', '.join(VENUES)}",
                reason="setting",
            )
        if match["chain"] == chain:
            found[match["address"].lower()] = Factory(match["venue"], VENUES[match["venue"]])
    return found


def tax_signatures() -> tuple[str, ...]:
    """The events by which tokens say that they changed their fees."""
    return _table.tax.signatures
