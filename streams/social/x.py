"""X, by the filtered stream of API v2: posts that match rules, over an answer that never ends.

Rules are kept in step with a watchlist: terms are packed into as few rules as they fit in, what is
missing is added and what nobody wants any more removed, at every connection and each minute. A
heartbeat comes every 20 seconds; without one the connection is dead. Waits are the documented ones:
linear from 250 ms to 16 s after a network failure, 5 to 320 s doubling after an HTTP error, from a
minute doubling when limited. After a break, ``backfill_minutes`` asks for what was missed, where
the plan has it; duplicates, disorder and messages that nobody documents are expected.
Source: docs.x.com, filtered stream, consuming streaming data, handling disconnections.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from streams.clock import Clock, SystemClock
from streams.errors import Invalid, Retry
from streams.feeds.backoff import Rule, Rules
from streams.feeds.faults import Limited
from streams.feeds.http import HttpClient, json_of
from streams.feeds.reconnect import Connection, Reconnecting
from streams.posts import MOST_LINK, MOST_LINKS, Post, bounded
from streams.social.authors import Authors
from streams.social.feed import Heard, refuse

__all__ = ["NAME", "X_RULES", "XStream", "decode_line", "packed"]

NAME = "x"
PATH = "/2/tweets/search/stream"
FIELDS = {
    "tweet.fields": "created_at,author_id,entities",
    "expansions": "author_id",
    "user.fields": "created_at",
}
X_RULES: Rules = {
    "network": Rule(0.25, 16.0, step=0.25),
    "silence": Rule(0.25, 16.0, step=0.25),
    "http": Rule(5.0, 320.0, factor=2.0),
    "limit": Rule(60.0, 3_600.0, factor=2.0),
}
HEARTBEAT_S = 20.0
SILENCE_S = HEARTBEAT_S + 1.0
MOST_RULES = 1_000
MOST_RULE_CHARS = 1_024
MOST_BACKFILL_MINUTES = 5
SYNC_EVERY_S = 60.0
TAG = "heft"
"""Our rules' tag: those of others on the same account are let alone."""

log = structlog.get_logger(__name__)
Watchlist = Callable[[], Awaitable[Sequence[str]]]


class _Url(msgspec.Struct):
    expanded_url: str = ""
    unwound_url: str = ""


class _Entities(msgspec.Struct):
    urls: list[_Url] = []


class _Data(msgspec.Struct):
    id: str
    text: str
    author_id: str = ""
    created_at: datetime | None = None
    entities: _Entities | None = None


class _User(msgspec.Struct):
    id: str = ""
    created_at: datetime | None = None


class _Includes(msgspec.Struct):
    users: list[_User] = []


class _Error(msgspec.Struct):
    title: str = ""
    disconnect_type: str = ""
    detail: str = ""
    connection_issue: str = ""


class _Line(msgspec.Struct):
    data: _Data | None = None
    includes: _Includes | None = None
    errors: list[_Error] = []
    title: str = ""
    connection_issue: str = ""


class _Rule(msgspec.Struct):
    id: str = ""
    value: str = ""
    tag: str = ""


class _RuleList(msgspec.Struct):
    data: list[_Rule] = []


_decoder = msgspec.json.Decoder(_Line)


def decode_line(line: bytes, authors: Authors, now: datetime) -> Post | None:
    """A line to a post; ``None`` for a heartbeat and for what is not documented.

    Raises ``Invalid`` for what is no JSON of the documented shape, ``Limited`` and ``Retry`` for
    the errors that the service tells in the stream.
    """
    if not line.strip():
        return None
    try:
        said = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("no line of the stream", reason="shape") from error
    if said.data is None:
        _raise_for(said)
        return None
    data, users = said.data, said.includes.users if said.includes else []
    since = next((user.created_at for user in users if user.id == data.author_id), None)
    urls = data.entities.urls if data.entities else []
    return Post(
        feed=NAME,
        post=bounded(data.id)[:256],
        author=authors.mark(NAME, data.author_id),
        text=bounded(data.text),
        links=[bounded((url.unwound_url or url.expanded_url)[:MOST_LINK]) for url in urls][
            :MOST_LINKS
        ],
        author_since=since if since and since.tzinfo else msgspec.UNSET,
        said_at=_earlier(data.created_at, now),
        at=now,
    )


def _earlier(said: datetime | None, now: datetime) -> datetime:
    return min(said, now) if said is not None and said.tzinfo is not None else now


def _raise_for(said: _Line) -> None:
    for error in [*said.errors, _Error(title=said.title, connection_issue=said.connection_issue)]:
        words = f"{error.title} {error.disconnect_type} {error.connection_issue}"
        if "TooManyConnections" in words or error.title == "ConnectionException":
            raise Limited("x holds another connection of ours", status=429)
        if "disconnect" in words.lower():
            raise Retry(f"x ends the stream: {(error.disconnect_type or error.title)[:40]}")


def packed(terms: Iterable[str]) -> list[str]:
    """Terms as rules of at most 1,024 characters, joined by OR; at most a thousand rules."""
    rules: list[str] = []
    current = ""
    for term in dict.fromkeys(terms):
        joined = f"{current} OR {term}" if current else term
        if len(joined) <= MOST_RULE_CHARS:
            current = joined
            continue
        if current:
            rules.append(current)
        current = term if len(term) <= MOST_RULE_CHARS else ""
    return [*rules, current][:MOST_RULES] if current else rules[:MOST_RULES]


class XStream:
    """The feed, with an app's bearer token."""

    name = NAME
    expected = 2 * HEARTBEAT_S

    def __init__(
        self,
        token: str,
        watchlist: Watchlist,
        authors: Authors,
        *,
        base_url: str = "https://api.x.com",
        backfill: bool = False,
        silence: float = SILENCE_S,
        rules: Rules = X_RULES,
        clock: Clock | None = None,
    ) -> None:
        """``backfill``: whether the plan has ``backfill_minutes``."""
        self._watchlist = watchlist
        self._authors = authors
        self._base = base_url.rstrip("/")
        self._backfill = backfill
        self._clock = clock or SystemClock()
        self._client = HttpClient(NAME, headers={"Authorization": f"Bearer {token}"})
        self._heard_at: datetime | None = None
        self._synced: datetime | None = None
        self._shell = Reconnecting(
            NAME, self._dial, self._talk, silence=silence, rules=rules, clock=self._clock
        )

    async def heard(self, since: str) -> AsyncGenerator[Heard, None]:
        """As ``Feed``; the cursor is the moment at which the stream was last heard."""
        self._heard_at = datetime.fromisoformat(since) if since else None
        async for each in self._shell.items():
            yield each

    async def close(self) -> None:
        """As ``Feed``."""
        await self._client.close()

    async def _dial(self) -> Connection:
        await self._sync()
        query = dict(FIELDS)
        if self._backfill and self._heard_at is not None:
            away = (self._clock.now() - self._heard_at).total_seconds() / 60
            query["backfill_minutes"] = str(min(MOST_BACKFILL_MINUTES, math.ceil(away) or 1))
        return await self._client.open_lines(self._base + PATH, params=query)

    async def _talk(self, connection: Connection) -> AsyncGenerator[Heard, None]:
        async for line in connection.frames():
            now = self._clock.now()
            self._heard_at = now
            if self._synced is None or (now - self._synced).total_seconds() >= SYNC_EVERY_S:
                await self._sync()
            try:
                data = line if isinstance(line, bytes) else line.encode()
                yield Heard(decode_line(data, self._authors, now), now.isoformat())
            except Invalid as error:
                refuse(NAME, error)

    async def _sync(self) -> None:
        """Make the rules at X those of the watchlist; raises ``Retry``."""
        url = f"{self._base}{PATH}/rules"
        wanted = set(packed(await self._watchlist()))
        try:
            known = json_of(NAME, await self._client.ask("GET", url), _RuleList).data
            ours = {rule.value: rule.id for rule in known if rule.tag == TAG}
            if gone := [ours[value] for value in ours.keys() - wanted]:
                await self._change(url, {"delete": {"ids": sorted(gone)}})
            if new := sorted(wanted - ours.keys()):
                await self._change(url, {"add": [{"value": each, "tag": TAG} for each in new]})
        except Invalid as error:
            raise Retry(str(error)) from error
        self._synced = self._clock.now()

    async def _change(self, url: str, change: dict[str, Any]) -> None:
        await self._client.ask("POST", url, json=change)
