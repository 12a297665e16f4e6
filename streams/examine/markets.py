"""The pools of a token, asked of the factories that we know; and the launch that a pool was.

Nobody told us of these pools: that a factory names a pool for its two tokens proves that it is its
own. Uniswap V4's pools have no address; its one contract is asked for what it logged of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import UNSET

from streams.checks.answers import Unknown
from streams.errors import Invalid
from streams.events import Launch
from streams.evm.venues import Factory
from streams.examine.managed import held_in, pool_of_id, pools_of
from streams.examine.question import trial
from streams.examine.view import View
from streams.lockers import ZERO
from streams.quotes import QUOTES, quote_of

__all__ = ["ID_DIGITS", "Market", "launch_of", "markets_of", "pool_at"]

FEES = (100, 500, 2500, 3000, 10000)
"""Fee tiers of Uniswap V3 and PancakeSwap V3, in millionths."""
ID_DIGITS = 66
"""Of a pool of Uniswap V4, 0x included."""
SPACINGS = (1, 50, 100, 200, 2000)
"""Tick spacings of Slipstream's pools."""


class Market(NamedTuple):
    """A pool that a factory names, and its quote's balance in base units."""

    pool: str
    factory: Factory
    token: str
    quote: str
    held: int
    fee: int = 0

    @classmethod
    def of(cls, launch: Launch, held: int) -> Market:
        """A pool of Uniswap V4."""
        factory = Factory(launch.venue, "v4")
        return cls(launch.pool, factory, str(launch.token), str(launch.quote), held)


async def markets_of(
    view: View, chain: str, factories: Mapping[str, Factory], token: str
) -> list[Market]:
    """Every pool that trades ``token`` for a quote that we know, those that hold most first.

    Most in whole quotes: two quotes are not compared by what they are worth.
    """
    asked = [
        each for quote in QUOTES[chain] if quote not in (ZERO, token)
        for each in _lookups(view, factories, token, quote)
    ]  # fmt: skip
    found = await asyncio.gather(*(trial(look) for *_, look in asked))
    pools = [
        (str(pool).lower(), factory, quote, fee)
        for (factory, quote, fee, _), pool in zip(asked, found, strict=True)
        if not isinstance(pool, Unknown) and pool != ZERO
    ]
    held = await asyncio.gather(
        *(trial(view.read(quote, "balanceOf(address)", pool)) for pool, _, quote, _ in pools)
    )
    markets = [
        Market(pool, factory, token, quote, 0 if isinstance(has, Unknown) else int(has), fee)
        for (pool, factory, quote, fee), has in zip(pools, held, strict=True)
    ]
    managed = await trial(pools_of(view, chain, factories, token))
    if not isinstance(managed, Unknown):
        markets += [Market.of(launch, held) for launch, held in managed]
    return sorted(markets, key=lambda m: -m.held / 10.0 ** QUOTES[chain][m.quote].decimals)


async def pool_at(
    view: View, chain: str, factories: Mapping[str, Factory], address: str
) -> Market | None:
    """The market at a pool's address or V4 id; ``None`` for no pool of a factory that we know."""
    if len(address) == ID_DIGITS:
        launch = await pool_of_id(view, chain, factories, address)
        return Market.of(launch, await held_in(view, launch)) if launch else None
    sides = [await trial(view.read(address, f"token{i}()", gives="address")) for i in (0, 1)]
    if any(isinstance(side, Unknown) for side in sides):
        return None
    token0, token1 = (str(side).lower() for side in sides)
    quote = quote_of(chain, token0, token1)
    if quote is None:
        raise Invalid(
            f"{address} is a pool of {token0} and {token1}: neither is a quote that heft knows",
            reason="usage",
        )
    token = token1 if quote == token0 else token0
    found = await markets_of(view, chain, factories, token)
    return next((market for market in found if market.pool == address), None)


def launch_of(market: Market, chain: str, block: int, at: datetime) -> Launch:
    """The market as the launch that it was, in ``block`` at ``at``."""
    quote = QUOTES[chain][market.quote]
    return Launch(
        chain=chain, pool=market.pool, block=block, log_index=0, at=at,
        venue=market.factory.venue, token=market.token, quote=market.quote,
        quote_symbol=quote.symbol, quote_decimals=quote.decimals,
        token_is_0=market.token < market.quote,
        token0=min(market.token, market.quote), token1=max(market.token, market.quote),
        lp_visible=market.factory.kind in ("v2", "solidly"), fee=market.fee or UNSET,
    )  # fmt: skip


def _lookups(
    view: View, factories: Mapping[str, Factory], token: str, quote: str
) -> Iterator[tuple[Factory, str, int, Awaitable[Any]]]:
    """Every question to a factory that may name a pool of these two."""
    for address, factory in factories.items():
        for signature, *more in _ways(factory):
            look = view.read(address, signature, token, quote, *more, gives="address")
            fee = more[0] if factory.kind == "v3" else 0
            yield factory, quote, fee, look


def _ways(factory: Factory) -> Iterator[tuple[Any, ...]]:
    if factory.kind == "v2":
        yield ("getPair(address,address)",)
    elif factory.kind == "v3":
        yield from (("getPool(address,address,uint24)", fee) for fee in FEES)
    elif factory.kind == "solidly":
        yield from (("getPool(address,address,bool)", stable) for stable in (False, True))
    elif factory.kind == "slipstream":
        yield from (("getPool(address,address,int24)", spacing) for spacing in SPACINGS)
