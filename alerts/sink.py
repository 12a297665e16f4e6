"""The Sink seam: one place that alerts go to, and what it answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from alerts.limits import Rate
from streams.events import Alert

__all__ = ["BAD_MARKUP", "MESSAGE_GONE", "Answer", "ChatSink", "Refusal", "Sent", "Sink"]

MESSAGE_GONE = "message-gone"
"""The message that was to be edited is no more: say it anew."""

BAD_MARKUP = "bad-markup"
"""The service could not read our markup: say it again without any."""


class Sent(msgspec.Struct, frozen=True):
    """The receiver has it."""

    ref: str = ""
    """What the service calls the message, to edit it by; empty when it cannot be edited."""
    rest_seconds: float = 0.0
    """How long the service wants to be left alone now."""
    left: frozenset[str] = frozenset()
    """Ids of critical alerts that a digest had no room for: they are still to be said."""


class Refusal(msgspec.Struct, frozen=True):
    """The receiver does not have it, as far as we know.

    A permanent refusal will be the same next time (bad credentials, bad message); any other is
    worth another try, after ``retry_after`` seconds where the receiver named them.
    """

    reason: str
    """A short slug, one of few: a metric label and what the ledger keeps."""
    retry_after: float | None = None
    permanent: bool = False


Answer = Sent | Refusal


class Sink(Protocol):
    """Somewhere that alerts go: one at a time, in order per pool.

    The same alert may come again after a crash; ``alert.id`` tells.
    """

    @property
    def name(self) -> str:
        """Unique among the sinks of a daemon and stable across restarts: the ledger's key."""
        ...

    async def send(self, alert: Alert, earlier: str = "", *, plain: bool = False) -> Answer:
        """Deliver one alert. The outside world's failures are refusals, never exceptions.

        ``earlier`` is the ``Sent.ref`` of this alert's message: edit that, if there is one. With
        ``plain``, do without markup.
        """
        ...

    async def close(self) -> None:
        """Let go of connections; nothing is sent after."""
        ...


@runtime_checkable
class ChatSink(Sink, Protocol):
    """A sink that people read as it comes: it has a pace, and a digest in place of a flood."""

    @property
    def rates(self) -> Sequence[Rate]:
        """What its service allows."""
        ...

    async def digest(self, alerts: Sequence[Alert]) -> Answer:
        """Deliver many alerts as one message."""
        ...
