"""Whether a trading bot should keep its hands off a token, decided here and not in every bot."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from daemon.page.board import Dossier

__all__ = ["Ruling", "Why", "rule"]

Why = Literal["unknown", "unjudged", "retracted", "trap", "alerted", "risk", "stale", "clear"]


class Ruling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One answer: ``veto`` says no, ``why`` says because of what; only ``clear`` is a yes."""

    chain: str
    address: str
    veto: bool
    why: Why
    probability: float | UnsetType = UNSET
    threshold: float | UnsetType = UNSET
    as_of: datetime | UnsetType = UNSET
    """The moment on the chain that the verdict speaks of."""


def rule(
    chain: str,
    address: str,
    dossier: Dossier | None,
    now: datetime,
    *,
    max_probability: float = 1.0,
    max_age: timedelta | None = None,
) -> Ruling:
    """A veto unless a verdict on the token's riskiest pool speaks against one.

    ``max_probability`` is the highest risk that is taken, where that is less than the model's
    threshold; ``max_age`` is how old a verdict may be: an old one clears nobody.
    """
    if dossier is None:
        return Ruling(chain=chain, address=address, veto=True, why="unknown")
    verdict = dossier.verdict
    if not verdict:
        return Ruling(chain=chain, address=address, veto=True, why="unjudged")
    limit = min(verdict.threshold, max_probability)
    why = _why(dossier, now, limit, max_age)
    return Ruling(
        chain=chain,
        address=address,
        veto=why != "clear",
        why=why,
        probability=verdict.probability,
        threshold=limit,
        as_of=verdict.at,
    )


def _why(dossier: Dossier, now: datetime, limit: float, max_age: timedelta | None) -> Why:
    """The gravest reason; what was proven or has happened comes before what is likely."""
    verdict = dossier.verdict
    assert verdict  # noqa: S101 - asked before
    if dossier.summary.retracted:
        return "retracted"
    if any(trap.proven for trap in verdict.traps):
        return "trap"
    if dossier.summary.alert in ("raised", "updated", "confirmed"):
        return "alerted"
    if verdict.probability >= limit:
        return "risk"
    if max_age is not None and now - verdict.at > max_age:
        return "stale"
    return "clear"
