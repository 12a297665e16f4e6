"""Which pool a launch's token is traded on by the probe, and in which sizes."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from streams.checks.probe import Market, address_in
from streams.checks.singleton import id_of
from streams.errors import Invalid
from streams.events import Launch
from streams.evm.venues import VENUES

__all__ = ["SHARES", "V4", "market_of"]

V4: Final = 3
"""The ``kind`` of a market on Uniswap V4."""

SHARES: Final = (1_000, 10_000, 100, 20, 5, 2)
"""Sizes of purchases as parts of the pool's quote: 0.1 % speaks for all, then small to huge."""
_KINDS = {"v2": 1, "solidly": 1, "v3": 2, "slipstream": 2, "v4": 3}


def market_of(launch: Launch) -> Market:
    """The launch's pool as the probe takes it. Raises ``Invalid`` where it cannot trade there."""
    kind = _KINDS.get(VENUES.get(launch.venue, "v2"), 0)
    if launch.token is UNSET or launch.quote is UNSET:
        raise Invalid("neither side of the pool is a known quote", reason="no-quote")
    if not kind:
        raise Invalid(f"trades on {launch.venue} are not simulated", reason="venue")
    token, quote = map(address_in, (launch.token, launch.quote))
    if kind == V4:
        return _of_manager(launch, token, quote)
    return Market(token, quote, address_in(launch.pool), kind, launch.token_is_0)


def _of_manager(launch: Launch, token: str, quote: str) -> Market:
    """A pool of Uniswap V4, whose id proves what names it."""
    said = launch.manager, launch.fee, launch.tick_spacing, launch.hooks
    if UNSET in said:
        raise Invalid("what names the pool was not told", reason="venue")
    manager, fee, spacing, hooks = said
    market = Market(
        token, quote, address_in(str(manager)), V4, launch.token_is_0,
        fee=int(fee or 0), tick_spacing=int(spacing or 0), hooks=address_in(str(hooks)),
    )  # fmt: skip
    if id_of(market) != launch.pool:
        raise Invalid("the pool's id is not that of what names it", reason="venue")
    return market
