"""The check on a mint: its powers now, and what its makers changed since the launch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import ClassVar

import msgspec

from streams.checks.answers import Answer, Unknown, findings, told
from streams.errors import Retry
from streams.examine.question import Question, trial
from streams.examine.solana.memory import Memory
from streams.examine.solana.powers import POWERS, changed, powers_of, snapshot_of
from streams.examine.solana.slotview import view_of
from streams.finding import Finding
from streams.solana.spl.mint import Mint

__all__ = ["Mints"]

OF_EPOCH = ("mint.transfer_fee", "mint.next_fee_epoch", "mint.most_transfer_fee")


class _Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """A mint as of a slot."""

    slot: int
    supply: int
    powers: Mapping[str, str]


class Mints:
    """What can be done to holders; with ``memory``, what was changed since the launch."""

    name: ClassVar[str] = "mint"
    names: ClassVar[tuple[str, ...]] = (*POWERS, "mint.changed", "mint.minted_since")

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        view = view_of(question)
        mint, epoch = await asyncio.gather(view.mint(question.token), trial(view.epoch()))
        known = 0 if isinstance(epoch, Unknown) else epoch
        answers = powers_of(mint, epoch=known, now=question.at.timestamp())
        if isinstance(epoch, Unknown) and "transfer-fee" in mint.extensions:
            answers |= dict.fromkeys(OF_EPOCH, epoch)
        found = findings(answers, "call", question.block)
        return found | findings(await self._since(question, mint), "archive", question.block)

    async def _since(self, question: Question, mint: Mint) -> dict[str, Answer]:
        """What differs from what was found first: a list of what, and tokens minted."""
        names = ("mint.changed", "mint.minted_since")
        if self._memory is None:
            return dict.fromkeys(names, Unknown("there is no archive of ours to look in"))
        key = f"mint:{question.chain}:{question.pool}"
        now = snapshot_of(mint)
        try:
            first = await self._memory.of(key, _Remembered)
            if first is None or first.slot > question.block:
                first = _Remembered(slot=question.block, supply=mint.supply, powers=now)
                await self._memory.note(key, first)
        except Retry as error:
            return dict.fromkeys(names, Unknown(told(error)))
        more = max(0, mint.supply - first.supply) / 10.0**mint.decimals
        return {"mint.changed": ", ".join(changed(first.powers, now)) or False,
                "mint.minted_since": more}  # fmt: skip
