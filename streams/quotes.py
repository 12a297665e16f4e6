"""What tokens are priced in: the quote assets of each chain, best first.

Of a pool's two assets the better known quote is the quote and the other is the token. Addresses
are the chains' canonical wrapped coins and stablecoins, in lower case
where case means nothing.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["NATIVE", "QUOTES", "WRAPPED_COIN", "Quote", "quote_of"]


class Quote(NamedTuple):
    """A quote asset: its symbol and the decimals of its base unit."""

    symbol: str
    decimals: int


NATIVE = "0x0000000000000000000000000000000000000000"
"""How Uniswap V4 names the chain's own coin."""

QUOTES: dict[str, dict[str, Quote]] = {
    "ethereum": {
        "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2": Quote("WETH", 18),
        NATIVE: Quote("ETH", 18),
        "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48": Quote("USDC", 6),
        "0xdac17f958d2ee523a2206206994597c13d831ec7": Quote("USDT", 6),
        "0x6b175474e89094c44da98b954eedeac495271d0f": Quote("DAI", 18),
        "0x2260fac5e5542a773aa44fbcfedf7c193bc2c599": Quote("WBTC", 8),
    },
    "base": {
        "0x4200000000000000000000000000000000000006": Quote("WETH", 18),
        NATIVE: Quote("ETH", 18),
        "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913": Quote("USDC", 6),
        "0xd9aaec86b65d86f6a7b5b1b0c42ffa531710b6ca": Quote("USDbC", 6),
        "0x50c5725949a6f0c72e6c4a641f24049a917db0cb": Quote("DAI", 18),
        "0xcbb7c0000ab88b473b1f5afd9ef808440eed33bf": Quote("cbBTC", 8),
        "0x0b3e328455c4059eeb9e3f84b5543f74e24e7e1b": Quote("VIRTUAL", 18),
        "0x940181a94a35a4569e4529a3cdfb74e38fd98631": Quote("AERO", 18),
    },
    "bnb": {
        "0xbb4cdb9cbd36b01bd1cbaebf2de08d9173bc095c": Quote("WBNB", 18),
        NATIVE: Quote("BNB", 18),
        "0x55d398326f99059ff775485246999027b3197955": Quote("USDT", 18),
        "0x8ac76a51cc950d9822d68b83fe1ad97b32cd580d": Quote("USDC", 18),
        "0xe9e7cea3dedca5984780bafc599bd69add087d56": Quote("BUSD", 18),
        "0x2170ed0880ac9a755fd29b2688956bd959f933f8": Quote("ETH", 18),
        "0x7130d2a12b9bcbfae4f2634d864a1ee1ce3ead9c": Quote("BTCB", 18),
        "0x0e09fabb73bd3ade0a17ecc321fd13a19e81ce82": Quote("CAKE", 18),
    },
    "arbitrum": {
        "0x82af49447d8a07e3bd95bd0d56f35241523fbab1": Quote("WETH", 18),
        NATIVE: Quote("ETH", 18),
        "0xaf88d065e77c8cc2239327c5edb3a432268e5831": Quote("USDC", 6),
        "0xff970a61a04b1ca14834a43f5de4533ebddb5cc8": Quote("USDC.e", 6),
        "0xfd086bc7cd5c481dcc9c85ebe478a1c0b69fcbb9": Quote("USDT", 6),
        "0xda10009cbd5d07dd0cecc66161fc93d7c9000da1": Quote("DAI", 18),
        "0x2f2a2543b76a4166549f7aab2e75bef0aefc5b0f": Quote("WBTC", 8),
    },
    "optimism": {
        "0x4200000000000000000000000000000000000006": Quote("WETH", 18),
        NATIVE: Quote("ETH", 18),
        "0x0b2c639c533813f4aa9d7837caf62653d097ff85": Quote("USDC", 6),
        "0x7f5c764cbc14f9669b88837ca1490cca17c31607": Quote("USDC.e", 6),
        "0x94b008aa00579c1307b0ef2c499ad98a8ce58e58": Quote("USDT", 6),
        "0xda10009cbd5d07dd0cecc66161fc93d7c9000da1": Quote("DAI", 18),
    },
    "polygon": {
        "0x0d500b1d8e8ef31e21c99d1db9a6444d3adf1270": Quote("WMATIC", 18),
        NATIVE: Quote("POL", 18),
        "0x7ceb23fd6bc0add59e62ac25578270cff1b9f619": Quote("WETH", 18),
        "0x2791bca1f2de4661ed88a30c99a7a9449aa84174": Quote("USDC", 6),
        "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359": Quote("USDC", 6),
        "0xc2132d05d31c914a87c6611c10748aeb04b58e8f": Quote("USDT", 6),
        "0x8f3cf7ad23cd3cadbd9735aff958023239c6a063": Quote("DAI", 18),
    },
    "avalanche": {
        "0xb31f66aa3c1e785363f0875a1b74e27b85fd66c7": Quote("WAVAX", 18),
        NATIVE: Quote("AVAX", 18),
        "0xb97ef9ef8734c71904d8002f8b6bc66dd9c48a6e": Quote("USDC", 6),
        "0x9702230a8ea53601f5cd2dc00fdbc13d4df4a8c7": Quote("USDT", 6),
        "0xa7d7079b0fead91f3e65f86e8915cb59c1a4c664": Quote("USDC.e", 6),
        "0xc7198437980c041c805a1edcba50c1ce5db95118": Quote("USDT.e", 6),
        "0x49d5c2bdffac6ce2bfdb6640f4f80f226bc10bab": Quote("WETH.e", 18),
    },
    "unichain": {
        "0x4200000000000000000000000000000000000006": Quote("WETH", 18),
        NATIVE: Quote("ETH", 18),
        "0x078d782b760474a361dda0af3839290b0ef57ad6": Quote("USDC", 6),
        "0x9151434b16b9763660705744891fa906f660ecc5": Quote("USDT0", 6),
    },
    "solana": {
        "So11111111111111111111111111111111111111112": Quote("SOL", 9),
        "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v": Quote("USDC", 6),
        "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB": Quote("USDT", 6),
        "USD1ttGY1N17NEEHLmELoaybftRBUSErhqYiQzvEmuB": Quote("USD1", 6),
    },
}

QUOTES["devnet"] = QUOTES["ethereum"]
"""A local chain forks Ethereum, or puts its contracts where Ethereum has them."""

WRAPPED_COIN = {chain: next(iter(quotes)) for chain, quotes in QUOTES.items()}
"""Each chain's wrapped native coin."""


def quote_of(chain: str, token0: str, token1: str) -> str | None:
    """Which of a pool's two assets is its quote; ``None`` when neither is known."""
    return next((quote for quote in QUOTES.get(chain, ()) if quote in (token0, token1)), None)
