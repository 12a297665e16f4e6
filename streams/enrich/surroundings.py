"""What a partition was told beside its pools' own activity: who listens, and how the market fares.

Both hold for every pool, are told again and again, and move no clock. A dossier as of T knows the
last word by T.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

import msgspec

from streams.events import Listening, Market
from streams.finding import Finding

__all__ = ["NO_MARKET", "Surroundings", "market_findings"]

KEPT = 8
"""Words of each kind: a dossier's moment may lie some words back."""
NO_MARKET = "no exchange is listened to"
STALE = timedelta(minutes=10)

T = TypeVar("T", Listening, Market)


class Surroundings(msgspec.Struct):
    """The last words, oldest first."""

    listening: list[Listening] = []
    markets: dict[str, list[Market]] = {}

    def hear(self, event: Listening | Market) -> None:
        """Take the next word over; one that is older than the last is a repeated one."""
        if isinstance(event, Listening):
            self.listening = _behind(self.listening, event)
        else:
            self.markets[event.chain] = _behind(self.markets.get(event.chain, []), event)

    def market_at(self, chain: str, time: float) -> Market | None:
        """The market as of ``time``, unless the last word of it is too old."""
        words = self.markets.get(chain, [])
        last = next((each for each in reversed(words) if each.at.timestamp() <= time), None)
        old = last is not None and time - last.at.timestamp() > STALE.total_seconds()
        return None if old else last


def market_findings(
    market: Market, quote: str, reserve: float, symbol: str, time: float, block: int
) -> dict[str, Finding]:
    """What the quote and the pool are worth, and how the chain's coin fares, as of ``time``."""
    found: dict[str, float | bool | str] = {
        "market.coin_volatility_1h": _or(market.volatility_1h),
        "market.coin_drawdown_24h": _or(market.drawdown_24h),
        "market.symbol_listed": bool(symbol) and symbol.upper() in market.listed,
    }
    worth = market.worth.get(quote)
    if worth is None:
        why = f"no exchange trades {quote}" if quote else "the quote is not known"
        found |= dict.fromkeys(_OF_QUOTE, why)
    else:
        found |= dict(zip(_OF_QUOTE, (worth.usd, time - worth.at.timestamp(), reserve * worth.usd),
                          strict=True))  # fmt: skip
    return {name: _finding(value, block) for name, value in found.items()}


def _behind(words: list[T], event: T) -> list[T]:
    if words and event.at <= words[-1].at:
        return words
    return words[1 - KEPT :] + [event]  # noqa: RUF005 - mypy loses the type of the other form


_OF_QUOTE = ("market.quote_usd", "market.quote_age_seconds", "market.liquidity_usd")


def _or(value: float | msgspec.UnsetType) -> float | str:
    return value if isinstance(value, float) else "not listened to for long enough"


def _finding(value: float | bool | str, block: int) -> Finding:
    if isinstance(value, str):
        return Finding(source="market", block=block, why=value[:200])
    return Finding(source="market", block=block, value=value)
