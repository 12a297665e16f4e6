"""Broken connections by the thousand: nothing is lost that the service resends, nothing told twice.

The short form is seeded and its waits are scaled down; ``make soak`` breaks a thousand connections
over a hundred thousand messages by the services' real rules.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from streams.clock import SystemClock
from streams.events import decode
from streams.feeds.backoff import RULES, Rule, Rules
from streams.feeds.seen import Seen
from streams.feeds.silence import Silence
from streams.market.trade import Pair, Trade
from streams.market.venue import VENUES, Venue
from streams.memory import MemoryBroker
from streams.posts import Post
from streams.social.authors import Authors
from streams.social.feed import Cursors, Feed, Posting, run_feed
from streams.social.jetstream import Jetstream
from streams.social.x import X_RULES, XStream
from streams.stage import Drain
from streams.state import State
from streams.topics import POSTS, TOPICS
from tests.feeds.services import JetstreamServer, VenueServer, XServer

pytestmark = pytest.mark.anyio

TOTAL = int(os.environ.get("SOAK_FEED_DISCONNECTS", "48"))
MESSAGES = 100 * TOTAL
FULL = TOTAL >= 500
SILENCE_S = 1.0 if FULL else 0.3
PATIENCE_S = 3_000.0 if FULL else 60.0
SHORT: Rules = {
    "network": Rule(0.02, 0.2, factor=2.0), "silence": Rule(0.02, 0.2, factor=2.0),
    "http": Rule(0.05, 0.2, factor=2.0), "limit": Rule(0.1, 0.4, factor=2.0),
}  # fmt: skip
AUTHORS = Authors(b"a key of the tests")


def rules_of(real: Rules) -> Rules:
    """The service's own in the soak; a 429's minute is shortened there too."""
    return {**RULES, **real, "limit": Rule(2.0, 4.0, factor=2.0)} if FULL else {**RULES, **SHORT}


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    """Durable state of its own."""
    state = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield state
    await state.close()


async def told(broker: MemoryBroker) -> list[str]:
    """The ids in the topic, in order."""
    records = [record for log in broker.logs(POSTS.name) for record in log]
    events = [decode(record.value, POSTS.event) for record in records]
    return [event.id for event in events if isinstance(event, Post)]


async def heard(feed: Feed, state: State, done: Callable[[int], bool]) -> list[str]:
    """Run a feed until its topic holds enough; what it holds."""
    broker, clock, drain = MemoryBroker(), SystemClock(), Drain()
    await broker.ensure_topics(TOPICS, 2)
    silence = Silence(feed.name, feed.expected, clock)
    running = asyncio.create_task(run_feed(
        feed, Posting(broker, Seen()), Cursors(state, "epoch"), silence=silence, drain=drain
    ))  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        while not running.done() and not done(sum(map(len, broker.logs(POSTS.name)))):
            await asyncio.sleep(0.05)
    drain.ask()
    await running
    return await told(broker)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.timeout(3_600)
async def test_jetstream_loses_nothing_and_tells_nothing_twice(version: int, state: State) -> None:
    """Closed, aborted, silent, slow, refused: each post is in the topic once, waits are kept."""
    rules = rules_of({})
    server = JetstreamServer(version, MESSAGES * 3 // 10, TOTAL * 3 // 10, rules, seed=version)
    server.refuse_next("503", "429")
    async with server.running() as url:
        feed = Jetstream(
            [url], AUTHORS, version=1 if version == 1 else 2, silence=SILENCE_S, rules=rules
        )
        ids = await heard(feed, state, lambda count: count >= server.messages)
    print(f"jetstream v{version}: {server.messages} posts, ends {server.score.ends}")
    assert server.score.total >= TOTAL * 3 // 10
    assert len(ids) == len(set(ids))
    assert set(ids) == server.posts()
    assert server.score.breaches == []
    assert version == 1 or server.received == 0


@pytest.mark.timeout(3_600)
async def test_x_backfills_what_a_break_missed(state: State) -> None:
    """Duplicates and disorder of a backfill stand once in the topic; one connection at a time."""
    rules = rules_of(X_RULES)
    server = XServer(MESSAGES // 5, TOTAL // 5, rules)
    server.refuse_next(503)
    server.refuse_next(429)

    async def watchlist() -> list[str]:
        return ["rugpull", '"0xabc"']

    async with server.running() as url:
        feed = XStream("secret-token-of-x", watchlist, AUTHORS, base_url=url, backfill=True,
                       silence=SILENCE_S, rules=rules)  # fmt: skip
        ids = await heard(feed, state, lambda count: count >= server.messages)
    print(f"x: {server.messages} posts, ends {server.score.ends}")
    assert server.score.total >= TOTAL // 5
    assert len(ids) == len(set(ids))
    assert set(ids) == server.posts()
    assert server.score.breaches == []
    assert server.too_many == 0
    assert list(server.rules.values()) == ['rugpull OR "0xabc"']


@pytest.mark.parametrize("name", sorted(VENUES))
@pytest.mark.timeout(3_600)
async def test_exchanges_count_what_a_break_missed(name: str) -> None:
    """Every trade that came is told once, and exactly what never came is counted missing."""
    rules = rules_of(VENUES[name].rules)
    server = VenueServer(name, MESSAGES // 15, TOTAL // 15, rules)
    numbers: list[int] = []
    async with server.running() as url:
        venue = Venue(name, [Pair("ETH", "USDT")], url=url, silence=SILENCE_S, rules=rules)
        news = venue.news()
        async with asyncio.timeout(PATIENCE_S):
            async for each in news:
                if isinstance(each, Trade):
                    numbers.append(each.number)
                if numbers and numbers[-1] >= server.trades:
                    break
        await news.aclose()
    print(f"{name}: {len(numbers)} trades, {venue.gaps.missing} missing, ends {server.score.ends}")
    assert len(numbers) == len(set(numbers))
    assert set(numbers) <= server.delivered  # an aborted connection loses what is under way
    assert venue.gaps.missing == server.trades - numbers[0] + 1 - len(numbers)
    assert server.score.breaches == []
