"""The one loop: read a batch, decode, transform, publish, save, commit (invariant 1).

Whatever happens between two of these steps, the offsets are not yet committed, so the batch comes
again: to us, or to whoever holds the partitions by then. A transform therefore ignores what it
has handled before, and drops its memory for the saved state whenever ``open`` is called.

Failures by kind: ``Retry`` from any step repeats that step after a growing wait; a record that is
``Invalid`` goes to ``<topic>.dead`` with its reason; ``Broken``, or any other exception, ends the
stage with nothing of the batch committed. The ``Brake`` turns too many dead letters into
``Broken`` before they are written: then it is us who are wrong, not the records.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from time import perf_counter
from typing import Any, Protocol, TypeVar

import anyio
import msgspec
import structlog

from streams import telemetry
from streams.broker import Broker, Message, Record, Subscription
from streams.clock import Clock, HandClock, SystemClock
from streams.dead import dead_letter, dead_message, lightened
from streams.errors import Broken, Invalid, Retry
from streams.events import decode, encode
from streams.topics import Topic

__all__ = [
    "Brake",
    "Clock",
    "Drain",
    "HandClock",
    "Outcome",
    "Progress",
    "Received",
    "Stage",
    "SystemClock",
    "Transform",
    "Turn",
    "message",
    "run_stage",
]

FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0
CLOSE_SECONDS = 5.0
LAG_EVERY = timedelta(seconds=5)

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Received(msgspec.Struct, frozen=True):
    """A decoded event and the record it came in."""

    event: Any
    record: Record


class Outcome(msgspec.Struct):
    """What a transform made of a batch."""

    messages: list[Message] = []
    refused: list[tuple[Record, Invalid]] = []
    """Records that decoded well and still are of no use, each with its reason."""
    oldest: datetime | None = None
    """The first moment that the batch's events speak of; the loop's own to fill."""


class Transform(Protocol):
    """What a stage does with its records. Never called concurrently with itself."""

    async def open(self, partitions: frozenset[int]) -> None:
        """Drop all memory and load the saved state of these partitions.

        Called before the first batch and whenever partitions were assigned anew, since another
        member may have had them in between.
        """
        ...

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """Turn a batch into messages; called with an empty one when ``max_wait`` passed.

        May raise ``Retry``, and is then called again with the same batch. A record of no use goes
        to ``refused``: an ``Invalid`` that is raised speaks of no record, and ends the stage.
        """
        ...

    async def save(self) -> None:
        """Make the state durable: after the messages are acknowledged, before the commit.

        May raise ``Retry``, and is then called again.
        """
        ...


class Stage(msgspec.Struct, frozen=True):
    """A transform on a topic. A batch is complete at ``min_records`` or after ``max_wait``."""

    name: str
    topic: Topic
    transform: Transform
    max_records: int = 500
    min_records: int = 1
    max_wait: float = 0.5

    @property
    def group(self) -> str:
        """The consumer group that its members share."""
        return f"heft.{self.name}"


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a stage's loop, also an empty one: that it is alive, and how far behind."""

    stage: str
    at: datetime
    records: int
    published: int
    refused: int
    lag: int | None
    """Records behind; measured every few seconds and whenever nothing came, else ``None``."""


Progress = Callable[[Turn], None]


class Brake:
    """Stops a stage that refuses too much.

    ``in_a_row`` dead letters without a good record between them, or ``share`` of the last
    ``window`` records, raise ``Broken``.
    """

    def __init__(self, in_a_row: int = 100, share: float = 0.5, window: int = 1000) -> None:
        self._in_a_row = in_a_row
        self._share = share
        self._window = window
        self._row = self._seen = self._dead = 0

    def note(self, *, dead: bool) -> None:
        """Count one record; raises ``Broken`` when this one is too much."""
        self._row = self._row + 1 if dead else 0
        self._seen += 1
        self._dead += dead
        if self._row >= self._in_a_row:
            self._stop(f"{self._row} records in a row are unusable")
        if self._seen >= self._window:
            if self._dead >= self._share * self._seen:
                self._stop(f"{self._dead} of {self._seen} records are unusable")
            self._seen = self._dead = 0

    def _stop(self, what: str) -> None:
        raise Broken(
            f"{what}: is the producer newer than this program? Nothing was committed; "
            "raise the brake in the settings to send them to the dead letters"
        )


class Drain:
    """Asks running stages to finish the batch in hand and end; from the event loop's thread."""

    def __init__(self) -> None:
        self.asked = False
        self._waits: set[anyio.CancelScope] = set()

    def ask(self) -> None:
        """End every wait for the group, records or a repetition, now and from now on."""
        self.asked = True
        for scope in self._waits:
            scope.cancel()

    @contextmanager
    def interrupts(self) -> Iterator[None]:
        """A block that is left early when asked."""
        with anyio.CancelScope() as scope:
            self._waits.add(scope)
            if self.asked:
                scope.cancel()
            try:
                yield
            finally:
                self._waits.discard(scope)


def message(topic: Topic, event: Any) -> Message:
    """An event as it is published: under the key ``chain:pool``."""
    return Message(topic.name, event.key, encode(event))


async def run_stage(
    stage: Stage,
    broker: Broker,
    *,
    clock: Clock,
    brake: Brake,
    progress: Progress | None = None,
    drain: Drain | None = None,
) -> None:
    """Run until ``drain`` asks (the batch in hand is finished) or until cancelled (it is not).

    Either way nothing is lost: what is not committed comes again. Raises ``Broken``.
    """
    loop = _Loop(stage, broker, clock, brake, progress or _ignore, drain or Drain())
    with structlog.contextvars.bound_contextvars(stage=stage.name):
        try:
            await loop.run()
        except Retry as error:
            log.warning("stage_drained_unfinished", error=str(error))
        finally:
            await loop.close()


def _ignore(_: Turn) -> None:
    """Nobody watches."""


class _Loop:
    """One running stage."""

    def __init__(
        self,
        stage: Stage,
        broker: Broker,
        clock: Clock,
        brake: Brake,
        progress: Progress,
        drain: Drain,
    ) -> None:
        self._stage = stage
        self._transform = stage.transform
        self._broker = broker
        self._clock = clock
        self._brake = brake
        self._progress = progress
        self._drain = drain
        self._subscription: Subscription | None = None
        self._opened: tuple[int, frozenset[int]] | None = None
        self._lag_due = clock.now()

    async def run(self) -> None:
        subscription = await self._patiently(self._join)
        if subscription is None:
            return
        while (records := await self._patiently(partial(self._read, subscription))) is not None:
            await self._turn(subscription, records)
        if rest := subscription.rest():
            await self._turn(subscription, rest)

    async def close(self) -> None:
        """Leave the group, also when cancelled, but not for ever."""
        if self._subscription is not None:
            with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._subscription.close()

    async def _join(self) -> Subscription | None:
        """Be a member of the group, or ``None`` when asked to drain before that."""
        stage = self._stage
        with self._drain.interrupts():
            self._subscription = await self._broker.subscribe(
                stage.topic.name,
                stage.group,
                max_records=stage.max_records,
                min_records=stage.min_records,
                max_wait=stage.max_wait,
            )
        return self._subscription

    async def _read(self, subscription: Subscription) -> list[Record] | None:
        """The next batch, or ``None`` when asked to drain."""
        records = None
        with self._drain.interrupts():
            records = await subscription.batch()
        return records  # noqa: RET504 - None when the block was left early

    async def _turn(self, subscription: Subscription, records: list[Record]) -> None:
        started = perf_counter()
        generation, partitions = subscription.generation, subscription.partitions
        if (generation, partitions) != self._opened:
            await self._patiently(partial(self._transform.open, partitions))
            self._opened = (generation, partitions)
        outcome = await self._apply(records)
        await self._publish(outcome.messages)
        for step in (self._transform.save, subscription.commit):
            await self._patiently(partial(_if_ours, subscription, generation, step))
        self._count(records, outcome.oldest, perf_counter() - started)
        await self._report(subscription, len(records), outcome)

    async def _apply(self, records: list[Record]) -> Outcome:
        """What the transform made of the batch, with the dead letters among the messages."""
        received, refused = _decoded(records, self._stage.topic)
        try:
            outcome = await self._patiently(partial(self._transform.apply, received))
        except Invalid as error:
            raise self._unusable(records, error) from error
        refused = refused + outcome.refused
        self._judge(records, refused)
        dead = [self._dead(record, error) for record, error in refused]
        oldest = min((each.event.at for each in received), default=None)
        return Outcome(messages=outcome.messages + dead, refused=refused, oldest=oldest)

    def _unusable(self, records: list[Record], error: Invalid) -> Broken:
        stage = self._stage
        return Broken(
            f"stage {stage.name} cannot use its batch of {stage.topic.name} {_places(records)} "
            f"({error}): nothing of it was committed; upgrade heft, or move group {stage.group} "
            "past it"
        )

    def _judge(self, records: list[Record], refused: list[tuple[Record, Invalid]]) -> None:
        dead = {(record.partition, record.offset) for record, _ in refused}
        for record in records:
            self._brake.note(dead=(record.partition, record.offset) in dead)

    def _dead(self, record: Record, error: Invalid) -> Message:
        log.warning(
            "record_refused",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=error.reason,
        )
        return dead_message(dead_letter(record, error, self._stage.name, self._clock.now()))

    async def _publish(self, messages: list[Message]) -> None:
        try:
            await self._patiently(partial(self._broker.publish, messages))
        except Invalid as error:
            if error.reason != "too-large":
                raise
            for each in messages:
                await self._publish_alone(each)
        for topic, count in Counter(each.topic for each in messages).items():
            telemetry.PUBLISHED.labels(topic).inc(count)

    async def _publish_alone(self, each: Message) -> None:
        """Publish one; if it is refused, a dead letter that is small enough takes its place."""
        try:
            await self._patiently(partial(self._broker.publish, [each]))
        except Invalid as error:
            if error.reason != "too-large":
                raise
            letter = lightened(each, error, self._stage.name, self._clock.now())
            log.warning("message_refused", topic=each.topic, reason=error.reason)
            await self._patiently(partial(self._broker.publish, [letter]))

    async def _patiently(self, step: Callable[[], Awaitable[T]]) -> T:
        """Repeat a step while it raises ``Retry``; gives up only when asked to drain."""
        wait = FIRST_WAIT_SECONDS
        while True:
            try:
                return await step()
            except Retry as error:
                if self._drain.asked:
                    raise
                telemetry.STAGE_RETRIES.labels(self._stage.name).inc()
                log.warning("stage_waited", error=str(error), seconds=wait)
                with self._drain.interrupts():
                    await self._clock.sleep(max(wait, error.retry_after or 0))
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)

    def _count(self, records: list[Record], oldest: datetime | None, seconds: float) -> None:
        if oldest is not None:
            age = max(0.0, (self._clock.now() - oldest).total_seconds())
            telemetry.EVENT_AGE.labels(self._stage.name).observe(age)
        if records:
            telemetry.STAGE_RECORDS.labels(self._stage.name).inc(len(records))
            telemetry.STAGE_SECONDS.labels(self._stage.name).observe(seconds)

    async def _report(self, subscription: Subscription, records: int, outcome: Outcome) -> None:
        self._progress(
            Turn(
                stage=self._stage.name,
                at=self._clock.now(),
                records=records,
                published=len(outcome.messages),
                refused=len(outcome.refused),
                lag=await self._lag(subscription, idle=not records),
            )
        )

    async def _lag(self, subscription: Subscription, *, idle: bool) -> int | None:
        if not idle and self._clock.now() < self._lag_due:
            return None
        if not subscription.partitions:
            return None  # between two assignments: nothing is ours, which is not "caught up"
        self._lag_due = self._clock.now() + LAG_EVERY
        try:
            lag = await subscription.lag()
        except Retry:
            return None  # the next batch() says so with more right
        telemetry.STAGE_LAG.labels(self._stage.name).set(lag)
        return lag


async def _if_ours(
    subscription: Subscription, generation: int, step: Callable[[], Awaitable[None]]
) -> None:
    """One attempt of a step, unless the partitions moved: what is newer there is another's."""
    if subscription.generation == generation:
        await step()


def _places(records: Sequence[Record]) -> str:
    """Where a batch stands, as ``partition:first-last`` offset of each partition."""
    offsets: dict[int, list[int]] = defaultdict(list)
    for record in records:
        offsets[record.partition].append(record.offset)
    return " ".join(f"{place}:{min(of)}-{max(of)}" for place, of in sorted(offsets.items()))


def _decoded(
    records: Sequence[Record], topic: Topic
) -> tuple[list[Received], list[tuple[Record, Invalid]]]:
    received: list[Received] = []
    refused: list[tuple[Record, Invalid]] = []
    for record in records:
        try:
            received.append(Received(decode(record.value, topic.event), record))
        except Invalid as error:
            refused.append((record, error))
    return received, refused
