"""Metaplex's metadata account of a mint: name, symbol, where its JSON is, and who may change it.

Source: metaplex-foundation/mpl-token-metadata ``state/metadata.rs``. Its strings are filled up with
zeros; creators and everything behind ``is_mutable`` are not needed.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec
from solders.pubkey import Pubkey

from streams.errors import Invalid
from streams.solana.spl.words import Words

__all__ = ["METAPLEX", "Metadata", "metadata_address", "metadata_from"]

METAPLEX = "metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s"
_METADATA_V1 = 4
MOST_CREATORS = 5


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says of itself, and who may say otherwise."""

    name: str
    symbol: str
    uri: str
    authority: str | None
    """Who may change it, while it can be changed."""
    mutable: bool


@lru_cache(maxsize=4096)
def metadata_address(mint: str) -> str:
    """Where Metaplex keeps the metadata of a mint."""
    program = Pubkey.from_string(METAPLEX)
    seeds = [b"metadata", bytes(program), bytes(Pubkey.from_string(mint))]
    return str(Pubkey.find_program_address(seeds, program)[0])


def metadata_from(data: bytes, mint: str) -> Metadata:
    """The metadata in an account of Metaplex's; raises ``Invalid`` for bytes that are none."""
    words = Words(data)
    if words.number(1) != _METADATA_V1:
        raise Invalid("it is no metadata", reason="not-metadata")
    authority, of = words.key(), words.key()
    if of != mint:
        raise Invalid("it is the metadata of another token", reason="not-metadata")
    name, symbol, uri = (words.text() for _ in range(3))
    words.number(2)  # the fee on sales of NFTs
    if words.number(1):
        creators = words.number(4)
        if creators > MOST_CREATORS:
            raise Invalid(f"metadata with {creators:,} creators", reason="too-large")
        words.take(34 * creators)
    words.number(1)  # whether an NFT was sold before
    mutable = bool(words.number(1))
    return Metadata(name=name, symbol=symbol, uri=uri, authority=authority, mutable=mutable)
