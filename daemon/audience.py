"""Who hears of alerts, by the settings: routes, waves, silences."""

from __future__ import annotations

from datetime import timedelta

from alerts.hearers import Audience
from alerts.route import Route, Router
from alerts.silence import Silence
from alerts.wave import Waves
from daemon.settings import Settings

__all__ = ["audience_from", "routes_from", "silences_from"]


def audience_from(settings: Settings, *, quiet: bool) -> Audience:
    """Raises ``Invalid`` for what cannot be; ``quiet``: old news is for the topic alone."""
    alerts = settings.alerts
    late = timedelta(seconds=alerts.quiet_after_seconds) if quiet else timedelta(0)
    return Audience(
        router=Router(routes_from(settings), late or None),
        waves=Waves(seconds=alerts.wave_seconds, critical=alerts.wave_critical),
        silences=silences_from(settings),
    )


def routes_from(settings: Settings) -> list[Route]:
    """The routes of the settings; raises ``Invalid`` for one that cannot be."""
    return [Route(**route.model_dump()) for route in settings.alerts.routes]


def silences_from(settings: Settings) -> tuple[Silence, ...]:
    """The silences of the settings, numbered; raises ``Invalid`` for one that cannot be."""
    return tuple(
        Silence(id=f"settings-{number}", **table.model_dump())
        for number, table in enumerate(settings.alerts.silences, 1)
    )
