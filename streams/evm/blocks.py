"""Block headers, and the proof that a block's logs are all there.

A header commits to its logs by a Bloom filter of their addresses and topics (Ethereum yellow paper,
4.3.1). Every bit of it must be set by some log that we were given: an answer that leaves logs out,
an empty one above all, is found out, unless the missing logs add no bit of their own. More logs
than the filter knows are no contradiction: Polygon adds some.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import msgspec
from eth_hash.auto import keccak

from streams.errors import Retry
from streams.evm.logs import Log

__all__ = ["Block", "Header", "are_all", "block_of"]

BLOOM_BITS = 2048


class Header(msgspec.Struct, kw_only=True, rename="camel"):
    """A header as nodes write it, whole blocks and notices of ``newHeads`` too."""

    hash: str
    number: str
    parent_hash: str
    timestamp: str
    logs_bloom: str = "0x0"


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a header; ``time`` is in Unix seconds."""

    number: int
    hash: str
    parent: str
    time: int
    bloom: int = 0


def block_of(header: Header) -> Block:
    """The header in our types. Raises ``Retry`` for nonsense: another node may make sense."""
    try:
        block = Block(
            number=int(header.number, 16),
            hash=header.hash.lower(),
            parent=header.parent_hash.lower(),
            time=int(header.timestamp, 16),
            bloom=int(header.logs_bloom, 16),
        )
    except ValueError as error:
        raise Retry(f"a node sent a header that is no hex: {str(error)[:80]}") from error
    if not 0 <= block.number < 2**63 or not 0 <= block.time < 2**37:
        raise Retry("a node sent a header out of range")
    return block


def are_all(bloom: int, logs: Iterable[Log]) -> bool:
    """Whether these logs account for every bit of a block's Bloom filter."""
    missing = bloom
    for log in logs:
        if not missing:
            return True
        for item in (log.address, *log.topics):
            missing &= ~_bits(item)
    return not missing


@lru_cache(maxsize=65_536)
def _bits(item: str) -> int:
    """The three bits of an address or topic; none for what is no hex."""
    try:
        digest = keccak(bytes.fromhex(item[2:]))
    except ValueError:
        return 0
    bits = 0
    for place in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[place : place + 2], "big") % BLOOM_BITS)
    return bits
