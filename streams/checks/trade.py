"""Whether one can really trade a token: bought, moved and sold on its own pool, in one call.

No router is needed: the probe pays the pool as routers do. A fresh wallet trades in several sizes,
another sells what it holds without having bought in the same block, and real holders sell what
they have. Nothing is sent to the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from msgspec import UNSET

from streams.checks.answers import Answer, findings, told, unknowns
from streams.checks.chainstate import (
    Block,
    Named,
    Numbers,
    block_of,
    number_of,
    numbers,
    together,
)
from streams.checks.hooks import beside, takes_part
from streams.checks.judging import TRADE_NAMES, judged
from streams.checks.market import SHARES, market_of
from streams.checks.probe import MARKET, Market, Scene, address_in, ask, fresh_address, unpacked
from streams.checks.reserve import reserve_of
from streams.checks.slots import Place, fund, place_of_balances
from streams.checks.subject import opens
from streams.checks.trips import PAYMENT, UNREAD, Trip, reason_in, trip_from
from streams.errors import Invalid, Retry
from streams.events import Launch
from streams.evm.rpc import Rpc
from streams.finding import Finding

__all__ = ["trade_findings"]

MOST_HOLDERS = 12
"""Holders whose sale is tried: each costs up to 0.6 million gas of the one call."""


class Props(NamedTuple):
    """What the simulation needs of the chain: how much the pool has, and how wallets are given."""

    reserve: int
    decimals: int | None
    supply: int
    quote_place: Place
    token_place: Place | None


async def trade_findings(
    rpc: Rpc, launch: Launch, block: Named, *, holders: Sequence[str] = ()
) -> dict[str, Finding]:
    """Everything that ``TRADE_NAMES`` names, as of ``block``.

    ``holders`` are wallets that have the token, whose sales are tried too. Never raises for what a
    chain, node or token does: what could not be measured is unknown, and says why.
    """
    number = number_of(block, launch.block)
    try:
        at = await block_of(rpc, block)
        number = at.number
        market = market_of(launch)
        answers = await _measured(rpc, market, at, launch, _sellers(holders, market))
    except (Retry, Invalid) as error:
        answers = unknowns(_ALWAYS, told(error))
    return findings(answers, "simulation", number)


_ALWAYS = tuple(name for name in TRADE_NAMES if name not in {"trade.max_buy", "trade.max_sell"})


def _sellers(holders: Sequence[str], market: Market) -> list[str]:
    """The holders whose sale is tried: never a contract that the trade itself needs."""
    needed = {market.token, market.quote, market.pool}
    return [each for each in dict.fromkeys(map(address_in, holders)) if each not in needed][
        :MOST_HOLDERS
    ]


async def _measured(
    rpc: Rpc, market: Market, at: Block, launch: Launch, holders: Sequence[str]
) -> dict[str, Answer]:
    props = await _props(rpc, market, at, launch)
    sizes = sorted({props.reserve // share for share in SHARES} - {0}, key=_main_first(props))
    if not sizes:
        raise Invalid("the pool has none of its quote", reason="empty")
    trips, sales = await _trade(rpc, market, at, props, sizes, holders)
    opens_later = None
    if not trips[0].bought:
        await _refuse_if_wallets_can(rpc, market, at, props, sizes[:1])
        opens_later = await _opens_later(rpc, market, at, props, sizes[:1], launch)
        if not opens_later:
            await _refuse_if_hook_does(rpc, market, at, props, trips[0])
    trips += await _finer(rpc, market, at, props, trips)
    trips = await _past_hook(rpc, market, at, props, trips)
    endowed = sales[0] if props.token_place else None
    others = sales[1:] if props.token_place else sales
    return judged(
        trips,
        endowed,
        [trip for trip in others if trip],
        opens_later=opens_later,
        decimals=props.decimals,
    )


def _main_first(props: Props) -> Any:
    main = props.reserve // SHARES[0]
    return lambda size: (size != main, size)


async def _props(rpc: Rpc, market: Market, at: Block, launch: Launch) -> Props:
    asked: Numbers = {
        "decimals": (market.token, "decimals()", None),
        "supply": (market.token, "totalSupply()", None),
    }
    found, reserve, quote_place, token_place = await together(
        numbers(rpc, asked, at),
        reserve_of(rpc, market, at),
        place_of_balances(rpc, market.quote, at.tag),
        place_of_balances(rpc, market.token, at.tag),
    )
    if reserve is None:
        raise Invalid("the quote does not say what the pool has of it", reason="quote")
    if quote_place is None:
        raise Invalid("nobody can be given the quote: its balances were not found", reason="quote")
    decimals = launch.decimals if launch.decimals is not UNSET else found["decimals"]
    fits = decimals is not None and decimals <= 255
    return Props(
        reserve, decimals if fits else None, found["supply"] or 0, quote_place, token_place
    )


_Staging = Literal["usual", "bare", "past-hook"]
"""``bare``: a trader without code can buy as any wallet does, but we cannot act as it.
``past-hook``: in the place of the pool's hook stands one that does nothing."""


async def _trade(
    rpc: Rpc,
    market: Market,
    at: Block,
    props: Props,
    sizes: Sequence[int],
    holders: Sequence[str] = (),
    *,
    world: dict[str, str] | None = None,
    staging: _Staging = "usual",
) -> tuple[list[Trip], list[Trip | None]]:
    """Trips of the sizes and sales of an endowed wallet and the holders, in one call."""
    scene = Scene()
    if staging == "past-hook":
        scene.idle(market.hooks)
    trader, endowed = fresh_address(), fresh_address()
    if staging != "bare":
        scene.puppet(trader)
    sellers = [*([endowed] if props.token_place else []), *holders]
    for seller in sellers:
        scene.puppet(seller)
    purse = props.quote_place
    fund(scene, market.quote, purse, scene.probe, 4 * props.reserve)
    if props.token_place:
        given = max(props.supply // 1_000, 4)
        scene.store(market.token, {props.token_place.key(endowed): props.token_place.word(given)})
    call = scene.call(_TRADES, [market, trader, fresh_address(), sizes, sellers], trader)
    answer = await ask(rpc, scene, call, at.tag, world=world)
    trips, sales = unpacked(["bytes[]", "bytes[]"], answer, len(sizes), len(sellers))
    gone = [trip for trip in map(trip_from, trips) if trip]
    if not gone:
        raise Invalid("the token burns all the gas before its first trade ends", reason="gas")
    if all(trip.step == UNREAD for trip in gone):
        raise Invalid("the token does not say what a wallet has", reason="balance")
    return gone, [trip_from(sale) for sale in sales]


_TRADES = f"trades({MARKET},address,address,uint256[],address[])"


async def _refuse_if_wallets_can(
    rpc: Rpc, market: Market, at: Block, props: Props, sizes: Sequence[int]
) -> None:
    """Raise ``Invalid`` when a wallet can buy what our trader, who has code, cannot."""
    trips, _ = await _trade(rpc, market, at, props, sizes, staging="bare")
    if trips[0].bought:
        raise Invalid("the token deals with wallets alone, and our trader is a contract")


async def _refuse_if_hook_does(
    rpc: Rpc, market: Market, at: Block, props: Props, failed: Trip
) -> None:
    """Raise ``Invalid`` when only the pool's hook keeps our trader from buying.

    Hooks may let known routers alone pass: that nobody else can buy says nothing of holders.
    """
    if not takes_part(market) or failed.step == PAYMENT:
        return
    sizes = [failed.spent or props.reserve // SHARES[0]]
    trips, _ = await _trade(rpc, market, at, props, sizes, staging="past-hook")
    if trips[0].bought:
        why = reason_in(failed.reason)
        raise Invalid(f"the pool's hook lets our trader not buy, and may let known routers: {why}")


async def _opens_later(
    rpc: Rpc, market: Market, at: Block, props: Props, sizes: Sequence[int], launch: Launch
) -> bool | None:
    """Whether a purchase that fails now passes later, or when the owner has acted."""
    try:
        trips, _ = await _trade(rpc, market, at, props, sizes, world=at.later)
        return trips[0].bought or await opens(rpc, market.token, at, launch)
    except (Retry, Invalid):
        return None


async def _past_hook(
    rpc: Rpc, market: Market, at: Block, props: Props, trips: list[Trip]
) -> list[Trip]:
    """The trips with what the pool's hook kept of them; as they are where there is none."""
    sizes = sorted({trip.spent for trip in trips if trip.bought})
    if not (sizes and takes_part(market)):
        return trips
    try:
        idle, _ = await _trade(rpc, market, at, props, sizes, staging="past-hook")
    except (Retry, Invalid):
        return trips
    return beside(trips, idle)


async def _finer(
    rpc: Rpc, market: Market, at: Block, props: Props, trips: Sequence[Trip]
) -> list[Trip]:
    """More sizes between the largest that passed and the smallest that failed, if there are any."""
    passed = [trip.spent for trip in trips if trip.sells]
    failed = [trip.spent for trip in trips if trip.spent and not trip.sells]
    if not passed or not any(spent > max(passed) for spent in failed):
        return []
    low, high = max(passed), min(spent for spent in failed if spent > max(passed))
    sizes = [low + (high - low) * step // 8 for step in range(1, 8)]
    try:
        return (await _trade(rpc, market, at, props, sizes))[0]
    except (Retry, Invalid):
        return []
