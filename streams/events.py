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

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from streams.errors import Invalid
from streams.examined import Examination, Trap
from streams.finding import Finding
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
    checked,
)
from streams.text import sanitise

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
    "Launch",
    "Liquidity",
    "LiquidityChange",
    "LpTransfer",
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

Ratio = Annotated[float, Meta(ge=0)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Trigger = Literal[
    "launch", "5m", "1h", "6h", "24h", "liquidity-removed", "price-fell", "drained", "examined"
]
Action = Literal["raised", "updated", "confirmed", "cleared", "retracted"]
"""Confirmed: it rugged. Cleared: the risk is gone again. Retracted: its chain took it back."""

MOST_UNKNOWN = 100
"""Names of unknown facts that a verdict carries."""

DETAIL_LENGTH = 200
"""What is told of a record that is none: its text is a stranger's."""


class Launch(OnPool, frozen=True, kw_only=True, tag="launch"):
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
    """What a V4 pool's hook may do, as its address's low bits say (v4-core ``Hooks.sol``)."""
    sqrt_price: Amount | UnsetType = UNSET
    """sqrt(token1/token0) in base units times 2**96, where the pool starts with a price."""

    def __post_init__(self) -> None:
        """Refuse what is out of range; raises ``Invalid``."""
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


class Retraction(OnPool, frozen=True, kw_only=True, tag="retraction"):
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
    Launch
    | Sync
    | Swap
    | LpTransfer
    | LiquidityChange
    | Collected
    | TokenActivity
    | Head
    | Retraction
    | Examination
)


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


class Facts(OnPool, frozen=True, kw_only=True, tag="facts"):
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


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that carried a verdict: masking it would move the probability by ``weight``."""

    fact: str
    value: str
    weight: float


class Verdict(OnPool, frozen=True, kw_only=True, tag="verdict"):
    """The model's scored opinion on one dossier, with all that is needed to reproduce it."""

    facts_id: str
    sequence: Count
    trigger: Trigger
    age: Annotated[float, Meta(ge=0)]
    venue: Slug
    name: str | UnsetType = UNSET
    symbol: str | UnsetType = UNSET
    token_address: Address | UnsetType = UNSET
    creator: Address | UnsetType = UNSET
    """Whose the token is, as in its dossier."""
    liquidity: Ratio
    liquidity_max: Ratio
    quote_symbol: str | UnsetType = UNSET
    probability: Probability
    """Calibrated: of 100 verdicts at 0.9, about 90 rug."""
    threshold: Probability
    """At or above it the bundle promises its stated alert precision."""
    evidence: list[Evidence] = msgspec.field(default_factory=list)
    analysis: str = ""
    bundle: str
    prompt_version: int
    facts_hash: str
    coverage: Probability
    """Share of the dossier's facts that were known."""
    unknown: Annotated[list[str], Meta(max_length=MOST_UNKNOWN)] = msgspec.field(
        default_factory=list
    )
    """The names of those that were not, in alphabetical order, as far as there is room."""
    scored_at: Instant
    traps: list[Trap] = msgspec.field(default_factory=list)
    """What the dossier's findings prove or warn of, gravest first; the probability knows none."""

    @property
    def id(self) -> str:
        """A dossier is judged once: the verdict's id is the dossier's."""
        return self.facts_id


class Alert(OnPool, frozen=True, kw_only=True, tag="alert"):
    """What people are told: an alert is raised once a pool, and what became of it."""

    alert_id: str
    """Same for every message about this alert."""
    action: Action
    sequence: int
    """0 for ``raised``, then 1, 2, ... in order."""
    reason: str
    verdict: Verdict
    raised_at: Instant
    lost: Ratio | UnsetType = UNSET
    """Quote units that left the pool; set when confirmed."""
    lead_seconds: float | UnsetType = UNSET
    """From the raising to the confirmation, on the chain's clock; set when confirmed."""

    @property
    def id(self) -> str:
        """The idempotency key of this message."""
        return f"{self.alert_id}:{self.sequence}"


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
