"""One heft scan of a token on Solana: its pools, their past, every check, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import anyio.to_thread

from daemon.jobs.nodes import endpoints_of, nodes_from
from daemon.jobs.scanning import Scan, judged, show
from daemon.parts.examining import offchain_from
from daemon.settings import Settings
from streams.errors import Invalid
from streams.events import Examination
from streams.evm.endpoints import Endpoints
from streams.examine.examination import examine
from streams.examine.past import Past
from streams.examine.question import Question
from streams.examine.solana.checklist import checklist
from streams.examine.solana.markets import market_of, markets_of, sides_of
from streams.examine.solana.past import past_of
from streams.examine.solana.pools import Pool
from streams.examine.solana.slotview import SlotView
from streams.examine.view import Metered
from streams.solana.sightings import CHAIN
from streams.solana.spl.addresses import pubkey

__all__ = ["scan_mint"]


async def scan_mint(settings: Settings, address: str, urls: Sequence[str], *, as_json: bool) -> int:
    """Print what is found. Raises ``Invalid`` for what cannot be scanned, ``Retry`` for nodes."""
    try:
        pubkey(address)
    except Invalid:
        raise Invalid(
            f"{address!r} is no Solana address: give a token's mint or a pool, 32 to 44 letters "
            "and digits",
            reason="usage",
        ) from None
    nodes = nodes_from(settings.chains, [CHAIN], urls)[CHAIN]
    async with endpoints_of(CHAIN, nodes) as endpoints:
        view, now = await _newest(endpoints), datetime.now(UTC)
        try:
            pool, pools = await _market(view, address)
            past = await past_of(view, pool, now)
            # Reading a long past takes a while, and nodes tell the present only.
            fresh = await _newest(endpoints)
            found = await _examined(settings, fresh, pool, past)
            await fresh.close()
        finally:
            await view.close()
    scan: Scan = await anyio.to_thread.run_sync(judged, settings, past, found, pools)
    show(scan, as_json=as_json)
    return 0


async def _newest(endpoints: Endpoints) -> SlotView:
    slot = await endpoints.call("getSlot", [{"commitment": "confirmed"}], int)
    return SlotView(Metered(endpoints), slot)


async def _examined(settings: Settings, view: SlotView, pool: Pool, past: Past) -> Examination:
    token, quote = sides_of(pool)
    question = Question(
        launch=past.launch, token=token, quote=quote, view=view, at=datetime.now(UTC), factories={}
    )
    offchain = offchain_from(settings.examine)
    checks = checklist(None, offchain=offchain, payer=settings.examine.payer)
    try:
        return await examine(
            question, checks, round_=0, launched=past.launch.at,
            deadline=max(10.0, settings.examine.deadline_seconds),
        )  # fmt: skip
    finally:
        if offchain is not None:
            await offchain.close()


async def _market(view: SlotView, address: str) -> tuple[Pool, int]:
    """The pool that is meant, and how many the token has."""
    if (pool := await market_of(view, address)) is not None:
        return pool, 1
    await view.mint(address)  # or it says what is wrong with it
    found = await markets_of(view, address)
    if not found.pools:
        beside = ", ".join(found.unsearched)
        raise Invalid(
            f"no pool of {address} was found"
            + (f"; the nodes do not search {beside}: give the pool's address" if beside else ""),
            reason="not-found",
        )
    return found.pools[0], len(found.pools)
