"""Recorded history read back as if live, on event time: the twin of the live sources.

``ReplaySource`` yields batches of activity in chain order: each pool's ``Launch`` before its
first event, and a ``Head`` whenever the chain's clock has moved on by ``HEAD_EVERY_S``, so that
quiet pools grow older too. The last ``Head`` lies beyond every scheduled age; at whatever pace, it
is not waited for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypedDict

import msgspec
from msgspec import UNSET

from streams.errors import Invalid
from streams.events import Activity, Head, Launch, LpTransfer, Swap, Sync
from streams.recording import PoolRow, Recording, Row
from streams.source import Played
from streams.stage import Clock

__all__ = ["ReplaySource", "activity_from_rows"]

HEAD_EVERY_S = 600.0
AFTER_END_S = 25 * 3600.0
"""How far the clock moves on after the last event: past the last scheduled age of any pool."""
STEP_S = 0.25
"""What a paced batch spans at most, in wall seconds: it is played when its first event is due."""
SLOWEST, FASTEST = 0.001, 1e9
"""The paces that can be asked for, in event seconds a wall second."""


class ReplaySource(msgspec.Struct, frozen=True, kw_only=True):
    """Plays ``recording``; ``speed`` is event seconds a wall second, ``None`` for no waiting.

    Raises ``Invalid`` for a speed that is no pace.
    """

    recording: Recording
    clock: Clock
    speed: float | None = None
    batch: int = 1000

    def __post_init__(self) -> None:
        """Refuse a speed out of range; not a number is in none."""
        if self.speed is not None and not SLOWEST <= self.speed <= FASTEST:
            raise Invalid(
                f"the speed must be from {SLOWEST:g} to {FASTEST:g} event seconds a second, "
                f"not {self.speed:g}",
                reason="usage",
            )

    @property
    def name(self) -> str:
        """One checkpoint a folder and extent."""
        return f"replay:{self.recording.folder.resolve()}:{self.recording.count}"

    async def batches(self, since: int = 0) -> AsyncIterator[Played]:
        """The activity behind the first ``since`` rows; waits between batches only when paced."""
        events = activity_from_rows(self.recording, self.recording.rows(since))
        started, done = self.clock.now(), since
        first: datetime | None = None
        for activity in self._batched(events):
            first = first or activity[0].at
            if self.speed and not _is_last(activity[0]):
                due = (activity[0].at - first).total_seconds() / self.speed
                if (wait := due - (self.clock.now() - started).total_seconds()) > 0:
                    await self.clock.sleep(wait)
            done += sum(isinstance(event, Sync | LpTransfer | Swap) for event in activity)
            yield Played(activity, done)

    def _batched(self, events: Iterator[Activity]) -> Iterator[list[Activity]]:
        """Batches of at most ``batch`` events, and when paced of at most ``STEP_S``."""
        span = timedelta(seconds=STEP_S * self.speed) if self.speed else timedelta.max
        batch: list[Activity] = []
        for event in events:
            if len(batch) == self.batch or (batch and event.at - batch[0].at > span):
                yield batch
                batch = []
            batch.append(event)
        yield batch  # never empty: the last heads are in it


def activity_from_rows(recording: Recording, rows: Iterator[Row]) -> Iterator[Activity]:
    """The rows as events, with launches and heads between them and the last heads at the end."""
    clocks: dict[str, _Clock] = {}
    for row in rows:
        pool = recording.pools[row.pool]
        clock = clocks.setdefault(pool.chain, _Clock(row.time, row.time, row.block))
        # A head claims that its moment is over: not while more events of that moment may follow.
        if row.time - clock.told >= HEAD_EVERY_S and row.time > clock.now:
            yield _head(pool.chain, clock.block, clock.now)
            clock.told = clock.now
        clock.now, clock.block = max(clock.now, row.time), row.block
        if row.first:
            yield _launch(pool, row)
        yield _event(pool.chain, row)
    for chain, end in recording.ends.items():
        yield _head(chain, end.block, end.time + AFTER_END_S, last=True)


class _Clock(msgspec.Struct):
    """A chain's clock as its events move it, and when it was last told."""

    told: float
    now: float
    block: int


def _is_last(event: Activity) -> bool:
    return isinstance(event, Head) and event.last


def _head(chain: str, block: int, time: float, *, last: bool = False) -> Head:
    return Head(chain=chain, block=block, at=datetime.fromtimestamp(time, UTC), last=last)


def _launch(pool: PoolRow, row: Row) -> Launch:
    return Launch(
        chain=pool.chain,
        pool=pool.pool,
        block=row.block,
        log_index=0,
        at=datetime.fromtimestamp(row.time, UTC),
        venue=pool.venue,
        token=pool.token or UNSET,
        quote=pool.quote or UNSET,
        quote_symbol=pool.quote_symbol or UNSET,
        quote_decimals=pool.quote_decimals,
        token_is_0=pool.token_is_0,
        name=UNSET if pool.name is None else pool.name,
        symbol=UNSET if pool.symbol is None else pool.symbol,
        decimals=UNSET if pool.decimals is None else pool.decimals,
        total_supply=UNSET if pool.total_supply is None else pool.total_supply,
        deployer=pool.deployer or UNSET,
        lp_visible=pool.lp_visible,
    )


class _Where(TypedDict):
    chain: str
    pool: str
    block: int
    log_index: int
    at: datetime


def _event(chain: str, row: Row) -> Activity:
    at = datetime.fromtimestamp(row.time, UTC)
    where = _Where(chain=chain, pool=row.pool, block=row.block, log_index=row.log_index, at=at)
    if row.kind == "sync":
        return Sync(**where, reserve0=row.a, reserve1=row.b)
    sender, to = row.sender or row.pool, row.to or row.pool
    if row.kind == "lp":
        return LpTransfer(**where, sender=sender, to=to, value=row.a)
    return Swap(
        **where, sender=sender, to=to,
        amount0_in=row.a, amount1_in=row.b, amount0_out=row.c, amount1_out=row.d,
    )  # fmt: skip
