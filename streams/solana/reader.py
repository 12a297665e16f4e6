"""A transaction of a block to events, with what is remembered from one to the next."""

from __future__ import annotations

from collections.abc import Sequence

from streams.errors import Invalid
from streams.events import Activity, Launch
from streams.onpool import OnPool
from streams.solana.activity import activity_in, lp_mints_of
from streams.solana.decode import READ_PROGRAMS, read
from streams.solana.domain import events_from
from streams.solana.drift import Drift
from streams.solana.launches import launches_in
from streams.solana.spoken import Spoken, spoken_events, unspoken
from streams.solana.standing import Standing
from streams.solana.transaction import Transaction, transaction_from

__all__ = ["Reader"]

LP_MINTS_KEPT = 100_000


class Reader:
    """Reads blocks in their order; one for each source."""

    def __init__(self, drift: Drift | None = None) -> None:
        self.drift = drift or Drift()
        self._lp_mints: dict[str, tuple[str, str]] = {}

    def events(
        self, transactions: Sequence[object], slot: int, time: float, standing: Standing
    ) -> tuple[list[Activity], set[str]]:
        """What a block tells beyond what was told of it early, and the pools that it launches.

        Places are counted from one: in front stands what was told before the block.
        """
        self.drift.look()
        out: list[Activity] = []
        launched: set[str] = set()
        for place, node in enumerate(transactions, 1):
            if not isinstance(node, dict):
                continue
            try:
                found, events = self._of(node, slot, place, time)
                if any(isinstance(each, Launch) for each in events):
                    events = self._settled(found, events, slot, time, standing, launched)
                out += events
            except Invalid as error:
                self.drift.refused(error.reason)
        return out, launched

    def spoken(self, spoken: Spoken, time: float) -> list[Activity]:
        """What a log tells; nothing when it makes no sense."""
        try:
            return spoken_events(spoken, time)
        except Invalid as error:
            self.drift.refused(error.reason)
            return []

    def _of(
        self, node: dict[str, object], slot: int, place: int, time: float
    ) -> tuple[Transaction, list[Activity]]:
        found = transaction_from(node, slot=slot, time=None, programs=READ_PROGRAMS)
        reading = read(found)
        if reading.outcomes:
            self.drift.note(reading.outcomes, reading.strange)
        elif not found.instructions:
            return found, []
        launches = launches_in(found, reading)
        activity = activity_in(found, reading, self._lp_mints)
        if launches:
            self._remember(lp_mints_of(reading))
        return found, events_from(launches, activity, slot=slot, place=place, time=time)

    def _settled(
        self,
        found: Transaction,
        events: list[Activity],
        slot: int,
        time: float,
        standing: Standing,
        launched: set[str],
    ) -> list[Activity]:
        """The events of a launching transaction, seen against what was told of it early."""
        before: list[Activity] = []
        for launch in [each for each in events if isinstance(each, Launch)]:
            launched.add(launch.pool)
            early = standing.early(launch.pool)
            if early is None:
                continue
            if early.slot != slot:
                before.append(standing.retraction(early.pool, early.slot, time))
            elif not early.of_block:
                told = self._told_early(found, launch.pool, slot, time)
                events = unspoken(events, told)
                before += [] if early.sure else told
        return [*before, *events]

    def _told_early(self, found: Transaction, pool: str, slot: int, time: float) -> list[Activity]:
        spoken = Spoken(slot, found.signature or "", found.logs)
        events = self.spoken(spoken, time)
        return [each for each in events if isinstance(each, OnPool) and each.pool == pool]

    def _remember(self, lp_mints: dict[str, tuple[str, str]]) -> None:
        self._lp_mints |= lp_mints
        while len(self._lp_mints) > LP_MINTS_KEPT:
            del self._lp_mints[next(iter(self._lp_mints))]
