"""One ``heft watch``: live chains and the stages until a signal asks for a drain.

A role's modules are imported with the role: a service of one process a role then holds the model's
runtime, the chains' clients and the page's framework once each, not six times.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
import structlog

from daemon.health import listen, url_of
from daemon.parts.serving import broker_part, health_part
from daemon.plant import Plant, open_plant
from daemon.roles import able_roles, stages_of
from daemon.settings import Settings
from daemon.signals import stop_on_signals
from daemon.supervisor import Part, Supervisor
from streams.errors import Invalid
from streams.telemetry import configure_logging

if TYPE_CHECKING:
    from daemon.jobs.nodes import Nodes
    from streams.evm.endpoints import Endpoints

__all__ = ["watch_topics"]

log = structlog.get_logger(__name__)


async def watch_topics(
    settings: Settings, roles: Sequence[str], nodes: Nodes, config: Path | None = None
) -> int:
    """Run these stages; raises ``Invalid`` when there is nothing that they could follow.

    ``config`` is the settings' file, for the processes that a stage starts.
    """
    if not settings.kafka.bootstrap_servers and not (nodes and "source" in roles):
        raise Invalid(
            "watch has nothing to follow: name a chain (--chain base), or set "
            "kafka.bootstrap_servers to a Kafka that others put activity on, or see heft demo and "
            "heft replay",
            reason="usage",
        )
    configure_logging(as_json=settings.log.format == "json", level=settings.log.level)
    roles = able_roles(settings, roles, nodes)
    stages = stages_of(roles)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen("http", settings.http.host, settings.http.port))
        asked = nodes if {"source", "examine"} & set(roles) else {}
        chains = await _endpoints(stack, asked)
        plant = await stack.enter_async_context(open_plant(settings))
        parts = _on_chains(plant, roles, chains, stages) if chains else []
        parts += await _feeds(plant, roles, stack)
        parts += await _stages(plant, stages)
        if "train" in roles:
            from daemon.parts.learning import learn_part

            parts.append(learn_part(plant, config))
        if "page" in roles:
            parts += _page(plant, stack)
        if plant.cluster.embedded is not None:
            parts.append(broker_part(plant.cluster.embedded))
        parts.append(health_part(plant, listener, stages))
        supervisor = Supervisor(parts, clock=plant.clock, pulse=plant.pulse)
        followed = ", ".join(nodes) or "none"
        log.info(
            "watch_started", kafka=plant.cluster.address, http=url_of(listener), chains=followed
        )
        with stop_on_signals(supervisor.stop):
            await supervisor.run()
        log.info("watch_stopped")
    return 0


def _intake(settings: Settings, stack: AsyncExitStack) -> socket.socket | None:
    """Where posts are taken, if they are."""
    intake = settings.social.intake
    if "intake" not in settings.social.follow or not intake.token.get_secret_value():
        return None
    return stack.enter_context(listen("social.intake", intake.host, intake.port))


async def _endpoints(stack: AsyncExitStack, nodes: Nodes) -> list[Endpoints]:
    """The nodes of each chain, open until the stack ends."""
    if not nodes:
        return []
    from daemon.jobs.nodes import endpoints_of

    return [
        await stack.enter_async_context(endpoints_of(chain, urls)) for chain, urls in nodes.items()
    ]


def _on_chains(
    plant: Plant, roles: Sequence[str], chains: Sequence[Endpoints], stages: Sequence[str]
) -> list[Part]:
    """What asks nodes: following each chain, and examining launches."""
    parts: list[Part] = []
    if "source" in roles:
        from daemon.parts.following import chain_part

        parts += [chain_part(plant, endpoints, stages) for endpoints in chains]
    if "examine" in roles:
        from daemon.parts.examining import examine_part

        parts.append(examine_part(plant, chains))
    return parts


async def _feeds(plant: Plant, roles: Sequence[str], stack: AsyncExitStack) -> list[Part]:
    """What listens to exchanges and to what people say."""
    parts: list[Part] = []
    if "market" in roles:
        from daemon.parts.pricing import market_parts

        parts += market_parts(plant)
    if "social" in roles:
        from daemon.parts.posting import social_parts

        parts += await social_parts(plant, _intake(plant.settings, stack))
    return parts


def _page(plant: Plant, stack: AsyncExitStack) -> list[Part]:
    """The page, on a socket of its own."""
    from daemon.parts.showing import page_parts

    settings = plant.settings.page
    listener = stack.enter_context(listen("page", settings.host, settings.port))
    log.info("page_opened", url=url_of(listener))
    return page_parts(plant, listener)


async def _stages(plant: Plant, roles: Sequence[str]) -> list[Part]:
    """The stages of these roles in flow order."""
    parts: list[Part] = []
    if "enrich" in roles:
        from daemon.parts.enriching import enrich_part

        parts.append(enrich_part(plant))
    if "score" in roles:
        from daemon.parts.scoring import open_judge, score_part

        judge = await anyio.to_thread.run_sync(open_judge, plant.settings.model)
        parts.append(score_part(plant, judge))
    if "alert" in roles:
        parts += _alerting(plant)
    if "label" in roles:
        from daemon.parts.labelling import label_part

        parts.append(label_part(plant))
    if plant.settings.archive.dir and roles:  # the role train alone only reads it
        from daemon.parts.archiving import archive_parts

        parts += archive_parts(plant)
    return parts


def _alerting(plant: Plant) -> list[Part]:
    from rich.console import Console

    from daemon.parts.alerting import alert_part, buttons_parts, retention_part
    from daemon.parts.sinks import sinks_from

    terminal = Console()
    alert = alert_part(plant, lambda: sinks_from(plant.settings, terminal, plant.clock), quiet=True)
    return [alert, retention_part(plant), *buttons_parts(plant)]
