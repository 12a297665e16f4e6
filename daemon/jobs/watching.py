"""One ``heft watch``: live chains and the stages until a signal asks for a drain."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack

import anyio.to_thread
import structlog
from rich.console import Console

from daemon.health import listen, url_of
from daemon.jobs.nodes import Nodes, endpoints_of
from daemon.parts.alerting import alert_part, buttons_parts, retention_part
from daemon.parts.archiving import archive_parts
from daemon.parts.enriching import enrich_part
from daemon.parts.examining import examine_part
from daemon.parts.following import chain_part
from daemon.parts.posting import LINKING, social_parts, why_off
from daemon.parts.pricing import market_parts
from daemon.parts.scoring import open_judge, score_part
from daemon.parts.serving import broker_part, health_part
from daemon.parts.showing import page_parts
from daemon.parts.sinks import sinks_from
from daemon.plant import Plant, open_plant
from daemon.settings import Settings
from daemon.signals import stop_on_signals
from daemon.supervisor import Part, Supervisor
from streams.errors import Invalid
from streams.telemetry import configure_logging

__all__ = ["able_roles", "watch_topics"]

NO_STAGES = ("source", "page", "social", "market")

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
    roles = able_roles(settings, roles, nodes)
    stages = [role for role in roles if role not in NO_STAGES]
    stages += LINKING if "social" in roles else ()
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(listen("http", settings.http.host, settings.http.port))
        chains = [
            await stack.enter_async_context(endpoints_of(chain, urls))
            for chain, urls in (nodes.items() if {"source", "examine"} & set(roles) else ())
        ]
        plant = await stack.enter_async_context(open_plant(settings))
        followed_here = chains if "source" in roles else []
        parts = [chain_part(plant, endpoints, stages) for endpoints in followed_here]
        if "examine" in roles:
            parts.append(examine_part(plant, chains))
        if "market" in roles:
            parts += market_parts(plant)
        if "social" in roles:
            parts += await social_parts(plant, _intake(settings, stack))
        parts += await _stages(plant, stages)
        if "page" in roles:
            page = stack.enter_context(listen("page", settings.page.host, settings.page.port))
            parts += page_parts(plant, page)
            log.info("page_opened", url=url_of(page))
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


def able_roles(settings: Settings, roles: Sequence[str], nodes: Nodes) -> list[str]:
    """The roles that can run: launches are examined by nodes of their chain, feeds are followed.

    Raises ``Invalid`` when one that cannot is all that was asked for.
    """
    idle = {name for name, feeds in (("social", settings.social.follow),
                                     ("market", settings.market.follow)) if not feeds}  # fmt: skip
    if set(roles) <= idle:
        raise Invalid(
            f"{' and '.join(sorted(roles))} would follow nothing: set "
            f"{' and '.join(f'{role}.follow' for role in sorted(roles))} in heft.toml",
            reason="usage",
        )
    if not set(settings.social.follow) - why_off(settings).keys():
        _tell_off(settings)
        idle.add("social")
    if set(roles) <= idle:
        raise Invalid(f"no feed can be heard: {'; '.join(why_off(settings).values())}",
                      reason="usage")  # fmt: skip
    roles = [role for role in roles if role not in idle]
    asked = settings.examine.enabled and bool(nodes)
    if not asked and list(roles) == ["examine"]:
        raise Invalid(
            "examine asks the nodes of a chain: name one (--chain base), and leave "
            "examine.enabled on",
            reason="usage",
        )
    return [role for role in roles if asked or role != "examine"]


def _tell_off(settings: Settings) -> None:
    """One line a feed that is followed and cannot work."""
    for name, why in why_off(settings).items():
        log.warning("feed_off", feed=name, why=why)


def _intake(settings: Settings, stack: AsyncExitStack) -> socket.socket | None:
    """Where posts are taken, if they are."""
    intake = settings.social.intake
    if "intake" not in settings.social.follow or not intake.token.get_secret_value():
        return None
    return stack.enter_context(listen("social.intake", intake.host, intake.port))


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
        parts.append(
            alert_part(plant, lambda: sinks_from(plant.settings, terminal, plant.clock), quiet=True)
        )
        parts += [retention_part(plant), *buttons_parts(plant)]
    return [*parts, *archive_parts(plant)]
