"""What ``heft doctor`` says of each node of each followed chain."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from daemon.jobs.nodes import Nodes, endpoints_of
from streams.errors import HeftError, Invalid
from streams.evm.fetch import Fetcher
from streams.evm.venues import CHAINS
from streams.solana.rpc import newest_block
from streams.solana.sightings import CHAIN as SOLANA

__all__ = ["endpoint_findings"]

STALE_BLOCKS = 20
"""A head so many block times old is told as behind, but a minute is always allowed."""


async def endpoint_findings(nodes: Nodes) -> AsyncIterator[tuple[str, str, bool]]:
    """Chain, what was found and whether it is wrong, for each endpoint by itself."""
    for chain, urls in nodes.items():
        for url in urls:
            try:
                yield chain, await _check(chain, url), False
            except HeftError as error:
                yield chain, str(error), True


async def _check(chain: str, url: str) -> str:
    """One endpoint: its chain id, how old its head is, and whether it gives a block's logs."""
    if chain == SOLANA:
        return await _check_solana(url)
    async with endpoints_of(chain, [url]) as endpoints:
        label = endpoints.known[0].label
        fetch = Fetcher(endpoints)
        started = time.monotonic()
        head = await fetch.head("latest")
        seconds = time.monotonic() - started
        logs = await fetch.logs([head])
    age = time.time() - head.time
    if age > max(60.0, STALE_BLOCKS * CHAINS[chain].block_seconds) and chain != "devnet":
        raise Invalid(f"{label} is behind: block {head.number} is {age:,.0f} s old; use another")
    return (
        f"{label} is at block {head.number:,}, {max(age, 0):.0f} s old, after {seconds:.2f} s, and "
        f"gives all its {len(logs[head.hash]):,} logs"
    )


async def _check_solana(url: str) -> str:
    """As above: which cluster, how old its newest confirmed block is, and whether it gives it."""
    async with endpoints_of(SOLANA, [url]) as endpoints:
        label = endpoints.known[0].label
        started = time.monotonic()
        slot = int(await endpoints.call("getSlot", [{"commitment": "confirmed"}], int))
        block = await newest_block(endpoints, slot)
        seconds = time.monotonic() - started
    age = time.time() - (block.block_time or time.time())
    if age > 60.0:
        raise Invalid(f"{label} is behind: slot {slot:,} is {age:,.0f} s old; use another")
    return (
        f"{label} is at slot {block.slot:,}, {max(age, 0):.0f} s old, and gives its "
        f"{len(block.transactions):,} transactions after {seconds:.2f} s"
    )
