"""Exchanges: decoders, candles, what assets are worth, and what is newly listed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from streams.errors import Invalid, Retry
from streams.market.candles import Candles
from streams.market.coinbase import Heartbeat
from streams.market.listings import Listings, symbols_of
from streams.market.prices import Prices
from streams.market.trade import Pair, Ticker, Trade
from streams.market.venue import VENUES
from streams.state import State
from tests.feeds.services import VenueServer
from tests.unit.streams.social.loopback import serving

pytestmark = pytest.mark.anyio

ETH = Pair("ETH", "USD")
NAMES = {"binance": "ETHUSDT", "coinbase": "ETH-USDT", "kraken": "ETH/USDT"}
NOW = 1_790_000_000.0


def trade(number: int, price: float, at: float, venue: str = "kraken", pair: Pair = ETH) -> Trade:
    """One trade of a tenth."""
    return Trade(venue, pair, number, price, 0.1, at, is_buy=True)


@pytest.mark.parametrize("name", VENUES)
def test_recorded_frames_are_trades(name: str) -> None:
    """Price, size, number, and who took: Coinbase's side is the maker's."""
    frame = VenueServer(name, 9, 0, {}).frame(7)
    (told,) = VENUES[name].decode(frame, {NAMES[name]: Pair("ETH", "USDT")})
    assert isinstance(told, Trade)
    assert (told.number, told.price, told.size) == (7, 2500.5, 0.1)
    assert told.is_buy


@pytest.mark.parametrize("name", VENUES)
@given(data=st.data())
def test_any_frame_is_news_or_invalid(name: str, data: st.DataObject) -> None:
    """Cut, flipped or random frames: ours or ``Invalid``; prices are positive numbers."""
    good = VenueServer(name, 9, 0, {}).frame(7).encode()
    place = data.draw(st.integers(0, len(good) - 1))
    body = data.draw(st.sampled_from([good[:place], good[:place] + b"9" + good[place + 1 :],
                                      good[:place] + b'"' + good[place + 1 :]]))  # fmt: skip
    body = data.draw(st.one_of(st.just(body), st.binary(max_size=60)))
    try:
        news = VENUES[name].decode(body, {NAMES[name]: Pair("ETH", "USDT")})
    except (Invalid, Retry):
        return
    for each in news:
        assert isinstance(each, Heartbeat) or each.price > 0


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-1", "0", "1e400"])
def test_prices_that_are_none_are_refused(price: str) -> None:
    """No candle is made of a price that is no price."""
    frame = VenueServer("coinbase", 9, 0, {}).frame(7).replace("2500.5", price)
    with pytest.raises(Invalid):
        VENUES["coinbase"].decode(frame, {"ETH-USDT": ETH})


def test_notices_of_the_end_are_failures_to_connect_after() -> None:
    """Binance's shutdown, Coinbase's and Kraken's errors; a heartbeat tells the last trade."""
    with pytest.raises(Retry, match="shuts down"):
        VENUES["binance"].decode('{"stream":"","data":{"e":"serverShutdown","E":1}}', {})
    with pytest.raises(Retry):
        VENUES["coinbase"].decode('{"type":"error","message":"slow down: rate"}', {})
    with pytest.raises(Retry):
        VENUES["kraken"].decode('{"method":"subscribe","success":false,"error":"nope"}', {})
    beat = {"type": "heartbeat", "last_trade_id": 9, "product_id": "ETH-USD"}
    assert VENUES["coinbase"].decode(json.dumps(beat), {"ETH-USD": ETH}) == [Heartbeat(ETH, 9)]


def test_candles_are_of_whole_minutes_and_told_once() -> None:
    """Open, high, low, close, volume and what is missing; a trade that comes too late is out."""
    candles = Candles()
    minute = NOW // 60 * 60
    for number, price, seconds in ((1, 10, 0), (2, 12, 10), (4, 9, 20), (5, 11, 59), (6, 20, 61)):
        candles.add(trade(number, price, minute + seconds))
    assert candles.closed(minute + 62) == []
    (told,) = candles.closed(minute + 66)
    assert (told.open, told.high, told.low, told.close) == (10, 12, 9, 11)
    assert (told.trades, told.missing) == (4, 1)
    assert told.volume == pytest.approx(0.4)
    candles.add(trade(7, 99, minute + 30))
    assert [each.open for each in candles.closed(minute + 200)] == [20]


def test_worth_is_the_median_with_its_age() -> None:
    """Venues are one vote each, stale ones none, wrapped coins are their coin."""
    prices = Prices()
    for venue, price in (("binance", 2_000.0), ("coinbase", 2_010.0), ("kraken", 9_999.0)):
        prices.hear(trade(1, price, NOW - 30, venue))
    worth = prices.worth("WETH", NOW)
    assert worth is not None
    assert (worth.usd, worth.venues) == (2_010.0, 3)
    assert NOW - worth.at.timestamp() == 30
    assert prices.worth("NOPE", NOW) is None
    assert prices.worth("USDC", NOW) is not None


def test_a_stablecoin_off_its_peg_is_believed() -> None:
    """What is traded for a stablecoin is worth less when that is worth less."""
    prices = Prices()
    prices.hear(Ticker("kraken", Pair("USDT", "USD"), 0.9, NOW))
    prices.hear(trade(1, 100.0, NOW, "binance", Pair("SOL", "USDT")))
    worth, stable = prices.worth("SOL", NOW), prices.worth("USDT", NOW)
    assert worth is not None
    assert stable is not None
    assert worth.usd == pytest.approx(90.0)
    assert stable.usd == pytest.approx(0.9)


def test_the_regime_needs_its_time() -> None:
    """Volatility and drawdown are absent before half an hour, and right after."""
    prices = Prices()
    for minute in range(60):
        prices.hear(trade(minute + 1, 100.0 if minute < 59 else 80.0, NOW + 60 * minute))
        if minute == 10:
            early = prices.market("ethereum", ["WETH"], NOW + 600)
            assert not isinstance(early.volatility_1h, float)
    late = prices.market("ethereum", ["WETH"], NOW + 60 * 59)
    assert late.drawdown_24h == pytest.approx(0.2)
    assert isinstance(late.volatility_1h, float)
    assert late.volatility_1h > 0


@pytest.fixture
async def state(tmp_path: Path) -> AsyncIterator[State]:
    """Durable state."""
    state = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield state
    await state.close()


async def test_what_was_not_listed_before_is_a_listing(state: State) -> None:
    """The first answer is the past; what comes with a later one is new, after a restart too."""
    rows = [{"base_currency": "ETH"}, {"base_currency": "BTC"}]

    async def products(request: Request) -> JSONResponse:
        return JSONResponse(rows)

    async with serving(Starlette(routes=[Route("/products", products)])) as url:
        listings = Listings(state, ["coinbase"], addresses={"coinbase": f"{url}/products"})
        assert await listings.look("coinbase", NOW) == {"ETH": 0.0, "BTC": 0.0}
        rows.append({"base_currency": "GEM"})
        again = Listings(state, ["coinbase"], addresses={"coinbase": f"{url}/products"})
        assert (await again.look("coinbase", NOW + 60))["GEM"] == NOW + 60
        await listings.close()
        await again.close()
    prices = Prices()
    prices.hear(trade(1, 2_000.0, NOW))
    prices.list_symbol("GEM", NOW, known=False)
    prices.list_symbol("ETH", 0.0, known=True)
    assert prices.market("base", ["WETH"], NOW).listed == ["GEM"]


@pytest.mark.parametrize("venue", ["binance", "coinbase", "kraken"])
@pytest.mark.parametrize("body", [None, [], {}, [{}], {"result": 3}, [{"symbol": 3}], "x"])
def test_answers_that_list_nothing_are_invalid(venue: str, body: object) -> None:
    """Whatever a venue answers, it is symbols or ``Invalid``."""
    with pytest.raises(Invalid):
        symbols_of(venue, body)
