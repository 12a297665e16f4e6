"""Who made a launch, how old that wallet is, who paid it, and how its earlier launches ended."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from streams.checks.answers import Answer, Unknown, findings, told, unknowns
from streams.errors import Invalid, Retry
from streams.examine.deployer import DRAINED_SHARE
from streams.examine.origins import Origin, Origins
from streams.examine.question import Question, answer, trial
from streams.examine.solana.funding import first_of
from streams.examine.solana.pools import pool_from, progress_of, real_quote_of
from streams.examine.solana.slotview import SlotView, view_of
from streams.finding import Finding

__all__ = ["Deployer"]

LAMPORTS = 1e9


class Deployer:
    """The account behind a launch; with ``origins``, what became of its earlier ones."""

    name: ClassVar[str] = "deployer"
    names: ClassVar[tuple[str, ...]] = (
        "deployer.address", "deployer.launcher", "deployer.transactions", "deployer.balance",
        "deployer.first_seen", "deployer.funded_by", "deployer.past_launches",
        "deployer.past_rugs",
    )  # fmt: skip

    def __init__(self, origins: Origins | None = None) -> None:
        self._origins = origins

    async def ask(self, question: Question) -> dict[str, Finding]:
        """See ``Check.ask``."""
        launch, view = question.launch, view_of(question)
        who = launch.creator or launch.deployer
        if not isinstance(who, str):
            raise Invalid("its creator is not known", reason="creator")
        account, first, past = await asyncio.gather(
            trial(view.account(who)), trial(first_of(view, who)), self._past(question, who)
        )
        launcher = launch.deployer if isinstance(launch.deployer, str) else who
        answers: dict[str, Answer] = {
            "deployer.address": who,
            "deployer.launcher": launcher,
            "deployer.balance": answer(account, lambda a: a.lamports / LAMPORTS if a else 0.0),
            "deployer.transactions": answer(first, lambda f: float(f.transactions)),
            "deployer.first_seen": answer(first, lambda f: f.at),
            "deployer.funded_by": answer(
                first, lambda f: f.funder or Unknown("its first transaction is its own")
            ),
        }
        found = findings(answers, "call", question.block)
        return found | findings(past, "archive", question.block)

    async def _past(self, question: Question, who: str) -> dict[str, Answer]:
        names = ("deployer.past_launches", "deployer.past_rugs")
        if self._origins is None:
            return unknowns(names, "there is no archive of ours to look in")
        try:
            known = await self._origins.of(question.chain, who)
        except Retry as error:
            return unknowns(names, told(error))
        past = [each for each in known if each.pool != question.pool]
        view = view_of(question)
        ended = await asyncio.gather(*(trial(_is_drained(view, each)) for each in past))
        rugs = sum(1 for each in ended if each is True)
        return {"deployer.past_launches": float(len(past)), "deployer.past_rugs": float(rugs)}


async def _is_drained(view: SlotView, past: Origin) -> bool:
    """Whether the pool of an earlier launch is as good as empty; a curve that is sold out is not.

    The token of a curve is not known here, and not needed: any will do.
    """
    if past.most <= 0:
        raise Invalid("nothing was ever seen in it", reason="creator")
    found = await view.account(past.pool)
    if found is None:
        return True
    pool = pool_from(past.pool, found.owner, found.data, mint=past.quote)
    progress = progress_of(pool)
    if progress is not None and progress[1]:
        return False
    held = real_quote_of(pool)
    if held is None:
        (vault,) = await view.holdings([pool.vaults_of(past.quote)[0]])
        held = vault.amount if vault is not None else 0
    return held <= past.most * DRAINED_SHARE
