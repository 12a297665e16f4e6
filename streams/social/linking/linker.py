"""The two stages that join what is said with what is launched.

``LinkTransform`` reads posts: what a post names is looked up, and each token's pools get a mention
as their activity. ``DirectoryTransform`` reads dossiers, which tell of every launch once the
enricher knows it: it learns the token, and sends the mentions that waited for it. A mention is
written down as waiting before the directory is looked at, and a token learnt before what waits is
looked at, so that of two that meet at the same moment one sees the other; that both do is no harm,
since a post speaks once of a pool.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import anyio.to_thread
from msgspec import UnsetType

from streams import telemetry
from streams.clock import Clock, SystemClock
from streams.events import Facts, Retraction
from streams.mentions import Mention
from streams.posts import Deletion, Post
from streams.social.linking.addresses import Found
from streams.social.linking.directory import Directory, Made, Waiting, waits_for
from streams.social.linking.naming import Named, named
from streams.social.linking.resolving import Resolution, Token, Who, resolve
from streams.social.linking.sites import Linked
from streams.social.reading.reader import Reader, Word
from streams.stage import Outcome, Received, message
from streams.topics import ACTIVITY

__all__ = ["DirectoryTransform", "LinkTransform"]

EXPIRE_EVERY_S = 3_600.0
NEVER_WAITS = frozenset({"checksum", "known-coin", "homograph", "dead", "other-time"})
"""Why something stays unresolved for good."""


class _Heard(NamedTuple):
    post: Post
    named: Named
    fresh: bool | UnsetType


def who_of(tokens: Sequence[Token], worth: Mapping[str, float], majors: Collection[str]) -> Who:
    """Looked-up tokens as what ``resolve`` asks."""
    by_address: dict[str, list[Token]] = defaultdict(list)
    by_ticker: dict[str, list[Token]] = defaultdict(list)
    for each in tokens:
        for name in {each.token, each.pool, each.pool.lower()}:
            by_address[name].append(each)
        by_ticker[each.symbol.upper()].append(each)
    return Who(lambda a: by_address.get(a, ()), lambda s: by_ticker.get(s, ()), worth, majors)


class LinkTransform:
    """``heft.posts.v1`` in, mentions in ``heft.activity.v1`` out."""

    def __init__(
        self,
        directory: Directory,
        reader: Reader,
        *,
        wait_hours: float = 72.0,
        majors: Collection[str] = (),
        worth: Mapping[str, float] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``worth``: dollars by quote symbol, read anew at every batch."""
        self._directory = directory
        self._reader = reader
        self._keep = wait_hours * 3_600.0
        self._majors = majors
        self._worth = {} if worth is None else worth
        self._clock = clock or SystemClock()
        self._expired = 0.0
        self._made: list[Made] = []
        self._came: list[tuple[str, str]] = []

    async def open(self, partitions: frozenset[int]) -> None:  # noqa: ARG002 - the protocol's
        """What is remembered is in the state."""
        self._made, self._came = [], []

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """The mentions that the batch makes, and those that it takes back."""
        now = self._clock.now()
        events = [received.event for received in batch]
        posts = {event.id: event for event in events if isinstance(event, Post)}
        gone = [event for event in events if isinstance(event, Deletion)]
        for event in gone:
            posts.pop(f"{event.feed}:{event.post}", None)
        mentions = await self._link(_named(posts.values(), self._reader), now)
        mentions += await self._take_back(gone, now)
        await self._expire(now)
        return Outcome(messages=[message(ACTIVITY, each) for each in mentions])

    async def save(self) -> None:
        """Note what was made, for deletions, and what waits no longer."""
        if self._made or self._came:
            until = self._clock.now().timestamp() + self._keep
            await self._directory.settle(self._came, self._made, until)
            self._made, self._came = [], []

    async def _link(self, heard: list[_Heard], now: datetime) -> list[Mention]:
        if not heard:
            return []
        words = await anyio.to_thread.run_sync(self._reader.words, heard)
        first = await self._resolved(heard)
        waiting = [
            waits_for(left, each.named.hints, word)
            for each, word, told in zip(heard, words, first, strict=True)
            for left in told.unresolved
            if left.why not in NEVER_WAITS
        ]
        if waiting:
            await self._directory.wait(waiting, now.timestamp() + self._keep)
            first = await self._resolved(heard)  # what was launched meanwhile did not see them wait
            for word, told in zip(words, first, strict=True):
                self._came += [(name, word.post) for name in _names(told)]
        for told in first:
            _count(told)
        return await self._mentions(words, first)

    async def _resolved(self, heard: Sequence[_Heard]) -> list[Resolution]:
        addresses = [found.address for each in heard for found in each.named.addresses]
        addresses += [link.found.address for each in heard for link in each.named.links]
        tickers = [ticker for each in heard for ticker in each.named.tickers]
        tokens = await self._directory.named(addresses, tickers)
        who = who_of(tokens, self._worth, self._majors)
        return [resolve(each.named, each.post.said_at.timestamp(), who) for each in heard]

    async def _mentions(self, words: Sequence[Word], told: Sequence[Resolution]) -> list[Mention]:
        tokens = [token for each in told for token, _ in each.links]
        pools = await self._directory.pools(tokens) if tokens else {}
        mentions = []
        for word, each in zip(words, told, strict=True):
            for token, how in each.links:
                for pool in pools.get((token.chain, token.token), ()):
                    mentions.append(word.mention(token.chain, pool, how))
                    self._made.append(Made(word.post, word.author, token.chain, pool))
        return mentions

    async def _take_back(self, gone: Sequence[Deletion], now: datetime) -> list[Mention]:
        if not gone:
            return []
        posts = [self._reader.mark(each.feed, each.post) for each in gone if each.post != "*"]
        authors = [each.author for each in gone if isinstance(each.author, str)]
        made = await self._directory.take_back(posts, authors)
        return [_taken_back(each, now) for each in made]

    async def _expire(self, now: datetime) -> None:
        if now.timestamp() - self._expired >= EXPIRE_EVERY_S:
            self._expired = now.timestamp()
            await self._directory.expire(now.timestamp())


class DirectoryTransform:
    """``heft.facts.v1`` in; mentions that waited for its tokens in ``heft.activity.v1`` out."""

    def __init__(
        self,
        directory: Directory,
        *,
        keep_hours: float = 72.0,
        majors: Collection[str] = (),
        worth: dict[str, float] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """``worth``: dollars by quote symbol, which the dossiers teach."""
        self._directory = directory
        self._keep = keep_hours * 3_600.0
        self._majors = majors
        self._worth: dict[str, float] = {} if worth is None else worth
        self._clock = clock or SystemClock()
        self._made: list[Made] = []
        self._came: list[tuple[str, str]] = []

    async def open(self, partitions: frozenset[int]) -> None:  # noqa: ARG002 - the protocol's
        """What is remembered is in the state."""
        self._made, self._came = [], []

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """Learn the batch's tokens, then send what waited for them."""
        tokens: dict[tuple[str, str], Token] = {}
        gone: list[tuple[str, str]] = []
        for received in batch:
            event = received.event
            if isinstance(event, Retraction):
                tokens.pop((event.chain, event.pool), None)
                gone.append((event.chain, event.pool))
            elif token := _token_of(event):
                tokens[token.chain, token.pool] = token
                self._learn_worth(event, token.quote)
        await self._directory.learn(tokens.values())
        if gone:
            await self._directory.forget(gone)
        mentions = await self._waited_for(list(tokens.values()))
        return Outcome(messages=[message(ACTIVITY, each) for each in mentions])

    async def save(self) -> None:
        """Note what was made, and what waits no longer."""
        if self._made or self._came:
            until = self._clock.now().timestamp() + self._keep
            await self._directory.settle(self._came, self._made, until)
            self._made, self._came = [], []

    def _learn_worth(self, facts: Facts, quote: str) -> None:
        """What a quote is worth stands in dossiers, as exchanges or the chain itself say it."""
        for name in ("market.quote_usd", "quote.usd"):
            found = facts.findings.get(name)
            if found is not None and isinstance(found.value, float) and quote:
                self._worth[quote.upper()] = found.value
                return

    async def _waited_for(self, tokens: Sequence[Token]) -> list[Mention]:
        names = {
            name
            for each in tokens
            for name in (each.token, each.pool, each.pool.lower(), each.symbol.upper())
        }
        waiting = await self._directory.waiting(names - {""}) if tokens else []
        if not waiting:
            return []
        tickers = {each.name for each in waiting if each.how == "cashtag"}
        addresses = {each.name for each in waiting if each.how != "cashtag"}
        known = await self._directory.named(addresses, tickers)
        who, now = who_of(known, self._worth, self._majors), self._clock.now()
        pools = await self._directory.pools(known)
        mentions = []
        for each in waiting:
            told = resolve(_named_again(each), each.word.said_at.timestamp(), who)
            for token, _ in told.links:
                telemetry.MENTIONS.labels("came-true").inc()
                self._came.append((each.name, each.word.post))
                for pool in pools.get((token.chain, token.token), ()):
                    mentions.append(each.word.mention(token.chain, pool, each.how, at=now))
                    self._made.append(Made(each.word.post, each.word.author, token.chain, pool))
        return mentions


def _named(posts: Iterable[Post], reader: Reader) -> list[_Heard]:
    heard = []
    for post in posts:
        fresh, told = reader.hear(post), named(post)
        if told.anything:
            heard.append(_Heard(post, told, fresh))
    return heard


def _named_again(waiting: Waiting) -> Named:
    """What is kept of a post, as if it were read again."""
    hints = frozenset(waiting.hints)
    if waiting.how == "cashtag":
        return Named([], [], [waiting.name], hints, [])
    found = Found(waiting.name)
    if waiting.how == "link":
        return Named([Linked(found, waiting.chain)], [], [], hints, [])
    return Named([], [found], [], hints, [])


def _names(told: Resolution) -> set[str]:
    """Whatever its mentions may have waited under."""
    return {
        name
        for token, _ in told.links
        for name in (token.token, token.pool, token.pool.lower(), token.symbol.upper())
    }


def _token_of(facts: Facts) -> Token | None:
    if not isinstance(facts.token_address, str):
        return None
    symbol = facts.token.symbol if isinstance(facts.token.symbol, str) else ""
    quote = facts.quote_symbol if isinstance(facts.quote_symbol, str) else ""
    return Token(
        chain=facts.chain, token=facts.token_address, pool=facts.pool, symbol=symbol,
        launched=facts.launched_at.timestamp(), reserve=facts.liquidity.reserve, quote=quote,
    )  # fmt: skip


def _taken_back(made: Made, now: datetime) -> Mention:
    return Mention(
        chain=made.chain, pool=made.pool, feed="deleted", post=made.post, author=made.author,
        how="address", said_at=now, at=now, copy=made.post, deleted=True,
    )  # fmt: skip


def _count(told: Resolution) -> None:
    for _, how in told.links:
        telemetry.MENTIONS.labels(how).inc()
    for left in told.unresolved:
        telemetry.MENTIONS.labels(left.why).inc()
