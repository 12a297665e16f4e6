"""The alert role: verdicts to alerts, and what people answer on Telegram to labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from alerts.buttons import Buttons
from alerts.courier import Spill
from alerts.ledger import Ledger
from alerts.pipeline import alerting
from alerts.policy import PolicySettings
from alerts.retention import Retention
from alerts.secret import Secret
from alerts.sink import Sink
from alerts.telegram import Telegram
from daemon.audience import audience_from
from daemon.parts.sinks import NOT_THE_SERVICE_S
from daemon.parts.staging import run_transform
from daemon.plant import Plant
from daemon.supervisor import Part
from streams.labels import Label
from streams.stage import Drain, message
from streams.topics import LABELS, VERDICTS

__all__ = ["alert_part", "buttons_parts", "retention_part"]


def alert_part(plant: Plant, sinks: Callable[[], Sequence[Sink]], *, quiet: bool = False) -> Part:
    """Verdicts to alerts, on the topic and to each sink; sinks are made anew at every start.

    ``quiet``: news that the settings call old goes to the topic alone.
    """
    alerts = plant.settings.alerts
    policy = PolicySettings(**alerts.model_dump(include=set(PolicySettings.__struct_fields__)))
    spill = Spill(alerts.spill_to, alerts.spill_after_seconds) if alerts.spill_to else None
    audience = audience_from(plant.settings, quiet=quiet)

    async def run(drain: Drain) -> None:
        async with alerting(
            plant.state, sinks(), clock=plant.clock, policy=policy, spill=spill, audience=audience
        ) as transform:
            await run_transform(plant, "alert", VERDICTS, transform, drain)

    return Part("alert", run, beats=True)


def retention_part(plant: Plant) -> Part:
    """Forgets what was said long ago."""
    keep = timedelta(days=plant.settings.alerts.keep_days)

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await Retention(plant.state, plant.clock, keep=keep).run()

    return Part("retention", run)


def buttons_parts(plant: Plant) -> list[Part]:
    """A part that makes labels of Telegram's buttons; none without a bot."""
    telegram = plant.settings.sinks.telegram
    token = telegram.token.get_secret_value()
    if not token:
        return []
    service = Telegram(token=Secret(token), **telegram.model_dump(exclude=NOT_THE_SERVICE_S))

    async def publish(label: Label) -> None:
        await plant.cluster.broker.publish([message(LABELS, label)])

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await Buttons(service, Ledger(plant.state), publish, plant.clock).run()

    return [Part("buttons", run)]
