"""What tokens are priced in: the quote assets of each chain, best first.

Of a pool's two assets the better known quote is the quote and the other is the token. Addresses
are the chains' canonical wrapped coins and stablecoins, in lower case.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["QUOTES", "WRAPPED_COIN", "Quote", "quote_of"]


class Quote(NamedTuple):
    """A quote asset: its symbol and the decimals of its base unit."""

    symbol: str
    decimals: int


QUOTES: dict[str, dict[str, Quote]] = {
    "ethereum": {
        "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2": Quote("WETH", 18),
        "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48": Quote("USDC", 6),
        "0xdac17f958d2ee523a2206206994597c13d831ec7": Quote("USDT", 6),
        "0x6b175474e89094c44da98b954eedeac495271d0f": Quote("DAI", 18),
        "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599": Quote("WBTC", 8),
    },
    "polygon": {
        "0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270": Quote("WMATIC", 18),
        "0x7ceb23fd6bc0add59e62ac25578270cff1b9f619": Quote("WETH", 18),
        "0x2791bca1f2de4661ed88a30c99a7a9449aa84174": Quote("USDC", 6),
        "0xc2132d05d31c914a87c6611c10748aeb04b58e8f": Quote("USDT", 6),
        "0x8f3cf7ad23cd3cadbd9735aff958023239c6a063": Quote("DAI", 18),
    },
}

WRAPPED_COIN = {chain: next(iter(quotes)) for chain, quotes in QUOTES.items()}
"""Each chain's wrapped native coin."""


def quote_of(chain: str, token0: str, token1: str) -> str | None:
    """Which of a pool's two assets is its quote; ``None`` when neither is known."""
    return next((quote for quote in QUOTES.get(chain, ()) if quote in (token0, token1)), None)
