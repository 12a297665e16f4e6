"""Bluesky's Jetstream, versions 1 and 2: every public post over one WebSocket, without a key.

Version 1: ``/subscribe``, frames ``{did, time_us, kind, commit}``, a cursor in microseconds that
the server clamps without a word. Version 2: ``/xrpc/network.bsky.jetstream.subscribeEvents``,
numbered messages, errors as frames, and a number below its floor refused by HTTP 400
(``CursorTooOld``); it hangs up on whoever sends it anything. Numbers are one server's own, so on
another one we go on from a moment a little earlier. Both send again from the cursor itself: readers
know posts by their ids.
Source: bluesky-social/jetstream, docs/README.md, sections 2 and 5.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlencode, urlsplit

import msgspec
import structlog

from streams import telemetry
from streams.clock import Clock, SystemClock
from streams.errors import Invalid, Retry
from streams.feeds.backoff import RULES, Rules
from streams.feeds.faults import Refused
from streams.feeds.http import HttpClient
from streams.feeds.reconnect import Connection, Reconnecting
from streams.feeds.websocket import WebSocket, open_websocket
from streams.posts import MOST_LINK, MOST_LINKS, Deletion, Post, bounded
from streams.social.authors import Authors
from streams.social.feed import Heard, refuse

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["NAME", "Jetstream", "Place", "decode_event", "unpacked"]

NAME = "bluesky"
POSTS = "app.bsky.feed.post"
V2_PATH = "/xrpc/network.bsky.jetstream.subscribeEvents"
DICTIONARY_PATH = "/xrpc/network.bsky.jetstream.getZstdDictionary"
SUBPROTOCOL = "xrpc.v1.json"
MOST_EVENT_BYTES = 2**20
"""A record has at most 64 KiB; what unpacks to more is a bomb."""
REWIND_US = 10_000_000
SILENCE_S = 30.0
"""All of Bluesky posts many times a second."""
HOST_FAILURES = 3
"""Connections in a row that brought nothing, after which the next host is tried."""

Version = Literal[1, 2]
log = structlog.get_logger(__name__)


class Place(msgspec.Struct, frozen=True):
    """How far we are: on which host, at which number (version 2), and at which moment."""

    host: str = ""
    seq: int = 0
    time_us: int = 0


class _Commit(msgspec.Struct):
    operation: str = ""
    collection: str = ""
    rkey: str = ""
    record: Any = None


class _V1(msgspec.Struct):
    did: str = ""
    time_us: int = 0
    kind: str = ""
    commit: _Commit | None = None
    account: dict[str, Any] | None = None


class _Payload(_Commit):
    type: str = msgspec.field(name="$type", default="")
    seq: int = 0
    did: str = ""
    time: datetime | None = None
    active: bool = True
    status: str = ""
    name: str = ""
    account: dict[str, Any] | None = None


class _V2(msgspec.Struct):
    type: str = msgspec.field(name="$type", default="")
    payload: _Payload | None = None
    error: str = ""
    message: str = ""


_v1 = msgspec.json.Decoder(_V1)
_v2 = msgspec.json.Decoder(_V2)


def decode_event(
    frame: bytes | str, version: Version, authors: Authors, now: datetime, host: str = ""
) -> tuple[Post | Deletion | None, Place]:
    """A frame to what it tells, if it tells anything of ours, and the place behind it.

    Raises ``Invalid`` for what is no event, ``Retry`` for an error that the server tells.
    """
    try:
        if version == 1:
            event = _v1.decode(frame)
            place = Place(host, 0, event.time_us)
            account = event.account or {}
            gone = event.kind == "account" and account.get("status") == "deleted"
            return _told(event.did, event.commit, gone, event.time_us, authors, now), place
        envelope = _v2.decode(frame)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("no event of Jetstream", reason="shape") from error
    if envelope.error:
        raise Retry(f"the server says {envelope.error[:40]}")
    payload = envelope.payload
    if payload is None:
        raise Invalid("no event of Jetstream", reason="shape")
    kind = payload.type.rpartition("#")[2]
    if kind == "info":
        log.warning("feed_gap", feed=NAME, info=payload.name[:40])
        return None, Place()
    time_us = int(payload.time.timestamp() * 1e6) if payload.time else 0
    status = payload.status or (payload.account or {}).get("status")
    commit = payload if kind == "commit" else None
    gone = kind == "account" and status == "deleted"
    told = _told(payload.did, commit, gone, time_us, authors, now)
    return told, Place(host, payload.seq, time_us)


def _told(
    did: str, commit: _Commit | None, gone: bool, time_us: int, authors: Authors, now: datetime
) -> Post | Deletion | None:
    if gone and did:
        return Deletion(feed=NAME, post="*", author=authors.mark(NAME, did), at=now)
    if commit is None or commit.collection != POSTS or not did or not commit.rkey:
        return None
    post = f"{did}/{commit.rkey}"[:256]
    if commit.operation == "delete":
        return Deletion(feed=NAME, post=post, at=now)
    if commit.operation != "create" or not isinstance(commit.record, dict):
        return None
    text = commit.record.get("text")
    if not isinstance(text, str):
        raise Invalid("a post without a text", reason="shape")
    return Post(
        feed=NAME, post=post, author=authors.mark(NAME, did), text=bounded(text),
        links=_links(commit.record), said_at=_moment(time_us, now), at=now,
    )  # fmt: skip


def _moment(time_us: int, now: datetime) -> datetime:
    """The server's time, never after ours, nor before there was such a thing."""
    if not 0 < time_us < now.timestamp() * 1e6:
        return now
    return datetime.fromtimestamp(time_us / 1e6, UTC)


def _links(record: dict[str, Any]) -> list[str]:
    """Where the post leads: its facets say so in full, its text in short."""
    found: list[str] = []

    def add(uri: Any) -> None:
        if isinstance(uri, str) and uri.startswith(("http://", "https://")):
            found.append(bounded(uri[:MOST_LINK]))

    facets = record.get("facets")
    for facet in facets[:64] if isinstance(facets, list) else ():
        features = facet.get("features") if isinstance(facet, dict) else None
        for feature in features[:8] if isinstance(features, list) else ():
            if isinstance(feature, dict):
                add(feature.get("uri"))
    embed = record.get("embed")
    external = embed.get("external") if isinstance(embed, dict) else None
    if isinstance(external, dict):
        add(external.get("uri"))
    return list(dict.fromkeys(found))[:MOST_LINKS]


def unpacked(frame: bytes, dictionary: zstd.ZstdDict | None) -> bytes:
    """What one zstd frame holds; raises ``Invalid`` for a bomb and for what is none."""
    try:
        reader = zstd.ZstdDecompressor(zstd_dict=dictionary)
        data = reader.decompress(frame, max_length=MOST_EVENT_BYTES)
    except (zstd.ZstdError, EOFError, ValueError) as error:
        raise Invalid("a frame that does not unpack", reason="zstd") from error
    if not reader.eof:
        raise Invalid("a frame that unpacks to too much, or ends too early", reason="zstd-size")
    return data


class Jetstream:
    """The feed. ``hosts`` are base URLs (``wss://jetstream2.us-east.bsky.network``)."""

    name = NAME

    def __init__(
        self,
        hosts: Sequence[str],
        authors: Authors,
        *,
        version: Version = 1,
        compress: bool = False,
        dictionary: bytes | None = None,
        silence: float = SILENCE_S,
        rules: Rules = RULES,
        clock: Clock | None = None,
    ) -> None:
        """``dictionary`` is version 1's, which no server gives; version 2's is asked for."""
        self.expected = silence
        self._hosts = list(hosts)
        self._authors = authors
        self._version: Version = version
        self._compress = compress
        self._dictionary = None if dictionary is None else zstd.ZstdDict(dictionary)
        self._clock = clock or SystemClock()
        self._place = Place()
        self._turn = self._fruitless = 0
        self._from_moment = False
        self._shell = Reconnecting(
            NAME, self._dial, self._talk, silence=silence, rules=rules, clock=self._clock
        )

    async def heard(self, since: str) -> AsyncGenerator[Heard, None]:
        """As ``Feed``."""
        if since:
            self._place = msgspec.json.decode(since, type=Place)
        async for each in self._shell.items():
            yield each

    async def close(self) -> None:
        """As ``Feed``; its connection closes with what listens to it."""

    async def _dial(self) -> Connection:
        if self._fruitless >= HOST_FAILURES:
            self._turn, self._fruitless = self._turn + 1, 0
        self._fruitless += 1
        host = self._hosts[self._turn % len(self._hosts)]
        protocols = (SUBPROTOCOL,) if self._version == 2 else ()
        try:
            url = f"{host}{await self._path(host)}"
            return WebSocket(await open_websocket(url, who=NAME, subprotocols=protocols))
        except Refused as error:
            if error.status == 400 and self._place.seq and not self._from_moment:
                # Below the floor: what lies before it is lost, and said so; go on at the floor.
                self._from_moment = True
                telemetry.FEED_BREAKS.labels(NAME, "cursor").inc()
                log.warning("feed_gap", feed=NAME, info="the cursor is too old: posts were lost")
            raise

    async def _path(self, host: str) -> str:
        names = ("wantedCollections",) if self._version == 1 else ("collections",)
        query: list[tuple[str, Any]] = [(names[0], POSTS)]
        if self._version == 2:
            query += [("kinds", "commit"), ("kinds", "account")]
        if cursor := self._cursor(host):
            query.append(("cursor", cursor))
        if self._compress and self._version == 1 and self._dictionary is not None:
            query.append(("compress", "true"))
        elif self._compress and self._version == 2:
            query.append(("zstdDictionary", await self._ask_dictionary(host)))
        return f"{'/subscribe' if self._version == 1 else V2_PATH}?{urlencode(query)}"

    def _cursor(self, host: str) -> int:
        place = self._place
        same = place.host == _netloc(host)
        if self._version == 2 and same and place.seq and not self._from_moment:
            return place.seq
        if not place.time_us:
            return 0
        return place.time_us if same else place.time_us - REWIND_US

    async def _ask_dictionary(self, host: str) -> str:
        client = HttpClient(NAME)
        scheme = "https" if host.startswith("wss") else "http"
        try:
            answer = await client.ask("GET", f"{scheme}://{_netloc(host)}{DICTIONARY_PATH}")
            self._dictionary = zstd.ZstdDict(answer.body)
        except ValueError as error:
            raise Retry("the server's dictionary is none") from error
        finally:
            await client.close()
        return answer.headers.get("x-zstd-dictionary-id", str(self._dictionary.dict_id))

    async def _talk(self, connection: Connection) -> AsyncGenerator[Heard, None]:
        host = _netloc(self._hosts[self._turn % len(self._hosts)])
        async for frame in connection.frames():
            try:
                data = unpacked(frame, self._dictionary) if isinstance(frame, bytes) else frame
                now = self._clock.now()
                event, place = decode_event(data, self._version, self._authors, now, host)
            except Invalid as error:
                refuse(NAME, error)
                continue
            if (place.seq, place.time_us) == (0, 0):
                continue
            self._place, self._fruitless, self._from_moment = place, 0, False
            yield Heard(event, msgspec.json.encode(place).decode())


def _netloc(url: str) -> str:
    return urlsplit(url).netloc
