"""Reserves of a pool of concentrated liquidity, which never tells them: summed from what moved.

On Uniswap V3 every event names amounts: deposits and trades in, removed liquidity and trades out,
and what ``Collect`` pays beyond removed liquidity are fees. Uniswap V4 names liquidity and a price
range; amounts follow from the pool's price (whitepaper of V3, equations 6.29 and 6.30). Fees stay
in the sum until they are collected, so a reserve may be too high by them; it is never below zero.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from streams.events import Collected, LiquidityChange, Swap

__all__ = ["Reserves"]

TICK_BASE = 1.0001
MOST_TICK = 887_272
"""The farthest tick either way (Uniswap V3 core, ``TickMath.MAX_TICK``)."""
Q96 = 2.0**96


class Reserves(msgspec.Struct, array_like=True):
    """Both sides in base units as doubles; what providers may collect; the price's square root."""

    amount0: float = 0.0
    amount1: float = 0.0
    owed0: float = 0.0
    owed1: float = 0.0
    sqrt_price: float = 0.0
    """sqrt(token1/token0) in base units; 0 while unknown."""

    @property
    def price(self) -> float:
        """Token1 base units for one of token0; 0 while unknown."""
        return self.sqrt_price**2

    def set_price(self, sqrt_price: int) -> None:
        """Take over a price as the chain writes it (Q64.96)."""
        self.sqrt_price = sqrt_price / Q96

    def trade(self, swap: Swap) -> None:
        """What went in and out, and the price after it."""
        self._add(
            float(swap.amount0_in) - float(swap.amount0_out),
            float(swap.amount1_in) - float(swap.amount1_out),
        )
        if swap.sqrt_price is not UNSET:
            self.set_price(swap.sqrt_price)

    def change(self, event: LiquidityChange) -> None:
        """Liquidity added or removed; what is removed waits to be collected."""
        amount0, amount1 = self._amounts(event)
        sign = 1.0 if event.added else -1.0
        self._add(sign * amount0, sign * amount1)
        if not event.added and event.amount0 is not UNSET:
            self.owed0 += amount0
            self.owed1 += amount1

    def collect(self, event: Collected) -> None:
        """Fees are what is paid beyond the liquidity that was removed before."""
        fee0 = max(0.0, event.amount0 - self.owed0)
        fee1 = max(0.0, event.amount1 - self.owed1)
        self.owed0 = max(0.0, self.owed0 - event.amount0)
        self.owed1 = max(0.0, self.owed1 - event.amount1)
        self._add(-fee0, -fee1)

    def _add(self, amount0: float, amount1: float) -> None:
        self.amount0 = max(0.0, self.amount0 + amount0)
        self.amount1 = max(0.0, self.amount1 + amount1)

    def _amounts(self, event: LiquidityChange) -> tuple[float, float]:
        if event.amount0 is not UNSET and event.amount1 is not UNSET:
            return float(event.amount0), float(event.amount1)
        if event.liquidity is UNSET or event.lower is UNSET or event.upper is UNSET:
            return 0.0, 0.0
        low, high = _sqrt_at(event.lower), _sqrt_at(event.upper)
        at = min(max(self.sqrt_price, low), high)
        liquidity = float(event.liquidity)
        return max(0.0, liquidity * (1 / at - 1 / high)), max(0.0, liquidity * (at - low))


def _sqrt_at(tick: int) -> float:
    return float(TICK_BASE ** (max(-MOST_TICK, min(MOST_TICK, tick)) / 2))
