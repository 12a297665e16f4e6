"""One chain followed without a gap: a ``Source`` over nodes that may lag, lie, vanish or go back.

Each look at the head asks what joins our tail of blocks (``tail``); what is missing between is
fetched and proven (``fetch``), noted (``ledger``), decoded (``watchlist``) and yielded. A branch
that leaves ours takes blocks back: their launches are retracted before the new branch is told. A
node's failure never ends a follower: it looks again, while the chain's clock (``Head``) stands.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec
import structlog

from streams import telemetry
from streams.errors import Retry
from streams.events import Activity, Head, Launch, Retraction
from streams.evm.blocks import Block
from streams.evm.endpoints import Endpoints
from streams.evm.fetch import Fetcher
from streams.evm.heads import Heads
from streams.evm.ledger import Launched, Ledger, Told
from streams.evm.logs import Log
from streams.evm.rpc import RpcError
from streams.evm.tail import Tail
from streams.evm.venues import Chain, Factory
from streams.evm.watchlist import Followed, Watchlist, followed_from
from streams.source import Played
from streams.state import State

__all__ = ["Follower", "FollowerSettings"]

log = structlog.get_logger(__name__)

AT_ONCE = 50
"""Blocks of a gap that are read, told and noted together."""
LOOKS_BEFORE_MISSED = 4
"""Failures on one stretch of blocks in a row before its unproven blocks are passed over."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
MISSED_EVERY = 20
"""Looks between two tries of what was missed."""
MOST_TRIES = 100


class FollowerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one chain is followed."""

    delivery: Literal["instant", "finalized"] = "instant"
    most_backfill: int = 20_000
    token_hours: float = 6.0
    first_block: int | None = None
    """Where to begin without a checkpoint; ``None`` is the head."""


class Follower:
    """The live ``Source`` of one EVM chain."""

    def __init__(
        self,
        name: str,
        chain: Chain,
        endpoints: Endpoints,
        factories: Mapping[str, Factory],
        state: State,
        settings: FollowerSettings = FollowerSettings(),  # noqa: B008 - frozen
    ) -> None:
        self._chain_name = name
        self._chain = chain
        self._endpoints = endpoints
        self._factories = factories
        self._settings = settings
        self._fetch = Fetcher(endpoints)
        self._ledger = Ledger(state, self.name)
        self._tail = Tail(chain.finality)
        self._launched: dict[str, tuple[Launched, ...]] = {}
        self._watchlist = Watchlist(name, factories)
        self._begin_at = settings.first_block
        self._told_at = 0
        self._before: Block | None = None
        self._stuck = 0
        self._missed: dict[int, int] = {}
        self._looks = 0

    @property
    def name(self) -> str:
        """One checkpoint a chain."""
        return f"evm:{self._chain_name}"

    async def batches(self, since: int) -> AsyncIterator[Played]:
        """What happens behind block ``since``, for ever; 0 begins at the head."""
        heads = Heads(self._endpoints, silence=max(3.0, 3 * self._chain.block_seconds))
        listener = asyncio.create_task(heads.run())
        pause = FIRST_PAUSE_S
        hint: Block | None = None
        try:
            async for played in self._resume_patiently(since):
                yield played
            while True:
                try:
                    async for played in self._look(hint):
                        yield played
                    pause, self._stuck = FIRST_PAUSE_S, 0
                    hint = await heads.wait(self._poll_seconds)
                except (Retry, RpcError) as error:
                    self._stuck += 1
                    log.info("look_failed", chain=self._chain_name, error=str(error))
                    await asyncio.sleep(pause)
                    pause, hint = min(LONGEST_PAUSE_S, 2 * pause), None
        finally:
            listener.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await listener

    @property
    def _poll_seconds(self) -> float:
        """Between two looks when no notice comes."""
        return min(5.0, max(0.25, self._chain.block_seconds / 2))

    async def _resume_patiently(self, since: int) -> AsyncIterator[Played]:
        """Resume, however often it takes."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                async for played in self._resume(since):
                    yield played
            except (Retry, RpcError) as error:
                log.info("resume_failed", chain=self._chain_name, error=str(error))
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE_S, 2 * pause)
            else:
                return

    async def _resume(self, since: int) -> AsyncIterator[Played]:
        """Take up where the checkpoint stands; launches of blocks gone meanwhile are retracted."""
        if not since:
            await self._ledger.clear()
        self._watchlist = Watchlist(
            self._chain_name, self._factories, token_hours=self._settings.token_hours,
            pools=await self._ledger.pools(),
        )  # fmt: skip
        self._missed = await self._ledger.missed()
        told = await self._ledger.told()
        self._launched = {each.block.hash: each.launches for each in told if each.launches}
        sure = [each.block for each in told if each.block.number <= since]
        perhaps = [each.block for each in told if each.block.number > since]
        self._tail = Tail(self._chain.finality, sure)
        self._begin_at = since + 1 if since else self._settings.first_block
        now = [await self._fetch.by_number(block.number) for block in perhaps]
        gone = [
            block for block, there in zip(perhaps, now, strict=True) if block.hash != there.hash
        ]
        if gone and (retractions := self._retractions(gone[::-1], now[perhaps.index(gone[0])])):
            yield Played([*retractions], since)
            await self._ledger.forget_above(since, [each.pool for each in retractions])

    async def _look(self, hint: Block | None) -> AsyncIterator[Played]:
        """Everything between our tail and the head."""
        head = hint if hint and self._settings.delivery == "instant" else await self._head()
        verdict = self._tail.judge(head)
        if verdict == "doubtful":
            log.info("head_doubted", chain=self._chain_name, block=head.number)
        if verdict == "new":
            async for branch in self._branches(head):
                async for played in self._join(branch):
                    yield played
        self._looks += 1
        if self._missed and self._looks % MISSED_EVERY == 0:
            async for played in self._try_missed():
                yield played

    async def _head(self) -> Block:
        if self._settings.delivery == "instant":
            return await self._fetch.head("latest")
        return await self._fetch.head("finalized")

    async def _branches(self, head: Block) -> AsyncIterator[list[Block]]:
        """Blocks up to ``head`` in stretches, each of which joins the tail when it is reached."""
        tip = self._tail.tip
        first = tip.number + 1 if tip else self._first(head)
        if head.number - first >= self._settings.most_backfill:
            skipped_to = head.number - self._settings.most_backfill + 1
            log.warning("blocks_skipped", chain=self._chain_name, first=first, last=skipped_to - 1)
            self._tail.clear()
            first = skipped_to
        while first < head.number:
            last = min(first + AT_ONCE, head.number) - 1
            branch = await self._rooted(await self._fetch.range(first, last))
            yield branch
            first = last + 1
        yield await self._rooted([head])

    def _first(self, head: Block) -> int:
        first = self._begin_at
        return head.number if first is None else min(first, head.number)

    async def _rooted(self, branch: list[Block]) -> list[Block]:
        """The branch with as many of its ancestors as it takes to join the tail."""
        while not self._tail.joins(branch):
            branch = [await self._fetch.by_hash(branch[0].parent), *branch]
        return branch

    async def _join(self, branch: Sequence[Block]) -> AsyncIterator[Played]:
        """Tell of a branch: retractions first, then the logs of its blocks."""
        logs = await self._logs(branch)  # before anything changes: it may fail
        orphans, fresh = self._tail.extend(branch)
        if orphans:
            async for played in self._take_back(orphans, fresh[0]):
                yield played
        activity: list[Activity] = []
        told: list[Told] = []
        pools: list[Followed] = []
        for block in fresh:
            events = self._watchlist.activity(block, logs.get(block.hash, ()))
            launches = [each for each in events if isinstance(each, Launch)]
            pools += [followed_from(each) for each in launches]
            launched = tuple(Launched(each.pool, each.log_index) for each in launches)
            told.append(Told(block, launched))
            if launched:
                self._launched[block.hash] = launched
            activity += self._clock_before(block)
            activity += events
            self._before = block
        activity += self._clock_after(fresh[-1])
        self._count()
        await self._ledger.note(told, pools, self._tail.floor)
        if activity:
            yield Played(activity, fresh[-1].number)

    async def _take_back(self, orphans: Sequence[Block], there: Block) -> AsyncIterator[Played]:
        """Retract what these blocks launched, newest first; ``there`` stands above the ancestor."""
        ancestor = orphans[-1].number - 1
        telemetry.REORGS.labels(telemetry.chain_label(self._chain_name)).inc()
        log.info("chain_reorganised", chain=self._chain_name, depth=len(orphans), above=ancestor)
        retractions = self._retractions(orphans, there)
        if retractions:
            yield Played([*retractions], ancestor)
        await self._ledger.forget_above(ancestor, [each.pool for each in retractions])
        self._told_at = min(self._told_at, orphans[-1].time - 1)

    def _retractions(self, orphans: Sequence[Block], there: Block) -> list[Retraction]:
        """One for each pool that these blocks launched; none of them is followed any more."""
        pools = [each.pool for block in orphans for each in self._launched.pop(block.hash, ())]
        for pool in pools:
            self._watchlist.drop(pool)
        at = datetime.fromtimestamp(there.time, UTC)
        return [
            Retraction(chain=self._chain_name, pool=pool, block=orphans[-1].number, at=at)
            for pool in dict.fromkeys(reversed(pools))
        ]

    async def _logs(self, branch: Sequence[Block]) -> dict[str, list[Log]]:
        """The logs of a branch; blocks that nobody proves are passed over after a while."""
        try:
            return await self._fetch.logs(branch)
        except Retry:
            if self._stuck < LOOKS_BEFORE_MISSED:
                raise
        found: dict[str, list[Log]] = {}
        for block in branch:
            try:
                found |= await self._fetch.logs([block])
            except Retry as error:
                log.warning(
                    "block_missed", chain=self._chain_name, block=block.number, error=str(error)
                )
                self._missed[block.number] = 0
                await self._ledger.miss(block.number, 0)
        return found

    async def _try_missed(self) -> AsyncIterator[Played]:
        """Ask again for one block that was passed over; what it holds is told late."""
        number = min(self._missed, key=lambda each: (self._missed[each], each))
        tries = self._missed[number] = self._missed[number] + 1
        try:
            block = await self._fetch.by_number(number)
            logs = (await self._fetch.logs([block]))[block.hash]
        except Retry as error:
            await self._ledger.miss(number, tries)
            if tries < MOST_TRIES:
                return
            log.exception("block_lost", chain=self._chain_name, block=number, error=str(error))
        else:
            events = self._watchlist.activity(block, logs)
            pools = [followed_from(each) for each in events if isinstance(each, Launch)]
            await self._ledger.note([], pools, self._tail.floor)
            if events and self._tail.tip:
                yield Played(events, self._tail.tip.number)
        del self._missed[number]
        await self._ledger.found(number)

    def _clock_before(self, block: Block) -> list[Activity]:
        """The chain's clock up to the block before, once its second is over."""
        before = self._before
        if before is None or before.time >= block.time or before.time <= self._told_at:
            return []
        return [self._tick(before)]

    def _clock_after(self, block: Block) -> list[Activity]:
        """Where no two blocks share a second, a block's own end is the end of its second."""
        if self._chain.block_seconds < 1 or block.time <= self._told_at:
            return []
        return [self._tick(block)]

    def _tick(self, block: Block) -> Head:
        self._told_at = block.time
        at = datetime.fromtimestamp(block.time, UTC)
        return Head(chain=self._chain_name, block=block.number, at=at)

    def _count(self) -> None:
        label = telemetry.chain_label(self._chain_name)
        telemetry.EVM_MISSED.labels(label).set(len(self._missed))
        for reason, many in self._watchlist.undecodable.items():
            telemetry.EVM_UNDECODABLE.labels(label, reason).inc(many)
        self._watchlist.undecodable.clear()
