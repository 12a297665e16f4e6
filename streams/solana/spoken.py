"""Launches told from a log alone, before there is a block: ``logsSubscribe`` at ``processed``.

Only of programs whose log says all that a launch is made of: pool, assets, amounts, maker. The
others name their accounts in the instruction, which nobody gives before the block is confirmed.
What is told stands at the beginning of its slot, in front of every place that the block may give
it; when the block has come, the same function finds in it what was told, and only the rest of the
transaction is told then.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import UNSET

from streams.events import Activity, Head, Launch
from streams.solana.activity import activity_in
from streams.solana.decode import read
from streams.solana.domain import events_from
from streams.solana.launches import launches_in
from streams.solana.programs import program_of
from streams.solana.sightings import SeenLaunch
from streams.solana.transaction import transaction_from_logs

__all__ = ["SPEAKING", "Spoken", "may_launch", "spoken_events", "unspoken"]

_TELLING = (("pump-fun", "CreateEvent"), ("pump-swap", "CreatePoolEvent"))
SPEAKING = tuple(program_of(venue).id for venue, _ in _TELLING)
"""Programs whose logs are listened to."""
_BEGINNINGS = tuple(
    base64.b64encode(discriminator + b"\0")[:10]
    for venue, name in _TELLING
    for discriminator, shape in program_of(venue).events.items()
    if shape.name == name
)
"""base64 of an event's eight bytes, as far as the ninth has no part in it."""


class Spoken(msgspec.Struct, frozen=True):
    """A log, whose it is and the slot in which a node has processed it."""

    slot: int
    signature: str
    logs: Sequence[Any]


def may_launch(notice: bytes) -> bool:
    """Whether a notification may tell of a launch: nearly all tell of trades, and need no JSON."""
    return any(each in notice for each in _BEGINNINGS)


def spoken_events(spoken: Spoken, time: float) -> list[Activity]:
    """The launches in a log and what was done on their pools, if it says enough of them.

    Raises ``Invalid`` for an amount that no event can have.
    """
    told = {"signature": spoken.signature, "err": None, "logs": spoken.logs}
    found = transaction_from_logs(told, slot=spoken.slot, time=None)
    reading = read(found)
    launches = [each for each in launches_in(found, reading) if _is_whole(each)]
    pools = {each.pool for each in launches}
    activity = [each for each in activity_in(found, reading, {}) if each.pool in pools]
    return events_from(launches, activity, slot=spoken.slot, place=0, time=time)


def _is_whole(launch: SeenLaunch) -> bool:
    parts = (launch.deployer, launch.quote, launch.token_amount, launch.quote_amount)
    return UNSET not in (*parts, launch.token_decimals)


def unspoken(events: Sequence[Activity], told: Sequence[Activity]) -> list[Activity]:
    """A transaction's events without those that were told of its log."""
    left = [_content(each) for each in told]
    out: list[Activity] = []
    for event in events:
        content = _content(event)
        if content in left:
            left.remove(content)
        else:
            out.append(event)
    return out


_NO_TIME = datetime.fromtimestamp(0, UTC)


def _content(event: Activity) -> object:
    """What happened, wherever it stands; a pool is launched once, however much is known of it."""
    if isinstance(event, Launch):
        return event.pool
    if isinstance(event, Head):
        return event
    return msgspec.structs.replace(event, block=0, log_index=0, at=_NO_TIME)
