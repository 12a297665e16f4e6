"""What assets are worth in dollars, and how the coins fare: pure, from trades and tickers.

An asset is worth the median of what its venues last traded it at, for dollars or for a stablecoin
that itself has a price. A price that is old does not count while there is a newer one; its age is
stated.
"""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from itertools import pairwise
from math import log
from statistics import median, pstdev

from msgspec import UNSET, UnsetType

from streams.market.trade import Pair, Ticker, Trade
from streams.markets import Market, Worth

__all__ = ["COINS", "SAME", "Prices"]

COINS = {
    "ethereum": "ETH", "base": "ETH", "arbitrum": "ETH", "optimism": "ETH", "unichain": "ETH",
    "devnet": "ETH", "bnb": "BNB", "polygon": "POL", "avalanche": "AVAX", "solana": "SOL",
}  # fmt: skip
"""Each chain's own coin."""
SAME = {
    "WETH": "ETH", "WBTC": "BTC", "CBBTC": "BTC", "BTCB": "BTC", "WBNB": "BNB", "WMATIC": "POL",
    "WPOL": "POL", "WAVAX": "AVAX", "WETH.E": "ETH", "USDC.E": "USDC", "USDT.E": "USDT",
    "USDBC": "USDC", "USDT0": "USDT", "WSOL": "SOL",
}  # fmt: skip
"""Assets that stand for another one, by symbol."""
DOLLARS = frozenset({"USD"})
STABLE = frozenset({"USDT", "USDC", "DAI", "FDUSD", "BUSD", "USD1"})
PEG_USD = 1.0
PEG_ASIDE = 0.05
"""Without a price of its own, a stablecoin counts as a dollar; one further off is believed."""
STALE_S = 900.0
MINUTES_KEPT = 24 * 60
MINUTES_ENOUGH = 30
NEW_S = 7 * 86_400.0


class Prices:
    """The last price of every pair on every venue, and the minutes of each asset's day."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, Pair], tuple[float, float]] = {}
        self._minutes: dict[str, deque[tuple[int, float]]] = {}
        self._listed: dict[str, float] = {}
        self._started: float | None = None

    def hear(self, news: Trade | Ticker) -> None:
        """Take a price over; an older one than the last is passed over."""
        key = (news.venue, news.pair)
        if news.at < self._last.get(key, (0.0, 0.0))[1]:
            return
        self._last[key] = (news.price, news.at)
        if news.pair.quote in DOLLARS or news.pair.quote in STABLE:
            self._note_minute(news.pair.base, news.at)

    def list_symbol(self, symbol: str, at: float, *, known: bool) -> None:
        """Note that a venue trades a symbol; ``known``: since before we looked."""
        self._listed.setdefault(symbol, 0.0 if known else at)

    def worth(self, symbol: str, now: float) -> Worth | None:
        """Of one whole unit of an asset, with the age that it follows from."""
        name = SAME.get(symbol.upper(), symbol.upper())
        if name in DOLLARS:
            return Worth(usd=1.0, at=datetime.fromtimestamp(now, UTC))
        found = self._for_dollars(name)
        if not found and name in STABLE:
            return Worth(usd=PEG_USD, at=datetime.fromtimestamp(now, UTC), venues=1)
        if not found:
            return None
        fresh = [each for each in found if now - each[1] <= STALE_S] or [
            max(found, key=lambda e: e[1])
        ]
        at = max(seen for _, seen in fresh)
        return Worth(usd=median(price for price, _ in fresh), at=datetime.fromtimestamp(at, UTC),
                     venues=len(fresh))  # fmt: skip

    def market(self, chain: str, quotes: list[str], now: float) -> Market:
        """A chain's market at this moment; ``quotes`` are the symbols of its quote assets."""
        coin = COINS[chain]
        worth = {symbol: each for symbol in quotes if (each := self.worth(symbol, now))}
        listed = sorted(name for name, at in self._listed.items() if at and now - at <= NEW_S)
        return Market(
            chain=chain, at=datetime.fromtimestamp(now, UTC), coin=coin, worth=worth,
            volatility_1h=self._volatility(coin, now), drawdown_24h=self._drawdown(coin, now),
            listed=listed,
        )  # fmt: skip

    def _for_dollars(self, name: str) -> list[tuple[float, float]]:
        """Price in dollars and moment, of every venue that trades it for dollars or like ones."""
        found = []
        for (_, pair), (price, at) in self._last.items():
            if pair.base != name:
                continue
            if pair.quote in DOLLARS:
                found.append((price, at))
            elif pair.quote in STABLE and name not in STABLE:
                found.append((price * self._peg(pair.quote), at))
        return found

    def _peg(self, stable: str) -> float:
        said = [price for (_, pair), (price, _) in self._last.items()
                if pair.base == stable and pair.quote in DOLLARS]  # fmt: skip
        return median(said) if said else PEG_USD

    def _note_minute(self, name: str, at: float) -> None:
        minute = int(at // 60)
        minutes = self._minutes.setdefault(name, deque(maxlen=MINUTES_KEPT))
        if minutes and minutes[-1][0] >= minute:
            return
        worth = self.worth(name, at)
        if worth is not None:
            minutes.append((minute, worth.usd))

    def _volatility(self, coin: str, now: float) -> float | UnsetType:
        hour = [price for minute, price in self._minutes.get(coin, ()) if minute * 60 > now - 3_600]
        if len(hour) < MINUTES_ENOUGH:
            return UNSET
        return pstdev(log(after / before) for before, after in pairwise(hour))

    def _drawdown(self, coin: str, now: float) -> float | UnsetType:
        day = [price for minute, price in self._minutes.get(coin, ()) if minute * 60 > now - 86_400]
        if len(day) < MINUTES_ENOUGH:
            return UNSET
        return max(0.0, 1.0 - day[-1] / max(day))
