"""Solana followed without a gap: a ``Source`` over nodes that may lag, skip, vanish or go back.

Three ways lead to a launch, and the first one tells it: a log that a node has processed
(``logsSubscribe``), a block that it pushes (``blockSubscribe``), a block that it is asked for. Only
blocks prove. Each names its parent's hash: one that stands on our last proves that nothing lies
between, whatever a node said was skipped; one that does not has ancestors, which are fetched until
they join. A branch that leaves ours takes blocks back, and a launch that was told of a log and is
not in its slot's block is taken back too: by a retraction, before what stands there now
(decisions 52, 56).

All is told by one loop, in the order in which it comes; reading and listening only fill its inbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

import msgspec
import structlog

from streams.errors import Retry
from streams.events import Activity, Launch
from streams.evm.endpoints import Endpoints
from streams.evm.ledger import Launched
from streams.evm.rpc import RpcError
from streams.solana.backfill import backfilled
from streams.solana.ledger import Early, SolanaLedger
from streams.solana.listen import Heard, Listener, subscriptions
from streams.solana.reader import Reader
from streams.solana.rpc import Block, Commitment, fetch_block
from streams.solana.sightings import CHAIN
from streams.solana.spoken import Spoken
from streams.solana.standing import Standing
from streams.source import Played
from streams.state import State

__all__ = ["SolanaFollower"]

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Blocks asked for together: about 5 MB each on mainnet."""
MOST_LISTENERS = 3
MOST_ANCESTORS = 512
"""Fetched one by one to join a block to ours; behind a longer gap we begin anew, and say so."""
LOOKS_BEFORE_GAP = 20
"""Looks in a row, over three minutes, whose blocks do not join, before they are passed over."""
SETTLED_BY = 160
"""Blocks that are read even before a long gap: they say what became of what was told last."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
SILENCE_S = 10.0
"""A socket that tells no slot for so long is dead: slots take 0.4 s."""
POLL_S = 1.0
PUSHED_S = 3.0
"""While blocks were pushed within so long, they are asked for only once in ``POLL_S``."""
MOST_SPOKEN = 1000
"""Logs that may wait to be told; beyond, their blocks tell the launches."""
MOST_PUSHED = 32
"""Pushed blocks that may wait to be told; beyond, they are asked for when their turn comes."""


class _Gap(msgspec.Struct, frozen=True):
    """Slots that are not read block by block."""

    first: int
    last: int


class _Unjoined(Retry):
    """Blocks came whose ancestors no node gives."""


class _Pushed(msgspec.Struct, frozen=True):
    """A block that a node sent by itself."""

    block: Block


class _Failed(msgspec.Struct, frozen=True):
    """What ended a task of ours."""

    error: BaseException


_Item = Block | _Pushed | Spoken | _Gap | _Failed


class SolanaFollower:
    """The live ``Source`` of Solana."""

    name = "solana"

    def __init__(
        self,
        endpoints: Endpoints,
        state: State,
        *,
        commitment: Commitment = "confirmed",
        most_backfill: int = 2000,
        silence: float = SILENCE_S,
    ) -> None:
        """``most_backfill`` slots are read after a pause; beyond, launches are looked for."""
        self._endpoints = endpoints
        self._ledger = SolanaLedger(state, self.name)
        self._commitment = commitment
        self._most_backfill = most_backfill
        self._silence = silence
        self._reader = Reader()
        self._standing = Standing()
        self._inbox: asyncio.Queue[_Item] = asyncio.Queue()
        self._woken, self._behind = asyncio.Event(), asyncio.Event()
        self._pushed_at = -PUSHED_S

    @property
    def tip(self) -> int:
        """The slot of the last block that was read; 0 before the first."""
        return self._standing.tip

    async def batches(self, since: int) -> AsyncIterator[Played]:
        """What happens behind slot ``since``, for ever; 0 begins at the head."""
        await self._resume(since)
        tasks = [asyncio.create_task(self._watched(each)) for each in self._workers(since)]
        try:
            while True:
                items = [await self._inbox.get()]
                while not self._inbox.empty():
                    items.append(self._inbox.get_nowait())
                try:
                    async for played in self._tell(items):
                        yield played
                except (Retry, RpcError) as error:  # what was not told is read again
                    log.info("telling_failed", chain=CHAIN, error=str(error))
                for _ in items:
                    self._inbox.task_done()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _workers(self, since: int) -> list[Coroutine[Any, Any, None]]:
        """The reading of blocks, and a listener at each node that speaks WebSocket."""
        asked = subscriptions(self._commitment)
        listeners = [
            Listener(self._endpoints, each, asked, silence=self._silence, hear=self._hear).run()
            for each in self._endpoints.sockets[:MOST_LISTENERS]
        ]
        return [self._read(since), *listeners]

    async def _watched(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - it is raised where our caller can see it
            self._inbox.put_nowait(_Failed(error))

    async def _resume(self, since: int) -> None:
        """Take up what was told; what may have been told since the checkpoint waits for proof."""
        if not since:
            await self._ledger.clear()
        told, early = await self._ledger.told(), await self._ledger.early()
        perhaps = [
            Early(one.pool, each.block.number, sure=False, of_block=True)
            for each in told
            for one in each.launches
            if each.block.number > since
        ]
        sure = [each for each in told if each.block.number <= since]
        waiting = [each for each in early if each.slot > since]  # others' slots were told since
        self._standing = Standing(sure, [*perhaps, *waiting])

    # What is heard.

    def _hear(self, heard: Heard) -> None:
        """Put a log or a block that is next into the inbox; wake the reading for the rest."""
        if isinstance(heard, Spoken):
            if self._inbox.qsize() < MOST_SPOKEN:
                self._inbox.put_nowait(heard)
            return
        if isinstance(heard, Block):
            self._pushed_at = time.monotonic()
            if self._inbox.qsize() < MOST_PUSHED:
                self._inbox.put_nowait(_Pushed(heard))
        self._woken.set()

    async def _news(self) -> None:
        """Return when it is time to ask for blocks."""
        pushed = time.monotonic() - self._pushed_at < PUSHED_S
        event = self._behind if pushed else self._woken
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await event.wait()
        self._woken.clear()
        self._behind.clear()

    # What is read.

    async def _read(self, since: int) -> None:
        """Ask for blocks, again and again; a node's failure never ends it."""
        pause, unjoined = FIRST_PAUSE_S, 0
        while True:
            before = self.tip
            try:
                await self._look(since, give_up=unjoined >= LOOKS_BEFORE_GAP)
            except (Retry, RpcError) as error:
                if self.tip > before:
                    pause, unjoined = FIRST_PAUSE_S, 0
                unjoined += isinstance(error, _Unjoined)
                log.info("look_failed", chain=CHAIN, error=str(error))
                await asyncio.sleep(max(pause, getattr(error, "retry_after", None) or 0.0))
                pause = min(LONGEST_PAUSE_S, 2 * pause)
            else:
                pause, unjoined = FIRST_PAUSE_S, 0
                await self._news()

    async def _look(self, since: int, *, give_up: bool) -> None:
        """Read everything between our last block and the head into the inbox."""
        head = int(await self._endpoints.call("getSlot", [{"commitment": self._commitment}], int))
        last = self.tip or since
        if not last:
            last = head - 1
        elif give_up or head - last > self._most_backfill:
            if not give_up:
                await self._stretch(last, min(last + SETTLED_BY, head - 1))
            await self._put([_Gap(max(last, self.tip) + 1, head - 1)])
            last = head - 1
        await self._stretch(last, head)

    async def _stretch(self, last: int, until: int) -> None:
        """The blocks behind ``last`` up to ``until``; raises ``Retry`` if they were not told."""
        while last < until:
            slots = range(last + 1, min(until, last + AT_ONCE) + 1)
            found = await asyncio.gather(*map(self._fetch, slots), return_exceptions=True)
            failure = next((each for each in found if isinstance(each, BaseException)), None)
            sure = found[: found.index(failure)] if failure else found
            blocks = [block for block in sure if isinstance(block, Block)]
            await self._put(blocks)
            if failure:
                raise failure
            if blocks and self.tip < blocks[-1].slot:
                raise _Unjoined(f"the block of slot {blocks[-1].slot} was not told")
            last = slots[-1]

    async def _put(self, items: Sequence[_Item]) -> None:
        """Have these told, and return when they are."""
        for item in items:
            self._inbox.put_nowait(item)
        await self._inbox.join()

    async def _fetch(self, slot: int) -> Block | None:
        return await fetch_block(self._endpoints, slot, self._commitment)

    # What is told.

    async def _tell(self, items: Sequence[_Item]) -> AsyncIterator[Played]:
        """Items in their order; logs that come together are told together."""
        spoken: list[Spoken] = []
        for item in items:
            if isinstance(item, _Failed):
                raise item.error
            if isinstance(item, Spoken):
                spoken.append(item)
                continue
            for played in await self._speak(spoken):
                yield played
            spoken = []
            async for played in self._read_on(item):
                yield played
        for played in await self._speak(spoken):
            yield played

    def _read_on(self, item: Block | _Pushed | _Gap) -> AsyncIterator[Played]:
        """Blocks and gaps. A pushed block that is not the next one is asked for in its turn."""
        if isinstance(item, _Gap):
            return self._pass(item)
        if isinstance(item, Block):
            return self._join(item)
        if self._standing.follows(item.block):
            return self._block(item.block)
        if item.block.slot > self.tip:
            self._behind.set()
        return _nothing()

    async def _speak(self, spoken: Sequence[Spoken]) -> list[Played]:
        """Tell launches of logs whose blocks have not come yet."""
        moment = self._standing.early_time()
        events: list[Activity] = []
        early: dict[str, Early] = {}
        for each in spoken:
            found = self._reader.spoken(each, moment) if each.slot > self.tip else []
            pools = [one.pool for one in found if isinstance(one, Launch)]
            if pools and all(
                pool not in early and self._standing.may_be_early(pool, each.slot) for pool in pools
            ):
                early |= {pool: Early(pool, each.slot) for pool in pools}
                events += found
        if not early:
            return []
        await self._ledger.note_early(list(early.values()))
        self._standing.say(early.values())
        return [Played([*events, self._standing.head()], self.tip)]

    async def _join(self, block: Block) -> AsyncIterator[Played]:
        """Tell of a block and of those between it and our last, after what they take back."""
        if block.slot <= self.tip:
            return
        branch = [block]
        while not self._standing.joins(branch[-1]):
            if len(branch) > MOST_ANCESTORS:
                log.warning("gap_not_joined", chain=CHAIN, slot=block.slot)
                break
            parent = await self._fetch(branch[-1].parent_slot)
            if parent is None:
                raise Retry(f"no node has the parent of slot {branch[-1].slot}")
            branch.append(parent)
        async for played in self._take_back(branch[-1]):
            yield played
        for each in reversed(branch):
            async for played in self._block(each):
                yield played

    async def _take_back(self, first: Block) -> AsyncIterator[Played]:
        """Retract what stands above the ancestor of ``first``."""
        lowest = first.parent_slot + 1
        if pools := self._standing.orphans(first):
            log.info("chain_reorganised", chain=CHAIN, above=lowest - 1, launches=len(pools))
            moment = float(first.block_time or 0)
            yield Played(
                [self._standing.retraction(pool, lowest, moment) for pool in pools], lowest - 1
            )
        if not self._standing.follows(first) and self.tip:
            await self._ledger.forget_above(lowest - 1, ())
            self._standing.take_back(first)

    async def _block(self, block: Block) -> AsyncIterator[Played]:
        """What a block tells, behind the launches of which it and those before it are silent."""
        standing = self._standing
        moment = standing.time_of(block)
        events, launched = self._reader.events(block.transactions, block.slot, moment, standing)
        gone = standing.overdue(block.slot, launched)
        launches = [
            Launched(each.pool, each.log_index) for each in events if isinstance(each, Launch)
        ]
        launches += [Launched(pool, 0) for pool in launched - {each.pool for each in launches}]
        told = standing.told(block, moment, launches)
        await self._ledger.note([told], (), standing.first)
        standing.add(told)
        settled = standing.settle([*launched, *(each.pool for each in gone)])
        retracted = [standing.retraction(each.pool, each.slot, moment) for each in gone]
        yield Played([*retracted, *events, standing.head()], block.slot)
        if settled:
            await self._ledger.forget_early(settled)

    async def _pass(self, gap: _Gap) -> AsyncIterator[Played]:
        """Slots that are not read: the launches in them, as far as nodes find them by signature."""
        log.warning("slots_skipped", chain=CHAIN, first=gap.first, last=gap.last)
        self._standing.clear()
        async for block in backfilled(self._endpoints, gap.first, gap.last, self._commitment):
            async for played in self._block(block):
                yield played
        self._standing.clear()


async def _nothing() -> AsyncIterator[Played]:
    return
    yield
