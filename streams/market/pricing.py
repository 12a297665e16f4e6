"""The shell around the exchanges: trades to candles on their topic, and to each chain's market."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

import anyio
import structlog

from streams.broker import Broker
from streams.clock import Clock
from streams.errors import Invalid, Retry
from streams.feeds.silence import Silence
from streams.market.candles import Candles
from streams.market.listings import Listings
from streams.market.prices import COINS, Prices
from streams.market.trade import Trade
from streams.market.venue import Venue
from streams.quotes import QUOTES
from streams.source import to_every_partition
from streams.stage import Drain, message
from streams.topics import ACTIVITY, CANDLES

__all__ = ["Pricing"]

CANDLES_EVERY_S = 5.0
FIRST_TELL_S = 5.0
log = structlog.get_logger(__name__)


class Pricing:
    """What is known of markets in one process."""

    def __init__(self, broker: Broker, clock: Clock, *, every: float = 60.0) -> None:
        """``every`` is in seconds between two words on the chains' markets."""
        self._broker = broker
        self._clock = clock
        self._every = every
        self.prices = Prices()
        self._candles = Candles()

    async def listen(self, venue: Venue, drain: Drain) -> None:
        """Hear one venue until ``drain`` asks."""
        silence = Silence(venue.name, venue.expected, self._clock)
        async with anyio.create_task_group() as group:
            with drain.interrupts():
                group.start_soon(silence.watch)
                async with aclosing(venue.news()) as news:
                    async for each in news:
                        silence.heard()
                        if each is not None:
                            self.prices.hear(each)
                        if isinstance(each, Trade):
                            self._candles.add(each)
            group.cancel_scope.cancel()

    async def tell_candles(self, drain: Drain) -> None:
        """Publish each minute that is over; raises ``Retry``."""
        with drain.interrupts():
            while True:
                await self._clock.sleep(CANDLES_EVERY_S)
                closed = self._candles.closed(self._clock.now().timestamp())
                await self._broker.publish([message(CANDLES, each) for each in closed])

    async def tell_markets(self, drain: Drain) -> None:
        """Publish every chain's market now and then; raises ``Retry``."""
        with drain.interrupts():
            partitions = await self._broker.partitions(ACTIVITY.name)
            await self._clock.sleep(min(FIRST_TELL_S, self._every))
            while True:
                now = self._clock.now().timestamp()
                for chain in COINS:
                    quotes = sorted({quote.symbol for quote in QUOTES.get(chain, {}).values()})
                    market = self.prices.market(chain, quotes, now)
                    if market.worth:
                        await self._broker.publish(to_every_partition(market, partitions))
                await self._clock.sleep(self._every)

    async def look_at_listings(
        self, listings: Listings, venues: Sequence[str], every: float, drain: Drain
    ) -> None:
        """Ask each venue what it lists, now and then."""
        with drain.interrupts():
            while True:
                for venue in venues:
                    await self._look(listings, venue)
                await self._clock.sleep(every)

    async def _look(self, listings: Listings, venue: str) -> None:
        try:
            found = await listings.look(venue, self._clock.now().timestamp())
        except (Invalid, Retry) as error:
            log.warning("listings_failed", venue=venue, error=str(error))
            return
        for symbol, seen in found.items():
            self.prices.list_symbol(symbol, seen, known=not seen)
