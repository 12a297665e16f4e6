"""How much money is in a pool, who can take it out, and how far a bonding curve is sold.

An LP token that was burnt is one that the pool counts and its mint does not (PumpSwap's README, and
the same in Raydium's programs). A curve has no LP tokens: nobody can take its liquidity out.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

from streams.checks.answers import Answer, Unknown, findings, unknowns
from streams.errors import Invalid
from streams.examine.question import Question, answer, trial
from streams.examine.solana.pool import held_quote, pool_of
from streams.examine.solana.pools import Pool, progress_of
from streams.examine.solana.slotview import Account, SlotView, view_of
from streams.finding import Finding
from streams.lockers import solana_lockers
from streams.quotes import QUOTES
from streams.solana.sightings import CHAIN
from streams.solana.spl.addresses import INCINERATOR, SYSTEM

__all__ = ["BURNT", "Liquidity", "locker_of"]

STABLE = frozenset({"USDC", "USDT", "USD1"})
BURNT = frozenset({INCINERATOR, SYSTEM})
_LP = ("lp.burnt_share", "lp.locked_share", "lp.free_share", "lp.creator_share", "lp.locker")


class Liquidity:
    """What a pool holds, and who could take it."""

    name: ClassVar[str] = "liquidity"
    names: ClassVar[tuple[str, ...]] = (
        "quote.usd", "liquidity.quote", "liquidity.quote_usd", *_LP, "curve.progress",
        "curve.is_complete",
    )  # fmt: skip

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        pool = await pool_of(question)
        held, lp = await asyncio.gather(
            trial(held_quote(question, pool)), trial(_lp_of(question, pool))
        )
        scale = 10.0**question.launch.quote_decimals
        price = _dollars(question.quote)
        progress = progress_of(pool)
        curve = progress or (Unknown("it is no bonding curve"),) * 2
        answers: dict[str, Answer] = {
            "quote.usd": price,
            "liquidity.quote": answer(held, lambda h: h / scale),
            "liquidity.quote_usd": price
            if isinstance(price, Unknown)
            else answer(held, lambda h: h / scale * price),
            "curve.progress": curve[0],
            "curve.is_complete": curve[1],
        }
        answers |= unknowns(_LP, lp.why) if isinstance(lp, Unknown) else lp
        return findings(answers, "call", question.block)


def locker_of(account: Account | None) -> str:
    """Who runs the program that an account belongs to, if it locks what others give it."""
    return solana_lockers().get(account.owner, "") if account is not None else ""


def _dollars(quote: str) -> float | Unknown:
    known = QUOTES[CHAIN].get(quote)
    if known is not None and known.symbol in STABLE:
        return 1.0
    return Unknown("no pool that tells its price in dollars is known")


async def _lp_of(question: Question, pool: Pool) -> dict[str, Answer]:
    """Shares of a pool's liquidity by what can be done with it. Raises ``Invalid``, ``Retry``."""
    if pool.venue == "meteora-damm-v2":
        return _locked_in_pool(pool)
    if progress_of(pool) is not None:
        raise Invalid("a bonding curve has no LP tokens: nobody can take it out", reason="lp")
    if not pool.lp_mint:
        raise Invalid("the positions of its liquidity are not read", reason="lp")
    view = view_of(question)
    made = pool.lp_supply
    left, largest = await asyncio.gather(view.supply(pool.lp_mint), view.largest(pool.lp_mint))
    if made <= 0:
        raise Invalid("there is no liquidity", reason="lp")
    burnt, locked, own, by = await _holders_of(question, view, largest)
    burnt += max(0, made - left)
    return {
        "lp.burnt_share": min(1.0, burnt / made),
        "lp.locked_share": min(1.0, locked / made),
        "lp.free_share": max(0.0, 1.0 - (burnt + locked) / made),
        "lp.creator_share": min(1.0, own / made),
        "lp.locker": ", ".join(sorted(by)) or False,
    }


def _locked_in_pool(pool: Pool) -> dict[str, Answer]:
    """DAMM v2 notes what is locked for ever; who holds the rest is not read."""
    made, locked = pool.fields["liquidity"], pool.fields["permanent_lock_liquidity"]
    if made <= 0:
        raise Invalid("there is no liquidity", reason="lp")
    share = min(1.0, locked / made)
    return {
        "lp.burnt_share": share,
        "lp.locked_share": Unknown("locks that end are not read"),
        "lp.free_share": Unknown("locks that end are not read"),
        "lp.creator_share": Unknown("the positions of its liquidity are not read"),
        "lp.locker": Unknown("locks that end are not read"),
    }


async def _holders_of(
    question: Question, view: SlotView, largest: list[tuple[str, int]]
) -> tuple[int, int, int, set[str]]:
    """LP tokens that are burnt, locked and the creator's, and who keeps the locked ones."""
    holdings = await view.holdings([address for address, _ in largest])
    found = [each for each in holdings if each is not None]
    owners = await view.accounts([each.owner for each in found])
    creators = {question.launch.creator, question.launch.deployer}
    burnt = locked = own = 0
    by: set[str] = set()
    for holding, owner in zip(found, owners, strict=True):
        if holding.owner in BURNT:
            burnt += holding.amount
        elif name := locker_of(owner) or solana_lockers().get(holding.owner, ""):
            locked += holding.amount
            by.add(name)
        elif holding.owner in creators:
            own += holding.amount
    return burnt, locked, own, by
