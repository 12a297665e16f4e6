"""Activity in, dossiers out: the pure heart of the enricher.

``Fold`` keeps the pools that it is given, applies each event once, and emits ``Facts`` when a
pool reaches a scheduled age and when it changes materially. It owns no storage: whoever feeds it
puts pools in before their events and takes changed ones out afterwards.

Event time rules. A scheduled dossier as of time T holds exactly the events up to T: it leaves
when the chain's clock passes T, that is on a later event of the same partition or on a ``Head``,
and before any later event of its pool is applied. So the same input gives the same dossiers,
however it is cut into batches. An ``Examination`` speaks of no later moment than what stands before
it, and moves no clock; nor does a ``Mention``, which a dossier as of a moment before it leaves out.
"""

from __future__ import annotations

import heapq
from math import inf

from streams.enrich.facts import facts_from_pool
from streams.enrich.pool import Pool, PoolActivity
from streams.enrich.surroundings import Surroundings
from streams.enrich.talk import makes_burst, why_not_listening, with_mention
from streams.events import (
    Activity,
    Examination,
    Facts,
    Head,
    Launch,
    Listening,
    Market,
    Mention,
    Position,
    Retraction,
    Trigger,
)

__all__ = ["SCHEDULE", "Fold", "Schedule", "next_due"]

Schedule = tuple[tuple[float, Trigger], ...]

SCHEDULE: Schedule = (
    (0.0, "launch"),
    (300.0, "5m"),
    (3600.0, "1h"),
    (6 * 3600.0, "6h"),
    (24 * 3600.0, "24h"),
)
"""Ages in seconds at which every pool gets a dossier, and what they are called."""

MENTIONED_COOLDOWN_S = 600.0
"""A burst of posts gets no second dossier within so long."""

BEFORE_ANYTHING = Position(-1, -1)


def next_due(pool: Pool, schedule: Schedule = SCHEDULE) -> float | None:
    """UNIX time of the pool's next scheduled dossier; ``None`` when there is none."""
    if pool.launched is None or pool.stage >= len(schedule):
        return None
    return pool.launched + schedule[pool.stage][0]


class Fold:
    """The pools of one set of partitions, by key.

    ``changed`` collects keys to be stored, ``clocks`` holds the latest time of each chain and
    ``unknown`` counts the events of pools that were not given; they are ignored. A pool
    without an event for ``forget_after`` seconds is no longer followed: its later events are
    ignored, whether it is still in memory or not.
    """

    def __init__(self, schedule: Schedule = SCHEDULE, *, forget_after: float = inf) -> None:
        self._ages = schedule
        self._forget_after = forget_after
        self.pools: dict[str, Pool] = {}
        self.changed: set[str] = set()
        self.clocks: dict[str, float] = {}
        self.unknown = 0
        self.around = Surroundings()
        self.around_changed = False
        self._due: dict[str, list[tuple[float, str]]] = {}

    def put(self, key: str, pool: Pool) -> None:
        """Take a stored pool in, with what it is still due."""
        self.pools[key] = pool
        self._schedule(key, pool)

    def shrink(self, most: int) -> None:
        """Let go of the least recently used pools beyond ``most`` that nothing is due for."""
        if len(self.pools) <= most:
            return
        idle = [key for key, pool in self.pools.items() if next_due(pool, self._ages) is None]
        for key in idle[: max(0, len(idle) - most)]:
            del self.pools[key]

    def feed(self, event: Activity, facts: list[Facts] | None = None) -> list[Facts]:
        """Apply one event; the dossiers that are due by then, then its own if it is material.

        They are added to ``facts``, if it is given. Raises ``Invalid`` when a dossier cannot be
        made: it is left out for good, those before it stand, and later events go on behind it.
        """
        facts = [] if facts is None else facts
        time = event.at.timestamp()
        if isinstance(event, Head):
            self._advance(event.chain, time, facts, inclusive=True)
            return facts
        if isinstance(event, Listening | Market):
            self.around.hear(event)
            self.around_changed = True
            return facts
        if isinstance(event, Examination | Mention):
            self._take_over(event, facts)
            return facts
        self._advance(event.chain, time, facts, inclusive=False)
        pool = self.pools.get(event.key)
        if isinstance(event, Launch):
            if pool is None or pool.retracted:
                self._begin(event, time, pool.sequence if pool else 0)
            return facts
        if pool is None:
            self.unknown += 1
            return facts
        if isinstance(event, Retraction):
            self._retract(event, pool)
        elif not (
            pool.retracted
            or pool.has_seen(event.position)
            or time - pool.touched > self._forget_after
        ):
            self._apply(event, pool, facts)
        return facts

    def _apply(self, event: PoolActivity, pool: Pool, facts: list[Facts]) -> None:
        self.pools[event.key] = self.pools.pop(event.key)  # most recently used is last
        unlaunched = pool.launched is None
        material = pool.apply(event)
        self.changed.add(event.key)
        if unlaunched:
            self._schedule(event.key, pool)
        if material is not None:
            facts.append(self._emit(event.key, pool, material, pool.touched))

    def _take_over(self, event: Examination | Mention, facts: list[Facts]) -> None:
        """Know what was found or said; of the first a launch in trade gets a dossier at once."""
        pool = self.pools.get(event.key)
        if pool is None or pool.retracted:
            self.unknown += pool is None
            return
        if isinstance(event, Mention):
            self._hear(event, pool, facts)
            return
        if pool.has_examined(event):
            return
        pool.examination = event
        self.changed.add(event.key)
        if pool.launched is not None:
            now = max(self.clocks.get(event.chain, 0.0), pool.touched, event.at.timestamp())
            facts.append(self._emit(event.key, pool, "examined", now))

    def _hear(self, event: Mention, pool: Pool, facts: list[Facts]) -> None:
        """Remember a mention; a burst of copies is worth a dossier, now and then."""
        said = with_mention(pool.said, event)
        if said == pool.said:
            return
        pool.said = said
        self.changed.add(event.key)
        now = max(self.clocks.get(event.chain, 0.0), pool.touched)
        told = now - pool.mentioned_told < MENTIONED_COOLDOWN_S
        if pool.launched is None or event.deleted or told or why_not_listening(
            self.around.listening, now
        ):  # fmt: skip
            return
        if makes_burst(said, event):
            pool.mentioned_told = now
            facts.append(self._emit(event.key, pool, "mentioned", now))

    def _begin(self, launch: Launch, time: float, sequence: int) -> None:
        self.pools[launch.key] = Pool(
            launch=launch, position=BEFORE_ANYTHING, touched=time, sequence=sequence
        )
        self.changed.add(launch.key)

    def _retract(self, event: Retraction, pool: Pool) -> None:
        """Forget all but the number of the next dossier, unless another launch has followed."""
        if pool.launch.block >= event.block:
            self.pools[event.key] = Pool(
                launch=pool.launch, position=pool.position, touched=pool.touched,
                sequence=pool.sequence, stage=len(self._ages), retracted=True,
            )  # fmt: skip
            self.changed.add(event.key)

    def _schedule(self, key: str, pool: Pool) -> None:
        due = next_due(pool, self._ages)
        if due is not None:
            heapq.heappush(self._due.setdefault(pool.launch.chain, []), (due, key))

    def _advance(self, chain: str, time: float, facts: list[Facts], *, inclusive: bool) -> None:
        """Tell all of ``chain`` that is due before ``time``, or at it when ``inclusive``."""
        if time > self.clocks.get(chain, -inf):
            self.clocks[chain] = time
        heap = self._due.get(chain, [])
        while heap and (heap[0][0] < time or (inclusive and heap[0][0] == time)):
            due, key = heapq.heappop(heap)
            pool = self.pools[key]
            if next_due(pool, self._ages) != due:  # its launch was taken back
                continue
            trigger = self._ages[pool.stage][1]
            pool.stage += 1  # before it is made: one that cannot be must not come up for ever
            self.changed.add(key)
            self._schedule(key, pool)
            facts.append(self._emit(key, pool, trigger, due))

    def _emit(self, key: str, pool: Pool, trigger: Trigger, time: float) -> Facts:
        facts = facts_from_pool(pool, trigger, time, self.around)
        pool.sequence += 1
        self.changed.add(key)
        return facts
