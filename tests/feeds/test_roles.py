"""The roles social, market and enrich of one process, from services on loopback to a dossier."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from daemon.feed_sections import Social
from daemon.parts.enriching import enrich_part
from daemon.parts.posting import social_parts
from daemon.parts.pricing import market_parts, pairs_from
from daemon.plant import Cluster, Plant, plant_on, topics_of
from daemon.roles import able_roles, why_off
from daemon.settings import Settings, load_settings
from daemon.supervisor import Part, Supervisor
from streams.errors import Invalid
from streams.events import (
    Facts,
    Head,
    Launch,
    Listening,
    Market,
    Mention,
    Sync,
    decode,
)
from streams.market import listings
from streams.market.trade import Pair
from streams.market.venue import VENUES
from streams.memory import MemoryBroker
from streams.source import messages_from_activity
from streams.state import State
from streams.topics import ACTIVITY, FACTS, POSTS, TOPICS
from tests.feeds.services import VenueServer
from tests.unit.streams.social.loopback import serving

pytestmark = pytest.mark.anyio

TOKEN, POOL = "0x" + "ab" * 20, "0x" + "cd" * 20


def settings_of(**sections: object) -> Settings:
    """Settings without a file."""
    return load_settings(None, sections)


@asynccontextmanager
async def running(plant: Plant, parts: list[Part]) -> AsyncIterator[None]:
    """The parts, until the end of the block."""
    supervisor = Supervisor(parts, clock=plant.clock, pulse=plant.pulse)
    task = asyncio.create_task(supervisor.run())
    try:
        yield
    finally:
        supervisor.stop()
        await task


async def heard(broker: MemoryBroker, kind: Any) -> Any:
    """The first of a kind in the activity; of markets, that of Base."""
    async with asyncio.timeout(60):
        while True:
            for record in (record for log in broker.logs(ACTIVITY.name) for record in log):
                event = decode(record.value, ACTIVITY.event)
                if isinstance(event, kind) and event.chain in ("base", "posts"):
                    return event
            await asyncio.sleep(0.05)


async def newest(broker: MemoryBroker, wanted: str) -> Facts:
    """The first dossier that knows a finding."""
    async with asyncio.timeout(60):
        while True:
            records = [record for log in broker.logs(FACTS.name) for record in log]
            for record in records:
                event = decode(record.value, FACTS.event)
                if isinstance(event, Facts) and wanted in event.findings:
                    return event
            await asyncio.sleep(0.05)


async def test_from_a_service_to_a_dossier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Posts of news and trades of an exchange are in the dossiers of the launch that they name."""
    item = "".join(
        f"<item><guid>g{n}</guid><title>Everybody buys {TOKEN} now and so should you</title>"
        f"<author>writer{n}</author></item>" for n in range(6)
    )  # fmt: skip
    body = f'<rss version="2.0"><channel><title>n</title>{item}</channel></rss>'

    async def feed(request: Request) -> Response:
        return Response(body)

    venue = VenueServer("kraken", 100_000, 0, VENUES["kraken"].rules)
    broker = MemoryBroker()
    state = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    async with (
        serving(Starlette(routes=[Route("/feed", feed)])) as url, venue.running() as exchange,
    ):  # fmt: skip
        monkeypatch.setitem(VENUES, "kraken", VENUES["kraken"]._replace(url=exchange))
        monkeypatch.setattr("streams.social.listening.EVERY_S", 0.2)
        settings = settings_of(
            social={"follow": ["rss", "x"], "rss": {"urls": [f"{url}/feed"]}},
            market={"follow": ["kraken"], "kraken": ["ETH/USDT"], "every_seconds": 0.2,
                    "listings_seconds": 0},
        )  # fmt: skip
        await broker.ensure_topics(topics_of(settings), 2)
        plant = plant_on(settings, Cluster(broker=broker, address="memory"), state)
        with structlog.testing.capture_logs() as lines:
            parts = [*market_parts(plant), *await social_parts(plant, None), enrich_part(plant)]
        async with running(plant, parts):
            market, listening = await heard(broker, Market), await heard(broker, Listening)
            due = max(market.at, listening.at) + timedelta(seconds=1)
            now = due - timedelta(minutes=5)
            where: dict[str, Any] = {"chain": "base", "pool": POOL, "block": 1}
            await broker.publish(messages_from_activity([
                Launch(**where, log_index=0, at=now, venue="uniswap-v2", token=TOKEN,
                       quote_symbol="WETH", token_is_0=True),
                Sync(**where, log_index=1, at=now, reserve0=10**20, reserve1=10**18),
                Head(chain="base", block=2, at=due + timedelta(seconds=1)),
            ], 2))  # fmt: skip
            mention = await heard(broker, Mention)
            facts = await newest(broker, "market.quote_usd")
            said = await newest(broker, "social.mentions_before_launch")
    await state.close()
    assert (mention.pool, mention.feed, mention.how) == (POOL, "rss", "address")
    assert facts.findings["market.quote_usd"].value == 2500.5
    assert said.findings["social.mentions_1h"].why
    assert {(line["feed"], line["why"]) for line in lines if line["event"] == "feed_off"} == {
        ("x", "social.x.token is empty")
    }


def test_a_feed_without_its_key_is_off_with_one_line() -> None:
    """Each says what it lacks; two polls of one Telegram bot are refused."""
    every = ["bluesky", "rss", "x", "reddit", "farcaster", "telegram", "intake"]
    off = why_off(settings_of(social={"follow": every}))
    assert set(off) == set(every) - {"bluesky", "rss"}
    assert all("empty" in why for why in off.values())
    both = settings_of(social={"follow": ["telegram"], "telegram": {"token": "1:a"}},
                       sinks={"telegram": {"token": "1:a"}})  # fmt: skip
    assert "disturb" in why_off(both)["telegram"]
    own = settings_of(social={"follow": ["farcaster"], "farcaster": {"base_url": "http://hub"}})
    assert why_off(own) == {}


def test_texts_expire_with_their_topic() -> None:
    """The setting is the topic's retention; every other topic keeps its own."""
    kept = {topic.name: topic for topic in topics_of(settings_of(social={"text_hours": 2}))}
    assert kept[POSTS.name].retention_ms == 7_200_000
    assert all(kept[topic.name] == topic for topic in TOPICS if topic is not POSTS)
    assert Social().text_hours == 72


def test_pairs_are_read_in_both_spellings() -> None:
    """A pair that is none is one clear line."""
    assert pairs_from(("eth-usd", "BTC/USD")) == [Pair("ETH", "USD"), Pair("BTC", "USD")]
    with pytest.raises(Invalid, match="no pair"):
        pairs_from(("ETHUSD",))
    assert set(listings.ADDRESSES) == set(VENUES)


def test_a_role_that_can_hear_nothing_is_one_clear_line() -> None:
    """Nothing to follow, or nothing that can be heard: said before anything is started."""
    for settings, said in (
        (settings_of(), "set social.follow"),
        (settings_of(social={"follow": ["x"]}), "social.x.token is empty"),
    ):
        with pytest.raises(Invalid, match=said):
            able_roles(settings, ["social"], {})
    assert able_roles(settings_of(), ["social", "market", "enrich"], {}) == ["enrich"]
