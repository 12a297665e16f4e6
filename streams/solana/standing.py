"""What was told of Solana and how firmly it stands: the newest blocks, and launches before theirs.

Pure. A block that stands on one of ours proves what lies between; one that does not takes ours
back. A launch that was told of a log stands until its slot is told: its block has it, or it is
taken back.

The clock of the events is finer than the chain's, whose blocks share seconds: each block is at
least a millisecond later than all that was told before it. So a block's own end is the end of its
moment, and what is due by then need not wait for the next second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from streams.events import Head, Retraction
from streams.evm.blocks import Block as Noted
from streams.evm.ledger import Launched, Told
from streams.solana.ledger import Early
from streams.solana.rpc import Block
from streams.solana.sightings import CHAIN

__all__ = ["Standing"]

TAIL = 160
"""Blocks remembered: five times as many as finalise a block (32 confirmations)."""
MOST_AHEAD = 150
"""Slots (a minute) that a log may be ahead of our last block, to be told before it."""

SAID_KEPT = 10_000
"""Launches told early that are not told early again: a log of a lost branch may come twice."""


class Standing:
    """The told blocks, oldest first, and the launches that wait for theirs."""

    def __init__(self, told: Iterable[Told] = (), early: Iterable[Early] = ()) -> None:
        self._tail = deque(told, maxlen=TAIL)
        self._early = {each.pool: each for each in early}
        self._pools = {one.pool for each in self._tail for one in each.launches}
        self._said: dict[tuple[str, int], None] = {}
        self._clock = self._tail[-1].block.time if self._tail else 0

    @property
    def tip(self) -> int:
        """The slot of the last block that was told; 0 before the first."""
        return self._tail[-1].block.number if self._tail else 0

    @property
    def first(self) -> int:
        """The slot of the first block that is remembered."""
        return self._tail[0].block.number if self._tail else 0

    def clear(self) -> None:
        """Begin anew behind a gap."""
        self._tail.clear()

    def joins(self, block: Block) -> bool:
        """Whether a block stands on one of ours, or before all that we remember."""
        known = any(told.block.hash == block.previous_blockhash for told in self._tail)
        return known or not self._tail or block.parent_slot < self.first

    def follows(self, block: Block) -> bool:
        """Whether a block stands on our last."""
        return bool(self._tail) and self._tail[-1].block.hash == block.previous_blockhash

    def orphans(self, block: Block) -> list[str]:
        """The pools that a block takes back, newest first, if it does not stand on our last."""
        pools: list[str] = []
        for told in reversed(self._tail):
            if told.block.hash == block.previous_blockhash:
                break
            pools += [each.pool for each in reversed(told.launches)]
        return list(dict.fromkeys(pools))

    def take_back(self, block: Block) -> None:
        """Forget the blocks that ``block`` has taken the place of."""
        while self._tail and self._tail[-1].block.hash != block.previous_blockhash:
            self._pools.difference_update(each.pool for each in self._tail.pop().launches)

    def time_of(self, block: Block) -> float:
        """The block's time in UNIX seconds, later than all that was told."""
        return max((block.block_time or 0) * 1000, self._clock + 1) / 1000

    def told(self, block: Block, time: float, launches: Sequence[Launched]) -> Told:
        """The block as it is noted."""
        noted = Noted(
            number=block.slot,
            hash=block.blockhash,
            parent=block.previous_blockhash,
            time=round(time * 1000),
        )
        return Told(noted, tuple(launches))

    def add(self, told: Told) -> None:
        """A block was noted and is told."""
        if len(self._tail) == TAIL:
            self._pools.difference_update(each.pool for each in self._tail[0].launches)
        self._tail.append(told)
        self._pools.update(each.pool for each in told.launches)
        self._clock = max(self._clock, told.block.time)

    def head(self) -> Head:
        """The clock of the chain: all before this moment was told."""
        return Head(chain=CHAIN, block=self.tip, at=_moment(self._clock / 1000))

    def may_be_early(self, pool: str, slot: int) -> bool:
        """Whether a launch in this slot is news, and its block is near."""
        new = pool not in self._early and pool not in self._pools and (pool, slot) not in self._said
        return new and bool(self._tail) and self.tip < slot <= self.tip + MOST_AHEAD

    def early_time(self) -> float:
        """The moment, in UNIX seconds, of what is told in front of the next block."""
        return (self._clock + 1) / 1000

    def say(self, launches: Iterable[Early]) -> None:
        """These were noted and are told, at ``early_time``."""
        for each in launches:
            self._early[each.pool] = each
            self._said[each.pool, each.slot] = None
        while len(self._said) > SAID_KEPT:
            del self._said[next(iter(self._said))]
        self._clock += 1

    def early(self, pool: str) -> Early | None:
        """A launch of this pool that was told early, and waits for its block."""
        return self._early.get(pool)

    def overdue(self, slot: int, launched: Collection[str]) -> list[Early]:
        """Launches told early of slots up to this one that are in none of their blocks."""
        waiting = self._early.values()
        return [each for each in waiting if each.slot <= slot and each.pool not in launched]

    def settle(self, pools: Iterable[str]) -> list[str]:
        """These wait no more: their blocks have come, or they are taken back; those that had."""
        return [pool for pool in dict.fromkeys(pools) if self._early.pop(pool, None)]

    def retraction(self, pool: str, slot: int, time: float) -> Retraction:
        """What was told of a pool in this slot and above is void."""
        return Retraction(chain=CHAIN, pool=pool, block=slot, at=_moment(time))


def _moment(time: float) -> datetime:
    return datetime.fromtimestamp(time, UTC)
