"""What became of launches, as it travels: people's words on alerts, and our rules' rulings."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from streams.onpool import Address, Count, Event, Instant, Slug

__all__ = ["RUGS", "Horizon", "Kind", "Label", "Ruling", "Word"]

Word = Literal["rug", "false-alarm", "mute"]
"""What can be said: it rugged, it did not, or: no more of it."""


class Label(Event, frozen=True, kw_only=True, tag="label"):
    """One person's word on one alerted pool."""

    chain: Slug
    pool: Address
    what: Word
    who: Annotated[str, Meta(min_length=1, max_length=128)]
    """Such as ``telegram:12345`` or ``cli:alice``."""
    why: Annotated[str, Meta(max_length=1_000)] = ""
    at: Instant

    @property
    def key(self) -> str:
        """The Kafka key, its pool's."""
        return f"{self.chain}:{self.pool}"

    @property
    def id(self) -> str:
        """One person's word at one moment."""
        return f"{self.key}:label:{self.who}:{self.at.timestamp():.3f}"


Horizon = Literal["1h", "24h", "7d", "later"]
"""How long after its launch a pool is ruled on; later: at once, when a rug comes after the last."""

Kind = Literal[
    "liquidity-pulled", "dumped", "honeypot", "mint-abuse", "tax-raised", "alive", "unknown"
]
RUGS: frozenset[Kind] = frozenset(
    {"liquidity-pulled", "dumped", "honeypot", "mint-abuse", "tax-raised"}
)


class Ruling(Event, frozen=True, kw_only=True, tag="ruling"):
    """What our rules say became of one launch by one horizon; a later one revises it."""

    chain: Slug
    pool: Address
    kind: Kind
    horizon: Horizon
    evidence: dict[str, float | str] = msgspec.field(default_factory=dict)
    """What it follows from, by name; of an unknown outcome, ``why``."""
    facts_id: str = ""
    """The dossier that showed it, if one did."""
    rules: Count
    """Version of the rules."""
    block: Count = 0
    launched_at: Instant
    at: Instant
    """When it could be known, on the chain's clock; never before its horizon."""

    @property
    def key(self) -> str:
        """The Kafka key, its pool's."""
        return f"{self.chain}:{self.pool}"

    @property
    def id(self) -> str:
        """A launch is ruled on once a horizon and version of the rules."""
        launched = f"{self.launched_at.timestamp():.0f}"
        return f"{self.key}:ruling:{launched}:{self.horizon}:{self.rules}"

    @property
    def is_rug(self) -> bool | None:
        """Whether insiders took the money; ``None`` where that is not known."""
        return None if self.kind == "unknown" else self.kind in RUGS
