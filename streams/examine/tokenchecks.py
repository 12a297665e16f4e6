"""The checks of ``streams.checks`` as this package asks them: of a contract, and of trading."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from anyio import to_process

from streams.checks.answers import Unknown
from streams.checks.bytecode import code_from
from streams.checks.capabilities import CALLED, MEASURED, READ
from streams.checks.chainstate import Block
from streams.checks.contract import contract_findings
from streams.checks.judging import TRADE_NAMES
from streams.checks.trade import trade_findings
from streams.events import Launch
from streams.examine.history import transfers_of
from streams.examine.holders import likely_holders
from streams.examine.question import Question, trial
from streams.examine.rugs import Rugs
from streams.finding import Finding
from streams.lockers import BURN_ADDRESSES, LOCKERS

__all__ = ["Contract", "Trade", "warm_up"]

OPTIONAL = frozenset({"trade.max_buy", "trade.max_sell"})
"""There only where a limit was met."""
MOST_SELLERS = 12
READERS = 2
"""Processes that read code at a time."""


class Contract:
    """What the token's code can do, who owns it; with ``rugs``, how like one of them it is."""

    name: ClassVar[str] = "contract"
    names: ClassVar[tuple[str, ...]] = (*CALLED, *READ, *MEASURED)

    def __init__(self, rugs: Rugs | None = None) -> None:
        self._rugs = rugs

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        view, token = question.view, question.token
        rugs = await self._rugs.sketches(f"{question.chain}:{token}") if self._rugs else []
        # Shared, and so not ended by our deadline: that would kill a process that reads code, and
        # the next launch would wait for another one to start.
        return await view.once(
            ("contract", token),
            lambda: contract_findings(
                view.rpc, token, _block(question), launch=question.launch, known_rugs=rugs
            ),
        )


class Trade:
    """Whether the token can be bought, moved and sold, by a fresh wallet and by real holders."""

    name: ClassVar[str] = "trade"
    names: ClassVar[tuple[str, ...]] = tuple(n for n in TRADE_NAMES if n not in OPTIONAL)

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        launch = question.launch
        holders = await _sellers(question, launch)
        return await trade_findings(question.rpc, launch, _block(question), holders=holders)


def _block(question: Question) -> Block:
    """The view's block, whose time is known: no node needs to be asked for it."""
    return Block(question.block, int(question.at.timestamp()), question.view.tag)


async def warm_up() -> None:
    """Start the processes that read code, which takes seconds: no launch should wait for it."""
    await asyncio.gather(*(to_process.run_sync(code_from, bytes([i])) for i in range(READERS)))


async def _sellers(question: Question, launch: Launch) -> list[str]:
    """Ordinary holders; none when transfers cannot be read: a fresh wallet is tried anyway."""
    found = await trial(transfers_of(question))
    if isinstance(found, Unknown):
        return []
    beside = BURN_ADDRESSES | LOCKERS | {launch.pool, question.token}
    return [each for each in likely_holders(found) if each not in beside][:MOST_SELLERS]
