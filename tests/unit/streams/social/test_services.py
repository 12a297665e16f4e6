"""Feeds against services on loopback: limits, cursors, tokens, and secrets that stay secret."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import REGISTRY
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from websockets.asyncio.client import connect

from alerts.secret import Secret
from daemon.intake import Door, intake_app
from streams.clock import HandClock, SystemClock
from streams.errors import Invalid
from streams.feeds.backoff import RULES, Rule, Rules
from streams.feeds.silence import Silence
from streams.memory import MemoryBroker
from streams.posts import Deletion, Post
from streams.social.authors import Authors, key_of
from streams.social.farcaster import Farcaster
from streams.social.feed import Cursors, Feed, Posting, run_feed
from streams.social.jetstream import Jetstream, Place
from streams.social.reddit import Reddit
from streams.social.rss import Rss
from streams.social.telegram import TelegramChannels
from streams.social.x import XStream
from streams.stage import Drain
from streams.state import State
from streams.telemetry import configure_logging
from streams.topics import POSTS, TOPICS
from tests.feeds.services import START_US, JetstreamServer, XServer
from tests.unit.streams.social.loopback import serving
from tests.unit.streams.social.test_decoders import AUTHORS, CAST, CHILD, FEED, UPDATE

pytestmark = pytest.mark.anyio

FAST: Rules = {
    fault: Rule(0.01, 0.02) for fault in ("network", "http", "limit", "silence", "denied")
}
SECRET = "s3cret-of-a-feed-0123456789abcdefghij"
Answer = Callable[[Request], Awaitable[Response]]


async def first(feed: Feed, count: int, since: str = "") -> list[Post | Deletion]:
    """The first posts that a feed tells."""
    found: list[Post | Deletion] = []
    heard = feed.heard(since)
    try:
        async with asyncio.timeout(20):
            async for each in heard:
                if each.event is not None:
                    found.append(each.event)
                if len(found) >= count:
                    break
    finally:
        await heard.aclose()
        await feed.close()
    return found


def app(**paths: Answer) -> Starlette:
    """One service; names of paths with ``_`` for ``/``."""
    return Starlette(routes=[
        Route("/" + path.replace("_", "/"), answer, methods=["GET", "POST"])
        for path, answer in paths.items()
    ])  # fmt: skip


async def test_telegram_waits_as_long_as_it_is_asked_to() -> None:
    """A wait in the body of a 429 is waited for, and updates are acknowledged by their number."""
    asked: list[tuple[float, int]] = []

    async def updates(request: Request) -> Response:
        asked.append((time.monotonic(), (await request.json())["offset"]))
        if len(asked) == 1:
            body = {"ok": False, "error_code": 429, "parameters": {"retry_after": 1}}
            return JSONResponse(body, 429)
        result = [{"update_id": 8, "message": {}}, {"update_id": "bad"}, UPDATE]
        return JSONResponse({"ok": True, "result": result if len(asked) == 2 else []})

    routes = [Route(f"/bot{SECRET}/getUpdates", updates, methods=["POST"])]
    async with serving(Starlette(routes=routes)) as url:
        feed = TelegramChannels(SECRET, AUTHORS, base_url=url, hold=0, rules=FAST)
        (post,) = await first(feed, 1)
    assert post.post == "-100/4"
    assert asked[1][0] - asked[0][0] >= 1.0


async def test_news_that_has_not_changed_is_not_sent_again() -> None:
    """The ETag goes back; a 304 tells nothing; after a restart with the cursor nothing is new."""
    tags: list[str] = []

    async def feed(request: Request) -> Response:
        tags.append(request.headers.get("if-none-match", ""))
        if tags[-1] == '"v1"':
            return Response(status_code=304)
        return Response(FEED, headers={"ETag": '"v1"'})

    async def broken(request: Request) -> Response:
        return Response(b"<html>no feed</html>")

    async with serving(app(feed=feed, broken=broken)) as url:
        rss = Rss([f"{url}/broken", f"{url}/feed"], AUTHORS, every=0.05, rules=FAST)
        heard, cursor, posts = rss.heard(""), "", 0
        async with asyncio.timeout(20):
            async for each in heard:
                posts += each.event is not None
                cursor = each.cursor or cursor
                if len(tags) >= 3:
                    break
        await heard.aclose()
        await rss.close()
        again = Rss([f"{url}/feed"], AUTHORS, every=0.05, rules=FAST)
        later = again.heard(cursor)
        assert (await anext(later)).event is None
        await later.aclose()
        await again.close()
    assert posts == 1
    assert tags[:3] == ["", '"v1"', '"v1"']


async def test_reddit_keeps_to_its_rate_and_asks_for_what_it_missed() -> None:
    """With nothing left of the rate it waits until the reset; pages are read until known posts."""
    clock = HandClock(datetime(2026, 11, 24, tzinfo=UTC))
    pages: list[str] = []
    logins: list[str] = []

    async def token(request: Request) -> Response:
        logins.append(request.headers["authorization"])
        return JSONResponse({"access_token": "t0ken", "expires_in": 3600})

    async def new(request: Request) -> Response:
        after = request.query_params.get("after", "")
        pages.append(after)
        first_number = 5 if after else 10
        children = [{"kind": "t3", "data": {**CHILD, "name": f"t3_{n}"}}
                    for n in range(first_number - 1, first_number - 6, -1)]  # fmt: skip
        body = {
            "kind": "Listing",
            "data": {"children": children, "after": None if after else "t3_5"},
        }
        left = {"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "77"} if after else {}
        return JSONResponse(body, headers=left)

    async with serving(app(r_gems_new=new, token=token)) as url:
        reddit = Reddit(("id", SECRET), ["gems"], AUTHORS, base_url=url, token_url=f"{url}/token",
                        rules=FAST, clock=clock)  # fmt: skip
        telling = asyncio.create_task(first(reddit, 7, since="2"))
        while not clock.sleepers and not telling.done():
            await asyncio.sleep(0.01)
        assert not telling.done()  # it waits for the reset
        clock.move(76)
        await asyncio.sleep(0.05)
        assert not telling.done()
        clock.move(2)
        found = await telling
    assert pages == ["", "t3_5"]
    assert [each.post for each in found] == [f"t3_{n}" for n in range(3, 10)]
    assert logins[0].startswith("Basic ")


async def test_a_hub_is_asked_behind_the_last_event() -> None:
    """The page's next number is the next question; the key goes in its header."""
    asked: list[tuple[str, str]] = []

    async def events(request: Request) -> Response:
        start = request.query_params["from_event_id"]
        asked.append((start, request.headers["x-api-key"]))
        page = {"nextPageEventId": 8, "events": [CAST]} if start == "0" else {"events": []}
        return JSONResponse(page)

    async with serving(app(v1_events=events)) as url:
        hub = Farcaster(SECRET, AUTHORS, base_url=url, every=0.01, rules=FAST)
        heard = hub.heard("")
        got = [await anext(heard) for _ in range(3)]
        await heard.aclose()
        await hub.close()
    assert [each.cursor for each in got] == ["", "8", "8"]
    assert asked == [("0", SECRET), ("8", SECRET)]


async def test_a_cursor_that_is_too_old_goes_on_at_the_floor() -> None:
    """HTTP 400 for a number below the floor: it is said aloud, and all that is there comes."""
    server = JetstreamServer(2, 50, 0, RULES)
    server.floor = 30
    async with server.running() as url:
        host = url.removeprefix("ws://")
        cursor = Place(host, seq=5, time_us=START_US + 5_000)
        feed = Jetstream([url], AUTHORS, version=2, rules=FAST)
        found = await first(feed, 21, json.dumps({"host": host, "seq": 5,
                                                  "time_us": cursor.time_us}))  # fmt: skip
    assert server.cursors[:2] == [5, START_US + 5_000]
    numbers = [int(each.post.rpartition("rkey")[2]) for each in found]
    assert numbers == list(range(30, 51))
    assert REGISTRY.get_sample_value(
        "heft_feed_breaks_total", {"feed": "bluesky", "fault": "cursor"}
    )


async def test_another_host_goes_on_a_little_earlier() -> None:
    """Numbers are one server's own: where a host fails, the next is asked by a moment before."""
    dead, alive = JetstreamServer(2, 5, 0, RULES), JetstreamServer(2, 40, 0, RULES)
    dead.refuse_next(*["503"] * 9)
    async with dead.running() as one, alive.running() as two:
        since = json.dumps({"host": one.removeprefix("ws://"), "seq": 20,
                            "time_us": START_US + 20_000})  # fmt: skip
        await first(Jetstream([one, two], AUTHORS, version=2, rules=FAST), 3, since)
    assert dead.cursors == [20, 20, 20]
    assert alive.cursors == [START_US + 20_000 - 10_000_000]


async def test_no_feed_tells_its_secrets(tmp_path: Path) -> None:
    """Refused, limited, broken: no key, token or address with one is in a log line or metric."""
    out = StringIO()
    configure_logging(as_json=True, level="debug", stream=out)
    status = iter([401, 429, 500, 503] * 20)

    async def refuse(request: Request) -> Response:
        return Response(f"no {SECRET}", status_code=next(status))

    async def watchlist() -> list[str]:
        return ["term"]

    try:
        refusing = Starlette(routes=[Route("/{path:path}", refuse, methods=["GET", "POST"])])
        async with serving(refusing) as url:
            feeds: list[Feed] = [
                XStream(SECRET, watchlist, AUTHORS, base_url=url, rules=FAST),
                TelegramChannels(SECRET, AUTHORS, base_url=url, hold=0, rules=FAST),
                Farcaster(SECRET, AUTHORS, base_url=url, rules=FAST),
                Reddit(("id", SECRET), ["a"], AUTHORS, base_url=url, token_url=f"{url}/t",
                       rules=FAST),
                Rss([f"{url}/feed?key={SECRET}"], AUTHORS, every=0.02, rules=FAST),
            ]  # fmt: skip
            for feed in feeds:
                heard = feed.heard("")
                listening = asyncio.ensure_future(anext(heard))
                await asyncio.sleep(0.15)
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
                await heard.aclose()
                await feed.close()
    finally:
        logging.getLogger().handlers.clear()
    assert out.getvalue().count("feed_broke") >= len(feeds)
    assert SECRET not in out.getvalue()


@pytest.fixture
async def broker() -> MemoryBroker:
    """With our topics."""
    broker = MemoryBroker()
    await broker.ensure_topics(TOPICS, 2)
    return broker


async def test_posts_are_taken_from_whoever_knows_the_token(broker: MemoryBroker) -> None:
    """A wrong token and what is no post are refused; what comes twice is told once."""
    posting = Posting(broker)

    async def take(events: list[Post | Deletion]) -> int:
        return await posting.publish("intake", events)

    door = Door(Secret(SECRET), take, AUTHORS, SystemClock())
    body = [{"id": "1", "text": "buy 0x1", "author": "ann"}, {"id": "2", "deleted": True}]
    mine = {"Authorization": f"Bearer {SECRET}"}
    async with serving(intake_app(door)) as url, httpx2.AsyncClient(trust_env=False) as client:
        wrong = await client.post(f"{url}/v1/posts", json=body)
        assert wrong.status_code == 401
        sent = [await client.post(f"{url}/v1/posts", json=body, headers=mine) for _ in range(2)]
        assert [each.json() for each in sent] == [
            {"taken": 2, "known": 0}, {"taken": 0, "known": 2}
        ]  # fmt: skip
        bad = await client.post(f"{url}/v1/posts", content=b'{"text": 3}', headers=mine)
        assert bad.status_code == 400
        large = await client.post(f"{url}/v1/posts", content=b"x" * 3_000_000, headers=mine)
        assert large.status_code == 413
        stream = f"{url.replace('http', 'ws')}/v1/posts/stream"
        async with connect(stream, additional_headers=mine, proxy=None) as socket:
            await socket.send('{"id": "3", "text": "hi"}')
            assert json.loads(await socket.recv()) == {"taken": 1, "known": 0}
            await socket.send("[")
            assert "error" in json.loads(await socket.recv())
    assert sum(map(len, broker.logs(POSTS.name))) == 3


async def test_a_short_token_is_refused() -> None:
    """One that can be guessed opens nothing."""

    async def take(_: list[Post | Deletion]) -> int:
        return 0

    with pytest.raises(Invalid, match="too short"):
        Door(Secret("1234"), take, AUTHORS, SystemClock())


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    """Durable state."""
    state = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield state
    await state.close()


async def test_a_feed_goes_on_where_it_was(broker: MemoryBroker, state: State) -> None:
    """After a stop the cursor is asked for, and nothing stands twice in the topic."""
    server, cursors, posting = (
        JetstreamServer(1, 400, 0, RULES),
        Cursors(state, "e"),
        Posting(broker),
    )

    async def until(count: int) -> None:
        drain, clock = Drain(), SystemClock()
        feed: Any = Jetstream([url], AUTHORS, rules=FAST)
        silence = Silence(feed.name, 30, clock)
        running = asyncio.create_task(
            run_feed(feed, posting, cursors, silence=silence, drain=drain)
        )
        async with asyncio.timeout(20):
            while sum(map(len, broker.logs(POSTS.name))) < count:
                await asyncio.sleep(0.01)
        drain.ask()
        await running

    async with server.running() as url:
        server.messages = 150
        await until(150)
        server.messages = 400
        await until(400)
    assert server.cursors[0] == 0
    assert server.cursors[1] >= START_US + 1_000
    assert sum(map(len, broker.logs(POSTS.name))) == 400


async def test_the_key_of_authors_is_drawn_once(state: State) -> None:
    """The same author has the same mark after a restart, and another under another key."""
    key = await key_of(state)
    assert await key_of(state) == key
    assert await key_of(state, "chosen") == b"chosen"
    assert Authors(key).mark("x", "ann") == Authors(key).mark("x", "ann")
    assert Authors(key).mark("x", "ann") != Authors(b"other").mark("x", "ann")


async def test_rules_of_x_follow_the_watchlist() -> None:
    """What nobody watches any more is removed; others' rules on the account are let alone."""
    server = XServer(3, 0, RULES)
    terms = ['"old"']

    async def watchlist() -> list[str]:
        return list(terms)

    async with server.running() as url:
        await first(XStream("t", watchlist, AUTHORS, base_url=url, rules=FAST), 3)
        assert list(server.rules.values()) == ['"old"']
        terms[:] = ['"new"']
        server.sent = 0
        await first(XStream("t", watchlist, AUTHORS, base_url=url, rules=FAST), 3)
    assert list(server.rules.values()) == ['"new"']
    assert server.bearers == {"Bearer t"}
