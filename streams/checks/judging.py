"""What trips through a pool say: where trades fail, what they cost, and how much passes at once.

Pure: the probe's numbers in, answers out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streams.checks.answers import Answer, Unknown
from streams.checks.probe import ABSENT, FAILED, GAS_CAP, ONE
from streams.checks.trips import (
    APPROVE,
    NOTHING,
    PAYMENT,
    PROCEEDS,
    SALE,
    UNREACHED,
    WORTHLESS,
    Trip,
    reason_in,
)

__all__ = ["TRADE_NAMES", "judged"]

TRADE_NAMES: Final = (
    "trade.outcome", "trade.reason", "trade.is_open", "trade.is_honeypot",
    "trade.can_buy", "trade.can_approve", "trade.can_sell", "trade.can_sell_all",
    "trade.can_transfer", "trade.buy_tax", "trade.sell_tax", "trade.transfer_tax",
    "trade.buy_gas", "trade.sell_gas", "trade.transfer_gas", "trade.has_cooldown",
    "trade.is_buy_limited", "trade.is_sell_limited", "trade.max_buy", "trade.max_sell",
    "trade.tax_by_size", "trade.tax_by_wallet", "trade.holders_tested", "trade.holders_failed",
    "trade.holders_mean_tax", "trade.holders_highest_tax", "trade.holders_siphoned",
)  # fmt: skip
"""Every answer of a trade. ``max_buy`` and ``max_sell`` are there only where a limit was met."""

RUINOUS = 0.5
"""A tax from which one cannot be said to have sold (honeypot.is: ``extremely_high_taxes``)."""
SAME = 0.005
"""Taxes nearer than this are one tax: reflections pay the pool a part of each, by its holdings."""


def judged(
    trips: Sequence[Trip],
    endowed: Trip | None,
    holders: Sequence[Trip],
    *,
    opens_later: bool | None,
    decimals: int | None,
) -> dict[str, Answer]:
    """Every answer that these trips give.

    ``trips`` are those of a fresh wallet, the main one first; ``endowed`` is a fresh wallet that
    has tokens without having bought in this block; ``opens_later`` whether a failed buy passed when
    trading was given time or the owner's word (``None``: not tried).
    """
    main = trips[0]
    seller = _seller(trips, endowed, holders)
    answers: dict[str, Answer] = {
        **_passage(main, seller, trips, opens_later, endowed=seller is endowed),
        **_costs(main, seller),
        **_limits(trips, seller, decimals),
        **_wallets(seller, holders, trips),
    }
    answers["trade.is_honeypot"] = _honeypot(answers, main)
    return answers


def _seller(trips: Sequence[Trip], endowed: Trip | None, holders: Sequence[Trip]) -> Trip:
    """Whose sale speaks for all: the main trip's, or the first that went through or was tried."""
    with_tokens = [*trips[:1], *([endowed] if endowed else []), *trips[1:]]
    with_tokens = [trip for trip in with_tokens if _has(trip)] or [*holders[:1]] or [trips[0]]
    return next((trip for trip in with_tokens if trip.sells), with_tokens[0])


def _passage(
    main: Trip,
    seller: Trip,
    trips: Sequence[Trip],
    opens_later: bool | None,
    *,
    endowed: bool,
) -> dict[str, Answer]:
    """What goes through: buying, approving, selling, moving."""
    can_buy = any(trip.bought for trip in trips)
    sells = _sale(seller, can_buy)
    not_open = not can_buy and bool(opens_later)
    moved = _moves(main, seller)
    fault = main if not can_buy or not main.sells else seller
    return {
        "trade.can_buy": can_buy if main.step != PAYMENT else Unknown(_unpaid(main)),
        "trade.can_approve": _approves(seller, can_buy),
        "trade.can_sell": sells,
        "trade.can_sell_all": _all(seller if endowed or not main.bought else main, sells),
        "trade.can_transfer": moved,
        "trade.is_open": _opened(can_buy, not_open, main),
        "trade.has_cooldown": _cooldown(main, seller, sells, endowed=endowed),
        "trade.outcome": _outcome(main, seller, can_buy, not_open, moved),
        "trade.reason": _why(fault, moved, seller),
    }


def _unpaid(main: Trip) -> str:
    return f"the quote could not be paid: {reason_in(main.reason)}"


def _no_tokens(can_buy: bool) -> Unknown:
    return Unknown("no wallet with tokens" if can_buy else "nothing could be bought to sell")


def _has(seller: Trip) -> bool:
    return seller.received > 0


def _sale(seller: Trip, can_buy: bool) -> Answer:
    if seller.step == WORTHLESS and not seller.promised:
        return Unknown("what was tried is worth nothing to the pool")
    return seller.sells if _has(seller) else _no_tokens(can_buy)


def _approves(seller: Trip, can_buy: bool) -> Answer:
    return seller.step != APPROVE if _has(seller) else _no_tokens(can_buy)


def _all(seller: Trip, sells: Answer) -> Answer:
    if sells is not True:
        return sells
    return seller.all != FAILED


def _moves(main: Trip, seller: Trip) -> Answer:
    moved = [trip for trip in (main, seller) if _has(trip)]
    return any(trip.moved != FAILED for trip in moved) if moved else _no_tokens(main.bought)


def _opened(can_buy: bool, not_open: bool, main: Trip) -> Answer:
    if can_buy:
        return True
    if not_open:
        return False
    return Unknown(f"buying fails, and nothing says when it would not: {reason_in(main.reason)}")


def _cooldown(main: Trip, seller: Trip, sells: Answer, *, endowed: bool) -> Answer:
    """Whether trades of one wallet in one block are kept apart."""
    if sells is not True:
        return Unknown("no sale went through that another could follow")
    if endowed and main.bought:
        return True  # who bought in this block cannot sell; who did not, can
    return seller.again == FAILED if seller.again != ABSENT else Unknown("the first sale failed")


def _outcome(main: Trip, seller: Trip, can_buy: bool, not_open: bool, moved: Answer) -> Answer:
    if main.step == PAYMENT:
        return Unknown(_unpaid(main))
    if not can_buy:
        return "not-open" if not_open else "buy-fail"
    if not seller.sells:
        return "approve-fail" if seller.step == APPROVE else "sell-fail"
    return "ok" if moved is True else "transfer-fail"


def _why(fault: Trip, moved: Answer, seller: Trip) -> Answer:
    if fault.step in (NOTHING, UNREACHED):
        return "nothing arrives"
    if fault.step in (PROCEEDS, WORTHLESS) and not fault.reason:
        return "the sale pays nothing"
    if fault.step:
        burnt = fault.sell_gas if fault.step == SALE else fault.buy_gas
        return "it burns all the gas" if burnt >= GAS_CAP * 0.98 else reason_in(fault.reason)
    return reason_in(seller.move_reason) if moved is False else "none"


def _costs(main: Trip, seller: Trip) -> dict[str, Answer]:
    """Taxes as shares of 1, and gas."""
    buys: Answer = Unknown("the buy failed")
    sells: Answer = Unknown("the sale failed")
    moved = next((trip for trip in (seller, main) if trip.moved != FAILED and _has(trip)), None)
    moves: Answer = Unknown("the transfer failed")
    return {
        "trade.buy_tax": _rounded(main.buy_tax) if main.bought else buys,
        "trade.buy_gas": float(main.buy_gas) if main.bought else buys,
        "trade.sell_tax": _rounded(seller.sell_tax) if seller.sells else sells,
        "trade.sell_gas": float(seller.sell_gas) if seller.sells else sells,
        "trade.transfer_tax": _rounded(max(0.0, 1 - moved.moved / ONE)) if moved else moves,
        "trade.transfer_gas": float(moved.move_gas) if moved else moves,
    }


def _rounded(tax: float) -> float:
    return round(tax, 6)


def _limits(trips: Sequence[Trip], seller: Trip, decimals: int | None) -> dict[str, Answer]:
    """Whether large trades fail where small ones pass, and the largest that passed."""
    buys = [trip.promised for trip in trips if trip.bought]
    least = min((trip.spent for trip in trips if trip.bought), default=0)
    failed = [t.spent for t in trips if not t.bought and t.step != PAYMENT and t.spent > least]
    # where nobody sells in the block of the purchase, only the other seller tells of sizes
    tested = trips if any(trip.sells for trip in trips) else [seller]
    sales = [trip.sold for trip in tested if trip.sells]
    refused = [trip.sold for trip in tested if trip.step in (SALE, UNREACHED) and _has(trip)]
    answers: dict[str, Answer] = {}
    few = Unknown("no trade went through to compare with")
    answers["trade.is_buy_limited"] = bool(failed) if buys else few
    limited = bool(sales) and any(each > min(sales) for each in refused)
    answers["trade.is_sell_limited"] = limited if sales else few
    if buys and failed:
        answers["trade.max_buy"] = _whole(max(buys), decimals)
    if limited:
        answers["trade.max_sell"] = _whole(max(sales), decimals)
    return answers


def _whole(amount: int, decimals: int | None) -> Answer:
    if decimals is None:
        return Unknown("the token does not say its decimals")
    return float(amount / 10**decimals)


def _wallets(seller: Trip, holders: Sequence[Trip], trips: Sequence[Trip]) -> dict[str, Answer]:
    """Whether wallets are treated alike, and sizes."""
    none = Unknown("no holder's sale was tried")
    # dust, and what a pool has no liquidity left for, says nothing of the token
    tried = [trip for trip in holders if _has(trip) and trip.step != WORTHLESS]
    taxes = [trip.sell_tax for trip in tried if trip.sells]
    unsold = Unknown("no holder's sale went through")
    sized = [trip.sell_tax for trip in trips if trip.sells]
    spread = [*taxes, *([seller.sell_tax] if seller.sells else [])]
    return {
        "trade.holders_tested": float(len(tried)),
        "trade.holders_failed": (
            sum(not trip.sells for trip in tried) / len(tried) if tried else none
        ),
        "trade.holders_siphoned": (
            sum(tax >= RUINOUS for tax in taxes) / len(tried) if tried else none
        ),
        "trade.holders_mean_tax": _rounded(sum(taxes) / len(taxes)) if taxes else unsold,
        "trade.holders_highest_tax": _rounded(max(taxes)) if taxes else unsold,
        "trade.tax_by_wallet": max(spread) - min(spread) > SAME if taxes else unsold,
        "trade.tax_by_size": (
            max(sized) - min(sized) > SAME
            if len(sized) > 1
            else Unknown("fewer than two sizes went through")
        ),
    }


def _honeypot(answers: dict[str, Answer], main: Trip) -> Answer:
    """Can be bought, and sold not at all, by few, in crumbs, or at a ruinous tax."""
    names = ("can_sell", "sell_tax", "holders_failed", "holders_siphoned")
    sells, tax, failed, siphoned = (answers[f"trade.{name}"] for name in names)
    if answers["trade.is_open"] is False:
        return Unknown("trading is not open")
    if isinstance(sells, Unknown):
        return sells
    lost = sum(share for share in (failed, siphoned) if isinstance(share, float)) > RUINOUS
    crumbs = answers["trade.is_sell_limited"] is True and main.bought and not main.sells
    return not sells or lost or crumbs or (isinstance(tax, float) and tax >= RUINOUS)
