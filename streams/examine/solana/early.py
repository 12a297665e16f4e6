"""Who bought first: the trades of a pool's first slots, read from its own transactions.

A buyer in the slot of the launch or in the next few did not find the pool by looking: it was told,
or is its maker (a *bundle*: purchases that were put into the block together with the launch).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from streams.checks.answers import Answer, Unknown, findings, unknowns
from streams.errors import Invalid, Retry
from streams.events import Activity, Swap
from streams.examine.question import Question, trial
from streams.examine.solana.memory import Memory
from streams.examine.solana.slotview import Signature, SlotView, view_of
from streams.finding import Finding
from streams.solana.activity import activity_in
from streams.solana.decode import READ_PROGRAMS, read
from streams.solana.domain import events_from
from streams.solana.launches import launches_in
from streams.solana.transaction import transaction_from

__all__ = ["Bundle", "Early", "early_of", "events_of"]

FIRST_SLOTS = 4
"""1.6 seconds: a person takes longer to see a launch and sign a purchase."""
MOST_READ = 40
"""Transactions of the first slots that are read."""
PAGES = 3


class Early(msgspec.Struct, frozen=True):
    """Who bought how much in a pool's first slots, in base units of the token."""

    bought: Mapping[str, int]
    in_launch_slot: int
    """Purchases in the very slot of the launch."""
    whole: bool
    """Whether every transaction of those slots was read."""

    @property
    def buyers(self) -> list[str]:
        """The wallets, whoever bought most first."""
        return sorted(self.bought, key=lambda each: -self.bought[each])


class Bundle:
    """How much was bought before anybody could have seen the launch."""

    name: ClassVar[str] = "bundle"
    names: ClassVar[tuple[str, ...]] = (
        "bundle.wallets", "bundle.share", "bundle.creator_share", "bundle.launch_slot_buys",
    )  # fmt: skip

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        early = await trial(early_of(question))
        if isinstance(early, Unknown):
            return await self._remembered(question, early)
        supply = await view_of(question).supply(question.token)
        if supply <= 0:
            raise Invalid("there are no tokens", reason="garbage")
        found = findings(_answers(question, early, supply), "logs", question.block)
        if self._memory is not None and early.whole:
            await _remember(self._memory, _key(question), found)
        return found

    async def _remembered(self, question: Question, why: Unknown) -> dict[str, Finding]:
        """What an earlier examination found, which no time changes."""
        known = None
        if self._memory is not None:
            try:
                known = await self._memory.of(_key(question), dict[str, Finding])
            except Retry:
                known = None
        return known or findings(unknowns(self.names, why.why), "logs", question.block)


async def _remember(memory: Memory, key: str, found: Mapping[str, Finding]) -> None:
    kept = {name: msgspec.structs.replace(each, source="archive") for name, each in found.items()}
    try:
        await memory.note(key, kept)
    except Retry:
        return  # it is read again at the next age, while it can be


async def early_of(question: Question) -> Early:
    """Who bought first; asked once. Raises ``Invalid`` and ``Retry``."""
    return await view_of(question).once(("early", question.pool), lambda: _read(question))


async def events_of(view: SlotView, signatures: Sequence[Signature]) -> list[Activity]:
    """What transactions did on pools, oldest first; those that failed did nothing.

    ``signatures`` are the newest first, as nodes give them. Raises ``Retry``.
    """
    wanted = [each for each in reversed(signatures) if each.err is None]
    nodes = await view.transactions([each.signature for each in wanted])
    out: list[Activity] = []
    for place, (each, node) in enumerate(zip(wanted, nodes, strict=True)):
        out += _events(node, each, place)
    return out


def _events(node: Mapping[str, Any], signature: Signature, place: int) -> list[Activity]:
    time = signature.block_time or node.get("blockTime")
    if not isinstance(time, int):
        raise Retry("a node does not say when a block was made")
    try:
        found = transaction_from(
            node, slot=signature.slot, time=time, programs=READ_PROGRAMS, place=place
        )
        reading = read(found)
        return events_from(
            launches_in(found, reading), activity_in(found, reading, {}),
            slot=signature.slot, place=place, time=time,
        )  # fmt: skip
    except Invalid:
        return []  # as the follower passes over what it cannot read


async def _read(question: Question) -> Early:
    view = view_of(question)
    listed, whole = await view.signatures(question.pool, pages=PAGES)
    launched = question.launch.block
    if not whole and listed and listed[-1].slot >= launched:
        raise Invalid(
            f"the pool has more than {len(listed):,} transactions: its first are not read",
            reason="too-large",
        )
    first = [each for each in listed if launched <= each.slot < launched + FIRST_SLOTS]
    events = await events_of(view, first[-MOST_READ:])
    bought: Counter[str] = Counter()
    in_launch_slot = 0
    for event in events:
        if isinstance(event, Swap) and event.pool == question.pool:
            got = event.amount0_out if question.launch.token_is_0 else event.amount1_out
            if got > 0:
                bought[event.to] += got
                in_launch_slot += event.block == launched
    return Early(dict(bought), in_launch_slot, len(first) <= MOST_READ)


def _answers(question: Question, early: Early, supply: int) -> dict[str, Answer]:
    makers = {question.launch.creator, question.launch.deployer}
    own = sum(amount for wallet, amount in early.bought.items() if wallet in makers)
    others = {wallet: amount for wallet, amount in early.bought.items() if wallet not in makers}
    return {
        "bundle.wallets": float(len(others)),
        "bundle.share": min(1.0, sum(others.values()) / supply),
        "bundle.creator_share": min(1.0, own / supply),
        "bundle.launch_slot_buys": float(early.in_launch_slot),
    }


def _key(question: Question) -> str:
    return f"bundle:{question.chain}:{question.pool}"
