"""What a quote is worth in dollars, by the deepest pool that trades it for a stablecoin on chain.

A stablecoin counts as one dollar. A price is believed when the pool behind it holds at least
``DEEP`` dollars: less is cheap to move. Prices are spot prices as of a block, good enough to say
how much money is in a pool, not to trade on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from typing import Any, ClassVar, NamedTuple

from msgspec import UNSET

from streams.checks.answers import Answer, Unknown, findings
from streams.errors import Invalid
from streams.examine.managed import held_in
from streams.examine.question import Question, answer, trial
from streams.examine.view import View
from streams.finding import Finding
from streams.lockers import ZERO
from streams.quotes import NATIVE, QUOTES, WRAPPED_COIN

__all__ = ["STABLECOINS", "Worth"]

STABLECOINS = frozenset({"USDC", "USDT", "DAI", "BUSD", "USDbC", "USDC.e", "USDT.e", "USDT0"})
DEEP = 10_000.0
LOOK_AGAIN_S = 3_600.0
"""For pools that trade a coin for a stablecoin: a deeper one may have come."""
FEES = (100, 500, 3000)
"""Fee tiers of V3 on which coins trade for stablecoins, in millionths."""
Q192 = 2**192


class _Pool(NamedTuple):
    address: str
    kind: str
    stable: str


_Lookup = tuple[str, str, Awaitable[Any]]
"""A kind of venue, a stablecoin, and the pool that is being asked for."""


class Worth:
    """How deep a pool is, in its quote and in dollars."""

    name: ClassVar[str] = "worth"
    names: ClassVar[tuple[str, ...]] = (
        "quote.usd", "liquidity.quote", "liquidity.quote_usd",
    )  # fmt: skip

    def __init__(self) -> None:
        self._pools: dict[tuple[str, str], tuple[float, list[_Pool]]] = {}

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        price, held = await asyncio.gather(trial(self._price(question)), trial(_held(question)))
        worth: Answer = price if isinstance(price, Unknown) else answer(held, lambda h: h * price)
        answers = {"quote.usd": price, "liquidity.quote": held, "liquidity.quote_usd": worth}
        return findings(answers, "call", question.block)

    async def _price(self, question: Question) -> float:
        chain = question.chain
        quote = WRAPPED_COIN[chain] if question.quote == NATIVE else question.quote
        if (known := QUOTES[chain].get(quote)) and known.symbol in STABLECOINS:
            return 1.0
        return await question.view.once(("price", quote), lambda: self._spot(question, quote))

    async def _spot(self, question: Question, quote: str) -> float:
        """The price in the deepest pool, whose addresses are looked for now and then."""
        view, chain = question.view, question.chain
        looked, pools = self._pools.get((chain, quote), (0.0, []))
        if question.at.timestamp() - looked >= LOOK_AGAIN_S:
            pools = await _pools_of(question, quote)
            self._pools[chain, quote] = (question.at.timestamp(), pools)
        tried = [trial(_depth(view, chain, quote, pool)) for pool in pools]
        found = [each for each in await asyncio.gather(*tried) if not isinstance(each, Unknown)]
        depth, price = max(found, default=(0.0, 0.0))
        if depth < DEEP:
            raise Invalid(f"no pool with {DEEP:,.0f} dollars trades it", reason="price")
        return price


async def _held(question: Question) -> float:
    """The pool's quote in whole units."""
    if question.launch.manager is not UNSET:
        held = await held_in(question.view, question.launch)
    else:
        held = await question.view.read(question.quote, "balanceOf(address)", question.pool)
    return float(held / 10**question.launch.quote_decimals)


async def _pools_of(question: Question, quote: str) -> list[_Pool]:
    """The pools that trade ``quote`` for a stablecoin, on every venue that can be asked."""
    quotes = QUOTES[question.chain]
    stables = [a for a, known in quotes.items() if known.symbol in STABLECOINS]
    asked = [each for stable in stables for each in _lookups(question, quote, stable)]
    found = await asyncio.gather(*(trial(look) for _, _, look in asked))
    return [
        _Pool(str(address).lower(), kind, stable)
        for (kind, stable, _), address in zip(asked, found, strict=True)
        if not isinstance(address, Unknown) and address != ZERO
    ]


def _lookups(question: Question, quote: str, stable: str) -> Iterable[_Lookup]:
    view = question.view
    for address, factory in question.factories.items():
        if factory.kind == "v2":
            look = view.read(address, "getPair(address,address)", quote, stable, gives="address")
            yield "v2", stable, look
        elif factory.kind == "v3":
            for fee in FEES:
                signature = "getPool(address,address,uint24)"
                yield (
                    "v3",
                    stable,
                    view.read(address, signature, quote, stable, fee, gives="address"),
                )


async def _depth(view: View, chain: str, quote: str, pool: _Pool) -> tuple[float, float]:
    """Dollars on the stable side, and dollars for a whole quote."""
    stable_decimals = QUOTES[chain][pool.stable].decimals
    held = await view.read(pool.stable, "balanceOf(address)", pool.address)
    if held <= 0:
        raise Invalid("it is empty", reason="price")
    scale = 10.0 ** (QUOTES[chain][quote].decimals - stable_decimals)
    if pool.kind == "v2":
        gives = ("uint112", "uint112", "uint32")
        reserves = (await view.read_all(pool.address, "getReserves()", gives=gives))[:2]
        side0, side1 = reserves
    else:
        root = await view.read(pool.address, "slot0()", gives="uint160")
        side0, side1 = Q192, root * root
    if not side0 or not side1:
        raise Invalid("it has no price", reason="price")
    ratio = side1 / side0 if quote < pool.stable else side0 / side1
    return held / 10**stable_decimals, ratio * scale
