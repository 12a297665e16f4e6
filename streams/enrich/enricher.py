"""The enricher: a stage that turns activity into dossiers.

A thin shell around one ``Fold`` a partition. Before a batch it brings in the stored pools that
the batch speaks of; after it, it stores those that changed and lets go of those that nothing is
due for, the least recently used first. Redelivered events are known by their log position, so a
crash at any point changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from streams import telemetry
from streams.clock import Clock, SystemClock
from streams.enrich.fold import Fold
from streams.enrich.store import PoolStore, Stored
from streams.errors import Invalid
from streams.events import Activity, Facts, Head, Launch, Listening, Market, Retraction
from streams.stage import Outcome, Received, message
from streams.topics import FACTS

__all__ = ["EnrichTransform"]

POOLS_KEPT = 5_000
"""Pools per partition in memory that nothing is due for; about 4 kB each, 200 kB at most."""
FORGET_AFTER_S = 180 * 86_400.0
"""A pool without an event for so long, on its chain's clock, is no longer followed.

A stored pool takes 1.5 kB in the median. After 30 days, 4 % of the drains in the recorded pools
of Ethereum would have gone unseen.
"""
FORGET_EVERY_S = 86_400.0

AHEAD = timedelta(days=2)
"""How far activity may be ahead of the wall clock: a recording ends with a clock of 25 hours later.

What is beyond would make every pool of its chain old, and forgotten.
"""


log = structlog.get_logger(__name__)


class EnrichTransform:
    """``heft.activity.v1`` in, ``heft.facts.v1`` out."""

    def __init__(
        self, store: PoolStore, *, clock: Clock | None = None, pools_kept: int = POOLS_KEPT
    ) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        self._pools_kept = pools_kept
        self._folds: dict[int, Fold] = {}
        self._forgotten_at: dict[tuple[int, str], float] = {}

    async def open(self, partitions: frozenset[int]) -> None:
        """Forget everything and take in what is still due on ``partitions``."""
        self._folds = {partition: Fold(forget_after=FORGET_AFTER_S) for partition in partitions}
        for partition, around in (await self._store.around(partitions)).items():
            self._folds[partition].around = around
        for stored in await self._store.waiting(partitions):
            self._folds[stored.partition].put(stored.key, stored.pool)

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """The dossiers that the batch completes, in order within each partition.

        Refused is a record of the future, and one at which a dossier was due that cannot be made.
        """
        await self._bring_in(batch)
        outcome, told = Outcome(), list[Facts | Retraction]()
        latest = self._clock.now() + AHEAD
        for received in batch:
            facts = list[Facts]()
            try:
                _check(received.event, latest)
                self._folds[received.record.partition].feed(received.event, facts)
            except Invalid as error:
                outcome.refused.append((received.record, error))
            told += facts
            if isinstance(received.event, Retraction):
                told.append(received.event)
        self._observe(batch, told)
        outcome.messages = [message(FACTS, each) for each in told]
        return outcome

    async def save(self) -> None:
        """Store what changed, then let go of what is not needed."""
        await self._store.save(
            Stored(key, partition, fold.pools[key])
            for partition, fold in self._folds.items()
            for key in fold.changed
        )
        told = {place: fold.around for place, fold in self._folds.items() if fold.around_changed}
        await self._store.save_around(told)
        for partition, fold in self._folds.items():
            fold.changed.clear()
            fold.around_changed = False
            fold.shrink(self._pools_kept)
            await self._forget(partition, fold)

    async def _forget(self, partition: int, fold: Fold) -> None:
        """Once a day of each chain's own time: the clocks of chains and partitions differ."""
        for chain, now in fold.clocks.items():
            if now - self._forgotten_at.get((partition, chain), 0.0) >= FORGET_EVERY_S:
                await self._store.forget(partition, chain, now - FORGET_AFTER_S)
                self._forgotten_at[partition, chain] = now

    async def _bring_in(self, batch: Sequence[Received]) -> None:
        absent: dict[int, set[str]] = defaultdict(set)
        for received in batch:
            event, partition = received.event, received.record.partition
            around = isinstance(event, Head | Listening | Market)
            if not around and event.key not in self._folds[partition].pools:
                absent[partition].add(event.key)
        for partition, keys in absent.items():
            for stored in await self._store.load(keys):
                self._folds[partition].put(stored.key, stored.pool)

    def _observe(self, batch: Sequence[Received], told: Sequence[Facts | Retraction]) -> None:
        for received in batch:
            event = received.event
            if isinstance(event, Launch):
                chain = telemetry.chain_label(event.chain)
                venue = telemetry.venue_label(event.venue)
                telemetry.LAUNCHES.labels(chain, venue).inc()
        for fold in self._folds.values():
            telemetry.UNKNOWN_POOLS.inc(fold.unknown)
            fold.unknown = 0
        for dossier in told:
            if isinstance(dossier, Facts):
                telemetry.FACTS.labels(dossier.trigger).inc()
                log.info("dossier_made", trace=dossier.trace, dossier=dossier.id)


def _check(event: Activity, latest: datetime) -> None:
    if event.at > latest:
        raise Invalid(
            f"it is of {event.at.isoformat()}, days ahead of our clock: check both clocks",
            reason="future",
        )
