"""The page's HTTP side: the API under ``/v1``, its OpenAPI document, and three static files.

Read-only but for labels (``feedback``), which need a token; there is no cookie. Requests must name
a host that we know (a stranger's page may point its name at our address: DNS rebinding), and every
answer forbids whatever the page does not need.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import anyio
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException, ServiceUnavailableException
from litestar.middleware import DefineMiddleware
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage
from litestar.response.base import ASGIResponse
from litestar.static_files import create_static_files_router
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from alerts.severity import SEVERITIES, Severity
from daemon.page.board import Board, Dossier, Summary
from daemon.page.feedback import Desk, Feedback, is_open, label
from daemon.page.hub import Hub, Item, Reading
from daemon.page.veto import Ruling, rule
from daemon.page.vitals import Health
from heft_model.manifest import Manifest
from streams.events import Alert, Verdict

__all__ = ["LOCAL_HOSTS", "Models", "page_app"]

STATIC: Final = Path(__file__).parent / "static"
HEARTBEAT_S: Final = 15.0
"""So that a reader who has vanished is noticed, and no proxy takes the quiet for an end."""
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}

UNHEARD: Final = (NotFoundException,)
BUSY: Final = (ServiceUnavailableException,)
LONGEST_AGE_S: Final = 10 * 365 * 86_400.0

_RAW_HEADERS: Final = [(name.lower().encode(), text.encode()) for name, text in HEADERS.items()]
_UNKNOWN_HOST: Final = b'{"detail": "unknown host: see page.hosts"}'
_NO_PATH: Final = b'{"detail": "no such path"}'
_PORT: Final = re.compile(r":\d*$")

Models = Callable[[], list[Manifest]]
Ask = Callable[[], Awaitable[Health]]
Limit = Annotated[int, QueryParameter(ge=1, le=500, description="At most so many.")]
Text = Annotated[str, QueryParameter(max_length=200)]
Chance = Annotated[float, QueryParameter(ge=0, le=1)]


def page_app(
    board: Board,
    hub: Hub,
    models: Models,
    hosts: frozenset[str] = LOCAL_HOSTS,
    desk: Desk | None = None,
    vitals: Ask | None = None,
) -> Litestar:
    """The application; ``hosts`` are the names it may be asked under, ``desk`` takes labels.

    ``vitals`` says how the service is; without it that question has no answer.
    """
    app = Litestar(
        route_handlers=[
            tokens,
            token,
            verdict,
            veto,
            alerts,
            stream,
            bundles,
            health,
            is_open,
            label,
            create_static_files_router(path="/", directories=[STATIC], html_mode=True),
        ],
        state=State({"board": board, "hub": hub, "models": models, "desk": desk, "vitals": vitals}),
        middleware=[DefineMiddleware(_Guard, hosts=hosts)],
        openapi_config=OpenAPIConfig(
            title="HEFT rug monitor",
            version="1",
            description="What the service has seen and said. Labels alone are written.",
            path="/v1/schema",
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        ),
        logging_config=None,
    )
    _describe_strictness(app)
    return app


def _describe_strictness(app: Litestar) -> None:
    """Say in the document that a label takes no unknown field, which litestar leaves out."""
    for name, shape in (app.openapi_schema.components.schemas or {}).items():
        if name.endswith(Feedback.__name__):
            shape.additional_properties = False


@get("/v1/tokens", summary="Tokens heard of last, newest first")
async def tokens(
    state: State,
    q: Text = "",
    chain: Text = "",
    limit: Limit = 100,
    alerted: FromQuery[bool] = False,
) -> list[Summary]:
    """``q``: words that must all occur in its name, symbol, addresses or venue."""
    return _board(state).latest(q, chain, limit, alerted=alerted)


@get(
    "/v1/tokens/{chain:str}/{address:str}", summary="Everything known of one token", raises=UNHEARD
)
async def token(state: State, chain: FromPath[str], address: FromPath[str]) -> Dossier:
    """By the address of a pool, or of the token: then its riskiest pool."""
    return _found(state, chain, address)


@get(
    "/v1/verdicts/{chain:str}/{address:str}",
    summary="The newest verdict on one token",
    raises=UNHEARD,
)
async def verdict(state: State, chain: FromPath[str], address: FromPath[str]) -> Verdict:
    """As on the topic, on the riskiest of a token's pools: for a question before one buys."""
    known = _found(state, chain, address).verdict
    if not known:
        raise NotFoundException("launched, but not judged yet")
    return known


@get("/v1/veto/{chain:str}/{address:str}", summary="Whether a bot should leave a token alone")
async def veto(
    state: State,
    chain: FromPath[str],
    address: FromPath[str],
    max_probability: Chance = 1.0,
    max_age_seconds: Annotated[float, QueryParameter(ge=0, le=LONGEST_AGE_S)] = LONGEST_AGE_S,
) -> Ruling:
    """Always an answer: what is unknown is vetoed. See docs/veto.md.

    ``max_probability``: take less risk than the model's threshold. ``max_age_seconds``: how old a
    verdict may be.
    """
    return rule(
        chain,
        address,
        _board(state).find(chain, address),
        datetime.now(UTC),
        max_probability=max_probability,
        max_age=timedelta(seconds=max_age_seconds),
    )


@get("/v1/alerts", summary="The newest alert messages")
async def alerts(state: State, limit: Limit = 100) -> list[Alert]:
    """As on the topic, newest first."""
    return _board(state).alerts(limit)


@get("/v1/models", summary="The model versions, the one that serves first", sync_to_thread=True)
def bundles(state: State) -> list[Manifest]:
    """What each was trained on and how well it did."""
    models: Models = state["models"]
    return models()


@get("/v1/health", summary="Sources, lag of the stages, nodes and processes", raises=BUSY)
async def health(state: State) -> Health:
    """As the processes' metrics say it now; see ``page.metrics``."""
    ask: Ask | None = state["vitals"]
    if ask is None:
        raise ServiceUnavailableException("there is nothing to ask here")
    return await ask()


@get(
    "/v1/stream",
    summary="Launches, dossiers, verdicts and alerts as they come",
    raises=BUSY,
)
async def stream(
    state: State,
    chain: Text = "",
    kind: Text = "",
    min_probability: Chance = 0.0,
    min_severity: FromQuery[Severity] = "info",
) -> ServerSentEvent:
    """Server-sent events named ``launch``, ``facts``, ``verdict``, ``retraction`` or ``alert``.

    Their data is a summary. ``kind`` may name several, parted by commas; ``min_severity`` above
    ``info`` leaves what was never alerted out. A reader that falls behind is let go and should
    connect again.
    """
    hub: Hub = state["hub"]
    items = hub.join()
    if items is None:
        raise ServiceUnavailableException("too many readers: try again later")
    kinds = frozenset(filter(None, kind.split(",")))
    grave = frozenset(SEVERITIES[SEVERITIES.index(min_severity) :])

    def wanted(item: Item) -> bool:
        return (
            (not kinds or item.kind in kinds)
            and chain in ("", item.summary.chain)
            and (item.summary.probability or 0.0) >= min_probability
            and (min_severity == "info" or item.summary.severity in grave)
        )

    return ServerSentEvent(_events(hub, items, wanted))


async def _events(
    hub: Hub, items: Reading, wanted: Callable[[Item], bool]
) -> AsyncIterator[ServerSentEventMessage]:
    try:
        yield ServerSentEventMessage(comment="connected")
        while True:
            item = None
            with anyio.move_on_after(HEARTBEAT_S):
                try:
                    item = await items.receive()
                except anyio.EndOfStream:
                    return
            if item is None:
                yield ServerSentEventMessage(comment="still here")
            elif wanted(item):
                yield ServerSentEventMessage(event=item.kind, data=item.text)
    finally:
        hub.leave(items)


def _board(state: State) -> Board:
    board: Board = state["board"]
    return board


def _found(state: State, chain: FromPath[str], address: FromPath[str]) -> Dossier:
    dossier = _board(state).find(chain, address)
    if dossier is None:
        raise NotFoundException("not heard of lately")
    return dossier


class _Guard:
    """Refuses a request for a host that is none of ours, and puts ``HEADERS`` on every answer."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str]) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_RAW_HEADERS]
            await send(message)

        if scope["type"] == ScopeType.HTTP and not self._is_ours(scope):
            answer = ASGIResponse(body=_UNKNOWN_HOST, status_code=421)
            await answer(scope, receive, guarded)
        elif "\0" in scope["path"]:  # no file system takes it, and litestar asks one
            await ASGIResponse(body=_NO_PATH, status_code=404)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _is_ours(self, scope: Scope) -> bool:
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        return _PORT.sub("", host).lower() in self._hosts
