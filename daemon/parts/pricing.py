"""The market role: a part a venue, and who tells candles, markets and listings."""

from __future__ import annotations

from daemon.plant import Plant
from daemon.supervisor import Part
from streams.errors import Invalid
from streams.market.listings import Listings
from streams.market.pricing import Pricing
from streams.market.trade import Pair
from streams.market.venue import Venue
from streams.stage import Drain

__all__ = ["market_parts", "pairs_from"]


def market_parts(plant: Plant) -> list[Part]:
    """None without a venue; raises ``Invalid`` for a pair that is none."""
    market = plant.settings.market
    if not market.follow:
        return []
    pricing = Pricing(plant.cluster.broker, plant.clock, every=market.every_seconds)
    parts = [_venue_part(plant, pricing, name) for name in market.follow]
    parts += [Part("candles", pricing.tell_candles), Part("markets", pricing.tell_markets)]
    if market.listings_seconds:
        parts.append(_listings_part(plant, pricing))
    return parts


def pairs_from(written: tuple[str, ...]) -> list[Pair]:
    """``ETH-USD`` or ``ETH/USD`` as pairs; raises ``Invalid``."""
    pairs = []
    for each in written:
        base, _, quote = each.replace("/", "-").partition("-")
        if not (base.isalnum() and quote.isalnum()):
            raise Invalid(f"market: {each!r} is no pair such as ETH-USD", reason="setting")
        pairs.append(Pair(base.upper(), quote.upper()))
    return pairs


def _venue_part(plant: Plant, pricing: Pricing, name: str) -> Part:
    pairs = pairs_from(getattr(plant.settings.market, name))

    async def run(drain: Drain) -> None:
        await pricing.listen(Venue(name, pairs, clock=plant.clock), drain)

    return Part(f"feed.{name}", run)


def _listings_part(plant: Plant, pricing: Pricing) -> Part:
    market = plant.settings.market

    async def run(drain: Drain) -> None:
        listings = Listings(plant.state, market.follow)
        try:
            await pricing.look_at_listings(listings, market.follow, market.listings_seconds, drain)
        finally:
            await listings.close()

    return Part("listings", run)
