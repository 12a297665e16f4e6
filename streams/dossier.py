"""A dossier: what is known of a launch at one moment, and what is not.

The rules that events keep are told in ``streams.events``.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.errors import Invalid
from streams.finding import Finding
from streams.onpool import MOST_AMOUNT, Address, Amount, Count, Instant, Slug, Traced

__all__ = ["Facts", "Holders", "Liquidity", "Ratio", "TokenFacts", "Trading", "Trigger"]

Ratio = Annotated[float, Meta(ge=0)]
Trigger = Literal[
    "launch",
    "5m",
    "1h",
    "6h",
    "24h",
    "liquidity-removed",
    "price-fell",
    "drained",
    "examined",
    "mentioned",
]


class TokenFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the token says of itself. Attacker-written text: sanitise before any use."""

    name: str | UnsetType = UNSET
    symbol: str | UnsetType = UNSET
    decimals: int | UnsetType = UNSET
    total_supply: Amount | UnsetType = UNSET
    pooled_share: Ratio | UnsetType = UNSET
    """Token reserve at launch over total supply (can pass 1 when supply was minted since)."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        if self.total_supply and self.total_supply > MOST_AMOUNT:
            raise Invalid("the supply is over 256 bits", reason="amount")


class Liquidity(msgspec.Struct, frozen=True, kw_only=True):
    """The pool's quote side, in whole quote units, and how it was moved by its providers."""

    reserve: Ratio
    reserve_initial: Ratio
    reserve_max: Ratio
    added: Ratio
    removed: Ratio
    adds: int
    removes: int
    largest_removal_share: Ratio
    """Largest share of the reserve that one removal took, 0..1."""
    seconds_since_removal: float | UnsetType = UNSET


class Trading(msgspec.Struct, frozen=True, kw_only=True):
    """Trades so far and of late, amounts in whole quote units, prices as ratios."""

    buys: int
    sells: int
    buys_last_hour: int
    sells_last_hour: int
    buys_first_block: int
    buy_volume: Ratio
    sell_volume: Ratio
    largest_buy: Ratio
    largest_sell_share: Ratio
    """Largest share of the quote reserve that one sell took, 0..1."""
    price_to_initial: Ratio
    price_to_max: Ratio
    price_to_hour_ago: Ratio
    price_volatility: Ratio
    """Standard deviation of log price changes between consecutive trades."""
    seconds_to_first_buy: float | UnsetType = UNSET
    seconds_to_first_sell: float | UnsetType = UNSET
    seconds_since_trade: float | UnsetType = UNSET
    seconds_since_sell: float | UnsetType = UNSET
    buyers: int | UnsetType = UNSET
    """Distinct receivers of bought tokens, counted up to 1,000; needs ``Swap`` events."""


class Holders(msgspec.Struct, frozen=True, kw_only=True):
    """Who can pull the liquidity: shares of the LP token's supply, 0..1."""

    lp_holders: int
    lp_top_share: Ratio
    lp_burnt_share: Ratio
    lp_locked_share: Ratio
    lp_removed_share: Ratio
    lp_mints: int
    lp_burns: int
    lp_transfers: int
    seconds_since_lp_move: float


class Facts(Traced, frozen=True, kw_only=True, tag="facts"):
    """A dossier: all that was known of a launch at one moment, and what was not, and why.

    ``at`` is the moment it speaks of; ``block`` and ``log_index`` are the last event it has
    seen. Nothing later than ``at`` is inside (invariant 4).
    """

    venue: Slug
    trigger: Trigger
    sequence: Count
    """0 for a pool's first dossier, then 1, 2, ...: what a consumer dedups by."""
    launched_at: Instant
    age: Annotated[float, Meta(ge=0)]
    """Seconds since launch at ``at``."""
    quote_symbol: str | UnsetType = UNSET
    token_address: Address | UnsetType = UNSET
    creator: Address | UnsetType = UNSET
    """Whose the token is: one account's launches are one wave."""
    token: TokenFacts
    liquidity: Liquidity
    trading: Trading
    holders: Holders | UnsetType = UNSET
    missing: dict[str, str] = msgspec.field(default_factory=dict)
    """Name of each unknown fact (``holders``, ``token.name``) to the reason it is unknown."""
    findings: dict[str, Finding] = msgspec.field(default_factory=dict)
    """What the last examination found; an unknown one says why itself."""

    @property
    def id(self) -> str:
        """One dossier a pool and sequence number."""
        return f"{self.chain}:{self.pool}:facts:{self.sequence}"
