"""What the parts have done so far: for the view, the health pages, and whoever waits for an end."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import anyio

from daemon.pulse import Pulse
from streams.clock import Clock
from streams.events import Launch
from streams.source import Backlog, Played
from streams.stage import Turn

__all__ = ["Progress", "Timeline"]


class Progress:
    """Fed by the source and the stages as they go; everything about it is of this run alone."""

    def __init__(self, *, clock: Clock, pulse: Pulse, backlog: Backlog) -> None:
        self.handled: Counter[str] = Counter()
        """Records that each stage has committed."""
        self.published: Counter[str] = Counter()
        """Messages that each stage has published: dossiers, verdicts, alerts."""
        self.refused: Counter[str] = Counter()
        """Dead letters that each stage has written."""
        self.events = 0
        """Events that the source has published."""
        self.launches = 0
        self.position = 0
        """The source's position, in its own unit."""
        self.head: datetime | None = None
        """Up to where the source has come, on the chain's clock."""
        self.behind: Counter[str] = Counter()
        """Records that each stage had left to handle when it last looked."""
        self._clock = clock
        self._pulse = pulse
        self._backlog = backlog
        self._seen: set[str] = set()
        self._reached: dict[str, datetime] = {}
        self._changed = anyio.Event()

    def note_played(self, played: Played) -> None:
        """The source has published a batch."""
        self.events += len(played.activity)
        self.launches += sum(isinstance(event, Launch) for event in played.activity)
        self.position = played.position
        self.head = max(self.head or played.activity[-1].at, played.activity[-1].at)

    def note_turn(self, turn: Turn) -> None:
        """A stage has got round its loop."""
        self._pulse.beat(turn.stage)
        self._seen.add(turn.stage)
        self.handled[turn.stage] += turn.records
        self.published[turn.stage] += turn.published - turn.refused
        self.refused[turn.stage] += turn.refused
        if turn.stage == "enrich":
            self._backlog.done(turn.records)
        if turn.lag is not None:
            self.behind[turn.stage] = turn.lag
        if turn.lag == 0:
            self._reached[turn.stage] = turn.at
        self._changed.set()
        self._changed = anyio.Event()

    def is_running(self, stage: str) -> bool:
        """Whether the stage has got round its loop at least once."""
        return stage in self._seen

    async def running(self, stages: Iterable[str]) -> None:
        """Return when each of the stages has got round its loop at least once."""
        while not self._seen.issuperset(stages):
            await self._changed.wait()

    async def caught_up(self, stage: str) -> None:
        """Return when the stage, from now on, has nothing left to handle."""
        now = self._clock.now()
        while self._reached.get(stage, now) <= now:
            await self._changed.wait()


class Timeline:
    """When, by our clock, a recording's moments were published: what latencies count from."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._chain_times: list[datetime] = []
        self._publish_times: list[datetime] = []

    def note_played(self, played: Played) -> None:
        """The source has published a batch."""
        at = played.activity[-1].at
        self._chain_times.append(max(at, self._chain_times[-1]) if self._chain_times else at)
        self._publish_times.append(self._clock.now())

    def published_at(self, at: datetime) -> datetime | None:
        """When all up to ``at`` on the chain's clock had been published."""
        place = bisect_left(self._chain_times, at)
        return self._publish_times[place] if place < len(self._publish_times) else None
