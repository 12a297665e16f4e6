"""What people say of alerts, as it travels: who, when, what, and why."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from streams.events import Event
from streams.onpool import Address, Instant, Slug

__all__ = ["Label", "Word"]

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
