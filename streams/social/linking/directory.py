"""Which tokens there are, and which mentions wait for one: durable, and shared by all processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Column, Float, Index, LargeBinary, String, Table, and_, delete, or_, select

from streams.mentions import How
from streams.social.linking.resolving import Token, Unresolved
from streams.social.reading.reader import Word
from streams.state import State, metadata

__all__ = ["Directory", "Made", "Waiting", "waits_for"]

AT_ONCE = 400
"""Names in one query: below SQLite's limit of variables."""
MOST_POOLS = 4
"""Of one token that are told of a post: those that hold most."""

_tokens = Table(
    "tokens",
    metadata,
    Column("chain", String, primary_key=True),
    Column("pool", String, primary_key=True),
    Column("token", String, nullable=False),
    Column("symbol", String, nullable=False),
    Column("ticker", String, nullable=False),
    Column("folded", String, nullable=False),
    Column("launched", Float, nullable=False),
    Column("reserve", Float, nullable=False),
    Column("quote", String, nullable=False),
    Index("tokens_token", "token"),
    Index("tokens_pool", "pool"),
    Index("tokens_ticker", "ticker"),
    Index("tokens_folded", "folded"),
)
_waiting = Table(
    "mentions_waiting",
    metadata,
    Column("name", String, primary_key=True),
    Column("post", String, primary_key=True),
    Column("author", String, nullable=False),
    Column("waits_until", Float, nullable=False),
    Column("waiting", LargeBinary, nullable=False),
    Index("mentions_waiting_post", "post"),
    Index("mentions_waiting_author", "author"),
    Index("mentions_waiting_until", "waits_until"),
)
_made = Table(
    "mentions_made",
    metadata,
    Column("post", String, primary_key=True),
    Column("chain", String, primary_key=True),
    Column("pool", String, primary_key=True),
    Column("author", String, nullable=False),
    Column("kept_until", Float, nullable=False),
    Index("mentions_made_author", "author"),
    Index("mentions_made_until", "kept_until"),
)


class Waiting(msgspec.Struct, frozen=True):
    """A mention of what is not launched, or not told apart, yet."""

    name: str
    chain: str
    how: How
    hints: list[str]
    word: Word


class Made(NamedTuple):
    """That a post was linked to a pool: what its deletion must take back."""

    post: str
    author: str
    chain: str
    pool: str


class Directory:
    """Each method is one transaction or a few, and may raise ``Retry``."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def learn(self, tokens: Iterable[Token]) -> None:
        """Know these pools, as they are now."""
        rows = {(each.chain, each.pool): _row(each) for each in tokens}
        if rows:
            async with self._state.begin() as connection:
                await self._state.upsert(connection, _tokens, list(rows.values()))

    async def forget(self, pools: Iterable[tuple[str, str]]) -> None:
        """What its chain took back was never launched."""
        async with self._state.begin() as connection:
            for chain, pool in pools:
                await connection.execute(
                    delete(_tokens).where(_tokens.c.chain == chain, _tokens.c.pool == pool)
                )

    async def named(self, addresses: Iterable[str], tickers: Iterable[str]) -> list[Token]:
        """The tokens, a row a pool, that one of these names."""
        found: dict[tuple[str, str], Token] = {}
        columns = [_tokens.c[name] for name in Token._fields]
        async with self._state.begin() as connection:
            by_address = (_tokens.c.token, _tokens.c.pool, _tokens.c.folded)
            for names, where in ((sorted(set(addresses)), by_address),
                                 (sorted(set(tickers)), (_tokens.c.ticker,))):  # fmt: skip
                for start in range(0, len(names), AT_ONCE):
                    some = names[start : start + AT_ONCE]
                    query = select(*columns).where(or_(*(column.in_(some) for column in where)))
                    for row in await connection.execute(query):
                        token = Token(*row)
                        found[token.chain, token.pool] = token
        return list(found.values())

    async def newest(self, most: int) -> list[str]:
        """The addresses of the tokens that were launched last."""
        query = select(_tokens.c.token).order_by(_tokens.c.launched.desc()).limit(most)
        async with self._state.begin() as connection:
            return list(dict.fromkeys((await connection.execute(query)).scalars()))

    async def pools(self, tokens: Iterable[Token]) -> dict[tuple[str, str], list[str]]:
        """By chain and token: the pools that a mention of it goes to, the deepest first."""
        wanted = {(each.chain, each.token) for each in tokens}
        rows: dict[tuple[str, str], list[Token]] = defaultdict(list)
        for each in await self.named((token for _, token in wanted), ()):
            rows[each.chain, each.token].append(each)
        return {
            key: [each.pool for each in sorted(rows[key], key=lambda t: -t.reserve)][:MOST_POOLS]
            for key in wanted
        }

    async def wait(self, waiting: Sequence[Waiting], until: float) -> None:
        """Keep these until then (UNIX time)."""
        rows = {
            (each.name, each.word.post): {
                "name": each.name, "post": each.word.post, "author": each.word.author,
                "waits_until": until, "waiting": msgspec.json.encode(each),
            }
            for each in waiting
        }  # fmt: skip
        if rows:
            async with self._state.begin() as connection:
                await self._state.upsert(connection, _waiting, list(rows.values()))

    async def waiting(self, names: Iterable[str]) -> list[Waiting]:
        """Those that wait for one of these names."""
        wanted, found = sorted(set(names)), list[Waiting]()
        async with self._state.begin() as connection:
            for start in range(0, len(wanted), AT_ONCE):
                query = select(_waiting.c.waiting).where(
                    _waiting.c.name.in_(wanted[start : start + AT_ONCE])
                )
                for (data,) in await connection.execute(query):
                    found.append(msgspec.json.decode(data, type=Waiting))
        return found

    async def settle(
        self, came: Iterable[tuple[str, str]], made: Sequence[Made], until: float
    ) -> None:
        """These (name, post) wait no longer; these were made, which is kept until then."""
        rows = {(each.post, each.chain, each.pool): {**each._asdict(), "kept_until": until}
                for each in made}  # fmt: skip
        async with self._state.begin() as connection:
            for name, post in came:
                await connection.execute(
                    delete(_waiting).where(and_(_waiting.c.name == name, _waiting.c.post == post))
                )
            if rows:
                await self._state.upsert(connection, _made, list(rows.values()))

    async def take_back(self, posts: Iterable[str], authors: Iterable[str]) -> list[Made]:
        """Forget that these posts, or all of these authors, wait; what was made of them."""
        posts, authors = sorted(set(posts)), sorted(set(authors))
        columns = [_made.c[name] for name in Made._fields]
        found: list[Made] = []
        async with self._state.begin() as connection:
            for names, column in ((posts, "post"), (authors, "author")):
                for start in range(0, len(names), AT_ONCE):
                    some = names[start : start + AT_ONCE]
                    await connection.execute(delete(_waiting).where(_waiting.c[column].in_(some)))
                    query = select(*columns).where(_made.c[column].in_(some))
                    found += [Made(*row) for row in await connection.execute(query)]
        return found

    async def expire(self, now: float) -> None:
        """Forget what has waited, or been kept, long enough."""
        async with self._state.begin() as connection:
            await connection.execute(delete(_waiting).where(_waiting.c.waits_until < now))
            await connection.execute(delete(_made).where(_made.c.kept_until < now))


def _row(token: Token) -> dict[str, object]:
    ticker, folded = token.symbol.upper(), token.pool.lower()
    return {**token._asdict(), "ticker": ticker, "folded": folded}


def waits_for(left: Unresolved, hints: Iterable[str], word: Word) -> Waiting:
    """What is kept of something unresolved."""
    return Waiting(left.name, left.chain, left.how, sorted(hints), word)
