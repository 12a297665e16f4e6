"""One examination: every check at once, against one deadline, and what came of each.

It leaves when all have answered or the deadline is over, whichever is first; what did not answer by
then is unknown, and says so. A check that fails costs its own answers only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from time import perf_counter
from typing import Any

import structlog
from msgspec import UNSET

from streams import telemetry
from streams.checks.answers import Unknown, findings, told, unknowns
from streams.errors import Invalid, Retry
from streams.events import Examination
from streams.examine.identity import supply_of
from streams.examine.question import Check, Question, trial
from streams.examine.view import ASKING
from streams.finding import Finding

__all__ = ["coverage_of", "examine"]

log = structlog.get_logger(__name__)


async def examine(
    question: Question, checks: Sequence[Check], *, round_: int, launched: datetime, deadline: float
) -> Examination:
    """Ask everything; ``deadline`` is in seconds from now. Never raises for what it is told."""
    started = perf_counter()
    tasks = {
        asyncio.get_running_loop().create_task(_ask(check, question)): check for check in checks
    }
    try:
        done, late = await asyncio.wait(tasks, timeout=deadline)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    found = _gathered(tasks, done, question, deadline)
    said = await _said(question, found)
    telemetry.EXAMINE_SECONDS.labels("all").observe(perf_counter() - started)
    coverage = coverage_of(found)
    telemetry.EXAMINE_COVERAGE.observe(coverage)
    outcome = "late" if late else "whole"
    telemetry.EXAMINATIONS.labels(telemetry.chain_label(question.chain), outcome).inc()
    return Examination(
        chain=question.chain, pool=question.pool, block=question.block, at=question.at,
        round=round_, launched=launched, findings=found, coverage=coverage, **said,
    )  # fmt: skip


def coverage_of(found: Mapping[str, Finding]) -> float:
    """The share of findings that are known, 0..1; what others say of a token is no part of it."""
    ours = [each for each in found.values() if each.source != "third-party"]
    return sum(each.known for each in ours) / max(1, len(ours))


async def _ask(check: Check, question: Question) -> dict[str, Finding]:
    ASKING.set(check.name)
    started = perf_counter()
    try:
        return await check.ask(question)
    except (Invalid, Retry) as error:
        return findings(unknowns(check.names, told(error)), "call", question.block)
    finally:
        telemetry.EXAMINE_SECONDS.labels(check.name).observe(perf_counter() - started)


def _gathered(
    tasks: Mapping[asyncio.Task[dict[str, Finding]], Check],
    done: set[asyncio.Task[dict[str, Finding]]],
    question: Question,
    deadline: float,
) -> dict[str, Finding]:
    """What each check found; each of its names is there, known or not."""
    found: dict[str, Finding] = {}
    for task, check in tasks.items():
        why = f"not answered within {deadline:g} s"
        answers: dict[str, Finding] = {}
        if task in done and (error := task.exception()) is None:
            answers, why = task.result(), "it could not be found out"
        elif task in done:  # a defect of ours must not take the other answers along
            log.error("check_failed", check=check.name, error=repr(error), pool=question.pool)
            why = "the check failed"
        missing = [name for name in check.names if name not in answers]
        found |= answers | findings(unknowns(missing, why), "call", question.block)
    return found


async def _said(question: Question, found: Mapping[str, Finding]) -> dict[str, Any]:
    """What the event carries besides: the token's own words, its exact supply, its deployer."""
    words = {
        "name": "token.name",
        "symbol": "token.symbol",
        "decimals": "token.decimals",
        "creator": "deployer.address",
    }
    said: dict[str, Any] = {
        field: found[name].value for field, name in words.items() if name in found
    }
    said = {field: value for field, value in said.items() if value is not UNSET}
    if "decimals" in said:
        said["decimals"] = int(said["decimals"])
    if (supply := found.get("token.supply")) is not None and supply.known:
        exact = await trial(supply_of(question.view, question.token))  # answered before: at hand
        said |= {} if isinstance(exact, Unknown) else {"total_supply": exact}
    return said
