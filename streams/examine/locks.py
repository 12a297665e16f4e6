"""Who can take a pool's liquidity out: what is burnt, what is locked and until when, what is free.

On V2-like venues liquidity is the pair's own token: burn addresses and lockers are asked what they
hold of it. Of concentrated liquidity each position has an owner: an NFT of a position manager,
whose owner is asked, or an account. Their liquidity is added up whatever its price range.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import ClassVar

from streams.checks.answers import Answer, Unknown, findings
from streams.errors import Invalid
from streams.evm.venues import VENUES
from streams.examine.deployer import Creator, creator_of
from streams.examine.lockdates import Locked, lock_in
from streams.examine.positions import positions_of
from streams.examine.question import Question, answer, trial
from streams.finding import Finding
from streams.lockers import BURN_ADDRESSES, lockers_of

__all__ = ["Locks"]


class Locks:
    """Shares of a pool's liquidity by what its owners can do with it."""

    name: ClassVar[str] = "locks"
    names: ClassVar[tuple[str, ...]] = (
        "lp.burnt_share", "lp.locked_share", "lp.free_share", "lp.creator_share",
        "lp.unlocks_at", "lp.locker",
    )  # fmt: skip

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        kind = VENUES.get(question.launch.venue)
        if kind in ("v2", "solidly"):
            answers = await self._of_token(question)
        elif kind is not None:
            answers = await self._of_positions(question)
        else:
            raise Invalid("the venue is not known", reason="locks")
        return findings(answers, "call", question.block)

    async def _of_token(self, question: Question) -> dict[str, Answer]:
        """By the LP token, which is the pair itself."""
        view, lp = question.view, question.pool
        supply = int(await view.read(lp, "totalSupply()"))
        if supply <= 0:
            raise Invalid("there is no liquidity", reason="locks")
        creator = await trial(creator_of(question))
        lockers = lockers_of(question.chain)
        asked = [*BURN_ADDRESSES, *lockers]
        asked += [] if isinstance(creator, Unknown) else [creator.address]
        held = await asyncio.gather(*(view.read(lp, "balanceOf(address)", each) for each in asked))
        has = {account: int(value) for account, value in zip(asked, held, strict=True)}
        found = [lock_in(question, each, lockers[each]) for each in lockers if has[each] > 0]
        locks = await asyncio.gather(*found)
        return _answers(question, Counter(has), supply, list(locks), creator)

    async def _of_positions(self, question: Question) -> dict[str, Answer]:
        """By who owns each position."""
        has = Counter(await positions_of(question))
        supply = has.total()
        if supply <= 0:
            raise Invalid("there is no liquidity", reason="locks")
        creator = await trial(creator_of(question))
        lockers = lockers_of(question.chain)
        locks = [
            Locked(lockers[each].name, Unknown("dates of locked positions are not read"))
            for each in has
            if each in lockers
        ]
        return _answers(question, has, supply, locks, creator)


def _answers(
    question: Question,
    has: Counter[str],
    supply: int,
    locks: list[Locked],
    creator: Creator | Unknown,
) -> dict[str, Answer]:
    lockers = lockers_of(question.chain)
    burnt = sum(has[each] for each in BURN_ADDRESSES) / supply
    locked = sum(has[each] for each in lockers) / supply
    own = answer(creator, lambda found: min(1.0, has[found.address] / supply))
    return {
        "lp.burnt_share": min(1.0, burnt),
        "lp.locked_share": min(1.0, locked),
        "lp.free_share": max(0.0, 1.0 - burnt - locked),
        "lp.creator_share": own,
        "lp.unlocks_at": _first_date(locks),
        "lp.locker": ", ".join(sorted({each.by for each in locks})) or False,
    }


def _first_date(locks: list[Locked]) -> Answer:
    """The earliest moment at which something of it can be taken out."""
    if not locks:
        return Unknown("nothing is locked")
    dates = [each.until for each in locks if isinstance(each.until, float)]
    if len(dates) < len(locks):
        return next(each.until for each in locks if isinstance(each.until, Unknown))
    return min(dates)
