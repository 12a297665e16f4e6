"""Trades to candles of a minute: pure, bounded, and told when the minute has passed for certain."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from streams.market.trade import Pair, Trade
from streams.markets import Candle

__all__ = ["Candles"]

MINUTE_S = 60
LATE_S = 5.0
"""A trade may come so much later than its minute's end."""


class _Open(msgspec.Struct):
    first: float
    high: float
    low: float
    last: float
    volume: float = 0.0
    trades: int = 0
    missing: int = 0


class Candles:
    """The minutes that are still open, by venue and pair."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, Pair, int], _Open] = {}
        self._last: dict[tuple[str, Pair], int] = {}
        self._told: dict[tuple[str, Pair], int] = {}

    def add(self, trade: Trade) -> None:
        """Count a trade in; one of a minute that was told already is too late."""
        pair, minute = (trade.venue, trade.pair), int(trade.at // MINUTE_S)
        if minute <= self._told.get(pair, -1):
            return
        candle = self._open.get((*pair, minute))
        if candle is None:
            price = trade.price
            candle = self._open[*pair, minute] = _Open(price, price, price, price)
        last = self._last.get(pair)
        candle.missing += max(0, trade.number - last - 1) if last is not None else 0
        self._last[pair] = max(trade.number, last or 0)
        candle.high, candle.low = max(candle.high, trade.price), min(candle.low, trade.price)
        candle.last = trade.price
        candle.volume += trade.size
        candle.trades += 1

    def closed(self, now: float) -> list[Candle]:
        """The candles of minutes that are over, oldest first."""
        over = sorted((minute, venue, pair) for venue, pair, minute in self._open
                      if (minute + 1) * MINUTE_S + LATE_S <= now)  # fmt: skip
        return [self._close(venue, pair, minute) for minute, venue, pair in over]

    def _close(self, venue: str, pair: Pair, minute: int) -> Candle:
        candle = self._open.pop((venue, pair, minute))
        self._told[venue, pair] = minute
        return Candle(
            venue=venue, base=pair.base, quote=pair.quote,
            at=datetime.fromtimestamp(minute * MINUTE_S, UTC), open=candle.first,
            high=candle.high, low=candle.low, close=candle.last, volume=candle.volume,
            trades=candle.trades, missing=candle.missing,
        )  # fmt: skip
