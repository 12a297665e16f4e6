"""/live, /ready and /metrics, served inside the process.

``/live`` fails when a part makes no progress: restart the process. ``/ready`` fails while the
process cannot do its work yet, or for now: wait, and read its checks. ``/metrics`` is for
Prometheus. Binds to loopback unless told otherwise; there is nothing secret on it, and nothing
that changes anything. This module does not know what is checked; ``parts.serving`` gives it checks.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import anyio
import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from daemon.pulse import Pulse
from streams.errors import Invalid

__all__ = ["Check", "health_app", "listen", "serve", "url_of"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
ASGIApp = Callable[[Any, Any, Any], Awaitable[None]]
"""An application as ASGI 3 describes it (https://asgi.readthedocs.io)."""

Check = Callable[[], Awaitable[str | None]]
"""``None`` when all is well, else one line on what is not."""

CHECK_SECONDS = 2.0
"""A check that has not answered by then has failed: the caller of ``/ready`` does not wait long."""


def health_app(pulse: Pulse, checks: Mapping[str, Check], registry: CollectorRegistry) -> ASGIApp:
    """The three pages, without a framework: one would be most of what an idle process holds."""

    async def live() -> _Page:
        silent = pulse.silent()
        return _Page(503 if silent else 200, _json({"live": not silent, "silent": silent}))

    async def ready() -> _Page:
        found = {name: await _answer(check) for name, check in checks.items()}
        is_ready = all(problem is None for problem in found.values())
        body = {"ready": is_ready, "checks": {k: v or "ok" for k, v in found.items()}}
        return _Page(200 if is_ready else 503, _json(body))

    async def metrics() -> _Page:
        return _Page(200, generate_latest(registry), CONTENT_TYPE_LATEST)

    pages = {"/live": live, "/ready": ready, "/metrics": metrics}

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        page = pages.get(scope["path"])
        if page is None:
            await _reply(send, _Page(404, _json({"detail": "see /live, /ready and /metrics"})))
        elif scope["method"] not in ("GET", "HEAD"):
            await _reply(send, _Page(405, _json({"detail": "GET alone"})))
        else:
            await _reply(send, await page(), bare=scope["method"] == "HEAD")

    return app


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


class _Page(msgspec.Struct, frozen=True):
    """One answer."""

    status: int
    body: bytes
    type_: str = "application/json"


def _json(body: object) -> bytes:
    return msgspec.json.encode(body)


async def _reply(send: Send, page: _Page, *, bare: bool = False) -> None:
    """``bare``: the answer to a HEAD, which has all but the body."""
    headers = {
        b"content-type": page.type_.encode(),
        b"content-length": str(len(page.body)).encode(),
        b"x-content-type-options": b"nosniff",
    }
    start = {"type": "http.response.start", "status": page.status, "headers": [*headers.items()]}
    await send(start)
    await send({"type": "http.response.body", "body": b"" if bare else page.body})


async def _answer(check: Check) -> str | None:
    problem: str | None = f"no answer in {CHECK_SECONDS:.0f} s"
    with anyio.move_on_after(CHECK_SECONDS):
        try:
            problem = await check()
        except Exception as error:  # noqa: BLE001 - a check that breaks is a check that fails
            problem = f"{type(error).__name__}: {error}"
    return problem
