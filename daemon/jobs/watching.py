"""One ``heft watch``: the stages on an external Kafka until a signal asks for a drain."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import anyio.to_thread
import structlog
from rich.console import Console

from daemon.bootstrap import (
    alert_part,
    archive_parts,
    enrich_part,
    health_part,
    open_judge,
    page_parts,
    score_part,
    sinks_from,
)
from daemon.health import listen, url_of
from daemon.plant import Plant, open_plant
from daemon.settings import Settings
from daemon.signals import stop_on_signals
from daemon.supervisor import Part, Supervisor
from streams.errors import Invalid
from streams.telemetry import configure_logging

__all__ = ["watch_topics"]

log = structlog.get_logger(__name__)


async def watch_topics(settings: Settings, roles: Sequence[str]) -> int:
    """Run these stages; raises ``Invalid`` when there is nothing that they could follow."""
    if not settings.kafka.bootstrap_servers:
        raise Invalid(
            "watch has nothing to follow: set kafka.bootstrap_servers to a Kafka that others put "
            "activity on, or see heft demo and heft replay",
            reason="usage",
        )
    configure_logging(as_json=settings.log.format == "json", level=settings.log.level)
    with ExitStack() as sockets:
        listener = sockets.enter_context(listen("http", settings.http.host, settings.http.port))
        async with open_plant(settings) as plant:
            parts = await _stages(plant, roles)
            if "page" in roles:
                page = sockets.enter_context(listen("page", settings.page.host, settings.page.port))
                parts += page_parts(plant, page)
                log.info("page_opened", url=url_of(page))
            stages = [role for role in roles if role != "page"]
            parts.append(health_part(plant, listener, stages))
            supervisor = Supervisor(parts, clock=plant.clock, pulse=plant.pulse)
            log.info("watch_started", kafka=plant.cluster.address, http=url_of(listener))
            with stop_on_signals(supervisor.stop):
                await supervisor.run()
            log.info("watch_stopped")
    return 0


async def _stages(plant: Plant, roles: Sequence[str]) -> list[Part]:
    """The stages of these roles in flow order."""
    parts: list[Part] = []
    if "enrich" in roles:
        parts.append(enrich_part(plant))
    if "score" in roles:
        judge = await anyio.to_thread.run_sync(open_judge, plant.settings.model)
        parts.append(score_part(plant, judge))
    if "alert" in roles:
        terminal = Console()
        parts.append(alert_part(plant, lambda: sinks_from(plant.settings, terminal, plant.clock)))
    return [*parts, *archive_parts(plant)]
