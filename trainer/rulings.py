"""The rules by which a launch's own dossiers say what became of it, as of a horizon.

Pure. A ``Track`` is what is remembered of one launch, folded from its dossiers in order; ``rule``
says what it shows. Each outcome names its evidence, and what could not be seen is unknown with the
reason, never alive. A ruling holds what was known at its horizon and no more, so rulings made live
and rulings made from a recording are the same.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
from msgspec import UNSET

from streams.events import Facts
from streams.labels import Horizon, Kind, Ruling
from trainer.labels import is_drained

__all__ = ["HORIZONS", "RULES", "Track", "due", "note", "rule", "track_of"]

RULES = 1
"""Raised with every change of what is ruled."""

HORIZONS: tuple[tuple[float, Horizon], ...] = (
    (3_600.0, "1h"),
    (86_400.0, "24h"),
    (7 * 86_400.0, "7d"),
)
LAST_SCHEDULED_S = 86_400.0
"""The last age at which every pool gets a dossier; beyond, only what changes is told."""

PULLED_SHARE = 0.3
"""A removal of so much of the reserve, or so much of the maximum in all, is a pull."""
REPEATED = 2
"""Simulations in a row that must fail before a token counts as a honeypot: one may be bad luck."""
HOLDERS_TESTED, HOLDERS_FAILED = 3.0, 0.5
RAISED_TAX, RUINOUS_TAX = 0.2, 0.3
"""A tax is raised when it grew by the first and reached the second, both shares of a sale."""
MINTED = 0.5
"""New supply over the first that holders were told of."""

Evidence = dict[str, float | str]


class Shown(msgspec.Struct, frozen=True):
    """Something that a dossier showed: what, when, and by which figures."""

    kind: Kind
    at: float
    facts_id: str
    evidence: Evidence


class Track(msgspec.Struct, kw_only=True):
    """What is remembered of one launch; times are UNIX seconds."""

    chain: str
    pool: str
    launched: float
    block: int = 0
    sequence: int = -1
    """Of the last dossier, so that none counts twice."""
    ruled: int = 0
    """How many horizons have been ruled on."""
    latest: float = 0.0
    """The oldest age that a dossier spoke of, in seconds."""
    shown: list[Shown] = []
    """The first of each kind."""
    failed_sales: int = 0
    """Examinations in a row that found no way to sell."""
    first_tax: float | None = None
    first_supply: float | None = None
    examined: int = -1
    """The block of the last examination that counted."""
    told_rug: bool = False

    @property
    def key(self) -> str:
        """Chain and pool."""
        return f"{self.chain}:{self.pool}"


def track_of(facts: Facts) -> Track:
    """A fresh track of the launch that a dossier speaks of."""
    return Track(chain=facts.chain, pool=facts.pool, launched=facts.launched_at.timestamp())


def note(track: Track, facts: Facts) -> None:
    """Fold the next dossier of the launch in; one that was seen before changes nothing."""
    if facts.sequence <= track.sequence:
        return
    track.sequence, track.block = facts.sequence, facts.block
    track.latest = max(track.latest, facts.age)
    if is_drained(facts):
        _show(track, _drain_kind(facts), facts, _drain_evidence(facts))
    _note_supply(track, facts)
    block = max((found.block for found in facts.findings.values()), default=-1)
    if block > track.examined:
        track.examined = block
        _note_sales(track, facts)
        _note_tax(track, facts)


def due(track: Track) -> float | None:
    """UNIX time of the launch's next horizon; ``None`` after the last."""
    if track.ruled >= len(HORIZONS):
        return None
    return track.launched + HORIZONS[track.ruled][0]


def rule(track: Track, now: float) -> list[Ruling]:
    """The rulings that are due by ``now``; the track remembers that they were made.

    A rug that shows after the last horizon revises it at once.
    """
    made = []
    while (moment := due(track)) is not None and moment <= now:
        age, horizon = HORIZONS[track.ruled]
        track.ruled += 1
        made.append(_ruling(track, horizon, moment, age))
    if track.ruled == len(HORIZONS) and not track.told_rug:
        late = [shown for shown in track.shown if shown.at <= now]
        if late:
            made.append(_ruling(track, "later", late[0].at, 0.0))
    return made


def _ruling(track: Track, horizon: Horizon, moment: float, age: float) -> Ruling:
    known = [shown for shown in track.shown if shown.at <= moment]
    kind: Kind = "alive"
    evidence: Evidence = {}
    facts_id = ""
    if known:
        first = known[0]
        kind, evidence, facts_id = first.kind, first.evidence, first.facts_id
        track.told_rug = True
    elif track.latest < min(age, LAST_SCHEDULED_S) - 1:
        kind, evidence = "unknown", {"why": "no dossier of that age: we were not looking"}
    launched = datetime.fromtimestamp(track.launched, UTC)
    return Ruling(
        chain=track.chain,
        pool=track.pool,
        kind=kind,
        horizon=horizon,
        evidence=evidence,
        facts_id=facts_id,
        rules=RULES,
        block=track.block,
        launched_at=launched,
        at=launched + timedelta(seconds=moment - track.launched),
    )


def _show(track: Track, kind: Kind, facts: Facts, evidence: Evidence) -> None:
    if all(shown.kind != kind for shown in track.shown):
        track.shown.append(Shown(kind, facts.at.timestamp(), facts.id, evidence))


def _drain_kind(facts: Facts) -> Literal["liquidity-pulled", "dumped"]:
    pool = facts.liquidity
    pulled = pool.largest_removal_share >= PULLED_SHARE or (
        pool.removed >= PULLED_SHARE * pool.reserve_max
    )
    return "liquidity-pulled" if pulled else "dumped"


def _drain_evidence(facts: Facts) -> Evidence:
    pool = facts.liquidity
    return {
        "liquidity.reserve": pool.reserve,
        "liquidity.reserve_max": pool.reserve_max,
        "liquidity.largest_removal_share": pool.largest_removal_share,
        "trading.largest_sell_share": facts.trading.largest_sell_share,
    }


def _note_supply(track: Track, facts: Facts) -> None:
    supply = facts.token.total_supply
    if supply is UNSET or not supply:
        return
    if track.first_supply is None:
        track.first_supply = float(supply)
    elif supply >= track.first_supply * (1 + MINTED):
        grown = supply / track.first_supply
        _show(track, "mint-abuse", facts, {"token.total_supply.grown": grown})


def _note_sales(track: Track, facts: Facts) -> None:
    can_buy, can_sell = _value(facts, "trade.can_buy"), _value(facts, "trade.can_sell")
    tested, failed = _value(facts, "trade.holders_tested"), _value(facts, "trade.holders_failed")
    stuck = isinstance(tested, float) and isinstance(failed, float)
    stuck = stuck and tested >= HOLDERS_TESTED and failed >= HOLDERS_FAILED  # type: ignore[operator]
    if stuck or (can_buy is True and can_sell is False):
        track.failed_sales += 1
    elif can_sell is True:
        track.failed_sales = 0
    if track.failed_sales >= REPEATED:
        _show(track, "honeypot", facts, {"failed simulations in a row": track.failed_sales})


def _note_tax(track: Track, facts: Facts) -> None:
    tax = _value(facts, "trade.sell_tax")
    if not isinstance(tax, float):
        return
    if track.first_tax is None:
        track.first_tax = tax
    elif tax >= RUINOUS_TAX and tax - track.first_tax >= RAISED_TAX:
        _show(track, "tax-raised", facts, {"from": track.first_tax, "to": tax})


def _value(facts: Facts, name: str) -> bool | float | str | None:
    found = facts.findings.get(name)
    return found.value if found is not None and found.known else None  # type: ignore[return-value]
