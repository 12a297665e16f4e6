"""A log as nodes send it, and its arguments as numbers.

Indexed arguments lie in topics and the rest in data, each in a word of 32 bytes (Solidity ABI, for
the value types that our events are made of). Events whose indexed arguments come first thus read
the same whether an old contract indexed them or not.
"""

from __future__ import annotations

import re
from datetime import datetime

import msgspec
from eth_hash.auto import keccak
from msgspec import UNSET, UnsetType

from streams.errors import Invalid

__all__ = [
    "Log",
    "Place",
    "Word",
    "address_of",
    "number",
    "place_of",
    "signed",
    "topic_of",
    "words",
]

Word = int
"""32 bytes as an unsigned number."""

MOST_WORDS = 64
"""No event of ours has so many; a hostile one may have megabytes."""
_ADDRESS, _HASH = re.compile(r"0x[0-9a-f]{40}"), re.compile(r"0x[0-9a-f]{64}")
HALF, WHOLE = 2**255, 2**256


class Log(msgspec.Struct, kw_only=True, rename="camel"):
    """One entry of ``eth_getLogs``; what a node left out is ``None``."""

    address: str
    topics: list[str]
    data: str = "0x"
    block_number: str | int | None = None
    block_hash: str | None = None
    log_index: str | int | None = None
    transaction_hash: str | None = None
    block_timestamp: str | int | None = None
    removed: bool | None = False


class Place(msgspec.Struct, frozen=True):
    """Where and when a log stands."""

    chain: str
    address: str
    block: int
    log_index: int
    at: datetime
    tx_hash: str | UnsetType = UNSET


def topic_of(signature: str) -> str:
    """The first topic of an event, as nodes write it."""
    return "0x" + keccak(signature.encode()).hex()


def words(log: Log, topics: int, count: int) -> list[Word]:
    """The arguments of a log that has ``topics`` topics and ``count`` arguments in all.

    Raises ``Invalid`` for fewer, and for what is not hex.
    """
    if topics and len(log.topics) != topics:
        raise Invalid(f"it has {len(log.topics)} topics, not {topics}", reason="log-shape")
    data = log.data
    if len(data) > 2 + 64 * MOST_WORDS:
        raise Invalid(f"it has {len(data) // 2} bytes of data", reason="log-shape")
    text = "".join([topic[2:] for topic in log.topics[1:]]) + data[2:]
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise Invalid("it is not hex", reason="log-hex") from error
    if 2 * len(raw) != len(text):  # fromhex passes over spaces
        raise Invalid("it is not hex", reason="log-hex")
    if len(raw) < 32 * count:
        raise Invalid(f"it has {len(raw)} bytes of {32 * count}", reason="log-shape")
    return [int.from_bytes(raw[place : place + 32], "big") for place in range(0, 32 * count, 32)]


def address_of(word: Word) -> str:
    """A word as an address; raises ``Invalid`` for one that is too large."""
    if word >> 160:
        raise Invalid("an argument is no address", reason="log-shape")
    return f"0x{word:040x}"


def signed(word: Word, bits: int = 256) -> int:
    """A word as a signed number of ``bits``; raises ``Invalid`` for one that is too large."""
    value = word - WHOLE if word >= HALF else word
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise Invalid(f"an argument is no int{bits}", reason="log-shape")
    return value


def number(value: str | int | None) -> int:
    """A quantity as nodes write it (``0x1f``), or as tools that read it do (``31``).

    Raises ``Invalid`` for none, and for one below zero or over 63 bits.
    """
    try:
        if isinstance(value, str):
            text = value.strip()
            parsed = int(text[2:] or "0", 16) if text[:2] in ("0x", "0X") else int(text)
        elif isinstance(value, int):
            parsed = int(value)
        else:
            raise Invalid("a number is missing", reason="log-shape")
    except ValueError as error:
        raise Invalid(f"{str(value)[:40]!r} is no number", reason="log-shape") from error
    if not 0 <= parsed < 2**63:
        raise Invalid("a number is out of range", reason="log-shape")
    return parsed


def place_of(chain: str, log: Log, at: datetime) -> Place:
    """Where a log stands; raises ``Invalid`` when it does not say or says nonsense."""
    address = log.address.lower()
    if not _ADDRESS.fullmatch(address):
        raise Invalid("its address is none", reason="log-shape")
    tx_hash = log.transaction_hash.lower() if log.transaction_hash else UNSET
    if tx_hash is not UNSET and not _HASH.fullmatch(tx_hash):
        raise Invalid("its transaction is no hash", reason="log-shape")
    return Place(chain, address, number(log.block_number), number(log.log_index), at, tx_hash)
