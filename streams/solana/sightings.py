"""What was seen on Solana, as it is told: the lines of ``heft decode solana``.

``streams.solana.launches`` and ``streams.solana.activity`` make them from what ``decode`` read;
``streams.solana.domain`` turns them into the events that every stage knows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import based58
import msgspec
from msgspec import UNSET, UnsetType
from solders.pubkey import Pubkey

__all__ = ["CHAIN", "NOBODY", "WSOL", "Kind", "SeenActivity", "SeenLaunch", "address", "curve_of"]

CHAIN = "solana"
WSOL = "So11111111111111111111111111111111111111112"
NOBODY = "11111111111111111111111111111111"
"""32 zero bytes: how a program writes "none" (and the address of the system program)."""
PUMP = "6EF8rrecthR5Dkzon8Nwu78hRvfCKubJ14M5uBEwF6P"

Kind = Literal[
    "buy",
    "sell",
    "swap",
    "deposit",
    "withdraw",
    "complete",
    "migrate",
    "lp-burn",
    "lock",
    "creator-changed",
]


class Seen(msgspec.Struct, kw_only=True, omit_defaults=True, tag_field="type"):
    """Where something was seen. What was not sent is absent."""

    chain: str = msgspec.field(default_factory=lambda: CHAIN)
    venue: str
    pool: str
    signature: str | UnsetType = UNSET
    slot: int | UnsetType = UNSET
    at: int | UnsetType = UNSET
    """The block's time in UNIX seconds, as validators estimate it."""


class SeenLaunch(Seen, kw_only=True, tag="launch"):
    """A new pool. Amounts are in base units; side 0 is the program's first asset."""

    token: str
    quote: str | UnsetType = UNSET
    token_is_0: bool
    token_amount: int | UnsetType = UNSET
    """The pool's first reserve; absent where the program makes pools empty."""
    quote_amount: int | UnsetType = UNSET
    virtual: bool = False
    """The amounts are those that a bonding curve computes with; nobody has paid them in."""
    creator: str | UnsetType = UNSET
    """Who the program notes as the creator."""
    deployer: str | UnsetType = UNSET
    """Who signed: the same account unless somebody creates for another."""
    name: str | UnsetType = UNSET
    symbol: str | UnsetType = UNSET
    uri: str | UnsetType = UNSET
    total_supply: int | UnsetType = UNSET
    token_decimals: int | UnsetType = UNSET
    quote_decimals: int | UnsetType = UNSET
    lp_mint: str | UnsetType = UNSET
    open_time: int | UnsetType = UNSET
    sqrt_price: int | UnsetType = UNSET
    """sqrt(side 1 for side 0) times 2**64, where the program makes a pool with a price."""


class SeenActivity(Seen, kw_only=True, tag="activity"):
    """Something done on a pool. Sides are the program's: 0 base, coin, a or x; 1 the other."""

    kind: Kind
    user: str | UnsetType = UNSET
    token: str | UnsetType = UNSET
    amount0: int | UnsetType = UNSET
    amount1: int | UnsetType = UNSET
    reserve0: int | UnsetType = UNSET
    """Reserves behind the event, where it tells them; a curve's are its virtual ones."""
    reserve1: int | UnsetType = UNSET
    lp_amount: int | UnsetType = UNSET
    lp_supply: int | UnsetType = UNSET
    to_pool: str | UnsetType = UNSET
    """Where a curve's liquidity went."""
    pays_0: bool | UnsetType = UNSET
    """Of a swap: whether side 0 was paid in and side 1 out; without it, that is not known."""
    sqrt_price: int | UnsetType = UNSET
    """As of a launch, behind a swap of concentrated liquidity."""
    lower: int | UnsetType = UNSET
    upper: int | UnsetType = UNSET
    """The price range of liquidity, in ticks."""


def address(raw: bytes | str) -> str:
    """A public key as base58."""
    return raw if isinstance(raw, str) else based58.b58encode(raw).decode()


@lru_cache(maxsize=16_384)
def curve_of(mint: str) -> str:
    """The pump.fun bonding curve of a token: the address derived from ``bonding-curve``, mint."""
    seeds = [b"bonding-curve", bytes(Pubkey.from_string(mint))]
    return str(Pubkey.find_program_address(seeds, Pubkey.from_string(PUMP))[0])
