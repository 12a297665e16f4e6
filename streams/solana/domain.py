"""What was seen on Solana as the events that every stage knows.

A pool's position is its slot and, within it, the place of the transaction and the number of the
event in it. A curve's reserves are virtual: they are told as ``Sync``, since prices and trades are
computed from them, and a pool's liquidity then counts the 30 SOL that nobody has paid in (gotchas).
Venues of concentrated liquidity tell no reserves: what moved and the price behind it are told, and
reserves are summed from them, as on EVM chains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypedDict

from msgspec import UNSET, UnsetType

from streams.events import MOST_NAME, Activity, Launch, LiquidityChange, Swap, Sync
from streams.quotes import QUOTES
from streams.solana.sightings import CHAIN, SeenActivity, SeenLaunch

__all__ = ["EVENTS_A_TRANSACTION", "events_from"]

CONCENTRATED = frozenset({"meteora-dlmm", "orca-whirlpool", "raydium-clmm"})
"""Venues without reserves; DAMM v2 has ranges too, and tells its reserves."""
WIDEST = 443_636
"""The farthest tick either way (Orca ``MAX_TICK_INDEX``; Raydium's is the same)."""
Q96_FROM_Q64 = 32

EVENTS_A_TRANSACTION = 4096
"""Positions kept for one transaction: more than it can tell in 10,000 bytes of log."""


class _Place(TypedDict):
    chain: str
    pool: str
    block: int
    log_index: int
    at: datetime


def events_from(
    launches: Iterable[SeenLaunch],
    activity: Iterable[SeenActivity],
    *,
    slot: int,
    place: int,
    time: float,
) -> list[Activity]:
    """The events of the transaction at ``place`` in the block of ``slot``, in UNIX seconds.

    Raises ``Invalid`` for a time or amount that no event can have.
    """
    at = datetime.fromtimestamp(time, UTC)
    out: list[Activity] = []

    def here(pool: str, ahead: int = 0) -> _Place:
        number = place * EVENTS_A_TRANSACTION + min(len(out) + ahead, EVENTS_A_TRANSACTION - 1)
        return {"chain": CHAIN, "pool": pool, "block": slot, "log_index": number, "at": at}

    for launch in launches:
        out.append(_launch(launch, here(launch.pool)))
        if launch.token_amount is not UNSET and launch.quote_amount is not UNSET:
            sides = (launch.token_amount, launch.quote_amount)
            reserve0, reserve1 = sides if launch.token_is_0 else sides[::-1]
            out.append(Sync(**here(launch.pool), reserve0=reserve0, reserve1=reserve1))
    for deed in activity:
        out += _events_of(deed, here)
    return out


def _launch(seen: SeenLaunch, here: _Place) -> Launch:
    quote = QUOTES[CHAIN].get(seen.quote) if isinstance(seen.quote, str) else None
    sides = (seen.token, seen.quote) if seen.token_is_0 else (seen.quote, seen.token)
    decimals = seen.quote_decimals if seen.quote_decimals is not UNSET else 9
    return Launch(
        **here,
        venue=seen.venue,
        token=seen.token,
        quote=seen.quote,
        quote_symbol=quote.symbol if quote else UNSET,
        quote_decimals=quote.decimals if quote else min(decimals, 36),
        token_is_0=seen.token_is_0,
        name=_cut(seen.name),
        symbol=_cut(seen.symbol),
        decimals=seen.token_decimals,
        total_supply=seen.total_supply,
        deployer=seen.deployer,
        creator=seen.creator,
        lp_visible=False,  # mints and burns are seen, transfers between holders are not
        token0=sides[0],
        token1=sides[1],
        tx_hash=seen.signature,
        sqrt_price=_price(seen.sqrt_price),
    )


def _price(sqrt_price: int | UnsetType) -> int | UnsetType:
    return UNSET if sqrt_price is UNSET else sqrt_price << Q96_FROM_Q64


def _cut(text: Any) -> Any:
    return text[:MOST_NAME] if isinstance(text, str) else text


def _events_of(deed: SeenActivity, here: Callable[[str, int], _Place]) -> list[Activity]:
    """What a deed is: reserves first, as on EVM chains."""
    out: list[Activity] = []
    if deed.reserve0 is not UNSET and deed.reserve1 is not UNSET:
        place = here(deed.pool, 0)
        out.append(Sync(**place, reserve0=deed.reserve0, reserve1=deed.reserve1))
    if deed.user is UNSET:
        return out
    place = here(deed.pool, len(out))
    if deed.kind in ("deposit", "withdraw"):
        out.append(_change(deed, place))
    elif UNSET not in (deed.amount0, deed.amount1):
        pays_0 = deed.pays_0 if deed.kind == "swap" else WAYS.get(deed.kind, UNSET)
        if not isinstance(pays_0, UnsetType):
            out.append(_swap(deed, place, pays_0=pays_0))
    return out


WAYS = {"buy": False, "sell": True}
"""Whether side 0 is paid: it is the token wherever a program says buy or sell."""


def _change(deed: SeenActivity, place: _Place) -> LiquidityChange:
    """Liquidity added or taken out; with a range where the venue tells no reserves.

    The widest stands for one that was not told: amounts are, so nothing is computed from it.
    """
    ranged = deed.venue in CONCENTRATED
    return LiquidityChange(
        **place,
        added=deed.kind == "deposit",
        owner=str(deed.user),
        amount0=deed.amount0,
        amount1=deed.amount1,
        lower=(-WIDEST if deed.lower is UNSET else deed.lower) if ranged else UNSET,
        upper=(WIDEST if deed.upper is UNSET else deed.upper) if ranged else UNSET,
    )


def _swap(deed: SeenActivity, place: _Place, *, pays_0: bool) -> Swap:
    amount0, amount1, user = int(deed.amount0 or 0), int(deed.amount1 or 0), str(deed.user)
    return Swap(
        **place,
        sender=user,
        to=user,
        amount0_in=amount0 if pays_0 else 0,
        amount1_in=0 if pays_0 else amount1,
        amount0_out=0 if pays_0 else amount0,
        amount1_out=amount1 if pays_0 else 0,
        sqrt_price=_price(deed.sqrt_price),
    )
