"""The alert stage: verdicts in, alerts out to the topic, and through the outbox to every sink.

The order of things makes it safe to die at any moment. The stage loop publishes the alerts to the
topic, then ``save`` writes the histories and the outbox in one transaction, then the offsets are
committed; only what is in the outbox is sent. What comes again after a crash meets the saved
history and is silent, or was not saved and is decided alike, under the same ids.

Run without sinks (a replay, a back-fill) it only fills the topic and the ledger.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager

import anyio
import structlog

from alerts import topic
from alerts.courier import Courier, Spill
from alerts.hearers import Audience, Hearers
from alerts.history import History
from alerts.ledger import Ledger
from alerts.messages import follow, retract
from alerts.outbox import Queued
from alerts.policy import Decision, PolicySettings, Silent, decide
from alerts.sink import Sink
from streams.clock import Clock
from streams.errors import Invalid
from streams.events import Alert, Retraction, Verdict
from streams.stage import Outcome, Received
from streams.state import State

__all__ = ["DRAIN_SECONDS", "AlertTransform", "alerting", "refuse_strangers"]

DRAIN_SECONDS = 5.0
"""What deliveries may take at the end; the daemon as a whole has ten seconds."""

CLOSE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class AlertTransform:
    """The transform of the alert stage, on ``VERDICTS``; made by ``alerting``."""

    def __init__(
        self,
        ledger: Ledger,
        couriers: Sequence[Courier],
        policy: PolicySettings,
        clock: Clock,
        hearers: Hearers,
    ) -> None:
        self._ledger = ledger
        self._couriers = couriers
        self._policy = policy
        self._clock = clock
        self._hearers = hearers
        self._partitions: frozenset[int] = frozenset()
        self._changed: dict[str, History] = {}
        self._queued: list[Queued] = []
        for courier in couriers:
            courier.on_spill = self._wake

    async def open(self, partitions: frozenset[int]) -> None:
        """Forget what was not saved, and take up the deliveries of these partitions."""
        self._ledger.forget()
        self._changed, self._queued = {}, []
        self._partitions = partitions
        self._wake()

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """The alerts that these verdicts call for, in order; raises ``Retry``."""
        histories = await self._ledger.histories({each.event.key for each in batch})
        said = [
            (alert, each.record.partition)
            for each in batch
            for alert in self._said(each.event, histories)
        ]
        self._queued += await self._hearers.of(said, self._clock.now())
        return topic.outcome(queued.alert for queued in self._queued)

    async def save(self) -> None:
        """Write histories and outbox, now that the topic has the alerts; raises ``Retry``."""
        sinks = [courier.sink.name for courier in self._couriers]
        await self._ledger.write(self._changed, self._queued, sinks, self._clock.now())
        topic.count_acknowledged(queued.alert for queued in self._queued)
        for alert in (queued.alert for queued in self._queued):
            log.info("alert_made", trace=alert.trace, alert=alert.id, action=alert.action)
        if self._queued:
            self._wake()
        self._changed, self._queued = {}, []

    def _said(self, event: Verdict | Retraction, histories: dict[str, History]) -> Sequence[Alert]:
        """What is said about one verdict or retraction; its pool's history moves on."""
        before = histories.get(event.key)
        if isinstance(event, Retraction):
            alerts, after = retract(event, before)
        else:
            alerts, after = follow(self._decided(event, before), event, before)
        if after is not None and after != before:
            histories[event.key] = self._changed[event.key] = after
        return alerts

    def _decided(self, verdict: Verdict, before: History | None) -> Decision:
        decision = decide(verdict, before, self._policy)
        if isinstance(decision, Silent):
            log.debug("stayed_silent", verdict=verdict.id, reason=decision.reason)
        return decision

    def _wake(self) -> None:
        for courier in self._couriers:
            courier.wake(self._partitions)


@asynccontextmanager
async def alerting(
    state: State,
    sinks: Sequence[Sink] = (),
    *,
    clock: Clock,
    policy: PolicySettings | None = None,
    spill: Spill | None = None,
    audience: Audience | None = None,
    drain_seconds: float = DRAIN_SECONDS,
) -> AsyncIterator[AlertTransform]:
    """The alert stage's transform, with a courier for each sink running beside it.

    Leaving it in peace delivers what can be delivered within ``drain_seconds``; leaving it by an
    exception does not wait. Either way what is left waits in the ledger for the next start, and
    the sinks are closed. Raises ``Invalid`` when two sinks have one name, or when a route or the
    spill-over names a sink that there is not: what it was to hear, nobody would.
    """
    _refuse_namesakes(sinks)
    audience = audience or Audience()
    if sinks:
        names = {sink.name for sink in sinks}
        refuse_strangers("alerts.spill_to", {spill.to} - names if spill else set())
        refuse_strangers("alerts.routes", audience.router.receivers - names)
    ledger = Ledger(state)
    couriers = [Courier(sink, ledger, clock, spill) for sink in sinks]
    try:
        async with anyio.create_task_group() as group:
            for courier in couriers:
                group.start_soon(courier.run)
            hearers = Hearers(audience, state, ledger, [sink.name for sink in sinks])
            yield AlertTransform(ledger, couriers, policy or PolicySettings(), clock, hearers)
            for courier in couriers:
                courier.finish()
            group.cancel_scope.deadline = anyio.current_time() + drain_seconds
    except BaseExceptionGroup as several:
        if len(several.exceptions) == 1:  # the failure itself says more than the group around it
            raise several.exceptions[0] from None
        raise
    finally:
        with anyio.move_on_after(CLOSE_SECONDS, shield=True):
            for sink in sinks:
                await sink.close()


def refuse_strangers(setting: str, strangers: Collection[str]) -> None:
    """Raise ``Invalid`` when the setting names a sink that there is not."""
    if strangers:
        named = ", ".join(sorted(strangers))
        raise Invalid(f"{setting}: no sink is called {named}, or it is off", reason="setting")


def _refuse_namesakes(sinks: Sequence[Sink]) -> None:
    names = [sink.name for sink in sinks]
    for name in names:
        if names.count(name) > 1:
            raise Invalid(f"two sinks are called {name}: give each its own name", reason="setting")
