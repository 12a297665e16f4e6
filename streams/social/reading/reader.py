"""A post that names tokens, read once: all that its mentions will say of it, and no word of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from streams.mentions import How, Mention
from streams.posts import Post
from streams.social.authors import Authors
from streams.social.linking.naming import Named
from streams.social.linking.plain import plain
from streams.social.reading.copies import Copies
from streams.social.reading.newcomers import Newcomers
from streams.social.reading.phishing import Phishing
from streams.social.reading.promises import promises_returns
from streams.social.reading.sentiment import sentiment

__all__ = ["Reader", "ScamModel", "Word"]

ScamModel = Callable[[Sequence[str]], Sequence[float]]
"""How likely each text is a scam's, 0 to 1."""


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a post: a mention without its token."""

    feed: str
    post: str
    author: str
    said_at: datetime
    at: datetime
    copy: str
    fresh: bool | UnsetType = UNSET
    scam: float | UnsetType = UNSET
    sentiment: float | UnsetType = UNSET
    promises: bool = False
    phishing: bool = False

    def mention(self, chain: str, pool: str, how: How, *, at: datetime | None = None) -> Mention:
        """Of this pool's token; ``at`` is when that was known, where it was not at once."""
        told = {name: getattr(self, name) for name in self.__struct_fields__}
        return Mention(chain=chain, pool=pool, how=how, **told | ({"at": at} if at else {}))


class Reader:
    """Reads posts, and remembers of them only marks."""

    def __init__(
        self,
        authors: Authors,
        *,
        phishing: Phishing | None = None,
        scam: ScamModel | None = None,
    ) -> None:
        """Without a model, nobody knows how likely a scam is."""
        self._authors = authors
        self._phishing = phishing or Phishing()
        self._scam = scam
        self._copies = Copies()
        self._newcomers = Newcomers()

    def hear(self, post: Post) -> bool | UnsetType:
        """Note who spoke, whatever of; whether the account is fresh."""
        return self._newcomers.is_fresh(post)

    def mark(self, feed: str, post: str) -> str:
        """How a post's mentions name it."""
        return self._authors.mark(f"post:{feed}", post)

    def words(self, posts: Sequence[tuple[Post, Named, bool | UnsetType]]) -> list[Word]:
        """What is kept of each post."""
        texts = [plain(post.text) for post, _, _ in posts]
        odds = list(self._scam(texts)) if self._scam is not None and texts else []
        return [
            Word(
                feed=post.feed,
                post=self.mark(post.feed, post.post),
                author=post.author,
                said_at=post.said_at,
                at=post.at,
                copy=self.mark("copy", self._copies.kind(text)),
                fresh=fresh,
                scam=min(1.0, max(0.0, odds[place])) if odds else UNSET,
                sentiment=sentiment(text),
                promises=promises_returns(text),
                phishing=self._phishing.in_links(named.urls),
            )
            for place, ((post, named, fresh), text) in enumerate(zip(posts, texts, strict=True))
        ]
