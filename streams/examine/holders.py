"""Who holds a token, besides its pool, lockers and burn addresses: from transfers, then asked.

Transfers say who may hold anything; ``balanceOf`` says what each really has, so that a token whose
transfers lie is found out. Where the holders that were seen do not add up to the supply, shares of
it are unknown: the rest may be anybody's.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import ClassVar

from streams.checks.answers import Answer, Unknown, findings
from streams.errors import Invalid
from streams.examine.deployer import creator_of
from streams.examine.history import Transfers, transfers_of
from streams.examine.identity import supply_of
from streams.examine.question import Question, trial
from streams.finding import Finding
from streams.lockers import BURN_ADDRESSES, LOCKERS, ZERO

__all__ = ["Holders", "likely_holders"]

MOST_ASKED = 60
"""Accounts whose balance is asked, those that received most first."""
ENOUGH = 0.95
"""Share of the supply that must be accounted for before shares of it are told."""
FIRST_BLOCKS = 3
"""A buyer in the launch's block or the next two did not find the pool by looking."""
TOP = 10


class Holders:
    """How concentrated a token is, and how much insiders have of it."""

    name: ClassVar[str] = "holders"
    names: ClassVar[tuple[str, ...]] = (
        "holders.count", "holders.top10_share", "holders.creator_share", "holders.pool_share",
        "holders.burnt_share", "holders.locked_share", "holders.insiders",
        "holders.insider_share", "holders.seen_share",
    )  # fmt: skip

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        transfers, supply, creator = await asyncio.gather(
            transfers_of(question),
            supply_of(question.view, question.token),
            trial(creator_of(question)),
        )
        if supply <= 0:
            raise Invalid("there are no tokens", reason="garbage")
        insiders = _insiders(question, transfers)
        asked = [_pool_account(question), *likely_holders(transfers), *insiders]
        asked += BURN_ADDRESSES - {ZERO}
        if not isinstance(creator, Unknown):
            asked.append(creator.address)
        has = await _balances(question, asked)
        answers = _answers(question, has, supply, insiders)
        answers["holders.creator_share"] = (
            creator if isinstance(creator, Unknown) else has.get(creator.address, 0) / supply
        )
        return findings(answers, "logs", question.block)


def likely_holders(transfers: Transfers) -> list[str]:
    """Accounts that received more than they sent, most first."""
    net: Counter[str] = Counter()
    for each in transfers.seen:
        net[each.to] += each.value
        net[each.sender] -= each.value
    del net[ZERO]
    return [holder for holder, value in net.most_common(MOST_ASKED) if value > 0]


def _insiders(question: Question, transfers: Transfers) -> list[str]:
    """Who got tokens out of the pool in its first blocks."""
    source, last = _pool_account(question), question.launch.block + FIRST_BLOCKS
    found = (e.to for e in transfers.seen if e.sender == source and e.block < last)
    return list(dict.fromkeys(each for each in found if each not in BURN_ADDRESSES))[:MOST_ASKED]


def _pool_account(question: Question) -> str:
    """Where a pool's tokens lie: with the pool, on Uniswap V4 with the one contract of all."""
    if len(question.pool) == 42:
        return question.pool
    singletons = (a for a, f in question.factories.items() if f.kind == "v4")
    return next(singletons, question.pool)


async def _balances(question: Question, asked: Iterable[str]) -> dict[str, int]:
    """What each account has; those that the token does not tell of are left out."""
    accounts = [each for each in dict.fromkeys(asked) if len(each) == 42]
    read = question.view.read
    found = await asyncio.gather(
        *(trial(read(question.token, "balanceOf(address)", each)) for each in accounts)
    )
    return {
        account: int(balance)
        for account, balance in zip(accounts, found, strict=True)
        if not isinstance(balance, Unknown)
    }


def _answers(
    question: Question, has: Mapping[str, int], supply: int, insiders: Iterable[str]
) -> dict[str, Answer]:
    pools = {question.pool, _pool_account(question), *question.factories}
    free = {
        account: balance
        for account, balance in has.items()
        if balance > 0 and account not in pools | BURN_ADDRESSES | LOCKERS
    }
    seen = sum(has.values()) / supply
    bought = [each for each in insiders if each in free]

    def share(accounts: Iterable[str]) -> Answer:
        return min(1.0, sum(has.get(each, 0) for each in accounts) / supply)

    answers: dict[str, Answer] = {
        "holders.seen_share": min(1.0, seen),
        "holders.pool_share": share({_pool_account(question)}),
        "holders.burnt_share": share(BURN_ADDRESSES),
        "holders.locked_share": share(LOCKERS),
        "holders.insiders": float(len(bought)),
        "holders.insider_share": share(bought),
        "holders.count": float(len(free)),
        "holders.top10_share": min(1.0, sum(sorted(free.values())[-TOP:]) / supply),
    }
    if seen < ENOUGH:
        why = Unknown(f"{1 - seen:.0%} of the supply lies with accounts that were not seen")
        for name in ("holders.count", "holders.top10_share"):
            answers[name] = why
    return answers
