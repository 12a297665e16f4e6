"""The one contract that holds all pools of Uniswap V4: what it says of a pool, and which it is.

A pool has no address: its id is the hash of what names it (v4-core ``PoolId.sol``). Its price and
liquidity are read from the PoolManager's storage by ``extsload`` (v4-core ``StateLibrary.sol``).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from eth_abi import encode  # type: ignore[attr-defined]
from eth_hash.auto import keccak

from streams.checks.chainstate import Numbers
from streams.checks.probe import Market

__all__ = ["LIQUIDITY", "SLOT0", "PoolState", "asked_of", "id_of", "state_from"]

POOLS_SLOT: Final = 6
"""Of the PoolManager's storage: its mapping of pools."""
LIQUIDITY_OFFSET: Final = 3
SLOT0, LIQUIDITY = "slot0", "liquidity"
Q96: Final = 2**96


class PoolState(NamedTuple):
    """A pool's price (the root of token1 for token0, Q64.96) and its liquidity in range."""

    sqrt_price: int
    liquidity: int

    def depth(self, *, of_0: bool) -> int:
        """What the pool would hold of a side if its liquidity reached over all prices.

        Whitepaper of Uniswap V3, equations 6.5 and 6.6. What it really holds may be less.
        """
        if not self.sqrt_price:
            return 0
        if of_0:
            return self.liquidity * Q96 // self.sqrt_price
        return self.liquidity * self.sqrt_price // Q96


def id_of(market: Market) -> str:
    """The id of a market of kind 3, as 0x hex."""
    sides = (market.token, market.quote) if market.token_is_0 else (market.quote, market.token)
    types = ["address", "address", "uint24", "int24", "address"]
    key = encode(types, [*sides, market.fee, market.tick_spacing, market.hooks])
    return f"0x{keccak(key).hex()}"


def asked_of(manager: str, pool: str) -> Numbers:
    """What to ask for ``state_from``."""
    slot = keccak(bytes.fromhex(pool[2:]) + POOLS_SLOT.to_bytes(32, "big"))
    liquidity = int.from_bytes(slot, "big") + LIQUIDITY_OFFSET
    return {
        SLOT0: (manager, "extsload(bytes32)", f"0x{slot.hex()}"),
        LIQUIDITY: (manager, "extsload(bytes32)", f"0x{liquidity:064x}"),
    }


def state_from(found: dict[str, int | None]) -> PoolState:
    """The answers to ``asked_of``."""
    price, liquidity = found[SLOT0] or 0, found[LIQUIDITY] or 0
    return PoolState(price & (2**160 - 1), liquidity & (2**128 - 1))
