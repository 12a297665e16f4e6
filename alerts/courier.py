"""Carries one sink's share of the outbox to it, in the background.

Each sink has its own courier, so that a blocked one delays nobody else, and the pipeline never
waits for any. What waits, waits in the ledger; memory holds one page of it.

A courier goes through all that is pending in rounds, oldest first. A pool whose message was
refused for now is passed over until the next round: so its messages stay in order, and one bad
message does not hold up the rest. When the receiver asks for time, or several pools in a round
are refused, the sink as a whole is down: the round ends, and the courier leaves it alone. The
next round starts behind the last message tried, else a few names that make a receiver stumble
would keep all others from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import anyio
import msgspec
import structlog

from alerts.ledger import Delivery, Ledger, Status
from alerts.sink import Answer, Refusal, Sent, Sink
from streams import telemetry
from streams.clock import Clock
from streams.errors import Invalid, Retry
from streams.events import Alert, decode

__all__ = ["TOO_OLD", "Courier"]

TOO_OLD = timedelta(hours=24)
"""A warning that is a day late warns nobody: it stays in the ledger, refused."""

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
"""Between rounds that had a setback, doubling, unless the receiver asks for longer."""

DOWN_POOLS = 3
"""So many pools refused in one round: it is the sink and not the messages."""

PAGE = 100
"""Deliveries held in memory at a time."""

log = structlog.get_logger(__name__)


class _Setback(msgspec.Struct):
    """What went wrong in a round: which pools were refused for now, and what was asked for."""

    pools: set[str] = msgspec.field(default_factory=set)
    retry_after: float | None = None

    def is_down(self) -> bool:
        """Whether the sink as a whole is to be left alone."""
        return self.retry_after is not None or len(self.pools) >= DOWN_POOLS


class Courier:
    """One sink's deliveries; ``run`` it as a task."""

    def __init__(self, sink: Sink, ledger: Ledger, clock: Clock) -> None:
        self.sink = sink
        self._ledger = ledger
        self._clock = clock
        self._log = log.bind(sink=sink.name)
        self._partitions: frozenset[int] = frozenset()
        self._start = 0
        self._has_news = False
        self._is_finishing = False
        self._light_sleep: anyio.CancelScope | None = None
        self._deep_sleep: anyio.CancelScope | None = None

    def wake(self, partitions: frozenset[int]) -> None:
        """There may be news on these partitions; those of no other are ours any more."""
        self._partitions = partitions
        self._has_news = True
        if self._light_sleep is not None:
            self._light_sleep.cancel()

    def finish(self) -> None:
        """Deliver what goes through at once, then end ``run``."""
        self._is_finishing = True
        for sleep in (self._light_sleep, self._deep_sleep):
            if sleep is not None:
                sleep.cancel()

    async def run(self) -> None:
        """Deliver until asked to finish; what is left then waits in the ledger."""
        wait = FIRST_WAIT_SECONDS
        while True:
            self._has_news = False
            setback = await self._guarded_round()
            if self._is_finishing and not self._has_news:
                return
            await self._rest(setback, wait)
            if self._is_finishing and setback.is_down():
                return
            has_setback = bool(setback.pools) or setback.is_down()
            wait = min(2 * wait, LONGEST_WAIT_SECONDS) if has_setback else FIRST_WAIT_SECONDS

    async def _guarded_round(self) -> _Setback:
        """A round; when the ledger itself is out of reach, that is a setback too."""
        try:
            return await self._round()
        except Retry as error:
            self._log.warning("outbox_unread", error=str(error))
            return _Setback(retry_after=error.retry_after or 0.0)

    async def _round(self) -> _Setback:
        """Try everything that is pending once, page by page, until the sink turns out down."""
        setback, after = _Setback(), self._start
        while not setback.is_down():
            page = await self._ledger.pending(
                self.sink.name, self._partitions, start=self._start, after=after, limit=PAGE
            )
            if page:
                await self._page(page, setback)
                after = page[-1].position
            elif self._start:
                self._start = after = 0  # now those that the last round had tried
            else:
                break
        return setback

    async def _page(self, page: Sequence[Delivery], setback: _Setback) -> None:
        for delivery in page:
            if delivery.pool not in setback.pools:
                await self._deliver(delivery, setback)
            if setback.is_down():
                self._start = delivery.position
                return

    async def _deliver(self, delivery: Delivery, setback: _Setback) -> None:
        if delivery.partition not in self._partitions:
            return  # another member's by now
        answer = await self._send(delivery)
        await self._settle(delivery, answer)
        if isinstance(answer, Refusal) and not answer.permanent:
            setback.pools.add(delivery.pool)
            setback.retry_after = answer.retry_after

    async def _send(self, delivery: Delivery) -> Answer:
        """The sink's answer; a fault in one sink must not stop the others, nor the pipeline."""
        if self._clock.now() - delivery.queued_at > TOO_OLD:
            return Refusal("too-old", permanent=True)
        try:
            return await self.sink.send(decode(delivery.payload, Alert))
        except Invalid as error:
            return Refusal(error.reason, permanent=True)
        except Exception:  # noqa: BLE001 - logged, kept in the ledger, and contained
            self._log.exception("sink_failed", message=delivery.message)
            return Refusal("sink-failed", permanent=True)

    async def _settle(self, delivery: Delivery, answer: Answer) -> None:
        """Write it down, however long that takes: else what was acknowledged is sent again."""
        status, reason = _status(answer)
        telemetry.SINK_DELIVERIES.labels(self.sink.name, reason).inc()
        if status != "sent":
            self._log.warning(
                "delivery_refused", message=delivery.message, reason=reason, status=status
            )
        while True:
            try:
                return await self._ledger.settle(delivery, status, reason)
            except Retry as error:
                self._log.warning("delivery_unwritten", error=str(error))
                await self._clock.sleep(FIRST_WAIT_SECONDS)

    async def _rest(self, setback: _Setback, wait: float) -> None:
        """Wait for news; after a setback for a time at most, and deaf to news if it is down."""
        if self._is_finishing or (self._has_news and not setback.is_down()):
            return
        with anyio.CancelScope() as scope:
            if setback.is_down():
                self._deep_sleep = scope
                await self._clock.sleep(max(wait, setback.retry_after or 0.0))
            else:
                self._light_sleep = scope
                await (self._clock.sleep(wait) if setback.pools else anyio.sleep_forever())
        self._light_sleep = self._deep_sleep = None


def _status(answer: Answer) -> tuple[Status, str]:
    """How the ledger and the metrics name an answer."""
    match answer:
        case Sent():
            return "sent", "sent"
        case Refusal(permanent=True):
            return "refused", answer.reason
        case _:
            return "pending", answer.reason
