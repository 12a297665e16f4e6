"""The Sink seam: one place that alerts go to, and what it answered."""

from __future__ import annotations

from typing import Protocol

import msgspec

from streams.events import Alert

__all__ = ["Answer", "Refusal", "Sent", "Sink"]


class Sent(msgspec.Struct, frozen=True):
    """The receiver has it."""


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

    async def send(self, alert: Alert) -> Answer:
        """Deliver one alert. The outside world's failures are refusals, never exceptions."""
        ...

    async def close(self) -> None:
        """Let go of connections; nothing is sent after."""
        ...
