"""Reddit's newest posts of some subreddits, by its OAuth API, within its rate.

An app's id and secret buy a token; a listing of the newest hundred is asked for, and further pages
until what is known comes. Its headers say what is left of the rate (100 a minute, averaged over
ten): when nothing is, we wait until they say. A post that has become ``[deleted]`` is taken back.
Commercial use needs a contract with Reddit.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from streams.clock import Clock, SystemClock
from streams.errors import Invalid, Retry
from streams.feeds.backoff import RULES, Rules
from streams.feeds.faults import Denied
from streams.feeds.http import Answer, HttpClient, json_of
from streams.feeds.reconnect import Connection, Reconnecting
from streams.posts import MOST_LINK, Deletion, Post, bounded
from streams.social.authors import Authors
from streams.social.feed import Heard, refuse
from streams.social.polling import Polled

__all__ = ["NAME", "Reddit", "decode_post"]

NAME = "reddit"
POLL_S = 5.0
MOST_PAGES = 10
"""A listing ends after a thousand posts, whatever is asked."""
GONE = ("[deleted]", "[removed]")


class _Post(msgspec.Struct):
    name: str
    title: str = ""
    selftext: str = ""
    author: str = ""
    author_fullname: str = ""
    url: str = ""
    created_utc: float = 0.0
    removed_by_category: str | None = None


class _Child(msgspec.Struct):
    data: msgspec.Raw


class _Data(msgspec.Struct):
    children: list[_Child] = []
    after: str | None = None


class _Listing(msgspec.Struct):
    data: _Data


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 3_600.0


def decode_post(data: bytes, authors: Authors, now: datetime) -> tuple[int, Post | Deletion]:
    """A listing's entry to its number, which rises with time, and a post; raises ``Invalid``."""
    try:
        said = msgspec.json.decode(data, type=_Post)
        number = int(said.name.removeprefix("t3_"), 36)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("no post of a listing", reason="shape") from error
    name = bounded(said.name)[:256]
    if said.removed_by_category or said.author in GONE or said.selftext in GONE:
        return number, Deletion(feed=NAME, post=name, at=now)
    link = bounded(said.url[:MOST_LINK])
    at = now.timestamp()
    said_at = datetime.fromtimestamp(min(max(said.created_utc, 0.0), at) or at, UTC)
    return number, Post(
        feed=NAME, post=name, author=authors.mark(NAME, said.author_fullname or said.author),
        text=bounded(f"{said.title}\n{said.selftext}"), links=[link] if link else [],
        said_at=min(said_at, now), at=now,
    )  # fmt: skip


class Reddit:
    """The feed."""

    name = NAME
    expected = 900.0

    def __init__(
        self,
        login: tuple[str, str],
        subreddits: Sequence[str],
        authors: Authors,
        *,
        base_url: str = "https://oauth.reddit.com",
        token_url: str = "https://www.reddit.com/api/v1/access_token",  # noqa: S107 - an address
        every: float = POLL_S,
        rules: Rules = RULES,
        clock: Clock | None = None,
    ) -> None:
        """``login``: the app's id and secret; ``every``: seconds between two looks."""
        self._login = login
        self._url = f"{base_url.rstrip('/')}/r/{'+'.join(subreddits)}/new"
        self._token_url = token_url
        self._authors = authors
        self._every = every
        self._clock = clock or SystemClock()
        self._client = HttpClient(NAME)
        self._token = ""
        self._token_until = 0.0
        self._newest = 0
        self._shell = Reconnecting(
            NAME, self._dial, self._talk, silence=self.expected, rules=rules, clock=self._clock
        )

    async def heard(self, since: str) -> AsyncGenerator[Heard, None]:
        """As ``Feed``; the cursor is the number of the newest post."""
        self._newest = int(since) if since else 0
        async for each in self._shell.items():
            yield each

    async def close(self) -> None:
        """As ``Feed``."""
        await self._client.close()

    async def _dial(self) -> Connection:
        return Polled()

    async def _talk(self, connection: Connection) -> AsyncGenerator[Heard, None]:  # noqa: ARG002
        while True:
            found = await self._newer()
            for number, event in sorted(found, key=lambda each: each[0]):
                self._newest = max(self._newest, number)
                yield Heard(event)
            yield Heard(None, str(self._newest))
            await self._clock.sleep(self._every)

    async def _newer(self) -> list[tuple[int, Post | Deletion]]:
        """Posts above the newest known one, and what of the first page was taken back."""
        found: list[tuple[int, Post | Deletion]] = []
        after = ""
        for _ in range(MOST_PAGES):
            page, now = await self._page(after), self._clock.now()
            told = [each for child in page.children if (each := self._read(child, now))]
            news = [(number, event) for number, event in told
                    if number > self._newest or isinstance(event, Deletion)]  # fmt: skip
            found += news
            after = page.after or ""
            if not after or not self._newest or len(news) < len(told):
                break
        return found

    def _read(self, child: _Child, now: datetime) -> tuple[int, Post | Deletion] | None:
        try:
            return decode_post(bytes(child.data), self._authors, now)
        except Invalid as error:
            refuse(NAME, error)
            return None

    async def _page(self, after: str) -> _Data:
        query: dict[str, Any] = {"limit": 100, "raw_json": 1} | ({"after": after} if after else {})
        headers = {"Authorization": f"Bearer {await self._access()}"}
        try:
            answer = await self._client.ask("GET", self._url, params=query, headers=headers)
        except Denied:
            self._token = ""  # revoked, or older than it said
            raise
        try:
            listing: _Listing = json_of(NAME, answer, _Listing)
        except Invalid as error:
            raise Retry(str(error)) from error
        await self._within_rate(answer)
        return listing.data

    async def _within_rate(self, answer: Answer) -> None:
        left, reset = answer.number("x-ratelimit-remaining"), answer.number("x-ratelimit-reset")
        if left is not None and left < 1 and reset:
            await self._clock.sleep(min(reset, 600.0))

    async def _access(self) -> str:
        now = self._clock.now().timestamp()
        if not self._token or now >= self._token_until:
            answer = await self._client.ask(
                "POST", self._token_url, data={"grant_type": "client_credentials"},
                auth=self._login,
            )  # fmt: skip
            try:
                said: _Token = json_of(NAME, answer, _Token)
            except Invalid as error:
                raise Retry(str(error)) from error
            self._token, self._token_until = said.access_token, now + said.expires_in - 60.0
        return self._token
