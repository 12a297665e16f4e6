"""A trade, a ticker or a sign of life, as every venue's decoder gives it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Pair", "Ticker", "Trade"]


class Pair(NamedTuple):
    """What is traded for what, by symbols as we know them (``BTC``, not Kraken's ``XBT``)."""

    base: str
    quote: str


class Trade(NamedTuple):
    """One trade. ``number`` is the venue's, rising by one a pair."""

    venue: str
    pair: Pair
    number: int
    price: float
    size: float
    at: float
    """UNIX time by the venue's clock."""
    is_buy: bool
    """Whether the taker bought."""


class Ticker(NamedTuple):
    """A pair's last price, between trades."""

    venue: str
    pair: Pair
    price: float
    at: float
