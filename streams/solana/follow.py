"""Solana followed without a gap: a ``Source`` over nodes that may lag, skip, vanish or go back.

Every block names its parent's slot and hash. So a block that stands on our last one proves that
nothing lies between, whatever a node said was skipped; one that does not has ancestors, which are
fetched until they join. A branch that leaves ours takes blocks back, and their launches are
retracted first. Listening to logs could not prove this: a lost notification leaves no trace
(decision 52).

``slotSubscribe`` only wakes the follower; the nodes are asked anyway, and a silent socket is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import msgspec
import structlog

from streams.errors import Invalid, Retry
from streams.events import Activity, Head, Launch, Retraction
from streams.evm.endpoints import Endpoints
from streams.evm.heads import Heads
from streams.evm.rpc import RpcError
from streams.solana.activity import activity_in, lp_mints_of
from streams.solana.decode import READ_PROGRAMS, read
from streams.solana.domain import events_from
from streams.solana.drift import Drift
from streams.solana.launches import launches_in
from streams.solana.rpc import Block, Commitment, fetch_block
from streams.solana.sightings import CHAIN
from streams.solana.transaction import transaction_from
from streams.source import Played

__all__ = ["SolanaFollower"]

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Blocks asked for together: about 5 MB each on mainnet."""
MOST_ANCESTORS = 512
"""Fetched one by one to join a block to ours; behind a longer gap we begin anew, and say so."""
TAIL = 160
"""Blocks remembered: five times as many as finalise a block (32 confirmations)."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
SILENCE_S = 10.0
"""A socket that tells no slot for so long is dead: slots take 0.4 s."""
POLL_S = 1.0
LP_MINTS_KEPT = 100_000


class _Told(msgspec.Struct, frozen=True):
    """A block that was told, and which pools it launched."""

    slot: int
    blockhash: str
    time: int
    pools: tuple[str, ...]


class SolanaFollower:
    """The live ``Source`` of Solana."""

    name = "solana"

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        commitment: Commitment = "confirmed",
        most_backfill: int = 2000,
    ) -> None:
        """``most_backfill`` slots are made up after a pause; beyond, it begins at the head."""
        self._endpoints = endpoints
        self._commitment = commitment
        self._most_backfill = most_backfill
        self._tail: deque[_Told] = deque(maxlen=TAIL)
        self._lp_mints: dict[str, tuple[str, str]] = {}
        self._drift = Drift()

    @property
    def tip(self) -> int:
        """The slot of the last block that was read; 0 before the first."""
        return self._tail[-1].slot if self._tail else 0

    async def batches(self, since: int) -> AsyncIterator[Played]:
        """What happens behind slot ``since``, for ever; 0 begins at the head."""
        heads = Heads(self._endpoints, silence=SILENCE_S, subscription=("slotSubscribe",))
        listener = asyncio.create_task(heads.run())
        pause, begin = FIRST_PAUSE_S, since
        try:
            while True:
                try:
                    async for played in self._look(begin):
                        yield played
                        begin = played.position
                    pause = FIRST_PAUSE_S
                    await heads.wait(POLL_S)
                except (Retry, RpcError) as error:
                    log.info("look_failed", chain=CHAIN, error=str(error))
                    await asyncio.sleep(max(pause, getattr(error, "retry_after", None) or 0.0))
                    pause = min(LONGEST_PAUSE_S, 2 * pause)
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener

    async def _look(self, since: int) -> AsyncIterator[Played]:
        """Everything between our last block and the head."""
        head = int(await self._endpoints.call("getSlot", [{"commitment": self._commitment}], int))
        last = self._tail[-1].slot if self._tail else since
        if not last or head - last > self._most_backfill:
            if last:
                log.warning("slots_skipped", chain=CHAIN, first=last + 1, last=head - 1)
            self._tail.clear()
            last = head - 1
        while last < head:
            until = min(head, last + AT_ONCE)
            slots = range(last + 1, until + 1)
            blocks = await asyncio.gather(*map(self._fetch, slots))
            for block in blocks:
                for played in await self._join(block) if block else ():
                    yield played
            last = until

    async def _fetch(self, slot: int) -> Block | None:
        return await fetch_block(self._endpoints, slot, self._commitment)

    async def _join(self, block: Block) -> list[Played]:
        """Tell of a block and of those between it and our last, after what they take back."""
        if self._tail and block.slot <= self._tail[-1].slot:
            return []
        branch = [block]
        while not self._joins(branch[-1]):
            if len(branch) > MOST_ANCESTORS:
                log.warning("gap_not_joined", chain=CHAIN, slot=block.slot)
                break
            parent = await fetch_block(self._endpoints, branch[-1].parent_slot, self._commitment)
            if parent is None:
                raise Retry(f"no node has the parent of slot {branch[-1].slot}")
            branch.append(parent)
        out = self._take_back(branch[-1])
        for each in reversed(branch):
            if events := self._events(each):
                out.append(Played(events, each.slot))
        return out

    def _joins(self, block: Block) -> bool:
        """Whether a block stands on one of ours, or before all that we remember."""
        known = any(told.blockhash == block.previous_blockhash for told in self._tail)
        return known or not self._tail or block.parent_slot < self._tail[0].slot

    def _take_back(self, first: Block) -> list[Played]:
        """Retract what stands above the ancestor of ``first``, newest first."""
        pools: list[str] = []
        while self._tail and self._tail[-1].blockhash != first.previous_blockhash:
            pools += reversed(self._tail.pop().pools)
        if not pools:
            return []
        at = datetime.fromtimestamp(first.block_time or 0, UTC)
        log.info("chain_reorganised", chain=CHAIN, above=first.parent_slot, launches=len(pools))
        lowest = first.parent_slot + 1
        retractions: list[Activity] = [
            Retraction(chain=CHAIN, pool=pool, block=lowest, at=at) for pool in dict.fromkeys(pools)
        ]
        return [Played(retractions, first.parent_slot)]

    def _events(self, block: Block) -> list[Activity]:
        """What a block tells, behind the clock up to the block before once its second is over."""
        before = self._tail[-1] if self._tail else None
        time = max(block.block_time or 0, before.time if before else 0)
        events: list[Activity] = []
        for place, node in enumerate(block.transactions):
            events += self._of(node, block.slot, place, time)
        pools = tuple(each.pool for each in events if isinstance(each, Launch))
        self._tail.append(_Told(block.slot, block.blockhash, time, pools))
        clock = before if before and before.time < time else None
        return [*_tick(clock), *events]

    def _of(self, node: object, slot: int, place: int, time: int) -> Sequence[Activity]:
        """One transaction's events; one that is none is counted and passed over."""
        if not isinstance(node, dict):
            return ()
        try:
            found = transaction_from(
                node, slot=slot, time=time, programs=READ_PROGRAMS, place=place
            )
            reading = read(found)
            self._drift.note(reading.outcomes)
            launches = launches_in(found, reading)
            activity = activity_in(found, reading, self._lp_mints)
            if launches:
                self._remember(lp_mints_of(reading))
            return events_from(launches, activity, slot=slot, place=place, time=time)
        except Invalid as error:
            self._drift.refused(error.reason)
            return ()

    def _remember(self, lp_mints: dict[str, tuple[str, str]]) -> None:
        self._lp_mints |= lp_mints
        while len(self._lp_mints) > LP_MINTS_KEPT:
            del self._lp_mints[next(iter(self._lp_mints))]


def _tick(block: _Told | None) -> list[Activity]:
    if block is None or not block.time:
        return []
    return [Head(chain=CHAIN, block=block.slot, at=datetime.fromtimestamp(block.time, UTC))]
