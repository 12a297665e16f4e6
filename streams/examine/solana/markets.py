"""Where a token of Solana is traded: its pools on every venue, found for one that nobody followed.

A pump.fun curve and the pool that it moves to have addresses that follow from the mint. Others are
searched for by their mints, which not every node allows (``getProgramAccounts``): what could not be
searched is said.
"""

from __future__ import annotations

import asyncio

import based58
import msgspec

from streams.checks.answers import Unknown
from streams.errors import Invalid
from streams.examine.question import trial
from streams.examine.solana.pools import (
    VENUES_OF_MINTS,
    Pool,
    pool_from,
    progress_of,
    real_quote_of,
)
from streams.examine.solana.slotview import SlotView
from streams.quotes import QUOTES, quote_of
from streams.solana.programs import PROGRAMS, program_of
from streams.solana.sightings import CHAIN, WSOL, curve_of
from streams.solana.spl.addresses import derived, pubkey

__all__ = ["Markets", "market_of", "markets_of", "sides_of"]

MOST_POOLS = 64
"""Of one venue that are looked at."""


class Markets(msgspec.Struct, frozen=True):
    """A token's pools, the one that holds most of its quote first."""

    pools: list[Pool]
    unsearched: list[str]
    """Venues that no node would search."""


async def market_of(view: SlotView, address: str) -> Pool | None:
    """The pool at an address; ``None`` where something else is. Raises ``Invalid``, ``Retry``."""
    found = await view.account(address)
    if found is None or found.owner not in PROGRAMS:
        return None
    if PROGRAMS[found.owner].venue == "pump-fun":
        raise Invalid("a curve does not name its token: give the token's address", reason="usage")
    return pool_from(address, found.owner, found.data)


async def markets_of(view: SlotView, mint: str) -> Markets:
    """Every pool of a token that is priced in a known quote. Raises ``Retry``."""
    known = [_curve_of(view, mint), _canonical(view, mint)]
    searches = [_search(view, venue, mint) for venue in VENUES_OF_MINTS]
    named, searched = await asyncio.gather(
        asyncio.gather(*map(trial, known)), asyncio.gather(*map(trial, searches))
    )
    pools = {each.address: each for each in named if isinstance(each, Pool)}
    unsearched = []
    for venue, found in zip(VENUES_OF_MINTS, searched, strict=True):
        if isinstance(found, Unknown):
            unsearched.append(venue)
        else:
            pools |= {each.address: each for each in found}
    depths = await asyncio.gather(*(trial(_depth(view, each)) for each in pools.values()))
    ranked = [
        (depth, pool)
        for depth, pool in zip(depths, pools.values(), strict=True)
        if not isinstance(depth, Unknown)
    ]
    ranked.sort(key=lambda pair: pair[0], reverse=True)
    return Markets([pool for _, pool in ranked], unsearched)


def sides_of(pool: Pool) -> tuple[str, str]:
    """The token and the quote of a pool; raises ``Invalid`` where neither asset is a quote."""
    quote = quote_of(CHAIN, pool.mint0, pool.mint1)
    if quote is None:
        raise Invalid("its pool is priced in nothing that heft knows", reason="not-found")
    return (pool.mint1 if quote == pool.mint0 else pool.mint0), quote


async def _curve_of(view: SlotView, mint: str) -> Pool:
    """The token's pump.fun curve, unless it is sold out: then it trades elsewhere."""
    where = curve_of(mint)
    found = await view.account(where)
    if found is None:
        raise Invalid("it has no curve", reason="pool")
    pool = pool_from(where, found.owner, found.data, mint=mint)
    if (progress := progress_of(pool)) is not None and progress[1]:
        raise Invalid("its curve is sold out", reason="pool")
    return pool


async def _canonical(view: SlotView, mint: str) -> Pool:
    """The PumpSwap pool that a curve of SOL moves to: index 0 of the curve's own authority."""
    authority = derived(program_of("pump-fun").id, b"pool-authority", bytes(pubkey(mint)))
    seeds = (bytes(pubkey(each)) for each in (authority, mint, WSOL))
    where = derived(program_of("pump-swap").id, b"pool", b"\0\0", *seeds)
    found = await view.account(where)
    if found is None:
        raise Invalid("it has no such pool", reason="pool")
    return pool_from(where, found.owner, found.data)


async def _search(view: SlotView, venue: str, mint: str) -> list[Pool]:
    program, offsets = VENUES_OF_MINTS[venue]
    text = based58.b58encode(bytes(pubkey(mint))).decode()
    listed = await asyncio.gather(
        *(
            view.owned(program, [{"memcmp": {"offset": at, "bytes": text}}])
            for at in offsets
        )
    )  # fmt: skip
    pools = []
    for address, account in [each for found in listed for each in found][:MOST_POOLS]:
        pool = await trial(_read(address, program, account.data))
        if isinstance(pool, Pool) and mint in (pool.mint0, pool.mint1):
            pools.append(pool)
    return pools


async def _read(address: str, program: str, data: bytes) -> Pool:
    return pool_from(address, program, data)


async def _depth(view: SlotView, pool: Pool) -> float:
    """What a pool holds of its quote, made comparable: a SOL counts as a hundred dollars."""
    quote = sides_of(pool)[1]
    held = real_quote_of(pool)
    if held is None:
        vault = pool.vaults_of(quote)[0]
        (found,) = await view.holdings([vault])
        held = found.amount if found is not None else 0
    worth = 100.0 if quote == WSOL else 1.0
    return worth * held / 10.0 ** QUOTES[CHAIN][quote].decimals
