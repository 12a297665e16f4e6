"""One exchange listened to: its decoder behind the shared shell, with what is missing counted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import NamedTuple

import structlog

from streams import telemetry
from streams.clock import Clock, SystemClock
from streams.errors import Invalid
from streams.feeds.backoff import Rules
from streams.feeds.gaps import Gaps
from streams.feeds.reconnect import Connection, Reconnecting
from streams.feeds.websocket import WebSocket, open_websocket
from streams.market import binance, coinbase, kraken
from streams.market.trade import Pair, Ticker, Trade

__all__ = ["VENUES", "Venue", "Way"]

OLD_AFTER_S = 23.5 * 3_600.0
"""Binance ends a connection after 24 hours: we change it before, where nothing is lost by it."""

AHEAD_S = 60.0
"""A price of later than that would hide every true one until then."""

News = Trade | Ticker | coinbase.Heartbeat
log = structlog.get_logger(__name__)


class Way(NamedTuple):
    """How a venue is talked to."""

    url: str
    silence: float
    rules: Rules
    separator: str
    """Between base and quote in the venue's names of pairs."""
    address: Callable[[str, Sequence[Pair]], str]
    first_words: Callable[[Sequence[Pair]], list[str]]
    decode: Callable[[str | bytes, dict[str, Pair]], Sequence[News]]


VENUES: dict[str, Way] = {
    "binance": Way(
        binance.URL, binance.SILENCE_S, binance.RULES, "", binance.address, binance.first_words,
        binance.decode,
    ),
    "coinbase": Way(
        coinbase.URL, coinbase.SILENCE_S, coinbase.RULES, "-", coinbase.address,
        coinbase.first_words, coinbase.decode,
    ),
    "kraken": Way(
        kraken.URL, kraken.SILENCE_S, kraken.RULES, "/", kraken.address, kraken.first_words,
        kraken.decode,
    ),
}  # fmt: skip


class Venue:
    """A venue's trades and tickers, each trade once and in the order of its number."""

    def __init__(
        self,
        name: str,
        pairs: Sequence[Pair],
        *,
        url: str = "",
        silence: float | None = None,
        rules: Rules | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        way = VENUES[name]
        self.expected = silence or way.silence
        self._way = way
        self._url = url or way.url
        self._pairs = {f"{pair.base}{way.separator}{pair.quote}": pair for pair in pairs}
        self._clock = clock or SystemClock()
        self.gaps = Gaps(name)
        self._shell: Reconnecting[Trade | Ticker | None] = Reconnecting(
            name, self._dial, self._talk, silence=self.expected,
            rules=way.rules if rules is None else rules, clock=self._clock,
        )  # fmt: skip

    async def news(self) -> AsyncGenerator[Trade | Ticker | None, None]:
        """For ever; ``None`` is a sign of life."""
        async for each in self._shell.items():
            yield each

    async def _dial(self) -> Connection:
        address = self._way.address(self._url, list(self._pairs.values()))
        socket = WebSocket(await open_websocket(address, who=self.name))
        for words in self._way.first_words(list(self._pairs.values())):
            await socket.send(words)
        return socket

    async def _talk(self, connection: Connection) -> AsyncGenerator[Trade | Ticker | None, None]:
        opened = self._clock.now()
        async for frame in connection.frames():
            try:
                news = self._way.decode(frame, self._pairs)
            except Invalid as error:
                telemetry.FEED_REFUSED.labels(self.name, error.reason).inc()
                continue
            yield None
            for each in news:
                if isinstance(each, coinbase.Heartbeat):
                    self._note_last(each)
                elif each.at > self._clock.now().timestamp() + AHEAD_S:
                    telemetry.FEED_REFUSED.labels(self.name, "future").inc()
                elif isinstance(each, Ticker) or self._is_new(each):
                    yield each
            if (self._clock.now() - opened).total_seconds() >= OLD_AFTER_S:
                log.info("feed_renewed", feed=self.name)
                return

    def _is_new(self, trade: Trade) -> bool:
        """Whether a trade was not told before; what is missing before it is counted."""
        new = self.gaps.note(_stream(trade.pair), trade.number)
        telemetry.FEED_ITEMS.labels(self.name, "trade" if new else "known").inc()
        return new

    def _note_last(self, heartbeat: coinbase.Heartbeat) -> None:
        """Where the venue is further than we are, and says no more: that is lost."""
        self.gaps.caught_up(_stream(heartbeat.pair), heartbeat.last)


def _stream(pair: Pair) -> str:
    return f"{pair.base}-{pair.quote}"
