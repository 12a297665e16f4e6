"""What people say in public, as it travels: posts, and that they were taken back.

Authors are keyed hashes: who wrote two posts can be told apart, who it is cannot be looked up.
The text is a stranger's, bounded and otherwise as it came: whoever shows it sanitises it first.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.onpool import Event, Instant, Slug, checked

__all__ = ["MOST_LINK", "MOST_LINKS", "MOST_TEXT", "Deletion", "Post", "PostId", "bounded"]

MOST_TEXT = 4_000
"""Code points of a text that are kept: an X post has 280, a Telegram message 4,096 at most."""
MOST_LINKS = 16
MOST_LINK = 512
PostId = Annotated[str, Meta(min_length=1, max_length=256)]
Author = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}(?!\n)$")]


class Post(Event, frozen=True, kw_only=True, tag="post"):
    """One post, the same id however often its service sends it."""

    feed: Slug
    post: PostId
    """The service's own name of it."""
    author: Author
    text: Annotated[str, Meta(max_length=MOST_TEXT)]
    links: Annotated[
        list[Annotated[str, Meta(max_length=MOST_LINK)]], Meta(max_length=MOST_LINKS)
    ] = msgspec.field(default_factory=list)
    """Where it leads, in full, as far as the service tells that apart from the text."""
    author_since: Instant | UnsetType = UNSET
    """When the account was made, where the service says."""
    said_at: Instant
    """When it was said, by the service's clock; never after ``at``."""
    at: Instant
    """When we got it: what was known of it before is nothing."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at)
        checked(self.said_at)

    @property
    def id(self) -> str:
        """The same post is the same post."""
        return f"{self.feed}:{self.post}"

    @property
    def key(self) -> str:
        """The Kafka key: a post's deletion comes behind it."""
        return self.id


class Deletion(Event, frozen=True, kw_only=True, tag="deletion"):
    """Its author took a post back, or the service did: the text is to be forgotten.

    With ``post`` ``*`` the whole account went, and all that ``author`` said.
    """

    feed: Slug
    post: PostId
    author: Author | UnsetType = UNSET
    at: Instant

    @property
    def id(self) -> str:
        """Once a post, or once an account."""
        return f"{self.feed}:{self.author or self.post}:deletion"

    @property
    def key(self) -> str:
        """As its post's."""
        return f"{self.feed}:{self.post}"


def bounded(text: str) -> str:
    """A text as a post may hold it: cut, and of characters that can be written down."""
    return text[:MOST_TEXT].encode("utf-8", "replace").decode()
