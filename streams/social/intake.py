"""Posts that others send us: a line or a body of JSON, one post or a list of them.

    {"id": "42", "text": "...", "author": "somebody", "source": "discord", "said_at": "2026-..."}

``id`` and ``text`` must be there; ``"deleted": true`` takes a post back. Who may send is the
business of whoever serves it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from streams.errors import Invalid
from streams.posts import MOST_LINK, MOST_LINKS, Deletion, Post, bounded
from streams.social.authors import Authors

__all__ = ["NAME", "decode_sent"]

NAME = "intake"
MOST_AT_ONCE = 1_000


class _Sent(msgspec.Struct, forbid_unknown_fields=True):
    id: Annotated[str, Meta(min_length=1, max_length=200)]
    text: str = ""
    author: Annotated[str, Meta(max_length=200)] = ""
    source: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}(?!\n)$")] = NAME
    links: list[str] = []
    said_at: Annotated[datetime, Meta(tz=True)] | None = None
    author_since: Annotated[datetime, Meta(tz=True)] | None = None
    deleted: bool = False


_decoder = msgspec.json.Decoder(list[_Sent] | _Sent)


def decode_sent(body: bytes, authors: Authors, now: datetime) -> list[Post | Deletion]:
    """What was sent; raises ``Invalid`` with the place of the first thing that is wrong."""
    try:
        sent = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"no posts: {str(error)[:200]}", reason="shape") from error
    rows = sent if isinstance(sent, list) else [sent]
    if len(rows) > MOST_AT_ONCE:
        raise Invalid(f"over {MOST_AT_ONCE} posts at once", reason="size")
    return [_event(row, authors, now) for row in rows]


def _event(row: _Sent, authors: Authors, now: datetime) -> Post | Deletion:
    name = bounded(f"{row.source}/{row.id}")
    if row.deleted:
        return Deletion(feed=NAME, post=name, at=now)
    links = [bounded(each[:MOST_LINK]) for each in row.links[:MOST_LINKS]]
    return Post(
        feed=NAME, post=name, author=authors.mark(row.source, row.author or row.id),
        text=bounded(row.text), links=links,
        author_since=row.author_since or msgspec.UNSET,
        said_at=min(row.said_at or now, now), at=now,
    )  # fmt: skip
