"""How much quote lies in a market's pool: what sizes of trades are measured by."""

from __future__ import annotations

from streams.checks.chainstate import Block, Numbers, numbers
from streams.checks.market import V4
from streams.checks.probe import Market
from streams.checks.singleton import asked_of, id_of, state_from
from streams.evm.rpc import Rpc

__all__ = ["reserve_of"]


async def reserve_of(rpc: Rpc, market: Market, at: Block) -> int | None:
    """Quote in base units; ``None`` when the quote does not say. Raises ``Retry``.

    Pools of Uniswap V4 lie together: theirs is what liquidity in range stands for, and never more
    than all of them have.
    """
    if market.kind == V4:
        found = await numbers(rpc, asked_of(market.pool, id_of(market)), at)
        return state_from(found).depth(of_0=not market.token_is_0)
    asked: Numbers = {"reserve": (market.quote, "balanceOf(address)", market.pool)}
    return (await numbers(rpc, asked, at))["reserve"]
