"""When which launch is examined, and as of which block: pure, fed with activity.

Time is the chain's own, as far as each partition has told it: an examination then speaks of no
later block than what stands before it in its partition. Launches that cannot be traded yet wait for
their first liquidity.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import structlog
from msgspec import UNSET

from streams.events import (
    Activity,
    Examination,
    Head,
    Launch,
    LiquidityChange,
    Listening,
    Market,
    Mention,
    Retraction,
    Swap,
    Sync,
)
from streams.examine.agenda import Entry

__all__ = ["AGES", "Due", "Timetable"]

log = structlog.get_logger(__name__)

AGES = (0.0, 300.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
"""Seconds since a launch could be traded at which it is examined."""
FORGET_UNOPENED_S = 7 * 86_400.0
"""A pool without any liquidity for so long is no longer waited for."""

Clock = tuple[int, str]
"""A partition and a chain: each has come so far."""


class Due(NamedTuple):
    """A launch to be examined now: for the how manieth time, as of which block."""

    entry: Entry
    round: int
    block: int
    at: datetime


class Timetable:
    """The launches of some partitions that are still to be examined.

    ``changed`` and ``done`` collect the keys whose rows are to be written and forgotten, and
    ``orphaned`` those that their chain took back, since they were last taken.
    """

    def __init__(self, ages: Sequence[float] = AGES, entries: Iterable[Entry] = ()) -> None:
        self._ages = ages
        self._entries = {each.launch.key: each for each in entries}
        self._heads: dict[Clock, tuple[int, datetime]] = {}
        self._waiting: dict[Clock, list[tuple[float, str]]] = {}
        self.changed: set[str] = set()
        self.done: set[str] = set()
        self.orphaned: set[str] = set()
        for key in self._entries:
            self._queue(key)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> Entry | None:
        """What is known of a launch that is still to be examined."""
        return self._entries.get(key)

    def note(self, event: Activity, partition: int) -> None:
        """Take over what an event says of launches, and of how far the chain has come."""
        if isinstance(event, Examination | Mention | Listening | Market):
            return
        if isinstance(event, Retraction):
            self._take_back(event)
            return
        self._move(event, partition)
        if isinstance(event, Launch):
            self._add(event, partition)
        elif not isinstance(event, Head):
            entry = self._entries.get(event.key)
            if entry is not None and entry.opened is None and _opens(event):
                entry.opened = event.at.timestamp()
                self.changed.add(event.key)
                self._queue(event.key)

    def due(self) -> Iterator[Due]:
        """What is due, once each: it comes up again when ``finished`` or ``again`` is called."""
        for clock, (block, at) in self._heads.items():
            waiting, now = self._waiting.get(clock, []), at.timestamp()
            while waiting and waiting[0][0] <= now:
                _, key = heapq.heappop(waiting)
                entry = self._entries.get(key)
                if entry is None or self._clock_of(entry) != clock:
                    continue
                if entry.opened is None:
                    self._forget(key)
                elif (number := self._reached(entry, now)) is not None:
                    yield Due(entry, number, block, at)

    def finished(self, entry: Entry, number: int) -> None:
        """An examination was told; the next of this launch is due at its next age."""
        key = entry.launch.key
        if self._entries.get(key) is not entry:
            return
        entry.round = number + 1
        self.changed.add(key)
        if entry.round >= len(self._ages):
            self._forget(key)
        else:
            self._queue(key)

    def again(self, key: str) -> None:
        """An examination was given up: what there is now by this key may be due."""
        if key in self._entries:
            self._queue(key)

    def _move(self, event: Activity, partition: int) -> None:
        known = self._heads.get((partition, event.chain))
        if known is None or event.at >= known[1]:
            self._heads[partition, event.chain] = (event.block, event.at)

    def _add(self, launch: Launch, partition: int) -> None:
        known = self._entries.get(launch.key)
        if known is not None and known.launch.at == launch.at:
            return
        if launch.token is UNSET or launch.quote is UNSET:
            log.debug("launch_not_examined", chain=launch.chain, pool=launch.pool, why="no quote")
            return
        self._entries[launch.key] = Entry(launch, partition)
        self.changed.add(launch.key)
        self.done.discard(launch.key)
        self._queue(launch.key)

    def _take_back(self, event: Retraction) -> None:
        entry = self._entries.get(event.key)
        if entry is None or entry.launch.block >= event.block:
            self._forget(event.key)
            self.orphaned.add(event.key)

    def _forget(self, key: str) -> None:
        self._entries.pop(key, None)
        self.changed.discard(key)
        self.done.add(key)

    def _queue(self, key: str) -> None:
        entry = self._entries[key]
        if entry.opened is None:
            due = entry.launch.at.timestamp() + FORGET_UNOPENED_S
        else:
            due = entry.opened + self._ages[min(entry.round, len(self._ages) - 1)]
        heapq.heappush(self._waiting.setdefault(self._clock_of(entry), []), (due, key))

    def _reached(self, entry: Entry, now: float) -> int | None:
        """The number of the newest age that is reached; those that were missed are passed over."""
        opened = entry.opened or 0.0
        reached = [i for i, age in enumerate(self._ages) if opened + age <= now]
        return reached[-1] if reached and reached[-1] >= entry.round else None

    @staticmethod
    def _clock_of(entry: Entry) -> Clock:
        return entry.partition, entry.launch.chain


def _opens(event: Activity) -> bool:
    """Whether a pool can be traded from here on."""
    if isinstance(event, Sync):
        return event.reserve0 > 0 and event.reserve1 > 0
    return isinstance(event, Swap) or (isinstance(event, LiquidityChange) and event.added)
