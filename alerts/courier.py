"""Carries one sink's share of the outbox to it, in the background.

Each sink has its own courier, so that a blocked one delays nobody else, and the pipeline never
waits for any. What waits, waits in the ledger; memory holds one page of it.

A courier goes through all that is pending in rounds, oldest first. A pool whose message was
refused for now is passed over until the next round: so its messages stay in order, and one bad
message does not hold up the rest. When the receiver asks for time, or several pools in a round
are refused, the sink as a whole is down: the round ends, and the courier leaves it alone. The
next round starts behind the last message tried, else a few names that make a receiver stumble
would keep all others from it.

A chat is read by people and has a pace: when more alerts wait than it can take one by one, those
that it has no message of yet go as one digest; the others still edit their own messages, after
them, and no more than one before news is looked at: an edit takes as long as a warning, and
hundreds are due at once when a chain takes blocks back. A digest that is refused for good for its
words is told in parts, the critical alerts first, so that one bad name loses only itself. What a
blocked sink does not take in time spills over to another one.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TypeGuard

import anyio
import msgspec
import structlog

from alerts.digest import first_part
from alerts.ledger import Ledger
from alerts.outbox import Delivery, Status
from alerts.sink import Answer, ChatSink, Refusal, Sent, Sink
from alerts.telling import Teller
from streams import telemetry
from streams.clock import Clock
from streams.errors import Retry
from streams.events import Alert
from streams.onpool import trace_of

__all__ = ["DIGEST_FROM", "Courier", "Spill"]

FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
"""Between rounds that had a setback, doubling, unless the receiver asks for longer."""

DOWN_POOLS = 3
"""So many pools refused in one round: it is the sink and not the messages."""

PAGE = 2_000
"""Deliveries held in memory at a time, and told in one digest: about 5 MB."""

DIGEST_FROM = 6
"""So many alerts waiting that a chat has no message of are told as one."""

RECEIVER_REFUSES = frozenset(
    {"auth", "blocked", "chat-moved", "no-rights", "not-found", "redirected"}
)
"""Permanent refusals that speak of the receiver: all that waits for it spills over."""

NOBODY_S = frozenset({"too-old", "json", "schema", "unknown-version"})
"""Permanent refusals of our own: another receiver would not be told either."""

_Waiting = tuple[Delivery, Alert]

log = structlog.get_logger(__name__)


class Spill(msgspec.Struct, frozen=True):
    """Where to give what a sink has not taken for so long."""

    to: str
    after_seconds: float = 60.0


class _Setback(msgspec.Struct):
    """What went wrong in a round: which pools were refused for now, and what was asked for."""

    pools: set[str] = msgspec.field(default_factory=set)
    retry_after: float | None = None

    def is_down(self) -> bool:
        """Whether the sink as a whole is to be left alone."""
        return self.retry_after is not None or len(self.pools) >= DOWN_POOLS


class Courier:
    """One sink's deliveries; ``run`` it as a task."""

    def __init__(
        self, sink: Sink, ledger: Ledger, clock: Clock, spill: Spill | None = None
    ) -> None:
        self.sink = sink
        self._teller = Teller(sink, ledger, clock)
        self._spill = spill if spill is not None and spill.to != sink.name else None
        self.on_spill: Callable[[], None] = lambda: None
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
        await self._rest_on()
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

    async def _rest_on(self) -> None:
        """Keep on leaving alone who asked for it before we were started again."""
        with contextlib.suppress(Retry):  # then the round says so, and waits
            until = await self._ledger.resting_until(self.sink.name)
            left = 0.0 if until is None else (until - self._clock.now()).total_seconds()
            if left > 0 and not self._is_finishing:
                await self._rest(_Setback(retry_after=left), 0.0)

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
                if await self._page(page, setback):
                    break
                after = page[-1].position
            elif self._start:
                self._start = after = 0  # now those that the last round had tried
            else:
                break
        return setback

    async def _page(self, page: Sequence[Delivery], setback: _Setback) -> bool:
        """Try these; whether the round is to start anew, since a chat has news to order first."""
        told = await self._ledger.told(self.sink.name, {each.alert_id for each in page})
        fresh = [each for each in page if each.alert_id not in told and self._is_due(each, setback)]
        if self._teller.chat is not None and len(fresh) >= DIGEST_FROM:
            await self._digest(self._teller.chat, fresh, setback)
            page = [each for each in page if each not in fresh]
        edits = {each.position for each in page if each.alert_id in told}
        for delivery in sorted(page, key=lambda each: each.position in edits):
            if self._is_due(delivery, setback):
                await self._deliver(delivery, told, setback)
            if setback.is_down():
                self._start = delivery.position
                break
            if self._has_news and self._teller.chat is not None:
                return True
        return False

    def _is_due(self, delivery: Delivery, setback: _Setback) -> bool:
        """Neither behind a refused message of its pool nor another member's by now."""
        return delivery.partition in self._partitions and delivery.pool not in setback.pools

    async def _digest(self, chat: ChatSink, fresh: Sequence[Delivery], setback: _Setback) -> None:
        """Tell them in one message, but for those that nobody is to be told of any more."""
        waiting, refused = list[_Waiting](), defaultdict[Refusal, list[Delivery]](list)
        for delivery in fresh:
            match self._teller.untold(delivery):
                case Refusal() as refusal:
                    refused[refusal].append(delivery)
                case alert:
                    waiting.append((delivery, alert))
        for refusal, deliveries in refused.items():
            await self._settle(deliveries, refusal, {})
        if waiting:
            await self._as_one(chat, waiting, setback)

    async def _as_one(self, chat: ChatSink, waiting: Sequence[_Waiting], setback: _Setback) -> None:
        """One message; critical alerts that it has no room for go into the next."""
        answer = await self._teller.tell_many(chat, [alert for _, alert in waiting])
        if _is_of_words(answer):
            return await self._in_parts(chat, waiting, answer, setback)
        left = answer.left if isinstance(answer, Sent) else frozenset[str]()
        done = [each for each, _ in waiting if each.alert_id not in left]
        self._has_news = self._has_news or len(done) < len(waiting)
        await self._settle(done, answer, {}, digest=True)
        await self._note(done, answer, setback)
        return None

    async def _in_parts(
        self, chat: ChatSink, waiting: Sequence[_Waiting], refusal: Refusal, setback: _Setback
    ) -> None:
        """What one name spoils is told in two parts, and so on: in the end it spoils itself alone.

        A bad name among ``n`` alerts costs about ``2 log2(n)`` messages, not ``n``.
        """
        telemetry.SINK_DELIVERIES.labels(self.sink.name, refusal.reason).inc()
        self._log.warning("digest_refused", reason=refusal.reason, deliveries=len(waiting))
        first = first_part([alert for _, alert in waiting])
        told: dict[str, str] = {}
        for is_first in (True, False):
            part = [
                each
                for each in waiting
                if (each[0].alert_id in first) is is_first and self._is_due(each[0], setback)
            ]
            if setback.is_down():
                return
            if first and len(part) >= DIGEST_FROM:
                await self._as_one(chat, part, setback)
                continue
            for delivery, _ in part:
                if not setback.is_down() and self._is_due(delivery, setback):
                    await self._deliver(delivery, told, setback)

    async def _deliver(self, delivery: Delivery, told: dict[str, str], setback: _Setback) -> None:
        answer = await self._teller.tell(delivery, told)
        refs = {}
        if isinstance(answer, Sent) and answer.ref:
            told[delivery.alert_id] = answer.ref
            refs = {(delivery.alert_id, self.sink.name): answer.ref}
        await self._settle([delivery], answer, refs)
        await self._note([delivery], answer, setback)

    async def _note(
        self, deliveries: Sequence[Delivery], answer: Answer, setback: _Setback
    ) -> None:
        if isinstance(answer, Refusal) and not answer.permanent:
            setback.pools |= {each.pool for each in deliveries}
            setback.retry_after = answer.retry_after
            if answer.retry_after:
                until = self._clock.now() + timedelta(seconds=answer.retry_after)
                with contextlib.suppress(Retry):
                    await self._ledger.note_rest(self.sink.name, until)

    async def _settle(
        self,
        deliveries: Sequence[Delivery],
        answer: Answer,
        told: Mapping[tuple[str, str], str],
        *,
        digest: bool = False,
    ) -> None:
        """Write it down, however long that takes: else what was acknowledged is sent again."""
        status, reason = _status(answer)
        telemetry.SINK_DELIVERIES.labels(self.sink.name, reason).inc()
        if status != "sent":
            self._log.warning(
                "delivery_refused",
                trace=trace_of(deliveries[0].pool),
                message=deliveries[0].message,
                reason=reason,
                status=status,
            )
        else:
            for each in deliveries:
                self._log.info("alert_told", trace=trace_of(each.pool), message=each.message)
        spills = status == "refused" and self._spill is not None and reason not in NOBODY_S
        if spills:
            status = "pending"  # for the other receiver, at once
        elif digest and status == "sent":
            reason = "digest"
        while True:
            try:
                await self._ledger.settle(deliveries, status, reason, told, self._clock.now())
                break
            except Retry as error:
                self._log.warning("delivery_unwritten", error=str(error))
                await self._clock.sleep(FIRST_WAIT_SECONDS)
        if spills:
            await self._spill_over(0.0, () if reason in RECEIVER_REFUSES else deliveries)

    async def _spill_over(self, after_seconds: float, only: Sequence[Delivery] = ()) -> None:
        """Give away what has waited for so long, or of it only these."""
        if self._spill is None:
            return
        before = self._clock.now() - timedelta(seconds=after_seconds)
        if count := await self._ledger.spill(self.sink.name, self._spill.to, before, only):
            telemetry.SINK_DELIVERIES.labels(self.sink.name, "spilled-over").inc(count)
            self._log.warning("spilled_over", to=self._spill.to, deliveries=count)
            self.on_spill()

    async def _rest(self, setback: _Setback, wait: float) -> None:
        """Wait for news; after a setback for a time at most, and deaf to news if it is down."""
        if self._is_finishing or (self._has_news and not setback.is_down()):
            return
        with anyio.CancelScope() as scope:
            if setback.is_down():
                self._deep_sleep = scope
                await self._leave_alone(max(wait, setback.retry_after or 0.0))
            else:
                self._light_sleep = scope
                await (self._clock.sleep(wait) if setback.pools else anyio.sleep_forever())
        self._light_sleep = self._deep_sleep = None

    async def _leave_alone(self, seconds: float) -> None:
        """Sleep so long; meanwhile what would wait longer than the limit goes elsewhere."""
        if self._spill is None:
            return await self._clock.sleep(seconds)
        limit = self._spill.after_seconds
        while seconds > 0:
            with contextlib.suppress(Retry):
                await self._spill_over(0.0 if seconds > limit else limit)
            nap = min(seconds, limit)
            await self._clock.sleep(nap)
            seconds -= nap
        return None


def _is_of_words(answer: Answer) -> TypeGuard[Refusal]:
    """Whether it was refused for good for what it says, and not for who says it or where."""
    return (
        isinstance(answer, Refusal) and answer.permanent and answer.reason not in RECEIVER_REFUSES
    )


def _status(answer: Answer) -> tuple[Status, str]:
    """How the ledger and the metrics name an answer."""
    match answer:
        case Sent():
            return "sent", "sent"
        case Refusal(permanent=True):
            return "refused", answer.reason
        case _:
            return "pending", answer.reason
