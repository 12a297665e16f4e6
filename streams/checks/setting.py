"""Where an owner's acts are tried: on which pool, and with which wallets holding how much."""

from __future__ import annotations

from collections.abc import Sequence

from streams.checks.acts import Cast
from streams.checks.chainstate import Block, Numbers, numbers, together
from streams.checks.market import SHARES, market_of
from streams.checks.probe import NOBODY, Market, fresh_address
from streams.checks.rehearsal import Setting
from streams.checks.reserve import reserve_of
from streams.checks.slots import place_of_balances
from streams.errors import Invalid
from streams.events import Launch
from streams.evm.rpc import Rpc

__all__ = ["market_in", "setting_of"]

OWN = 1_000
"""Base units that a token is given of itself where it has none: enough to show a rescue of them,
too few to be sold for fees."""


async def setting_of(
    rpc: Rpc, token: str, at: Block, launch: Launch | None, contracts: Sequence[str]
) -> Setting:
    """Two wallets with tokens, and a pool: the launch's, or one of ``contracts`` that is one.

    Raises ``Retry``, and ``Invalid`` when no wallet can be given tokens.
    """
    market = await market_in(rpc, token, at, launch, contracts)
    asked: Numbers = {
        "supply": (token, "totalSupply()", None),
        "own": (token, "balanceOf(address)", token),
    }
    found, reserve, place, quotes = await together(
        numbers(rpc, asked, at),
        reserve_of(rpc, market, at) if market.kind else _none(),
        place_of_balances(rpc, token, at.tag),
        place_of_balances(rpc, market.quote, at.tag) if market.kind else _none(),
    )
    if place is None:
        raise Invalid("no wallet can be given tokens: where balances lie was not found")
    supply = found["supply"]
    if not supply:
        raise Invalid("the token does not say its supply")
    purchase = (reserve or 0) // SHARES[0] if market.kind else 0
    cast = Cast(fresh_address(), fresh_address(), fresh_address(), min(supply, 2**200))
    return Setting(
        market, at, cast, place, quotes, purchase, own=None if found["own"] else OWN, later=False
    )


async def _none() -> None:
    """No place: there is no quote."""


async def market_in(
    rpc: Rpc, token: str, at: Block, launch: Launch | None, contracts: Sequence[str]
) -> Market:
    """The pool to try on; one of no kind when there is none."""
    if launch is not None:
        try:
            return market_of(launch)
        except Invalid:
            pass
    for pool in contracts:
        asked: Numbers = {
            "token0": (pool, "token0()", None),
            "token1": (pool, "token1()", None),
            "reserves": (pool, "getReserves()", None),
        }
        found = await numbers(rpc, asked, at)
        sides = [f"0x{found[name] or 0:040x}" for name in ("token0", "token1")]
        if token in sides:
            is_0 = token == sides[0]
            kind = 2 if found["reserves"] is None else 1
            return Market(token, sides[1 if is_0 else 0], pool, kind, is_0)
    return Market(token, NOBODY, NOBODY, 0, token_is_0=False)
