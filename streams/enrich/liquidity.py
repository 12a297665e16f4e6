"""Who holds a pool's LP tokens, and so who can pull its liquidity.

A V2-like pair's LP token is an ERC-20: minted from the zero address, burnt by sending it to the
pair, which sends it on to the zero address (Uniswap V2 core, ``UniswapV2Pair.mint`` / ``burn``).
LP sent to a burn address can never come back; LP in a known locker cannot until its date.
"""

from __future__ import annotations

from math import fsum

import msgspec

from streams.lockers import BURN_ADDRESSES, LOCKERS, ZERO

__all__ = ["LpBook"]

HOLDERS_KEPT = 512
"""Holders followed one by one; beyond, the smallest half is summed into ``others``."""


class LpBook(msgspec.Struct, kw_only=True):
    """LP token balances in base units, in bounded space."""

    balances: dict[str, float] = {}
    others: float = 0.0
    burnt: float = 0.0
    minted: float = 0.0
    removed: float = 0.0
    mints: int = 0
    burns: int = 0
    transfers: int = 0
    last_move: float | None = None

    @property
    def supply(self) -> float:
        """LP tokens in existence, those at burn addresses included."""
        return self.minted - self.removed

    @property
    def holders(self) -> int:
        """Holders with a balance, the summed rest counted as one."""
        return len(self.balances) + (self.others > 0)

    def move(self, sender: str, to: str, value: int, pool: str, time: float) -> None:
        """Account for one ``Transfer`` of the LP token at ``time`` (UNIX seconds)."""
        self.transfers += 1
        self.last_move = time
        if sender == ZERO:
            self.minted += value
            self.mints += to not in BURN_ADDRESSES
        else:
            self._take(sender, value)
        if sender == pool and to == ZERO:
            self.removed += value
            self.burns += 1
        else:
            self._give(to, value)

    def top_share(self, pool: str) -> float:
        """Share of the supply that the largest single holder able to withdraw controls."""
        free = (v for h, v in self.balances.items() if h != pool and h not in LOCKERS)
        return self._share(max(free, default=0.0))

    def burnt_share(self) -> float:
        """Share of the supply that nobody can ever withdraw."""
        return self._share(self.burnt)

    def locked_share(self) -> float:
        """Share of the supply in known lockers."""
        # A set is walked in another order in each process; fsum is the same in any.
        return self._share(fsum(self.balances.get(locker, 0.0) for locker in LOCKERS))

    def removed_share(self) -> float:
        """Share of all LP tokens ever minted that has been withdrawn."""
        return min(1.0, self.removed / self.minted) if self.minted > 0 else 0.0

    def _share(self, value: float) -> float:
        return min(1.0, max(0.0, value / self.supply)) if self.supply > 0 else 0.0

    def _take(self, holder: str, value: float) -> None:
        if holder in BURN_ADDRESSES:
            return
        left = self.balances.pop(holder, 0.0) - value
        # Balances are doubles: what is left of a full withdrawal is rounding, not a holding.
        if left > value * 1e-9:
            self.balances[holder] = left
        elif left < -value * 1e-9:  # it had more, summed into the others
            self.others = max(0.0, self.others + left)

    def _give(self, holder: str, value: float) -> None:
        if holder in BURN_ADDRESSES:
            self.burnt += value
            return
        if value <= 0:  # anybody can move nothing to anybody
            return
        self.balances[holder] = self.balances.get(holder, 0.0) + value
        if len(self.balances) > HOLDERS_KEPT:
            self._fold_smallest()

    def _fold_smallest(self) -> None:
        ranked = sorted(self.balances.items(), key=lambda item: (item[1], item[0]))
        for holder, value in ranked[: HOLDERS_KEPT // 2]:
            self.others += value
            del self.balances[holder]
