"""A verdict on a dossier, and the alert that people are told.

The rules that events keep are told in ``streams.events``.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.dossier import Ratio, Trigger
from streams.examined import Kind, Trap
from streams.onpool import Address, Count, Instant, Slug, Traced

__all__ = ["MOST_UNKNOWN", "Action", "Alert", "Evidence", "Verdict"]

Probability = Annotated[float, Meta(ge=0, le=1)]
Action = Literal["raised", "updated", "confirmed", "cleared", "retracted"]
"""Confirmed: it rugged. Cleared: the risk is gone again. Retracted: its chain took it back."""

MOST_UNKNOWN = 100
"""Names of unknown facts that a verdict carries."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that carried a verdict: masking it would move the probability by ``weight``."""

    fact: str
    value: str
    weight: float


class Verdict(Traced, frozen=True, kw_only=True, tag="verdict"):
    """The model's scored opinion on one dossier, with all that is needed to reproduce it."""

    facts_id: str
    sequence: Count
    trigger: Trigger
    age: Annotated[float, Meta(ge=0)]
    venue: Slug
    name: str | UnsetType = UNSET
    symbol: str | UnsetType = UNSET
    token_address: Address | UnsetType = UNSET
    creator: Address | UnsetType = UNSET
    """Whose the token is, as in its dossier."""
    liquidity: Ratio
    liquidity_max: Ratio
    quote_symbol: str | UnsetType = UNSET
    probability: Probability
    """Calibrated: of 100 verdicts at 0.9, about 90 rug."""
    threshold: Probability
    """At or above it the bundle promises its stated alert precision."""
    evidence: list[Evidence] = msgspec.field(default_factory=list)
    analysis: str = ""
    bundle: str
    prompt_version: int
    facts_hash: str
    coverage: Probability
    """Share of the dossier's facts that were known."""
    unknown: Annotated[list[str], Meta(max_length=MOST_UNKNOWN)] = msgspec.field(
        default_factory=list
    )
    """The names of those that were not, in alphabetical order, as far as there is room."""
    scored_at: Instant
    traps: list[Trap] = msgspec.field(default_factory=list)
    """What the dossier's findings prove or warn of, gravest first; the probability knows none."""
    kinds: list[Kind] = msgspec.field(default_factory=list)
    """How it would rug, likeliest first. A kind that is not named is one of which nothing is known:
    the version was not taught it, and no finding shows it."""

    @property
    def id(self) -> str:
        """A dossier is judged once: the verdict's id is the dossier's."""
        return self.facts_id


class Alert(Traced, frozen=True, kw_only=True, tag="alert"):
    """What people are told: an alert is raised once a pool, and what became of it."""

    alert_id: str
    """Same for every message about this alert."""
    action: Action
    sequence: int
    """0 for ``raised``, then 1, 2, ... in order."""
    reason: str
    verdict: Verdict
    raised_at: Instant
    lost: Ratio | UnsetType = UNSET
    """Quote units that left the pool; set when confirmed."""
    lead_seconds: float | UnsetType = UNSET
    """From the raising to the confirmation, on the chain's clock; set when confirmed."""

    @property
    def id(self) -> str:
        """The idempotency key of this message."""
        return f"{self.alert_id}:{self.sequence}"
