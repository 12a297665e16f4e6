"""What happens on a pool beyond trades and reserves: liquidity by range, its token's own acts."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from streams.onpool import Address, Amount, Hash, OnPool, checked

__all__ = [
    "Collected",
    "LiquidityChange",
    "OnToken",
    "Ownership",
    "Pause",
    "Role",
    "TaxChange",
    "TokenActivity",
    "TokenTransfer",
    "Upgrade",
]


class LiquidityChange(OnPool, frozen=True, kw_only=True, tag="liquidity-change"):
    """A provider adds to a pool or takes out of it, as the venue itself says it.

    On V2-like venues the ``Sync`` beside it tells the reserves. Uniswap V4 tells ``liquidity``
    and its price range alone; the amounts follow from the pool's price.
    """

    added: bool
    owner: Address
    amount0: Amount | UnsetType = UNSET
    amount1: Amount | UnsetType = UNSET
    liquidity: Amount | UnsetType = UNSET
    lower: int | UnsetType = UNSET
    upper: int | UnsetType = UNSET
    """The price range, in ticks of 1.0001**tick (Uniswap V3 core, ``TickMath``)."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at, self.amount0 or 0, self.amount1 or 0, self.liquidity or 0)


class Collected(OnPool, frozen=True, kw_only=True, tag="collected"):
    """What a provider was owed leaves the pool: removed liquidity, and fees (V3 ``Collect``)."""

    owner: Address
    to: Address
    amount0: Amount
    amount1: Amount

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at, self.amount0, self.amount1)


class OnToken(OnPool, frozen=True, kw_only=True):
    """What happens on a pool's token rather than in the pool; told once for each of its pools."""

    token: Address


class TokenTransfer(OnToken, frozen=True, kw_only=True, tag="token-transfer"):
    """The token itself moves, in the first hours of its pool; from the zero address is a mint."""

    sender: Address
    to: Address
    value: Amount

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at, self.value)


class Ownership(OnToken, frozen=True, kw_only=True, tag="ownership"):
    """The privileged role changes hands; to the zero address it is renounced."""

    previous: Address
    owner: Address


class Pause(OnToken, frozen=True, kw_only=True, tag="pause"):
    """Transfers are stopped, or allowed again."""

    paused: bool
    by: Address


class Upgrade(OnToken, frozen=True, kw_only=True, tag="upgrade"):
    """A proxy gets other code, or another who may give it (ERC-1967)."""

    what: Literal["implementation", "beacon", "admin"]
    to: Address


class Role(OnToken, frozen=True, kw_only=True, tag="role"):
    """A role of access control is granted or revoked (OpenZeppelin ``AccessControl``)."""

    role: Hash
    account: Address
    granted: bool
    by: Address


class TaxChange(OnToken, frozen=True, kw_only=True, tag="tax-change"):
    """A token says that its fees changed; what the values mean, its ``signature`` hints at."""

    signature: Annotated[str, Meta(max_length=128)]
    values: list[Amount]

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at, *self.values)


TokenActivity = TokenTransfer | Ownership | Pause | Upgrade | Role | TaxChange
"""What is told of a token, on each of its pools."""
