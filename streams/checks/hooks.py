"""What a hook of Uniswap V4 keeps of trades: the same trades again, past a hook that takes nothing.

A hook may set the fee of each trade, and take of what it gives (v4-core ``Hooks.sol``). To a holder
that is a tax, whoever asks it: what a purchase gives, and what a sale pays, is held against what
they would without the hook.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from streams.checks.market import V4
from streams.checks.probe import Market
from streams.checks.trips import Trip

__all__ = ["beside", "takes_part"]

IN_SWAPS: Final = 1 << 7 | 1 << 6
"""Of a hook's address: it is called before and after each swap."""


def takes_part(market: Market) -> bool:
    """Whether a hook of the market's pool is called when it is traded."""
    return market.kind == V4 and bool(int(market.hooks, 16) & IN_SWAPS)


def beside(trips: Sequence[Trip], idle: Sequence[Trip]) -> list[Trip]:
    """Trips with what the hook kept counted as tax; ``idle`` are those past an idle hook."""
    by_size = {trip.spent: trip for trip in idle if trip.sells}
    return [_beside(trip, by_size[trip.spent]) if trip.spent in by_size else trip for trip in trips]


def _beside(trip: Trip, idle: Trip) -> Trip:
    paid = trip.back * idle.sold
    whole = idle.back * trip.sold
    reached = trip.reached * paid // whole if trip.sells and paid < whole else trip.reached
    return msgspec.structs.replace(
        trip, promised=max(trip.promised, idle.promised), reached=reached
    )
