"""What every event is made of: the kinds of fields, their bounds, and what stands on a pool.

The rules that events keep are told in ``streams.events``.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta

from streams.errors import Invalid

__all__ = [
    "MOST_AMOUNT",
    "MOST_NAME",
    "MOST_QUOTE_SYMBOL",
    "SCHEMA_VERSION",
    "Address",
    "Amount",
    "Count",
    "Event",
    "Hash",
    "Instant",
    "Name",
    "OnPool",
    "Position",
    "Slug",
    "Traced",
    "checked",
    "trace_of",
]

MOST_AMOUNT = 2**256 - 1
SCHEMA_VERSION = 1

Slug = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}(?!\n)$")]
"""A short lower-case name: a chain (``ethereum``) or a venue (``uniswap-v2``).

``$`` alone would let a line feed through: Python's matches before a last one.
"""

Address = Annotated[str, Meta(pattern=r"^[!-~]{1,128}(?!\n)$")]
"""An account on its chain: lower-case ``0x`` hex on EVM chains, base58 on Solana."""

Hash = Annotated[str, Meta(pattern=r"^[!-~]{1,128}(?!\n)$")]
"""A transaction: lower-case ``0x`` hex on EVM chains, base58 on Solana."""

Amount = Annotated[int, Meta(ge=0)]
"""An integer in the asset's base units (up to 256 bits)."""

MOST_NAME = 256
MOST_QUOTE_SYMBOL = 32
Name = Annotated[str, Meta(max_length=MOST_NAME)]
"""What a token calls itself: text of strangers, cut by the source."""

Instant = Annotated[datetime, Meta(tz=True)]
"""A moment in UTC; a naive timestamp is refused."""

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A block, a log index, a sequence number: what a database column of 64 bits holds."""

FIRST, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
"""The moments that activity can have: ``datetime`` and UNIX seconds convert into each other."""
DERIVED_END = END + timedelta(days=2)
"""For what is derived from activity: a dossier speaks of up to 24 hours after its pool's event."""


class Position(msgspec.Struct, frozen=True, order=True, array_like=True):
    """Where on its chain an event stands; positions of one pool are strictly increasing."""

    block: int
    log_index: int


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=False):
    """What every record shares. ``v`` is the schema version that it was written in."""

    v: int = SCHEMA_VERSION


class OnPool(Event, frozen=True, kw_only=True):
    """An event of one pool at one log position."""

    chain: Slug
    pool: Address
    block: Count
    log_index: Count
    at: Instant

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at, end=DERIVED_END)

    @property
    def key(self) -> str:
        """The Kafka key: events with the same key keep their order (invariant 3)."""
        return f"{self.chain}:{self.pool}"

    @property
    def position(self) -> Position:
        """The log position, comparable within a pool."""
        return Position(self.block, self.log_index)

    @property
    def id(self) -> str:
        """The stable id, equal for every sighting of the same event."""
        return f"{self.chain}:{self.pool}:{self.block}:{self.log_index}"


class Traced(OnPool, frozen=True, kw_only=True):
    """An event that people follow from a launch to its alert: it carries the launch's trace id."""

    trace: Annotated[str, Meta(max_length=64)] = ""
    """The same in all that follows from one launch, and in the log lines about it; derived, so a
    record of before there were traces gets its own when it is read."""

    def __post_init__(self) -> None:
        """As of every event; raises ``Invalid``."""
        super().__post_init__()
        if not self.trace:
            msgspec.structs.force_setattr(self, "trace", trace_of(self.key))


@lru_cache(maxsize=10_000)
def trace_of(key: str) -> str:
    """The trace id of a launch, from its key: 32 hex digits, as W3C's Trace Context has them.

    https://www.w3.org/TR/trace-context/#trace-id
    """
    return blake2b(key.encode(), digest_size=16).hexdigest()


def checked(at: datetime, *amounts: int, end: datetime = END) -> None:
    """Refuse a moment or amounts out of range; raises ``Invalid``."""
    if not FIRST <= at < end:  # whatever the offset: aware datetimes compare in UTC
        raise Invalid(f"no block was made at {at.isoformat()}", reason="time")
    for amount in amounts:
        if amount > MOST_AMOUNT:
            raise Invalid("an amount is over 256 bits", reason="amount")
