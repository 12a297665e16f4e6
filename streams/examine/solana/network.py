"""Insiders: wallets of one hand, found by who paid them first and who sent them the token.

The creator, the first buyers and the largest holders are joined where one of them paid the other's
first SOL, where the same wallet paid both, or where tokens came from one to the other outside the
pool. An exchange pays many: a payer with a long past joins nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import ClassVar

from streams.checks.answers import Answer, Unknown, findings
from streams.errors import Invalid
from streams.examine.question import Question, trial
from streams.examine.solana.early import early_of
from streams.examine.solana.funding import first_of, sender_of_tokens
from streams.examine.solana.holders import Holding, amounts_of, largest_of
from streams.examine.solana.slotview import SlotView, view_of
from streams.finding import Finding

__all__ = ["Network", "networks"]

Edge = tuple[str, str]
MOST_TRACED = 12
"""Wallets whose past is looked at: two requests each."""


class Network:
    """How many of the first and largest holders belong together, and how much they hold."""

    name: ClassVar[str] = "insiders"
    names: ClassVar[tuple[str, ...]] = (
        "insiders.traced", "insiders.networks", "insiders.wallets", "insiders.largest",
        "insiders.share", "insiders.with_creator",
    )  # fmt: skip

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        view = view_of(question)
        supply = await view.supply(question.token)
        if supply <= 0:
            raise Invalid("there are no tokens", reason="garbage")
        holders, wallets = await _looked_at(question)
        paid, sent = await asyncio.gather(
            _payments(view, wallets), _transfers(question, holders, wallets)
        )
        if wallets and paid is None and sent is None:
            raise Invalid("no past of a holder could be read", reason="insiders")
        found = networks(wallets, [*(paid or ()), *(sent or ())])
        members = {each for group in found for each in group}
        has = await amounts_of(question, members)
        answers = _answers(question, wallets, found)
        answers["insiders.share"] = min(1.0, sum(has.values()) / supply)
        return findings(answers, "logs", question.block)


def networks(wallets: Collection[str], edges: Iterable[Edge]) -> list[set[str]]:
    """The groups of two wallets and more that edges join, the largest first.

    An edge may end at a wallet that is not among them, which then joins others and is no member.
    """
    group: dict[str, set[str]] = {}
    for one, other in edges:
        joined = group.get(one, {one}) | group.get(other, {other})
        for each in joined:
            group[each] = joined
    distinct = {id(found): found & set(wallets) for found in group.values()}
    return sorted((found for found in distinct.values() if len(found) > 1), key=len, reverse=True)


async def _looked_at(question: Question) -> tuple[list[Holding], list[str]]:
    """The largest holders, and with them the creator and the first buyers: whom to look at."""
    early, largest = await asyncio.gather(trial(early_of(question)), trial(largest_of(question)))
    holders = [] if isinstance(largest, Unknown) else [e for e in largest if e.kind == "holder"]
    first = [] if isinstance(early, Unknown) else early.buyers
    makers = [question.launch.creator, question.launch.deployer]
    named = [*(e for e in makers if isinstance(e, str)), *first, *(e.owner for e in holders)]
    return holders, list(dict.fromkeys(named))[:MOST_TRACED]


async def _payments(view: SlotView, wallets: Iterable[str]) -> list[Edge] | None:
    """Who paid whom first; ``None`` when no past could be read."""
    listed = list(wallets)
    firsts = await asyncio.gather(*(trial(first_of(view, each)) for each in listed))
    paid = {
        wallet: first.funder
        for wallet, first in zip(listed, firsts, strict=True)
        if not isinstance(first, Unknown)
    }
    if listed and not paid:
        return None
    payers = {each for each in paid.values() if each and each not in listed}
    busy = await _busy(view, [each for each in payers if list(paid.values()).count(each) > 1])
    return [(payer, wallet) for wallet, payer in paid.items() if payer and payer not in busy]


async def _busy(view: SlotView, payers: Collection[str]) -> set[str]:
    """Payers that serve everybody, such as exchanges: those with a long past, or an unknown one."""
    pasts = await asyncio.gather(*(trial(view.signatures(each)) for each in payers))
    return {
        payer
        for payer, past in zip(payers, pasts, strict=True)
        if isinstance(past, Unknown) or not past[1]
    }


async def _transfers(
    question: Question, holders: Iterable[Holding], wallets: Collection[str]
) -> list[Edge] | None:
    """From whom holders got their first tokens, where it was one of ``wallets``."""
    view = view_of(question)
    looked = [each for each in holders if each.owner in wallets]

    async def edge(holding: Holding) -> Edge | None:
        listed, whole = await view.signatures(holding.account)
        if not whole or not listed:
            raise Invalid("its account has too long a past", reason="too-large")
        node = await view.transaction(listed[-1].signature)
        sender = sender_of_tokens(node, question.token, holding.owner)
        return (sender, holding.owner) if sender in wallets else None

    found = await asyncio.gather(*(trial(edge(each)) for each in looked))
    known = [each for each in found if not isinstance(each, Unknown)]
    return None if looked and not known else [each for each in known if each is not None]


def _answers(
    question: Question, wallets: Collection[str], found: list[set[str]]
) -> dict[str, Answer]:
    makers = {question.launch.creator, question.launch.deployer}
    return {
        "insiders.traced": float(len(wallets)),
        "insiders.networks": float(len(found)),
        "insiders.wallets": float(sum(len(each) for each in found)),
        "insiders.largest": float(len(found[0])) if found else 0.0,
        "insiders.with_creator": any(not makers.isdisjoint(each) for each in found),
    }
