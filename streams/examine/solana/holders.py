"""Who holds a token besides its pool, lockers and burn addresses: its largest accounts, asked.

A node tells the twenty largest token accounts and no number of holders. An account belongs to a
wallet or to what a program derived; of programs only venues and lockers are known to be no holder.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import ClassVar

import msgspec

from streams.checks.answers import Answer, Unknown, findings
from streams.errors import Invalid, Retry
from streams.examine.question import Question, trial
from streams.examine.solana.early import early_of
from streams.examine.solana.liquidity import BURNT, locker_of
from streams.examine.solana.pool import pool_of, vault_of
from streams.examine.solana.slotview import Account, view_of
from streams.finding import Finding
from streams.solana.programs import PROGRAMS
from streams.solana.spl.addresses import associated

__all__ = ["Holders", "Holding", "largest_of"]

TOP = 10
NO_COUNT = Unknown("nodes of Solana do not count holders")


class Holding(msgspec.Struct, frozen=True):
    """One of the largest accounts of a token, and what kind of owner it has."""

    account: str
    owner: str
    amount: int
    kind: str
    """``pool``, ``locker``, ``burnt`` or ``holder``."""


class Holders:
    """How concentrated a token is, and how much its creator and first buyers have of it."""

    name: ClassVar[str] = "holders"
    names: ClassVar[tuple[str, ...]] = (
        "holders.count", "holders.top10_share", "holders.creator_share", "holders.pool_share",
        "holders.burnt_share", "holders.locked_share", "holders.insiders",
        "holders.insider_share", "holders.seen_share",
    )  # fmt: skip

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        supply = await view_of(question).supply(question.token)
        if supply <= 0:
            raise Invalid("there are no tokens", reason="garbage")
        found, creator, early = await asyncio.gather(
            largest_of(question), trial(creator_amount(question)), trial(early_of(question))
        )
        answers = _answers(found, supply)
        answers["holders.creator_share"] = (
            creator if isinstance(creator, Unknown) else min(1.0, creator / supply)
        )
        if isinstance(early, Unknown):
            answers |= dict.fromkeys(("holders.insiders", "holders.insider_share"), early)
        else:
            has = await amounts_of(question, early.buyers)
            answers["holders.insiders"] = float(sum(amount > 0 for amount in has.values()))
            answers["holders.insider_share"] = min(1.0, sum(has.values()) / supply)
        return findings(answers, "call", question.block)


async def largest_of(question: Question) -> list[Holding]:
    """The largest accounts with their owners; asked once. Raises ``Invalid`` and ``Retry``."""
    view = view_of(question)

    async def ask() -> list[Holding]:
        listed = await view.largest(question.token)
        holdings = await view.holdings([address for address, _ in listed])
        pairs = [
            (address, held)
            for (address, _), held in zip(listed, holdings, strict=True)
            if held is not None and held.mint == question.token
        ]
        owners = await view.accounts([held.owner for _, held in pairs])
        vaults = await _vaults(question)
        return [
            Holding(address, held.owner, held.amount, _kind(address, held.owner, owner, vaults))
            for (address, held), owner in zip(pairs, owners, strict=True)
        ]

    return await view.once(("holders", question.token), ask)


async def amounts_of(question: Question, wallets: Iterable[str]) -> dict[str, int]:
    """What wallets hold in their own accounts of the token. Raises ``Invalid`` and ``Retry``."""
    view = view_of(question)
    mint = await view.account(question.token)
    program = mint.owner if mint else ""
    listed = list(dict.fromkeys(wallets))
    holdings = await view.holdings([associated(e, question.token, program) for e in listed])
    return {
        wallet: held.amount if held is not None and held.owner == wallet else 0
        for wallet, held in zip(listed, holdings, strict=True)
    }


async def creator_amount(question: Question) -> int:
    """What the creator holds. Raises ``Invalid`` where none is known, and ``Retry``."""
    who = question.launch.creator or question.launch.deployer
    if not isinstance(who, str):
        raise Invalid("its creator is not known", reason="creator")
    return (await amounts_of(question, [who]))[who]


async def _vaults(question: Question) -> frozenset[str]:
    """Addresses that are the pool's: its vaults, whose owner may own other pools' too."""
    try:
        pool = await pool_of(question)
        vault = await vault_of(question)
    except (Invalid, Retry):
        return frozenset({question.pool})
    return frozenset({pool.vault0, pool.vault1, question.pool, vault.owner} - {""})


def _kind(address: str, owner: str, account: Account | None, vaults: frozenset[str]) -> str:
    if owner in BURNT:
        return "burnt"
    if address in vaults or owner in vaults or (account and account.owner in PROGRAMS):
        return "pool"
    return "locker" if locker_of(account) else "holder"


def _answers(found: Iterable[Holding], supply: int) -> dict[str, Answer]:
    holdings = list(found)
    by_kind: Counter[str] = Counter()
    for each in holdings:
        by_kind[each.kind] += each.amount
    free = _by_owner(holdings)

    def share(amount: int) -> Answer:
        return min(1.0, amount / supply)

    top: Answer = share(sum(sorted(free.values())[-TOP:]))
    if len(free) < TOP and sum(e.amount for e in holdings) < supply * 0.999:
        top = Unknown(f"only {len(free)} holders are among the largest accounts that nodes tell")
    return {
        "holders.count": NO_COUNT,
        "holders.seen_share": share(sum(each.amount for each in holdings)),
        "holders.pool_share": share(by_kind["pool"]),
        "holders.burnt_share": share(by_kind["burnt"]),
        "holders.locked_share": share(by_kind["locker"]),
        "holders.top10_share": top,
    }


def _by_owner(holdings: Iterable[Holding]) -> Mapping[str, int]:
    """Who holds freely: an owner of several accounts is one holder."""
    free: Counter[str] = Counter()
    for each in holdings:
        if each.kind == "holder" and each.amount > 0:
            free[each.owner] += each.amount
    return free
