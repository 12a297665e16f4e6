"""From a pool's state to its dossier, as of a moment: what is known, what is not, and why.

Pure. The caller guarantees that ``pool`` has folded in every event up to ``time`` and none later
(invariant 4).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TypeVar

from msgspec import UNSET, UnsetType

from streams.enrich.pool import Pool
from streams.enrich.surroundings import NO_MARKET, Surroundings, market_findings
from streams.enrich.talk import findings_of, why_not_listening
from streams.events import (
    Examination,
    Facts,
    Finding,
    Holders,
    Liquidity,
    TokenFacts,
    Trading,
    Trigger,
)

__all__ = ["facts_from_pool"]

NOT_SENT = "the source does not send it"
NOT_YET = "has not happened"
NO_SWAPS = "the source names no traders"

T = TypeVar("T")


def facts_from_pool(
    pool: Pool, trigger: Trigger, time: float, around: Surroundings | None = None
) -> Facts:
    """The dossier of ``pool`` at ``time`` (UNIX seconds), which must not precede its launch."""
    launch, around = pool.launch, around or Surroundings()
    launched = pool.launched if pool.launched is not None else time
    token, trading, holders = _token(pool), _trading(pool, time), _holders(pool, time)
    return Facts(
        chain=launch.chain,
        pool=launch.pool,
        block=pool.position.block,
        log_index=pool.position.log_index,
        at=datetime.fromtimestamp(time, UTC),
        venue=launch.venue,
        trigger=trigger,
        sequence=pool.sequence,
        launched_at=datetime.fromtimestamp(launched, UTC),
        age=time - launched,
        quote_symbol=launch.quote_symbol,
        token_address=launch.token,
        creator=_either(launch.creator or launch.deployer, _asked(pool).creator),
        token=token,
        liquidity=_liquidity(pool, time),
        trading=trading,
        holders=holders,
        missing=_missing(pool, token, trading, holders) | _missing_around(pool, around, time),
        findings=_asked(pool).findings | _around(pool, around, time, token),
    )


def _around(pool: Pool, around: Surroundings, time: float, token: TokenFacts) -> dict[str, Finding]:
    """What is said of the token, and what the market makes of its quote."""
    block, launched = pool.position.block, pool.launched or time
    found: dict[str, Finding] = {}
    if not why_not_listening(around.listening, time):
        found |= findings_of(pool.said, launched, around.listening, time, block)
    market = around.market_at(pool.launch.chain, time)
    if market is not None:
        quote, symbol = pool.launch.quote_symbol, token.symbol
        found |= market_findings(
            market, quote if isinstance(quote, str) else "", pool.quote,
            symbol if isinstance(symbol, str) else "", time, block,
        )  # fmt: skip
    return found


def _missing_around(pool: Pool, around: Surroundings, time: float) -> dict[str, str]:
    """Each of the two as a whole, where nothing of it is known."""
    found: dict[str, str] = {}
    if why := why_not_listening(around.listening, time):
        found["social"] = why
    if around.market_at(pool.launch.chain, time) is None:
        found["market"] = NO_MARKET
    return found


def _token(pool: Pool) -> TokenFacts:
    """As the launch says it, else as the token itself answered."""
    launch, asked = pool.launch, _asked(pool)
    supply = _either(launch.total_supply, asked.total_supply)
    share: float | UnsetType = UNSET
    if not isinstance(supply, UnsetType) and supply > 0:
        share = pool.token_initial / supply
    return TokenFacts(
        name=_either(launch.name, asked.name),
        symbol=_either(launch.symbol, asked.symbol),
        decimals=_either(launch.decimals, asked.decimals),
        total_supply=supply,
        pooled_share=share,
    )


def _asked(pool: Pool) -> Examination:
    """What was found on the chain; of a launch that nobody examined, nothing."""
    return pool.examination or Examination(
        chain=pool.launch.chain, pool=pool.launch.pool, block=0, at=pool.launch.at,
        round=0, launched=pool.launch.at,
    )  # fmt: skip


def _either(said: T | UnsetType, answered: T | UnsetType) -> T | UnsetType:
    return answered if isinstance(said, UnsetType) else said


def _liquidity(pool: Pool, time: float) -> Liquidity:
    return Liquidity(
        reserve=pool.quote,
        reserve_initial=pool.quote_initial,
        reserve_max=pool.quote_max,
        added=pool.added,
        removed=pool.removed,
        adds=pool.adds,
        removes=pool.removes,
        largest_removal_share=pool.largest_removal,
        seconds_since_removal=_since(pool.last_removal, time),
    )


def _trading(pool: Pool, time: float) -> Trading:
    hour = pool.buckets_within_hour(time)
    earlier = pool.bucket_before(time)
    price, before = pool.price, earlier.close if earlier else pool.price_initial
    return Trading(
        buys=pool.buys,
        sells=pool.sells,
        buys_last_hour=sum(bucket.buys for bucket in hour),
        sells_last_hour=sum(bucket.sells for bucket in hour),
        buys_first_block=pool.buys_first_block,
        buy_volume=pool.buy_volume,
        sell_volume=pool.sell_volume,
        largest_buy=pool.largest_buy,
        largest_sell_share=pool.largest_sell,
        price_to_initial=_ratio(price, pool.price_initial),
        price_to_max=_ratio(price, pool.price_max),
        price_to_hour_ago=_ratio(price, before),
        price_volatility=(pool.step_m2 / pool.steps) ** 0.5 if pool.steps else 0.0,
        seconds_to_first_buy=_since(pool.launched, pool.first_buy),
        seconds_to_first_sell=_since(pool.launched, pool.first_sell),
        seconds_since_trade=_since(pool.last_trade, time),
        seconds_since_sell=_since(pool.last_sell, time),
        buyers=len(pool.buyers) if pool.buyers else UNSET,
    )


def _holders(pool: Pool, time: float) -> Holders | UnsetType:
    book, address = pool.book, pool.launch.pool
    if not pool.launch.lp_visible or book.last_move is None:
        return UNSET
    return Holders(
        lp_holders=book.holders,
        lp_top_share=book.top_share(address),
        lp_burnt_share=book.burnt_share(),
        lp_locked_share=book.locked_share(),
        lp_removed_share=book.removed_share(),
        lp_mints=book.mints,
        lp_burns=book.burns,
        lp_transfers=book.transfers,
        seconds_since_lp_move=time - book.last_move,
    )


def _since(start: float | None, end: float | None) -> float | UnsetType:
    return UNSET if start is None or end is None else end - start


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0


def _missing(
    pool: Pool, token: TokenFacts, trading: Trading, holders: Holders | UnsetType
) -> dict[str, str]:
    """Each unknown fact by its path, with the reason a person would want to read."""
    missing = {
        f"token.{name}": _why_not(_asked(pool), f"token.{name}")
        for name in token.__struct_fields__
        if getattr(token, name) is UNSET
    }
    for name in trading.__struct_fields__:
        if getattr(trading, name) is UNSET:
            nameless = name == "buyers" and trading.buys > 0
            missing[f"trading.{name}"] = NO_SWAPS if nameless else NOT_YET
    if holders is UNSET:
        missing["holders"] = NOT_YET if pool.launch.lp_visible else NOT_SENT
    return missing


def _why_not(asked: Examination, name: str) -> str:
    """Why the token's own word is unknown: nobody asked, or what came of asking."""
    found = asked.findings.get(name)
    return found.why if found and found.why else NOT_SENT
