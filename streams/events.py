"""The words of the domain, as frozen structs: what travels through every topic.

Rules that a reader may rely on, and an author must keep:

- timestamps are timezone-aware and of the years 1970 to 8999 in UTC; what is derived from an event
  may speak of two days later. Amounts are integers in base units of at most 256 bits, never
  floats. An event that breaks this cannot be made (``Invalid``), so that arithmetic on events
  neither overflows nor leaves the calendar;
- a fact that can be unknown is ``UNSET`` on the wire (absent), with its reason in
  ``Facts.missing``; it is never silently false or zero;
- ids derive from chain, pool and log position alone, so the same event seen twice is the same
  event (invariant 2);
- fields are only added, with defaults; a breaking change is a new topic version. ``v`` names the
  version that a record was written in, and a reader refuses one that it does not know.

This module does not own topics or keys (``topics``) nor how facts are computed (``enrich``).
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.dossier import Facts, Holders, Liquidity, TokenFacts, Trading, Trigger
from streams.errors import Invalid
from streams.examined import Examination, Kind, Trap
from streams.finding import Finding
from streams.markets import Market
from streams.mentions import Listening, Mention
from streams.onchain import (
    Collected,
    LiquidityChange,
    OnToken,
    Ownership,
    Pause,
    Role,
    TaxChange,
    TokenActivity,
    TokenTransfer,
    Upgrade,
)
from streams.onpool import (
    MOST_AMOUNT,
    MOST_NAME,
    MOST_QUOTE_SYMBOL,
    SCHEMA_VERSION,
    Address,
    Amount,
    Count,
    Event,
    Hash,
    Instant,
    Name,
    OnPool,
    Position,
    Slug,
    Traced,
    checked,
)
from streams.text import sanitise
from streams.verdict import MOST_UNKNOWN, Action, Alert, Evidence, Verdict

__all__ = [
    "MOST_AMOUNT",
    "MOST_NAME",
    "MOST_QUOTE_SYMBOL",
    "MOST_UNKNOWN",
    "SCHEMA_VERSION",
    "Action",
    "Activity",
    "Alert",
    "Collected",
    "DeadLetter",
    "Event",
    "Evidence",
    "Examination",
    "Facts",
    "Finding",
    "Head",
    "Holders",
    "Kind",
    "Launch",
    "Liquidity",
    "LiquidityChange",
    "Listening",
    "LpTransfer",
    "Market",
    "Mention",
    "OnToken",
    "Ownership",
    "Pause",
    "Position",
    "Retraction",
    "Role",
    "Swap",
    "Sync",
    "TaxChange",
    "TokenActivity",
    "TokenFacts",
    "TokenTransfer",
    "Trading",
    "Trap",
    "Trigger",
    "Upgrade",
    "Verdict",
    "decode",
    "encode",
]

DETAIL_LENGTH = 200
"""What is told of a record that is none: its text is a stranger's."""


class Launch(Traced, frozen=True, kw_only=True, tag="launch"):
    """First sight of a tradable token: a new pool on a venue.

    ``token_is_0`` tells which of the pool's two reserves is the token; the other is the quote.
    What the source could not know stays ``UNSET``.
    """

    venue: Slug
    token: Address | UnsetType = UNSET
    quote: Address | UnsetType = UNSET
    quote_symbol: Annotated[str, Meta(max_length=MOST_QUOTE_SYMBOL)] | UnsetType = UNSET
    quote_decimals: Annotated[int, Meta(ge=0, le=36)] = 18
    token_is_0: bool
    name: Name | UnsetType = UNSET
    symbol: Name | UnsetType = UNSET
    decimals: Annotated[int, Meta(ge=0, le=255)] | UnsetType = UNSET
    total_supply: Amount | UnsetType = UNSET
    deployer: Address | UnsetType = UNSET
    creator: Address | UnsetType = UNSET
    """Whose the token is, where that is told apart from who signed (``deployer``)."""
    lp_visible: bool = True
    """Whether the source also sends this pool's LP token transfers."""
    token0: Address | UnsetType = UNSET
    token1: Address | UnsetType = UNSET
    """Both sides in the pool's order, where neither need be a known quote."""
    tx_hash: Hash | UnsetType = UNSET
    fee: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    """Of a swap, in millionths; on Uniswap V4 the bit 1 << 23 says that the hook sets it."""
    tick_spacing: int | UnsetType = UNSET
    stable: bool | UnsetType = UNSET
    """Whether a Solidly-like pool holds assets of equal value (another curve than x*y)."""
    hooks: Address | UnsetType = UNSET
    hook_permissions: list[str] | UnsetType = UNSET
    """What a V4 pool's hook may do, by its address's low bits (v4-core ``Hooks.sol``)."""
    manager: Address | UnsetType = UNSET  # who holds a pool of Uniswap V4
    sqrt_price: Amount | UnsetType = UNSET
    """sqrt(token1/token0) in base units times 2**96, where the pool starts with a price."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        super().__post_init__()
        checked(self.at, self.total_supply or 0)


class Sync(OnPool, frozen=True, kw_only=True, tag="sync"):
    """A V2-like pool's reserves after a change (Uniswap V2 ``Sync``)."""

    reserve0: Amount
    reserve1: Amount

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at, self.reserve0, self.reserve1)


class Swap(OnPool, frozen=True, kw_only=True, tag="swap"):
    """A trade, naming who received; reserves come from the ``Sync`` beside it."""

    sender: Address
    to: Address
    amount0_in: Amount
    amount1_in: Amount
    amount0_out: Amount
    amount1_out: Amount
    sqrt_price: Amount | UnsetType = UNSET
    """After the trade, on venues of concentrated liquidity, which have no ``Sync``."""
    liquidity: Amount | UnsetType = UNSET
    """In range after the trade, there."""
    tick: int | UnsetType = UNSET

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at, self.amount0_in, self.amount1_in, self.amount0_out, self.amount1_out)


class LpTransfer(OnPool, frozen=True, kw_only=True, tag="lp-transfer"):
    """LP tokens moving between holders; from the zero address is a mint, to it is a burn."""

    sender: Address
    to: Address
    value: Amount

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at, self.value)


class Head(Event, frozen=True, kw_only=True, tag="head"):
    """The chain's clock: every event of ``chain`` up to and including ``block`` has been sent.

    Sent to every partition, so that a pool that stays quiet still grows older.
    """

    chain: Slug
    block: Count
    at: Instant
    last: bool = False
    """True once, when a recording has ended: no event of this chain follows."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
        checked(self.at)

    @property
    def id(self) -> str:
        """The stable id of this tick."""
        return f"{self.chain}:head:{self.block}"


class Retraction(Traced, frozen=True, kw_only=True, tag="retraction"):
    """What was told of this pool is void: its chain took back the blocks that it stood in.

    It travels with the pool's dossiers and verdicts, behind those that it takes back. A launch of
    the same pool may follow; the pool's dossiers are then numbered on.
    """

    block: Count
    """The lowest block that was taken back."""
    log_index: Count = 0
    at: Instant
    """The time of the block that stands there now."""
    reason: Slug = "reorg"

    @property
    def id(self) -> str:
        """The same blocks are taken back once, at one time."""
        return f"{self.chain}:{self.pool}:retraction:{self.block}:{self.at.timestamp():.0f}"


Activity = (
    Launch | Sync | Swap | LpTransfer | LiquidityChange | Collected | TokenActivity
    | Head | Retraction | Examination | Mention | Listening | Market
)  # fmt: skip


class DeadLetter(Event, frozen=True, kw_only=True, tag="dead-letter"):
    """A record that could not be used: where it was, why, and its bytes."""

    topic: str
    partition: int
    offset: int
    stage: str
    reason: str
    detail: str
    key: bytes
    value: bytes
    at: Instant

    @property
    def id(self) -> str:
        """A record is dead once a stage."""
        return f"{self.stage}:{self.topic}:{self.partition}:{self.offset}"


T = TypeVar("T")
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoders: dict[object, msgspec.json.Decoder[object]] = {}


class _Version(msgspec.Struct):
    v: int = SCHEMA_VERSION


_version_decoder = msgspec.json.Decoder(_Version)


def encode(event: msgspec.Struct) -> bytes:
    """The event as compact JSON, as it travels and as the published schema describes it."""
    return _encoder.encode(event)


def decode(data: bytes, type_: type[T]) -> T:
    """The event that ``data`` holds; raises ``Invalid`` with a path for anything else."""
    decoder = _decoders.get(type_)
    if decoder is None:
        decoder = _decoders[type_] = msgspec.json.Decoder(type_)
    try:
        event = decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _refusal(data, error) from error
    version = getattr(event, "v", SCHEMA_VERSION)
    if version != SCHEMA_VERSION:
        raise _unknown(version)
    return event  # type: ignore[return-value]


def _refusal(data: bytes, error: Exception) -> Invalid:
    """Name an unknown version as such: a newer writer is not a broken one."""
    try:
        version = _version_decoder.decode(data).v
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        version = SCHEMA_VERSION
    if version != SCHEMA_VERSION:
        return _unknown(version)
    kind = "schema" if isinstance(error, msgspec.ValidationError) else "json"
    return Invalid(f"not a usable event: {sanitise(str(error), DETAIL_LENGTH)}", reason=kind)


def _unknown(version: int) -> Invalid:
    named = str(version)[:DETAIL_LENGTH]
    return Invalid(f"schema version {named} is not known here", reason="unknown-version")
