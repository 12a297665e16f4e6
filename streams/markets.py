"""What exchanges say, as it travels: candles of their pairs, and what a chain's coins are worth."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.onpool import Count, Event, Instant, Slug, checked

__all__ = ["Candle", "Market", "Worth"]

Price = Annotated[float, Meta(gt=0)]
Amount = Annotated[float, Meta(ge=0)]
Symbol = Annotated[str, Meta(pattern=r"^[A-Z0-9.]{1,32}(?!\n)$")]


class Candle(Event, frozen=True, kw_only=True, tag="candle"):
    """Trades of one pair on one venue in one minute, from the first to the last that we saw."""

    venue: Slug
    base: Symbol
    quote: Symbol
    at: Instant
    """The minute's beginning."""
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Amount
    """In whole units of ``base``."""
    trades: Count
    missing: Count = 0
    """Trades of it that the venue numbered and we never got."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at)

    @property
    def id(self) -> str:
        """One a minute."""
        return f"{self.venue}:{self.base}-{self.quote}:{self.at.timestamp():.0f}"

    @property
    def key(self) -> str:
        """The Kafka key: its pair's."""
        return f"{self.venue}:{self.base}-{self.quote}"


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What one whole unit of an asset is worth."""

    usd: Price
    at: Instant
    """The last trade that it follows from: its age is stated with it."""
    venues: Count = 1
    """How many venues it is the median of."""


class Market(Event, frozen=True, kw_only=True, tag="market"):
    """What a chain's quote assets are worth and how its coin fares, at one moment.

    Sent to every partition, as a chain's ``Head`` is; it moves no clock.
    """

    chain: Slug
    block: Count = 0
    at: Instant
    coin: Symbol
    worth: dict[str, Worth] = msgspec.field(default_factory=dict)
    """By the symbol that launches on the chain name their quote by."""
    volatility_1h: Amount | UnsetType = UNSET
    """Standard deviation of the coin's log returns a minute, over the last hour."""
    drawdown_24h: Annotated[float, Meta(ge=0, le=1)] | UnsetType = UNSET
    """How far below its highest minute of the last day; absent before an hour is known."""
    listed: list[str] = msgspec.field(default_factory=list)
    """Symbols that were first seen on an exchange within the last week, in order."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at)

    @property
    def id(self) -> str:
        """One a moment."""
        return f"{self.chain}:market:{self.at.timestamp():.0f}"

    @property
    def key(self) -> str:
        """Its chain's."""
        return self.chain
