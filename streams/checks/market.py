"""Which pool a launch's token is traded on by the probe, and in which sizes."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from streams.checks.probe import Market, address_in
from streams.errors import Invalid
from streams.events import Launch
from streams.evm.venues import VENUES

__all__ = ["SHARES", "market_of"]

SHARES: Final = (1_000, 10_000, 100, 20, 5, 2)
"""Sizes of purchases as parts of the pool's quote: 0.1 % speaks for all, then small to huge."""
_KINDS = {"v2": 1, "solidly": 1, "v3": 2, "slipstream": 2}


def market_of(launch: Launch) -> Market:
    """The launch's pool as the probe takes it. Raises ``Invalid`` where it cannot trade there."""
    kind = _KINDS.get(VENUES.get(launch.venue, "v2"), 0)
    if launch.token is UNSET or launch.quote is UNSET:
        raise Invalid("neither side of the pool is a known quote", reason="no-quote")
    if not kind:
        raise Invalid(f"trades on {launch.venue} are not simulated", reason="venue")
    token, quote, pool = map(address_in, (launch.token, launch.quote, launch.pool))
    return Market(token, quote, pool, kind, launch.token_is_0)
