"""News and Medium by RSS and Atom: polled by their own rules, each address apart from the others.

What has not changed is not sent (``ETag``, ``Last-Modified``), a ``Retry-After`` is waited for, and
an address that fails is asked less and less often. Documents are parsed by feedparser; those that
declare entities, of which bombs are made, are refused unread. Feeds need no key.
"""

from __future__ import annotations

import calendar
import contextlib
import hashlib
import io
import re
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import anyio.to_thread
import feedparser
import msgspec
import structlog

from streams import telemetry
from streams.clock import Clock, SystemClock
from streams.errors import Invalid, Retry
from streams.feeds.backoff import Backoff, Rule, Rules
from streams.feeds.faults import fault_of
from streams.feeds.http import UNCHANGED, HttpClient
from streams.posts import MOST_LINK, MOST_TEXT, Post, bounded
from streams.social.authors import Authors
from streams.social.feed import Heard, refuse

__all__ = ["NAME", "Rss", "decode_document"]

NAME = "rss"
MOST_ENTRIES = 200
POLL_S = 300.0
RSS_RULES: Rules = {
    "network": Rule(30.0, 3_600.0, factor=2.0),
    "http": Rule(60.0, 6 * 3_600.0, factor=2.0),
    "limit": Rule(300.0, 6 * 3_600.0, factor=2.0),
    "denied": Rule(3_600.0, 24 * 3_600.0, factor=2.0),
}
_MOMENTS = ("published_parsed", "updated_parsed")
_DECLARES = re.compile(rb"<!(?:ENTITY|DOCTYPE[^>]*\[)", re.IGNORECASE)
log = structlog.get_logger(__name__)


class _Known(msgspec.Struct):
    """What is remembered of one address."""

    etag: str = ""
    modified: str = ""
    told: list[str] = []
    """The entries of its last document."""


class _Words(HTMLParser):
    """The words of HTML; scripts and styles are none."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.links: list[str] = []
        self._muted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._muted += tag in ("script", "style")
        if tag == "a" and (href := dict(attrs).get("href")):
            self.links.append(href[:MOST_LINK])

    def handle_endtag(self, tag: str) -> None:
        self._muted = max(0, self._muted - (tag in ("script", "style")))

    def handle_data(self, data: str) -> None:
        if not self._muted:
            self.words.append(data)


def decode_document(body: bytes, url: str, authors: Authors, now: datetime) -> list[Post]:
    """A document's entries as posts, oldest first; raises ``Invalid``."""
    if _DECLARES.search(body):
        raise Invalid("a document that declares entities", reason="entities")
    try:
        # As a stream: bytes that are a file's name would be that file.
        stream = io.BytesIO(body)
        document: Any = feedparser.parse(stream, sanitize_html=False, resolve_relative_uris=False)
    except Exception as error:
        raise Invalid("a document that cannot be read", reason="shape") from error
    entries = document.get("entries") or []
    if not entries and (document.get("bozo") or not document.get("version")):
        raise Invalid("no feed", reason="shape")
    posts = [_post(entry, url, authors, now) for entry in entries[:MOST_ENTRIES]]
    return sorted((post for post in posts if post is not None), key=lambda post: post.said_at)


def _post(entry: Any, url: str, authors: Authors, now: datetime) -> Post | None:
    link = str(entry.get("link") or "")
    name = str(entry.get("id") or link or entry.get("title") or "")
    if not name:
        return None
    contents = [str(part.get("value", "")) for part in (entry.get("content") or [])[:1]]
    html = "\n".join([str(entry.get("title", "")), *(contents or [str(entry.get("summary", ""))])])
    text, links = _words_of(html)
    writer = str(entry.get("author") or _host_of(link) or _host_of(url))
    return Post(
        feed=NAME,
        post=hashlib.sha256(f"{url}\0{name}".encode("utf-8", "replace")).hexdigest()[:32],
        author=authors.mark(NAME, writer),
        text=text,
        links=[bounded(each) for each in dict.fromkeys([link[:MOST_LINK], *links]) if each][:16],
        said_at=_moment(entry, now),
        at=now,
    )


def _host_of(address: str) -> str:
    """The host that an address names; empty for what is no address (``http://[``)."""
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""


def _words_of(html: str) -> tuple[str, list[str]]:
    reader = _Words()
    with contextlib.suppress(AssertionError):  # a declaration that the parser gives up at
        reader.feed(html[: 16 * MOST_TEXT])
    return bounded(" ".join(" ".join(reader.words).split())), reader.links


def _moment(entry: Any, now: datetime) -> datetime:
    # Not by get(): for an entry without it, that looks for another one, and warns of doing so.
    parsed = next((dict.get(entry, name) for name in _MOMENTS if dict.get(entry, name)), None)
    try:
        said = datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else now
    except (TypeError, ValueError, OverflowError, OSError):
        return now
    return min(said, now) if said.year >= 1970 else now


class Rss:
    """The feed of all addresses."""

    name = NAME

    def __init__(
        self,
        urls: Sequence[str],
        authors: Authors,
        *,
        every: float = POLL_S,
        rules: Rules = RSS_RULES,
        clock: Clock | None = None,
    ) -> None:
        """``every`` is in seconds between two looks at one address."""
        self.expected = 4 * every
        self._urls = list(dict.fromkeys(urls))
        self._authors = authors
        self._every = every
        self._clock = clock or SystemClock()
        self._client = HttpClient(NAME, follow_redirects=True)
        self._backoffs = {url: Backoff(rules) for url in self._urls}
        self._known: dict[str, _Known] = {}

    async def heard(self, since: str) -> AsyncGenerator[Heard, None]:
        """As ``Feed``; the cursor is what is remembered of each address."""
        known = msgspec.json.decode(since, type=dict[str, _Known]) if since else {}
        self._known = {url: known.get(url, _Known()) for url in self._urls}
        due = dict.fromkeys(self._urls, self._clock.now().timestamp())
        while True:
            url = min(due, key=lambda each: due[each])
            await self._clock.sleep(max(0.0, due[url] - self._clock.now().timestamp()))
            posts, wait = await self._look(url)
            for post in posts:
                yield Heard(post)
            if wait <= self._every:
                yield Heard(None, msgspec.json.encode(self._known).decode())
            due[url] = self._clock.now().timestamp() + wait

    async def close(self) -> None:
        """As ``Feed``."""
        await self._client.close()

    async def _look(self, url: str) -> tuple[list[Post], float]:
        """What is new at an address, and how long to let it alone."""
        known, backoff = self._known[url], self._backoffs[url]
        headers = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
        try:
            answer = await self._client.ask(
                "GET", url, headers={name: value for name, value in headers.items() if value}
            )
            now = self._clock.now()
            posts = [] if answer.status == UNCHANGED else await anyio.to_thread.run_sync(
                decode_document, answer.body, url, self._authors, now
            )  # fmt: skip
        except (Invalid, Retry) as error:
            return [], self._failed(url, error)
        backoff.healthy()
        told = set(known.told)
        if answer.status != UNCHANGED:
            known.etag = answer.headers.get("etag", "")
            known.modified = answer.headers.get("last-modified", "")
            known.told = [post.post for post in posts]
        return [post for post in posts if post.post not in told], self._every

    def _failed(self, url: str, error: Invalid | Retry) -> float:
        if isinstance(error, Invalid):
            refuse(NAME, error)
            error = Retry(str(error))
        wait = max(self._backoffs[url].wait_after(error), self._every * 1.001)
        telemetry.FEED_BREAKS.labels(NAME, fault_of(error)).inc()
        log.warning("feed_broke", feed=NAME, host=urlsplit(url).hostname, error=str(error),
                    again_in_seconds=round(wait))  # fmt: skip
        return wait
