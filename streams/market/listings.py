"""Which assets the venues list, asked now and then: what was not there before is a listing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Column, Float, String, Table, select

from streams.errors import Invalid
from streams.feeds.http import HttpClient, json_of
from streams.state import State, metadata

__all__ = ["Listings", "symbols_of"]

MOST_SYMBOLS = 20_000
ADDRESSES = {
    "binance": "https://data-api.binance.vision/api/v3/ticker/price",
    "coinbase": "https://api.exchange.coinbase.com/products",
    "kraken": "https://api.kraken.com/0/public/AssetPairs",
}
BINANCE_QUOTES = ("USDT", "USDC", "FDUSD", "BTC", "BNB", "ETH", "TRY", "EUR")

_listings = Table(
    "listings",
    metadata,
    Column("venue", String, primary_key=True),
    Column("symbol", String, primary_key=True),
    Column("seen", Float, nullable=False),
)


def symbols_of(venue: str, body: Any) -> set[str]:
    """The base assets that a venue's answer lists; raises ``Invalid``."""
    try:
        found: list[Any] = _READ[venue](body)
    except (AttributeError, KeyError, TypeError) as error:
        raise Invalid(f"{venue} did not list what it trades", reason="shape") from error
    told = {name for name in found if isinstance(name, str) and name.isascii() and name.isalnum()}
    if not 0 < len(told) <= MOST_SYMBOLS:
        raise Invalid(f"{venue} lists nothing, or too much", reason="shape")
    return {name.upper()[:32] for name in told}


def _binance(body: Any) -> list[str]:
    return [
        row["symbol"].removesuffix(quote)
        for row in body
        for quote in BINANCE_QUOTES
        if row["symbol"].endswith(quote) and len(row["symbol"]) > len(quote)
    ]


def _kraken(body: Any) -> list[str]:
    """``wsname`` is the pair as its socket names it, in today's symbols but for XBT and XDG."""
    names = [row.get("wsname", "").split("/")[0] for row in body["result"].values()]
    return [{"XBT": "BTC", "XDG": "DOGE"}.get(name, name) for name in names]


_READ: dict[str, Callable[[Any], list[Any]]] = {
    "binance": _binance,
    "coinbase": lambda body: [row["base_currency"] for row in body],
    "kraken": _kraken,
}


class Listings:
    """What each venue lists, and since when as far as we have seen; durable."""

    def __init__(
        self, state: State, venues: Sequence[str], *, addresses: dict[str, str] | None = None
    ) -> None:
        self._state = state
        self._venues = venues
        self._addresses = addresses or ADDRESSES
        self._clients = {venue: HttpClient(venue, patience=30.0) for venue in venues}

    async def look(self, venue: str, now: float) -> dict[str, float]:
        """By symbol, when it was first seen there; 0 for what stood in the first answer.

        Raises ``Retry`` or ``Invalid``.
        """
        answer = await self._clients[venue].ask("GET", self._addresses[venue])
        symbols = symbols_of(venue, json_of(venue, answer))
        query = select(_listings.c.symbol, _listings.c.seen).where(_listings.c.venue == venue)
        async with self._state.begin() as connection:
            known = {symbol: float(seen) for symbol, seen in await connection.execute(query)}
            seen = now if known else 0.0
            rows = [{"venue": venue, "symbol": symbol, "seen": seen}
                    for symbol in sorted(symbols - known.keys())]  # fmt: skip
            if rows:
                await self._state.upsert(connection, _listings, rows)
        return known | {row["symbol"]: seen for row in rows}

    async def close(self) -> None:
        """Give the connections back."""
        for client in self._clients.values():
            await client.close()
