"""Dead letters: how they are written, and how they are listed, retried and dropped.

A topic's dead letters stand in ``<topic>.dead``. Which of them have been dealt with is the
committed offset of one consumer group there, so they are dealt with in order, oldest first. What
stands there and is no letter blocks nobody.

This module does not own when a record is dead (``stage``).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec
import structlog

from streams import telemetry
from streams.broker import Broker, Message, Record, Subscription, key_bytes, key_text
from streams.clock import SystemClock
from streams.errors import Invalid
from streams.events import DeadLetter, decode, encode
from streams.topics import ACTIVITY, Topic

__all__ = ["dead_letter", "dead_message", "drop", "lightened", "listed", "retry"]

GROUP = "heft.dead"
DETAIL_CHARACTERS = 200
MAX_VALUE_BYTES = 11 * 1024 * 1024
"""As base64 in JSON this stays below the broker's ``MAX_RECORD_BYTES``."""

WAIT_SECONDS = 3.0
"""An empty batch after so long means that no letter is left."""

Act = Callable[[Broker, Record], Awaitable[bool]]
"""Deals with one record of a dead-letter topic; whether it is to be counted."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
log = structlog.get_logger(__name__)


def dead_letter(record: Record, error: Invalid, stage: str, at: datetime) -> DeadLetter:
    """What is kept of a record that could not be used; counts it."""
    telemetry.DEAD_LETTERS.labels(record.topic, error.reason).inc()
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        stage=stage,
        reason=error.reason,
        detail=_detail(error, record.value),
        key=record.key,
        value=record.value if len(record.value) <= MAX_VALUE_BYTES else b"",
        at=at,
    )


def dead_message(letter: DeadLetter) -> Message:
    """The letter as it is published, beside its topic."""
    return Message(f"{letter.topic}.dead", key_text(letter.key), encode(letter))


def lightened(refused: Message, error: Invalid, stage: str, at: datetime) -> Message:
    """A dead letter without the bytes, for a message that the broker will not take.

    For a message of ours there is no position (-1); for a dead letter, its position still leads
    to the record.
    """
    if refused.topic.endswith(".dead"):
        letter = decode(refused.value, DeadLetter)
        return dead_message(msgspec.structs.replace(letter, value=b""))
    record = Record(refused.topic, -1, -1, key_bytes(refused.key), b"")
    return dead_message(dead_letter(record, error, stage, at))


async def listed(broker: Broker, topic: Topic) -> list[DeadLetter]:
    """The letters not yet dealt with, oldest first; leaves them so. Raises ``Retry``.

    A record that is no letter is listed as one about itself, for the reason ``undecodable``.
    """
    async with _opened(broker, topic, max_records=500) as subscription:
        records, waiting = await _first(subscription)
        letters: list[DeadLetter] = []
        while records:
            letters += [_letter(record) for record in records]
            records = await subscription.batch() if len(letters) < waiting else []
        return letters


async def retry(broker: Broker, topic: Topic, limit: int | None = None) -> int:
    """Publish the oldest letters' original bytes to where they came from; gives their number.

    One after the other, each then counts as dealt with; a record that is no letter is passed over.
    Raises ``Retry``, or ``Invalid`` for a ``limit`` below 1 and at a letter that cannot go back:
    its record was too large to keep, or is activity.
    """
    return await _deal(broker, topic, _publish_original, limit)


async def drop(broker: Broker, topic: Topic, limit: int | None = None) -> int:
    """Count the oldest letters as dealt with, unread; gives their number.

    Raises ``Retry``, or ``Invalid`` for a ``limit`` below 1.
    """
    return await _deal(broker, topic, _do_nothing, limit)


async def _deal(broker: Broker, topic: Topic, act: Act, limit: int | None) -> int:
    if limit is not None and limit < 1:
        raise Invalid("a limit of dead letters is at least 1", reason="usage")
    async with _opened(broker, topic, max_records=1) as subscription:
        records, waiting = await _first(subscription)
        most = waiting if limit is None else min(waiting, limit)
        done = counted = 0
        while records and done < most:
            counted += await act(broker, records[0])
            await subscription.commit()
            done += 1
            records = await subscription.batch() if done < most else []
        return counted


async def _first(subscription: Subscription) -> tuple[list[Record], int]:
    """The first records, and how many there are in all: a broker knows for sure after a fetch."""
    records = await subscription.batch()
    return records, await subscription.lag()


async def _publish_original(broker: Broker, record: Record) -> bool:
    try:
        letter = decode(record.value, DeadLetter)
    except Invalid as error:
        where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        log.warning("undecodable_letter_passed_over", **where, error=str(error))
        return False
    _check_repeatable(letter)
    partition = letter.partition if letter.partition >= 0 else None
    await broker.publish([Message(letter.topic, key_text(letter.key), letter.value, partition)])
    return True


def _check_repeatable(letter: DeadLetter) -> None:
    if letter.topic == ACTIVITY.name:
        raise Invalid(
            "activity is not put back: its pool has gone on, so it would be ignored or make wrong "
            f"ages; heft dead drop --topic {ACTIVITY.name}, and replay its source",
            reason="order",
        )
    if not letter.value:
        raise Invalid(
            f"the letter of {letter.topic} {letter.partition}:{letter.offset} holds no bytes "
            "(the record was too large): drop it with a limit of 1",
            reason="no-bytes",
        )


async def _do_nothing(_: Broker, __: Record) -> bool:
    """A dropped letter needs no more than the commit."""
    return True


def _letter(record: Record) -> DeadLetter:
    try:
        return decode(record.value, DeadLetter)
    except Invalid as error:
        undecodable = Invalid(str(error), reason="undecodable")
        return dead_letter(record, undecodable, GROUP, SystemClock().now())


@asynccontextmanager
async def _opened(broker: Broker, topic: Topic, max_records: int) -> AsyncIterator[Subscription]:
    subscription = await broker.subscribe(
        topic.dead, GROUP, max_records=max_records, max_wait=WAIT_SECONDS
    )
    try:
        yield subscription
    finally:
        await subscription.close()


def _detail(error: Invalid, value: bytes) -> str:
    """One short line that says what was wrong, without secrets or control characters."""
    text = telemetry.redact(_CONTROL.sub(" ", str(error)))[:DETAIL_CHARACTERS]
    if len(value) > MAX_VALUE_BYTES:
        text += f" (its {len(value)} bytes are left out)"
    return text
