"""A post that speaks of a launched token, as its pool's activity: counted, and without its text."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.onpool import Count, Event, Instant, OnPool, Slug, checked

__all__ = ["How", "Listening", "Mention"]

How = Literal["address", "link", "cashtag"]
"""What names the token: its or its pool's address, a link to it, or its ticker with a $."""
Mark = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}(?!\n)$")]
Share = Annotated[float, Meta(ge=0, le=1)]


class Mention(OnPool, frozen=True, kw_only=True, tag="mention"):
    """One post's word on one pool's token. It is no log of the chain: ``post`` numbers it.

    ``at`` is when we got the post, ``said_at`` when it was said. What a check could not tell is
    ``UNSET``.
    """

    block: Count = 0
    log_index: Count = 0
    feed: Slug
    post: Mark
    """A keyed hash of the post's id."""
    author: Mark
    how: How
    said_at: Instant
    copy: Mark
    """The same for posts that say nearly the same."""
    fresh: bool | UnsetType = UNSET
    """Whether the account is a few days old, or was never heard before."""
    scam: Share | UnsetType = UNSET
    """How likely its text is a scam's, by our model."""
    sentiment: Annotated[float, Meta(ge=-1, le=1)] | UnsetType = UNSET
    promises: bool = False
    """Whether it promises returns."""
    phishing: bool = False
    """Whether it links to a known or disguised phishing host."""
    deleted: bool = False
    """Whether the post was taken back: nothing of it is kept."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at)
        checked(self.said_at)

    @property
    def id(self) -> str:
        """A post speaks once of a pool, and is taken back once."""
        end = ":deleted" if self.deleted else ""
        return f"{self.key}:mention:{self.post}{end}"


class Listening(Event, frozen=True, kw_only=True, tag="listening"):
    """That posts are heard, and since when: without it no number of mentions means anything.

    Sent to every partition now and then, while a feed is on; it moves no chain's clock.
    """

    chain: Slug = "posts"
    """None in truth: the name under which the archive keeps it."""
    block: Count = 0
    at: Instant
    since: Instant
    """Every post that the feeds have was heard from here on."""
    feeds: list[Slug] = msgspec.field(default_factory=list)
    """Those that were heard lately."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at)
        checked(self.since)

    @property
    def id(self) -> str:
        """One a moment."""
        return f"posts:listening:{self.at.timestamp():.0f}"

    @property
    def key(self) -> str:
        """Of every partition."""
        return "posts"
