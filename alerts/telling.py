"""Tells one sink one thing: at its pace, in another way where it cannot take it as it is.

A ``Teller`` knows nothing of rounds, nor of what waits; it gives the sink's answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from datetime import timedelta

import structlog

from alerts.ledger import Ledger
from alerts.outbox import Delivery
from alerts.pace import Pace
from alerts.sink import BAD_MARKUP, MESSAGE_GONE, Answer, ChatSink, Refusal, Sent, Sink
from streams.clock import Clock
from streams.errors import Invalid
from streams.events import Alert, decode

__all__ = ["TOO_OLD", "Teller"]

TOO_OLD = timedelta(hours=24)
"""A warning that is a day late warns nobody: it stays in the ledger, refused."""

TRIES = 3
"""Of one delivery in one go: as it is, anew when the message is gone, and without markup."""

log = structlog.get_logger(__name__)


class Teller:
    """Speaks to one sink."""

    def __init__(self, sink: Sink, ledger: Ledger, clock: Clock) -> None:
        self._sink = sink
        self.chat = sink if isinstance(sink, ChatSink) else None
        """The sink, if people read it as it comes."""
        self._pace = Pace(sink.name, self.chat.rates if self.chat else (), ledger, clock)
        self._clock = clock
        self._log = log.bind(sink=sink.name)

    async def tell(self, delivery: Delivery, told: Mapping[str, str]) -> Answer:
        """Say one alert; ``told`` is what the service calls the messages that it has.

        Raises ``Retry`` when the ledger is out of reach.
        """
        alert = self.untold(delivery)
        if isinstance(alert, Refusal):
            return alert
        earlier = "" if alert.action == "raised" else told.get(delivery.alert_id, "")
        return await self._say(alert, earlier)

    async def tell_many(self, chat: ChatSink, alerts: Sequence[Alert]) -> Answer:
        """Say the latest of each alert in one message, at an even pace: no burst, no long silence.

        Raises ``Retry`` when the ledger is out of reach.
        """
        await self._pace.turn(evenly=True)
        latest = {each.alert_id: each for each in alerts}
        return await self._guarded(chat.digest(list(latest.values())))

    def untold(self, delivery: Delivery) -> Alert | Refusal:
        """The alert, or why nobody is to be told of it any more."""
        if self._clock.now() - delivery.queued_at > TOO_OLD:
            return Refusal("too-old", permanent=True)
        try:
            return decode(delivery.payload, Alert)
        except Invalid as error:
            return Refusal(error.reason, permanent=True)

    async def _say(self, alert: Alert, earlier: str) -> Answer:
        """The sink's answer, after what it cannot take as it is was said in another way."""
        plain = False
        answer: Answer = Refusal(MESSAGE_GONE, permanent=True)
        for _ in range(TRIES):
            await self._pace.turn()
            answer = await self._guarded(self._sink.send(alert, earlier, plain=plain))
            match answer:
                case Refusal(reason=reason) if reason == MESSAGE_GONE and earlier:
                    earlier = ""
                case Refusal(reason=reason) if reason == BAD_MARKUP and not plain:
                    plain = True
                case _:
                    return answer
        return answer

    async def _guarded(self, sending: Awaitable[Answer]) -> Answer:
        """A fault in one sink must not stop the others, nor the pipeline."""
        try:
            answer = await sending
        except Exception:  # noqa: BLE001 - logged, kept in the ledger, and contained
            self._log.exception("sink_failed")
            answer = Refusal("sink-failed", permanent=True)
        self._pace.answered()
        if isinstance(answer, Sent) and answer.rest_seconds > 0:
            self._pace.rest(answer.rest_seconds)
        return answer
