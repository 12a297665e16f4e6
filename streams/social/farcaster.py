"""Farcaster's casts, by the events that a hub keeps for three days (Snapchain's HTTP interface).

Events are numbered; a page is asked for behind the last one. A cast is a post, its removal takes it
back. Moments count from 2021-01-01.
Source: docs.neynar.com, ``GET /v1/events``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from streams.clock import Clock, SystemClock
from streams.errors import Invalid, Retry
from streams.feeds.backoff import RULES, Rules
from streams.feeds.http import HttpClient, json_of
from streams.feeds.reconnect import Connection, Reconnecting
from streams.posts import MOST_LINK, MOST_LINKS, Deletion, Post, bounded
from streams.social.authors import Authors
from streams.social.feed import Heard, refuse
from streams.social.polling import Polled

__all__ = ["NAME", "Farcaster", "decode_page"]

NAME = "farcaster"
EPOCH = datetime(2021, 1, 1, tzinfo=UTC)
MERGE = "HUB_EVENT_TYPE_MERGE_MESSAGE"
POLL_S = 2.0


class _AddBody(msgspec.Struct):
    text: str = ""
    embeds: list[dict[str, Any]] = []


class _Body(msgspec.Struct):
    type: str = ""
    fid: int = 0
    timestamp: int = 0
    castAddBody: _AddBody | None = None  # noqa: N815 - the wire's name
    castRemoveBody: dict[str, Any] | None = None  # noqa: N815 - the wire's name


class _Message(msgspec.Struct):
    data: _Body | None = None
    hash: str = ""


class _Merge(msgspec.Struct):
    message: _Message | None = None


class _Event(msgspec.Struct):
    type: str = ""
    id: int = 0
    mergeMessageBody: _Merge | None = None  # noqa: N815 - the wire's name


class _Page(msgspec.Struct):
    events: list[msgspec.Raw] = []
    nextPageEventId: int = 0  # noqa: N815 - the wire's name


def decode_page(
    events: list[msgspec.Raw], authors: Authors, now: datetime
) -> list[tuple[int, Post | Deletion | None]]:
    """Each event's number, and the post or deletion that it tells; bad ones are counted."""
    found = []
    for raw in events:
        try:
            event = msgspec.json.decode(raw, type=_Event, strict=False)
            found.append((event.id, _told(event, authors, now)))
        except (msgspec.MsgspecError, Invalid, UnicodeDecodeError, RecursionError) as error:
            reason = error.reason if isinstance(error, Invalid) else "shape"
            refuse(NAME, Invalid("no event of a hub", reason=reason))
    return found


def _told(event: _Event, authors: Authors, now: datetime) -> Post | Deletion | None:
    merged = event.mergeMessageBody.message if event.mergeMessageBody else None
    if event.type != MERGE or merged is None or merged.data is None:
        return None
    data = merged.data
    if data.castRemoveBody is not None:
        target = str(data.castRemoveBody.get("targetHash", ""))[:256]
        return Deletion(feed=NAME, post=target, at=now) if target else None
    if data.castAddBody is None or not merged.hash:
        return None
    links = [str(embed["url"])[:MOST_LINK] for embed in data.castAddBody.embeds if "url" in embed]
    seconds = min(max(data.timestamp, 0), int((now - EPOCH).total_seconds()))
    return Post(
        feed=NAME, post=bounded(merged.hash)[:256], author=authors.mark(NAME, str(data.fid)),
        text=bounded(data.castAddBody.text), links=[bounded(each) for each in links][:MOST_LINKS],
        said_at=min(EPOCH + timedelta(seconds=seconds), now), at=now,
    )  # fmt: skip


class Farcaster:
    """The feed of one hub."""

    name = NAME
    expected = 120.0

    def __init__(
        self,
        key: str,
        authors: Authors,
        *,
        base_url: str = "https://snapchain-api.neynar.com",
        every: float = POLL_S,
        rules: Rules = RULES,
        clock: Clock | None = None,
    ) -> None:
        """``key`` goes into ``x-api-key``; a hub of one's own needs none."""
        self._url = f"{base_url.rstrip('/')}/v1/events"
        self._authors = authors
        self._every = every
        self._clock = clock or SystemClock()
        self._client = HttpClient(NAME, headers={"x-api-key": key} if key else {})
        self._next = 0
        self._shell = Reconnecting(
            NAME, self._dial, self._talk, silence=self.expected, rules=rules, clock=self._clock
        )

    async def heard(self, since: str) -> AsyncGenerator[Heard, None]:
        """As ``Feed``; the cursor is the number of the next event."""
        self._next = int(since) if since else 0
        async for each in self._shell.items():
            yield each

    async def close(self) -> None:
        """As ``Feed``."""
        await self._client.close()

    async def _dial(self) -> Connection:
        return Polled()

    async def _talk(self, connection: Connection) -> AsyncGenerator[Heard, None]:  # noqa: ARG002
        while True:
            answer = await self._client.ask("GET", self._url, params={"from_event_id": self._next})
            try:
                page: _Page = json_of(NAME, answer, _Page)
            except Invalid as error:
                raise Retry(str(error)) from error
            told = decode_page(page.events, self._authors, self._clock.now())
            for _, event in told:
                if event is not None:
                    yield Heard(event)
            behind = max((number + 1 for number, _ in told), default=self._next)
            self._next = max(self._next, page.nextPageEventId or behind)
            yield Heard(None, str(self._next))
            if not page.events:
                await self._clock.sleep(self._every)
