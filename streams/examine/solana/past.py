"""What has happened on a pool of Solana until now, read back from its own transactions."""

from __future__ import annotations

from datetime import datetime

from msgspec import UNSET

from streams.events import Launch
from streams.examine.past import Past
from streams.examine.solana.early import events_of
from streams.examine.solana.markets import sides_of
from streams.examine.solana.pools import Pool
from streams.examine.solana.slotview import SlotView
from streams.onpool import OnPool
from streams.quotes import QUOTES
from streams.solana.sightings import CHAIN, address

__all__ = ["past_of"]

PAGES = 2
"""Two thousand transactions: about the first hours of an ordinary launch."""


async def past_of(view: SlotView, pool: Pool, now: datetime) -> Past:
    """Everything on the pool up to the view's slot. Raises ``Retry`` and ``Invalid``."""
    listed, whole = await view.signatures(pool.address, pages=PAGES)
    if not whole:
        why = f"it has more than {len(listed):,} transactions, which are not all read"
        return Past(_stand_in(pool, listed[-1].slot, now), [], why)
    told = await events_of(view, listed)
    events = [each for each in told if isinstance(each, OnPool) and each.pool == pool.address]
    launch = next((each for each in events if isinstance(each, Launch)), None)
    if launch is None:
        first = listed[-1].slot if listed else view.block
        return Past(_stand_in(pool, first, now), [], "its launch was not found")
    return Past(launch, [each for each in events if each is not launch])


def _stand_in(pool: Pool, slot: int, now: datetime) -> Launch:
    """What the pool's account says of its launch, where that itself was not read."""
    token, quote = sides_of(pool)
    raw = pool.fields.get("creator", pool.fields.get("coin_creator"))
    known = QUOTES[CHAIN][quote]
    return Launch(
        chain=CHAIN, pool=pool.address, block=slot, log_index=0, at=now, venue=pool.venue,
        token=token, quote=quote, quote_symbol=known.symbol, quote_decimals=known.decimals,
        token_is_0=token == pool.mint0, lp_visible=False, token0=pool.mint0, token1=pool.mint1,
        creator=address(raw) if raw else UNSET,
    )  # fmt: skip
