"""What an owner can take out of a token's contract: each function tried, and what is gone after it.

Users' money lies in contracts, not in wallets alone: deposits of a farm, rewards that are not yet
paid out, fees waiting to become liquidity, the liquidity itself. The contract is given coin, quote
and its pool's liquidity token by state override; an act after which it has less of one of them has
sent that away. Its own token is not looked at: a token's contract holds that as fees, which go to
its owner's wallets anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streams.checks.acts import takings_of
from streams.checks.bytecode import Code
from streams.checks.chainstate import Block
from streams.checks.probe import MARKET, Act, Market, Scene, ask, unpacked
from streams.checks.slots import Place, fund
from streams.evm.rpc import Rpc

__all__ = ["Purse", "Withdrawals", "withdrawals_of"]

GIVEN = 10**24
"""Base units of coin, quote and liquidity that the contract is given."""
MOST_CALLS = 8
"""For each actor; each tries as many acts as its gas takes."""
ACT_GAS = 500_000
"""The most that one act may burn: a failed assertion of older compilers burns all of it."""
MOST_ACTS = 256
"""Sent in one call."""
_HOLDINGS = f"holdings({MARKET},(address,bytes)[])"
_HOLDINGS_COUNT = 3
_Held = tuple[int, ...]


class Purse(NamedTuple):
    """Where quote and liquidity token keep balances; ``None`` where the contract can get none."""

    quote: Place | None
    liquidity: Place | None


class Withdrawals(NamedTuple):
    """Selectors by which something leaves the contract, and those that let a call through."""

    taking: frozenset[str]
    passed: frozenset[str]


async def withdrawals_of(
    rpc: Rpc, market: Market, at: Block, purse: Purse, code: Code, actors: Sequence[str]
) -> Withdrawals:
    """What ``actors`` can take out. Raises ``Retry`` and ``Invalid``."""
    taking: set[str] = set()
    passed: set[str] = set()
    for actor in actors:
        acts = takings_of(code, actor, (market.quote, market.pool))
        before, after = await _tried(rpc, market, at, purse, [act for _, act in acts])
        for (selector, _), held in zip(acts, after, strict=False):
            if len(held) == _HOLDINGS_COUNT:
                passed.add(selector)
                if any(has < had for had, has in zip(before, held, strict=True)):
                    taking.add(selector)
    return Withdrawals(frozenset(taking), frozenset(passed))


async def _tried(
    rpc: Rpc, market: Market, at: Block, purse: Purse, acts: Sequence[Act]
) -> tuple[_Held, list[_Held]]:
    """What is held as it stands, and after each act that was tried: less for one that failed."""
    waiting = [Act(acts[0].actor), *acts] if acts else []
    held: list[_Held] = []
    for _ in range(MOST_CALLS):
        asked = waiting[len(held) : len(held) + MOST_ACTS]
        if not asked:
            break
        tried = [held for held in await _once(rpc, market, at, purse, asked) if held]
        if not tried:
            break
        held += tried
    return (held[0], held[1:]) if held else ((), [])


async def _once(
    rpc: Rpc, market: Market, at: Block, purse: Purse, acts: Sequence[Act]
) -> list[_Held]:
    """As many of the acts as one call's gas takes; nothing for those left over."""
    scene = Scene()
    for actor in {act.actor for act in acts}:
        scene.puppet(actor)
    scene.endow(market.token, GIVEN)
    for contract, place in ((market.quote, purse.quote), (market.pool, purse.liquidity)):
        if place is not None:
            fund(scene, contract, place, market.token, GIVEN)
    cheap = market._replace(gas_cap=ACT_GAS)
    answer = await ask(rpc, scene, scene.call(_HOLDINGS, [cheap, acts], acts[0].actor), at.tag)
    (seen,) = unpacked(["uint256[][]"], answer, len(acts))
    return [tuple(each) for each in seen]
