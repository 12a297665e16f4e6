"""Where others send posts: an HTTP body or lines of a WebSocket, from whoever knows the token.

What was taken is acknowledged only when Kafka has it, so that a sender that repeats what was not
acknowledged loses nothing; what comes twice is known by its id.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from litestar import Litestar, Request, WebSocket, post, websocket
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import (
    ClientException,
    NotAuthorizedException,
    ServiceUnavailableException,
    WebSocketDisconnect,
)
from litestar.handlers import BaseRouteHandler

from alerts.secret import Secret
from streams.clock import Clock
from streams.errors import Invalid, Retry
from streams.posts import Deletion, Post
from streams.social.authors import Authors
from streams.social.feed import refuse
from streams.social.intake import NAME, decode_sent

__all__ = ["LEAST_TOKEN", "Door", "Taken", "intake_app"]

MOST_BYTES: Final = 2 * 2**20
LEAST_TOKEN: Final = 16

Take = Callable[[list[Post | Deletion]], Awaitable[int]]


class Taken(msgspec.Struct, frozen=True):
    """How many of the posts were new; the others had come before."""

    taken: int
    known: int


class Door(msgspec.Struct, frozen=True):
    """Takes posts of whoever knows the token. Raises ``Invalid`` for one that can be guessed."""

    token: Secret
    take: Take
    authors: Authors
    clock: Clock

    def __post_init__(self) -> None:
        """Refuse a short token."""
        if len(self.token.reveal()) < LEAST_TOKEN:
            raise Invalid(
                f"social.intake.token is too short: give {LEAST_TOKEN} random characters or more",
                reason="setting",
            )

    async def receive(self, body: bytes) -> Taken:
        """Publish what was sent; raises ``Invalid`` or ``Retry``."""
        try:
            events = decode_sent(body, self.authors, self.clock.now())
        except Invalid as error:
            refuse(NAME, error)
            raise
        taken = await self.take(events)
        return Taken(taken, len(events) - taken)


def intake_app(door: Door) -> Litestar:
    """``POST /v1/posts`` and the WebSocket ``/v1/posts/stream``."""
    return Litestar(
        [_posts, _stream], state=State({"door": door}), openapi_config=None, debug=False,
        request_max_body_size=MOST_BYTES, logging_config=None,
    )  # fmt: skip


def _may_send(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """The token is right; compared in constant time."""
    door: Door = connection.app.state["door"]
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    wanted = door.token.reveal().encode()
    is_right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), wanted)
    if scheme.lower() != "bearer" or not is_right:
        raise NotAuthorizedException(
            "give the token: Authorization: Bearer ...", headers={"WWW-Authenticate": "Bearer"}
        )


@post("/v1/posts", guards=[_may_send], status_code=202)
async def _posts(request: Request[Any, Any, State]) -> Taken:
    """One post, or a list of them."""
    door: Door = request.app.state["door"]
    try:
        return await door.receive(await request.body())
    except Invalid as error:
        raise ClientException(str(error)) from error
    except Retry as error:
        raise ServiceUnavailableException("nothing was taken: try again") from error


@websocket("/v1/posts/stream", guards=[_may_send])
async def _stream(socket: WebSocket[Any, Any, State]) -> None:
    """A line is answered by what was taken of it, or by why nothing was."""
    door: Door = socket.app.state["door"]
    await socket.accept()
    try:
        while True:
            text = await socket.receive_text()
            await socket.send_json(await _answer(door, text.encode("utf-8", "replace")))
    except WebSocketDisconnect:
        return


async def _answer(door: Door, body: bytes) -> dict[str, Any]:
    if len(body) > MOST_BYTES:
        return {"error": "too large"}
    try:
        return msgspec.structs.asdict(await door.receive(body))
    except Invalid as error:
        return {"error": str(error)}
    except Retry:
        return {"error": "nothing was taken: try again"}
