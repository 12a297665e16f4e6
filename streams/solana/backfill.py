"""Launches of slots that are not read block by block, found by signature.

Behind a long pause, or where no node has the blocks any more, ``getSignaturesForAddress`` lists the
transactions that name an account, newest first, and ``getTransaction`` gives each. A program is
named in every trade, hundreds a second; so where a program has an account that only the makers of
pools name, that one is asked about. What was traded meanwhile is not made up for: a pool's reserves
are right again at its next event.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import structlog

from streams.errors import Invalid, Retry
from streams.evm.endpoints import Endpoints
from streams.evm.rpc import RpcError
from streams.solana.decode import READ_PROGRAMS
from streams.solana.programs import program_of
from streams.solana.rpc import Block, Commitment

__all__ = ["MAKERS", "backfilled"]

log = structlog.get_logger(__name__)

MAKERS: Mapping[str, str] = {
    program_of("pump-fun").id: "TSLvdd1pWpHVjahSpsvCXUbgwsL3JAcvokwaKt1eokM",
    program_of("raydium-v4").id: "7YttLkHDoNj9wyDur5pM1ejNaAvT9X4eqaYcHQqtj2G5",
}
"""By program, an account that is named only where a pool is made: pump.fun's mint authority (the
address derived from ``mint-authority``), Raydium's destination of the fee for a new pool."""

PAGE, MOST_PAGES = 1000, 5
"""Signatures a page (Agave's most), and pages an address: beyond, the oldest are given up."""
AT_ONCE = 50


class _Listed(msgspec.Struct):
    signature: str
    slot: int
    err: Any = None


async def backfilled(
    endpoints: Endpoints, first: int, last: int, commitment: Commitment
) -> AsyncIterator[Block]:
    """What is found of the slots from ``first`` to ``last``, in order, as blocks that stand alone.

    Raises ``Retry`` where nodes do not answer.
    """
    signatures: dict[str, int] = {}
    for program in sorted(READ_PROGRAMS):
        address = MAKERS.get(program, program)
        signatures |= await _listed(endpoints, address, first, last, commitment)
    by_slot: dict[int, list[str]] = {}
    for signature, slot in signatures.items():
        by_slot.setdefault(slot, []).append(signature)
    for slot in sorted(by_slot):
        found = await _transactions(endpoints, by_slot[slot], commitment)
        times = [each["blockTime"] for each in found if isinstance(each.get("blockTime"), int)]
        yield Block(
            blockhash=f"backfilled-{slot}",
            previous_blockhash="",
            parent_slot=slot - 1,
            block_time=max(times, default=None),
            transactions=found,
            slot=slot,
        )


async def _listed(
    endpoints: Endpoints, address: str, first: int, last: int, commitment: Commitment
) -> dict[str, int]:
    """Signatures of transactions that succeeded within the slots, oldest first."""
    found: dict[str, int] = {}
    how: dict[str, Any] = {"limit": PAGE, "commitment": commitment}
    for _ in range(MOST_PAGES):
        try:
            page = await endpoints.call("getSignaturesForAddress", [address, how], list[_Listed])
        except RpcError as error:
            raise Retry(f"signatures of {address}: {error}") from error
        found |= {
            each.signature: each.slot
            for each in page
            if each.err is None and first <= each.slot <= last
        }
        if len(page) < PAGE or page[-1].slot < first:
            break
        how["before"] = page[-1].signature
    else:
        log.warning("signatures_given_up", address=address, below=min(found.values(), default=last))
    return dict(reversed(found.items()))


async def _transactions(
    endpoints: Endpoints, signatures: list[str], commitment: Commitment
) -> list[dict[str, Any]]:
    how = {"encoding": "json", "maxSupportedTransactionVersion": 0, "commitment": commitment}
    found: list[dict[str, Any]] = []
    for start in range(0, len(signatures), AT_ONCE):
        calls = [("getTransaction", [one, how]) for one in signatures[start : start + AT_ONCE]]
        for answer in await endpoints.batch(calls, dict[str, Any] | None):
            if isinstance(answer, Invalid):
                log.warning("transaction_not_given", error=str(answer))
            elif answer is not None:
                found.append(answer)
    return found
