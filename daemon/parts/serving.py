"""The health server, and the watch over the embedded broker."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

import anyio
from prometheus_client import REGISTRY

from daemon.health import Check, health_app, serve
from daemon.plant import Plant
from daemon.supervisor import Part
from streams.embedded import EmbeddedAddress
from streams.stage import Drain

__all__ = ["broker_part", "health_part"]


def broker_part(embedded: EmbeddedAddress) -> Part:
    """Notices when the embedded broker has died, and the records with it."""

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await embedded.watch()

    return Part("broker", run)


def health_part(plant: Plant, listener: socket.socket, stages: Sequence[str]) -> Part:
    """Serves /live, /ready and /metrics on the listening socket; ready means these stages too."""
    app = health_app(plant.pulse, _checks(plant, stages), REGISTRY)

    async def run(drain: Drain) -> None:
        with drain.interrupts():
            await serve(app, listener)

    return Part("health", run)


def _checks(plant: Plant, names: Sequence[str]) -> Mapping[str, Check]:
    """What /ready asks. A bundle needs no check: without one, nothing is started."""

    async def broker() -> str | None:
        host, _, port = plant.cluster.address.split(",")[0].rpartition(":")
        try:
            await (await anyio.connect_tcp(host, int(port))).aclose()
        except (OSError, ValueError) as error:
            return f"no answer from {plant.cluster.address}: {error}"
        return None

    async def state() -> str | None:
        async with plant.state.begin():
            return None

    async def stages() -> str | None:
        waiting = [name for name in names if not plant.progress.is_running(name)]
        return f"no partitions yet: {', '.join(waiting)}" if waiting else None

    return {"broker": broker, "state": state, "stages": stages}
