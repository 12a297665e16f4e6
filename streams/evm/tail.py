"""The newest blocks of a chain as we told them: what joins, what is taken back, what is not new.

Pure. A head is one of four: *known*, when we told it or a block above it (a node lags); *new*, when
it may be fetched and joined; *doubtful*, when it is lower than our newest block and on another
branch: a node that lags on a dead branch, or that was set back, says so too, and only if nothing
else is heard for ``PATIENCE`` looks is it believed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from streams.errors import Retry
from streams.evm.blocks import Block

__all__ = ["Change", "Tail"]

PATIENCE = 8
"""Looks in a row that tell of a lower branch before it is believed."""


class Change(NamedTuple):
    """What joining a branch does: blocks taken back, newest first, and blocks to tell, in order."""

    orphans: list[Block]
    fresh: list[Block]


class Tail:
    """A chain of blocks by parent hash, oldest first, at least ``finality`` of them in the end."""

    def __init__(self, finality: int, blocks: Iterable[Block] = ()) -> None:
        self._finality = finality
        self._blocks: list[Block] = []
        self._by_hash: dict[str, Block] = {}
        self._doubts = 0
        for block in blocks:
            self._push(block)

    @property
    def tip(self) -> Block | None:
        """The newest block; ``None`` at the very start."""
        return self._blocks[-1] if self._blocks else None

    @property
    def floor(self) -> int:
        """The oldest number that is remembered: no reorganisation goes below it."""
        return self._blocks[0].number if self._blocks else -1

    def __contains__(self, hash_: str) -> bool:
        return hash_ in self._by_hash

    def judge(self, head: Block) -> Literal["known", "new", "doubtful"]:
        """What a head that a node tells of is to us."""
        if head.hash in self._by_hash:
            return "known"
        if self.tip is None or head.number >= self.tip.number:
            self._doubts = 0
            return "new"
        self._doubts += 1
        if self._doubts < PATIENCE:
            return "doubtful"
        self._doubts = 0
        return "new"

    def joins(self, branch: Sequence[Block]) -> bool:
        """Whether the oldest block of ``branch`` stands on one of ours.

        Raises ``Retry`` for a branch that leaves ours below everything that is remembered.
        """
        first = branch[0]
        if not self._blocks or first.parent in self._by_hash:
            return True
        if first.number <= self.floor:
            raise Retry(
                f"the chain was reorganised below block {self.floor}, deeper than its finality: "
                "check the nodes",
                retry_after=60.0,
            )
        return False

    def extend(self, branch: Sequence[Block]) -> Change:
        """Join a branch. Raises ``Retry`` when its blocks do not stand on each other."""
        for below, above in itertools.pairwise(branch):
            if above.parent != below.hash or above.number != below.number + 1:
                raise Retry("the chain moved while it was read")
        if not self.joins(branch):
            raise Retry("the chain moved while it was read")
        orphans: list[Block] = []
        while self._blocks and self._blocks[-1].hash != branch[0].parent:
            orphan = self._blocks.pop()
            del self._by_hash[orphan.hash]
            orphans.append(orphan)
        for block in branch:
            self._push(block)
        self._forget()
        return Change(orphans, list(branch))

    def clear(self) -> None:
        """Start over: the next branch joins whatever it stands on."""
        self._blocks.clear()
        self._by_hash.clear()

    def _push(self, block: Block) -> None:
        self._blocks.append(block)
        self._by_hash[block.hash] = block

    def _forget(self) -> None:
        most = 2 * self._finality + 2
        while len(self._blocks) > most:
            del self._by_hash[self._blocks.pop(0).hash]
