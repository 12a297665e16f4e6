"""Who hears of each alert of a batch, after routes, silences and waves had their say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog

from alerts.ledger import Ledger
from alerts.outbox import Queued
from alerts.route import Router
from alerts.silence import Silence, silenced_by
from alerts.silences import Silences
from alerts.wave import Crest, Waves, wave_of
from streams import telemetry
from streams.events import Alert
from streams.state import State

__all__ = ["Audience", "Hearers"]

log = structlog.get_logger(__name__)


class Audience(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say of who hears what."""

    router: Router = msgspec.field(default_factory=Router)
    waves: Waves = Waves()
    silences: tuple[Silence, ...] = ()


class Hearers:
    """Asks the settings, and what the state knows of silences and waves."""

    def __init__(
        self, audience: Audience, state: State, ledger: Ledger, sinks: Sequence[str] = ()
    ) -> None:
        """``sinks``: every one that there is, whether or not a route names it."""
        self._sinks = sinks
        self._router = audience.router
        self._waves = audience.waves
        self._silences = Silences(state, audience.silences)
        self._ledger = ledger

    async def of(self, said: Sequence[tuple[Alert, int]], now: datetime) -> list[Queued]:
        """Each alert and its partition as it is to be queued, in order; raises ``Retry``."""
        if not said:
            return []
        silences = await self._silences.current(now)
        names = {wave_of(alert) for alert, _ in said if self._waves.leads(alert)}
        crests = await self._ledger.crests(names) if names else {}
        return [self._queued(alert, partition, silences, crests, now) for alert, partition in said]

    def _queued(
        self,
        alert: Alert,
        partition: int,
        silences: Sequence[Silence],
        crests: dict[str, Crest],
        now: datetime,
    ) -> Queued:
        """A silenced alert is told to nobody; one of a wave to those alone who heard before."""
        if silence := silenced_by(silences, alert, now):
            return _held(alert, "silenced", Queued(alert, partition, held=_reason(silence)))
        wave = wave_of(alert)
        crest = crests.get(wave)
        if crest is not None and self._waves.holds(alert, crest):
            fitting = self._router.fitting(alert, self._sinks)
            kept = dict.fromkeys(fitting, f"wave of {crest.pool}")
            return _held(alert, "inhibited", Queued(alert, partition, (), kept=kept))
        listeners = self._router.listeners(alert, now)
        sinks, kept = listeners.sinks, listeners.kept
        is_known = crest is not None and crest.pool == alert.key
        if sinks == () or is_known or not self._waves.leads(alert):
            return Queued(alert, partition, sinks, kept=kept)
        crests[wave] = Crest(alert.key, alert.at)
        return Queued(alert, partition, sinks, kept=kept, wave=wave)


def _held(alert: Alert, why: str, queued: Queued) -> Queued:
    telemetry.ALERTS_HELD.labels(why).inc()
    log.info("alert_held", alert=alert.id, reason=queued.held or why)
    return queued


def _reason(silence: Silence) -> str:
    """Who wanted it, as the ledger keeps it."""
    return f"silence {silence.id} of {silence.who}"
