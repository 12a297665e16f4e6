"""The label stage: dossiers in, rulings out, each when its launch reaches a horizon.

A launch's track rests in the state between batches, so that a stage may be down over a horizon and
still rule as of it. Time is the chain's own, as its dossiers tell it: while none comes, nothing is
ruled on, since nothing could be known either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Column, Float, Index, Integer, LargeBinary, String, Table, delete, select

from streams.errors import Broken, Invalid
from streams.events import Facts, Retraction
from streams.labels import Ruling
from streams.stage import Outcome, Received, message
from streams.state import State, metadata
from streams.topics import RULINGS
from trainer.rulings import Track, due, note, rule, track_of

__all__ = ["LabelTransform", "TrackStore"]

KEYS_PER_QUERY = 500
"""Below SQLite's default limit of bound variables in one statement."""

_tracks = Table(
    "tracks",
    metadata,
    Column("key", String, primary_key=True),
    Column("partition", Integer, nullable=False),
    Column("chain", String, nullable=False),
    Column("due", Float, nullable=True),
    Column("track", LargeBinary, nullable=False),
    Index("tracks_due", "partition", "chain", "due"),
)


class _Kept(NamedTuple):
    partition: int
    track: Track


class TrackStore:
    """Reads and writes tracks; every method may raise ``Retry``."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def load(self, keys: Iterable[str]) -> list[Track]:
        """Those of ``keys`` that are known."""
        wanted, found = sorted(keys), list[Track]()
        async with self._state.begin() as connection:
            for start in range(0, len(wanted), KEYS_PER_QUERY):
                query = select(_tracks.c.track).where(
                    _tracks.c.key.in_(wanted[start : start + KEYS_PER_QUERY])
                )
                found += [_track(row[0]) for row in await connection.execute(query)]
        return found

    async def due(self, partition: int, chain: str, before: float) -> list[Track]:
        """The tracks of a partition and chain with a horizon before a moment."""
        query = select(_tracks.c.track).where(
            _tracks.c.partition == partition, _tracks.c.chain == chain, _tracks.c.due < before
        )
        async with self._state.begin() as connection:
            return [_track(row[0]) for row in await connection.execute(query)]

    async def save(self, kept: Iterable[_Kept], gone: Iterable[str]) -> None:
        """Write tracks, and forget those of launches that never were, in one transaction."""
        rows = [
            {
                "key": track.key,
                "partition": partition,
                "chain": track.chain,
                "due": due(track),
                "track": msgspec.json.encode(track),
            }
            for partition, track in kept
        ]
        async with self._state.begin() as connection:
            await self._state.upsert(connection, _tracks, rows)
            for key in gone:
                await connection.execute(delete(_tracks).where(_tracks.c.key == key))


class LabelTransform:
    """``Transform`` from the topic of facts to that of rulings."""

    def __init__(self, store: TrackStore) -> None:
        self._store = store
        self._changed: dict[str, _Kept] = {}
        self._gone: set[str] = set()

    async def open(self, partitions: frozenset[int]) -> None:  # noqa: ARG002 - the protocol's
        """Everything rests in the state."""
        self._changed, self._gone = {}, set()

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """The rulings that have become due by the batch's moments; raises ``Retry``."""
        events = [each.event for each in batch]
        known = {track.key: track for track in await self._store.load({e.key for e in events})}
        self._changed, self._gone = {}, set()
        clocks: dict[tuple[int, str], float] = {}
        made = list[Ruling]()
        for received in batch:
            event, partition = received.event, received.record.partition
            place = (partition, event.chain)
            clocks[place] = max(clocks.get(place, 0.0), event.at.timestamp())
            if isinstance(event, Retraction):
                known.pop(event.key, None)
                self._changed.pop(event.key, None)
                self._gone.add(event.key)
                continue
            track = _follow(known, event)
            made += rule(track, event.at.timestamp() - 1e-3)  # by what came before it
            note(track, event)
            made += rule(track, event.at.timestamp())
            self._gone.discard(event.key)
            self._changed[event.key] = _Kept(partition, track)
        made += await self._overdue(clocks)
        return Outcome(messages=[message(RULINGS, ruling) for ruling in made])

    async def save(self) -> None:
        """Store what changed."""
        if self._changed or self._gone:
            await self._store.save(self._changed.values(), self._gone)

    async def _overdue(self, clocks: dict[tuple[int, str], float]) -> list[Ruling]:
        """By the clock of the batch's end, whether or not a dossier speaks of the launch."""
        made = list[Ruling]()
        for kept in self._changed.values():  # as if told by the next batch
            now = clocks[kept.partition, kept.track.chain]
            made += rule(kept.track, now - 1e-3)
        for (partition, chain), now in clocks.items():
            for track in await self._store.due(partition, chain, now):
                mine = self._changed.get(track.key, _Kept(partition, track))
                if track.key not in self._gone:
                    made += rule(mine.track, now)
                    self._changed[track.key] = mine
        return made


def _follow(known: dict[str, Track], facts: Facts) -> Track:
    """The launch's track; another launch of the same pool begins anew."""
    track = known.get(facts.key)
    if track is None or track.launched != facts.launched_at.timestamp():
        known[facts.key] = track = track_of(facts)
    return track


def _track(data: bytes) -> Track:
    try:
        return msgspec.json.decode(data, type=Track)
    except (msgspec.MsgspecError, Invalid) as error:
        raise Broken(f"a stored track cannot be read ({error}): restore a backup") from error
