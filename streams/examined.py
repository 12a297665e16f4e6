"""What an examination of a launch found on its chain, and the traps that findings prove.

An examination travels with the activity of its pool, behind the events that it may know of, so
that folding them in order stays the one way to a dossier (invariant 4).
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.finding import Finding
from streams.onpool import Address, Amount, Count, Instant, Name, Slug, Traced, checked

__all__ = ["Examination", "Kind", "Trap"]


class Examination(Traced, frozen=True, kw_only=True, tag="examination"):
    """The answers of every check on a launch as of one block, and why others are unknown.

    ``block`` and ``at`` are those that the answers speak of, and never later than the activity
    that stands before it in its partition. It is no log of the chain: ``round`` numbers it.
    """

    log_index: Count = 0
    round: Count
    """0 for a launch's first examination, then 1, 2, ...: what a consumer dedups by."""
    launched: Instant
    """The launch's time: another launch of the same pool is another thing to examine."""
    findings: dict[str, Finding] = msgspec.field(default_factory=dict)
    coverage: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """Share of the findings that are known."""
    name: Name | UnsetType = UNSET
    symbol: Name | UnsetType = UNSET
    decimals: Annotated[int, Meta(ge=0, le=255)] | UnsetType = UNSET
    total_supply: Amount | UnsetType = UNSET
    creator: Address | UnsetType = UNSET
    """Who sent the transaction that made the token."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        super().__post_init__()
        checked(self.at, self.total_supply or 0)

    @property
    def id(self) -> str:
        """A launch is examined once a round."""
        launched = f"{self.launched.timestamp():.0f}"
        return f"{self.chain}:{self.pool}:examination:{launched}:{self.round}"


class Trap(msgspec.Struct, frozen=True, kw_only=True):
    """A way to lose money that findings show, whatever a model thinks of the rest."""

    kind: Slug
    proven: bool
    """Whether it was seen to work (a simulated sale failed) rather than only to be possible."""
    says: str
    """One sentence of ours for people."""
    evidence: dict[str, Finding] = msgspec.field(default_factory=dict)
    """The findings that it follows from, by name."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which a launch may take its buyers' money, and how likely it is."""

    kind: Slug
    """``liquidity-pull``, ``dump``, ``honeypot``, ``hidden-mint`` or ``tax``."""
    probability: Annotated[float, Meta(ge=0, le=1)]
    """A pull and a dump are ways of a rug: together they are as likely as it."""
    shown: bool = False
    """Whether a finding shows it, rather than the model thinking so."""
