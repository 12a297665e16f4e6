"""A chat service as a sink: what one says is the service's, that it is said is the same for all.

A ``Service`` is pure: an alert becomes a ``Call``, a ``Reply`` becomes an ``Answer``. This shell
makes the calls, one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec.structs import replace

from alerts.limits import Rate
from alerts.sink import Answer, Refusal, Sent
from alerts.wire import Call, Reply, Wire
from streams.clock import Clock
from streams.events import Alert

__all__ = ["Chat", "Service"]


class Service(Protocol):
    """What one chat service calls things."""

    @property
    def name(self) -> str:
        """The sink's."""
        ...

    @property
    def rates(self) -> Sequence[Rate]:
        """What it allows."""
        ...

    def say(self, alert: Alert, *, plain: bool) -> Call:
        """A new message."""
        ...

    def edit(self, alert: Alert, ref: str, *, plain: bool) -> Call:
        """The same message, as it is now."""
        ...

    def digest(self, alerts: Sequence[Alert]) -> Call:
        """Many alerts as one message."""
        ...

    def answer(self, reply: Reply, now: datetime) -> Answer:
        """What the reply means."""
        ...


class Chat:
    """The ChatSink of a service."""

    def __init__(self, service: Service, clock: Clock, *, timeout_seconds: float = 10.0) -> None:
        self.name = service.name
        self.rates = service.rates
        self._service = service
        self._clock = clock
        self._wire = Wire(timeout_seconds)

    async def send(self, alert: Alert, earlier: str = "", *, plain: bool = False) -> Answer:
        """Say it, or edit what was said; see ``Sink``."""
        if earlier:
            return await self._make(self._service.edit(alert, earlier, plain=plain))
        return await self._make(self._service.say(alert, plain=plain))

    async def digest(self, alerts: Sequence[Alert]) -> Answer:
        """Say many in one message."""
        call = self._service.digest(alerts)
        answer = await self._make(call)
        return replace(answer, left=call.left) if isinstance(answer, Sent) else answer

    async def close(self) -> None:
        """Close the connections."""
        await self._wire.close()

    async def _make(self, call: Call) -> Answer:
        reply = await self._wire.call(call)
        if isinstance(reply, Refusal):
            return reply
        return self._service.answer(reply, self._clock.now())
