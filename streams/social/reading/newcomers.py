"""Whether an account is new: by its age where the service says, else by whether we heard it before.

What we heard is remembered in bounded memory since we started: for the first day nobody knows.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec import UNSET, UnsetType

from streams.feeds.seen import Seen
from streams.posts import Post

__all__ = ["Newcomers"]

YOUNG = timedelta(days=7)
LISTENING = timedelta(days=1)


class Newcomers:
    """Notes every author, and tells of each post whether its account is fresh."""

    def __init__(self, most: int = 500_000) -> None:
        self._heard = Seen(most)
        self._since: datetime | None = None

    def is_fresh(self, post: Post) -> bool | UnsetType:
        """Note the post's author; ``UNSET`` where nothing tells."""
        self._since = self._since or post.at
        new = self._heard.add(post.author)
        if not isinstance(post.author_since, UnsetType):
            return post.said_at - post.author_since < YOUNG
        return new if post.at - self._since >= LISTENING else UNSET
