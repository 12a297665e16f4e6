"""One pool's state, folded from its events: what the dossier is computed from.

Pure: no clock, no input or output. ``Pool.apply`` takes the next event and says whether it was a
material change; ``streams.enrich.facts`` turns the state into ``Facts``. The state is bounded
whatever a pool does, and is stored as JSON between batches (``streams.enrich.store``).

Every trade and liquidity move is read from consecutive ``Sync`` reserves alone (Uniswap V2 core,
``UniswapV2Pair._update``): quote up and token down is a buy, the reverse a sell; else quote up is
an addition and quote down a removal. Where the quote stands still nobody traded or moved
liquidity: the token was burnt or minted in the pool, or somebody just called ``sync()``.
``Swap`` only adds who traded, ``LpTransfer`` who can pull. A pool of concentrated liquidity has no
``Sync``: there reserves are summed (``streams.enrich.concentrated``) and read the same way. What
happens on the token itself is counted.
"""

from __future__ import annotations

from math import log
from typing import Literal

import msgspec
from msgspec import UNSET

from streams.enrich.concentrated import Reserves
from streams.enrich.liquidity import LpBook
from streams.enrich.talk import Said
from streams.events import (
    Collected,
    Examination,
    Launch,
    LiquidityChange,
    LpTransfer,
    Position,
    Swap,
    Sync,
    TokenActivity,
)

__all__ = ["Material", "Pool", "PoolActivity"]

PoolActivity = Sync | Swap | LpTransfer | LiquidityChange | Collected | TokenActivity
Material = Literal["liquidity-removed", "price-fell", "drained"]

REMOVED_SHARE = 0.20
"""Liquidity taken out since the last such dossier that makes a change material."""
FALLEN_PRICE = 0.50
"""Price against the highest of the last hour that makes a change material."""
DRAINED_SHARE = 0.05
"""Reserve against its maximum at which nothing is left for a holder to take out."""
REMOVAL_COOLDOWN_S = 600.0
HOUR_S = 3600.0
BUCKET_S = 300
BUCKETS_KEPT = 13
"""Five-minute buckets that cover the last hour, the current one included."""
BUYERS_KEPT = 1000
"""Distinct buyers are counted exactly up to here; beyond, the count stays at this figure."""


class Bucket(msgspec.Struct, array_like=True):
    """Trading in five minutes: ``index`` is the bucket's time divided by its length."""

    index: int
    buys: int = 0
    sells: int = 0
    high: float = 0.0
    close: float = 0.0


class Pool(msgspec.Struct, kw_only=True):
    """A pool's history in constant space. Times are UNIX seconds, amounts whole quote units."""

    launch: Launch
    position: Position
    touched: float = 0.0
    """Time of the last event; never goes back, whatever a source says."""
    sequence: int = 0
    """The number that the next dossier gets."""
    stage: int = 0
    """How many of the scheduled ages have been reported."""
    launched: float | None = None
    """Time of the first ``Sync``: from then on the token can be traded."""

    token: float = 0.0
    quote: float = 0.0
    quote_initial: float = 0.0
    quote_max: float = 0.0
    token_initial: float = 0.0
    opened_at: float = 0.0
    """The first price, where it does not follow from the reserves."""

    added: float = 0.0
    removed: float = 0.0
    adds: int = 0
    removes: int = 0
    largest_removal: float = 0.0
    last_removal: float | None = None

    buys: int = 0
    sells: int = 0
    buys_first_block: int = 0
    buy_volume: float = 0.0
    sell_volume: float = 0.0
    largest_buy: float = 0.0
    largest_sell: float = 0.0
    first_buy: float | None = None
    first_sell: float | None = None
    last_trade: float | None = None
    last_sell: float | None = None

    price_max: float = 0.0
    steps: int = 0
    step_mean: float = 0.0
    step_m2: float = 0.0
    buckets: list[Bucket] = []

    buyers: set[str] = set()
    book: LpBook = msgspec.field(default_factory=LpBook)
    summed: Reserves | None = None
    """Where the venue tells no reserves."""
    acts: dict[str, int] = {}
    """How often each thing happened on the token: transfers, changes of owner, of tax, ..."""
    examination: Examination | None = None
    """The last one of this launch: what its chain was asked, and answered."""
    said: list[Said] = []
    """What was said of the token, in order of when."""
    mentioned_told: float = 0.0
    """When a dossier last left because of what was said."""
    retracted: bool = False
    """Whether a reorganisation took the launch back; only the dossiers' numbers go on then."""

    kept: float = 1.0
    """Share of the liquidity still there since the last ``liquidity-removed`` dossier."""
    removal_told: float = 0.0
    fall_told: float = 0.0
    drained: bool = False

    @property
    def price(self) -> float:
        """Quote units per token base unit; 0 while a side is empty and nothing was traded."""
        if self.summed is not None and self.summed.price > 0:
            return self._spot(self.summed.price)
        return self.quote / self.token if self.token > 0 else 0.0

    @property
    def price_initial(self) -> float:
        """The price set by the first liquidity."""
        if self.opened_at > 0:
            return self.opened_at
        return self.quote_initial / self.token_initial if self.token_initial > 0 else 0.0

    def has_seen(self, position: Position) -> bool:
        """Whether the event at ``position`` was applied before (redelivery after a crash)."""
        return position <= self.position

    def has_examined(self, event: Examination) -> bool:
        """Whether this examination was taken over before, or is of another launch."""
        known = -1 if self.examination is None else self.examination.round
        return event.round <= known or event.launched != self.launch.at

    def apply(self, event: PoolActivity) -> Material | None:
        """Fold the next event of this pool in; the material change that it is, if any."""
        self.position = event.position
        self.touched = max(self.touched, event.at.timestamp())
        if isinstance(event, Sync):
            return self._reserves(event.reserve0, event.reserve1, self.touched)
        if isinstance(event, Swap):
            self._swap(event)
            return self._summed(event) if event.sqrt_price is not UNSET else None
        if isinstance(event, LpTransfer):
            self.book.move(event.sender, event.to, event.value, event.pool, self.touched)
        elif isinstance(event, LiquidityChange | Collected):
            # Without a range it is V2's, whose Sync has told the reserves.
            told = isinstance(event, LiquidityChange) and event.lower is UNSET
            return None if told else self._summed(event)
        else:
            kind = type(event).__name__
            self.acts[kind] = self.acts.get(kind, 0) + 1
        return None

    def _summed(self, event: Swap | LiquidityChange | Collected) -> Material | None:
        """What moved, added up; a collection of fees is no removal of liquidity."""
        if self.summed is None:
            self.summed = Reserves()
            self.summed.set_price(self.launch.sqrt_price or 0)
        if isinstance(event, Collected):
            self.summed.collect(event)
            self.token, self.quote = self._oriented(self.summed.amount0, self.summed.amount1)
            return None
        if isinstance(event, Swap):
            self.summed.trade(event)
        else:
            self.summed.change(event)
        material = self._reserves(self.summed.amount0, self.summed.amount1, self.touched)
        self.opened_at = self.opened_at or self.price
        return material

    def _spot(self, price: float) -> float:
        """Token1 for token0 in base units, as whole quote units for a token base unit."""
        oriented = price if self.launch.token_is_0 else 1.0 / price
        return oriented / 10.0**self.launch.quote_decimals

    def bucket_before(self, time: float) -> Bucket | None:
        """The last bucket that began an hour or more before ``time``, if there is one."""
        limit = int((time - HOUR_S) // BUCKET_S)
        return next((b for b in reversed(self.buckets) if b.index <= limit), None)

    def buckets_within_hour(self, time: float) -> list[Bucket]:
        """The buckets that began less than an hour before ``time``: 55 to 60 minutes."""
        limit = int((time - HOUR_S) // BUCKET_S)
        return [bucket for bucket in self.buckets if bucket.index > limit]

    def _reserves(self, reserve0: float, reserve1: float, time: float) -> Material | None:
        token, quote = self._oriented(reserve0, reserve1)
        if self.launched is None:
            self._start(time, token, quote)
            return None
        before_token, before_quote = self.token, self.quote
        self.token, self.quote = token, quote
        bought = quote > before_quote and token < before_token
        if bought or (quote < before_quote and token > before_token):
            self._trade(time, quote - before_quote, before_quote)
        elif quote > before_quote:
            self._add(quote - before_quote)
        elif quote < before_quote:
            self._remove(time, before_quote - quote, before_quote)
        self.quote_max = max(self.quote_max, quote)
        return self._material(time)

    def _oriented(self, reserve0: float, reserve1: float) -> tuple[float, float]:
        """Token base units and whole quote units."""
        scale = 10.0**self.launch.quote_decimals
        if self.launch.token_is_0:
            return float(reserve0), reserve1 / scale
        return float(reserve1), reserve0 / scale

    def _start(self, time: float, token: float, quote: float) -> None:
        self.launched = time
        self.token = self.token_initial = token
        self.quote = self.quote_initial = self.quote_max = quote
        self.price_max = self.price
        self._bucket(time)

    def _trade(self, time: float, moved: float, before_quote: float) -> None:
        if moved > 0:
            self.buys += 1
            self.buy_volume += moved
            self.largest_buy = max(self.largest_buy, moved)
            self.first_buy = time if self.first_buy is None else self.first_buy
            self.buys_first_block += time == self.launched
        else:
            self.sells += 1
            self.sell_volume -= moved
            self.largest_sell = max(self.largest_sell, -moved / before_quote)
            self.first_sell = time if self.first_sell is None else self.first_sell
            self.last_sell = time
        self.last_trade = time
        self._price_moved(time, bought=moved > 0)

    def _price_moved(self, time: float, *, bought: bool) -> None:
        """Welford's running variance of log price steps, the hour's buckets, the maximum."""
        bucket = self._bucket(time)
        previous, price = bucket.close, self.price
        bucket.buys += bought
        bucket.sells += not bought
        bucket.high = max(bucket.high, price)
        bucket.close = price
        self.price_max = max(self.price_max, price)
        if previous > 0 and price > 0:
            step = log(price / previous)
            self.steps += 1
            delta = step - self.step_mean
            self.step_mean += delta / self.steps
            self.step_m2 += delta * (step - self.step_mean)

    def _bucket(self, time: float) -> Bucket:
        """The bucket of ``time``; a new one opens at the price that the last one closed at."""
        index = int(time // BUCKET_S)
        if not self.buckets or self.buckets[-1].index < index:
            close = self.buckets[-1].close if self.buckets else self.price
            self.buckets.append(Bucket(index, high=close, close=close))
            while len(self.buckets) > 1 and self.buckets[1].index <= index - BUCKETS_KEPT:
                del self.buckets[0]
        return self.buckets[-1]

    def _add(self, added: float) -> None:
        self.adds += 1
        self.added += added

    def _remove(self, time: float, removed: float, before_quote: float) -> None:
        share = removed / before_quote
        self.removes += 1
        self.removed += removed
        self.largest_removal = max(self.largest_removal, share)
        self.last_removal = time
        self.kept *= 1.0 - share

    def _swap(self, event: Swap) -> None:
        bought = event.amount0_out if self.launch.token_is_0 else event.amount1_out
        if bought > 0 and len(self.buyers) < BUYERS_KEPT:
            self.buyers.add(event.to)

    def _material(self, time: float) -> Material | None:
        """The gravest change that this event completes; each kind has its own pause."""
        if not self.drained and self.quote_max > 0 and self.quote <= self.quote_max * DRAINED_SHARE:
            self.drained = True
            self.kept, self.removal_told, self.fall_told = 1.0, time, time
            return "drained"
        if self.kept <= 1.0 - REMOVED_SHARE and time - self.removal_told >= REMOVAL_COOLDOWN_S:
            self.kept, self.removal_told = 1.0, time
            return "liquidity-removed"
        if time - self.fall_told >= HOUR_S and self._has_fallen(time):
            self.fall_told = time
            return "price-fell"
        return None

    def _has_fallen(self, time: float) -> bool:
        high = max((bucket.high for bucket in self.buckets_within_hour(time)), default=0.0)
        return high > 0 and self.price <= FALLEN_PRICE * high
