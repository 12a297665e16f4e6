"""What is remembered of an alert, so that the next verdict on its pool can be held against it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from streams.events import Trigger

__all__ = ["MATERIAL_TRIGGERS", "RUG", "History", "alert_id", "key_in"]

RUG = "rug"
"""Why a pool is alerted."""

MATERIAL_TRIGGERS: frozenset[Trigger] = frozenset({"liquidity-removed", "price-fell"})
"""What insiders do on the way to a rug; worth an update even if the probability stands still."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What must be remembered of an alert to go on with it."""

    alert_id: str
    status: Literal["raised", "cleared", "confirmed", "retracted"]
    handled: int
    """Sequence of the last verdict that was looked at; it and all before it are done."""
    said: int
    """Sequence of the last message."""
    probability: float
    """As it was last told."""
    triggers: frozenset[Trigger]
    """The material triggers told so far: each is news once."""
    raised_at: datetime
    liquidity: float
    """What the pool held when the alert was raised, in quote units; if it was already drained,
    the most that it ever held."""
    liquidity_max: float
    """The most that the pool had held by then."""
    verdict: bytes
    """The last one told, as JSON: a retraction comes without one."""
    retraction: str = ""
    """The id of the last one that was handled; it comes again after a crash."""


def alert_id(key: str) -> str:
    """The id of the alert on the pool with this key, equal in every run."""
    return f"{key}:{RUG}"


def key_in(alert_id: str) -> str:
    """The key of the pool that the alert with this id is on."""
    return alert_id.removesuffix(f":{RUG}")
