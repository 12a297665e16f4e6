"""One ``heft watch``: live chains and the stages until a signal asks for a drain.

A role's modules are imported with the role: a service of one process a role then holds the model's
runtime, the chains' clients and the page's framework once each, not six times.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import anyio.to_thread
import structlog

from daemon.health import listen, url_of
from daemon.parts.serving import broker_part, health_part
from daemon.plant import Plant, open_plant
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


async def watch_topics(settings: Settings, roles: Sequence[str], nodes: Nodes) -> int:
    """Run these stages; raises ``Invalid`` when there is nothing that they could follow."""
    if not settings.kafka.bootstrap_servers and not (nodes and "source" in roles):
        raise Invalid(
            "watch has nothing to follow: name a chain (--chain base), or set "
            "kafka.bootstrap_servers to a Kafka that others put activity on, or see heft demo and "
            "heft replay",
            reason="usage",
        )
    configure_logging(as_json=settings.log.format == "json", level=settings.log.level)
    roles = _with_nodes(settings, roles, nodes)
    stages = [role for role in roles if role not in ("source", "page")]
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen("http", settings.http.host, settings.http.port))
        asked = nodes if {"source", "examine"} & set(roles) else {}
        chains = await _endpoints(stack, asked)
        plant = await stack.enter_async_context(open_plant(settings))
        parts = _on_chains(plant, roles, chains, stages) if chains else []
        parts += await _stages(plant, stages)
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


def _with_nodes(settings: Settings, roles: Sequence[str], nodes: Nodes) -> list[str]:
    """The roles that can run: launches are examined by nodes of their chain.

    Raises ``Invalid`` when examining is all that was asked for.
    """
    asked = settings.examine.enabled and bool(nodes)
    if not asked and list(roles) == ["examine"]:
        raise Invalid(
            "examine asks the nodes of a chain: name one (--chain base), and leave "
            "examine.enabled on",
            reason="usage",
        )
    return [role for role in roles if asked or role != "examine"]


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
    if plant.settings.archive.dir:
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
