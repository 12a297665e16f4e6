"""/live, /ready and /metrics, served inside the process.

``/live`` fails when a part makes no progress: restart the process. ``/ready`` fails while the
process cannot do its work yet, or for now: wait, and read its checks. ``/metrics`` is for
Prometheus. Binds to loopback unless told otherwise; there is nothing secret on it, and nothing
that changes anything. This module does not know what is checked; ``parts.serving`` gives it checks.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import anyio
import uvicorn
from litestar import Litestar, Response, get
from litestar.types import ASGIApp
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from daemon.pulse import Pulse
from streams.errors import Invalid

__all__ = ["Check", "health_app", "listen", "serve", "url_of"]

Check = Callable[[], Awaitable[str | None]]
"""``None`` when all is well, else one line on what is not."""

CHECK_SECONDS = 2.0
"""A check that has not answered by then has failed: the caller of ``/ready`` does not wait long."""


def health_app(pulse: Pulse, checks: Mapping[str, Check], registry: CollectorRegistry) -> Litestar:
    """The three pages."""

    @get("/live")
    async def live() -> Response[dict[str, Any]]:
        silent = pulse.silent()
        body = {"live": not silent, "silent": silent}
        return Response(body, status_code=503 if silent else 200)

    @get("/ready")
    async def ready() -> Response[dict[str, Any]]:
        found = {name: await _answer(check) for name, check in checks.items()}
        is_ready = all(problem is None for problem in found.values())
        body = {"ready": is_ready, "checks": {k: v or "ok" for k, v in found.items()}}
        return Response(body, status_code=200 if is_ready else 503)

    @get("/metrics", media_type=CONTENT_TYPE_LATEST, sync_to_thread=False)
    def metrics() -> bytes:
        return generate_latest(registry)

    return Litestar([live, ready, metrics], openapi_config=None, logging_config=None)


def listen(section: str, host: str, port: int) -> socket.socket:
    """A listening socket for what ``section`` of the settings names; port 0 takes any free one.

    Raises ``Invalid`` (reason ``setting``).
    """
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise Invalid(
            f"cannot listen on {host}:{port}: {error.strerror}; set {section}.port, 0 for any "
            "free one",
            reason="setting",
        ) from error


def url_of(listener: socket.socket) -> str:
    """Where to reach it from this machine."""
    return "http://{}:{}".format(*listener.getsockname()[:2])


async def serve(app: ASGIApp, listener: socket.socket) -> None:
    """Serve until cancelled, then finish what was asked and let go of the socket."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # that it started is no news
    server = _Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
        )
    )
    async with anyio.create_task_group() as group:
        group.start_soon(_end_with_us, server)
        with anyio.CancelScope(shield=True):
            await server.serve(sockets=[listener])
        group.cancel_scope.cancel()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the process."""
        yield


async def _end_with_us(server: uvicorn.Server) -> None:
    try:
        await anyio.sleep_forever()
    finally:
        server.should_exit = True


async def _answer(check: Check) -> str | None:
    problem: str | None = f"no answer in {CHECK_SECONDS:.0f} s"
    with anyio.move_on_after(CHECK_SECONDS):
        try:
            problem = await check()
        except Exception as error:  # noqa: BLE001 - a check that breaks is a check that fails
            problem = f"{type(error).__name__}: {error}"
    return problem
