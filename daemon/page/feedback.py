"""The one thing of the page that writes: what people say of alerts, as labels on their topic.

Off without a token. Safe against a stranger's page in the reader's browser: there is no cookie, the
token goes in a header that no form can send and that a browser asks us for first (CORS), which
nothing here answers. The token says that somebody may; ``who`` is what they call themselves.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import (
    ClientException,
    NotAuthorizedException,
    PermissionDeniedException,
    ServiceUnavailableException,
)
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from litestar.handlers import BaseRouteHandler
from litestar.params import JSONBody
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE
from msgspec import Meta

from alerts.secret import Secret
from streams.clock import Clock
from streams.errors import Invalid, Retry
from streams.labels import Label, Word
from streams.onpool import Address, Slug
from streams.text import sanitise

__all__ = ["Desk", "Feedback", "Opening", "is_open", "label"]

MOST_BYTES: Final = 8_192
LEAST_TOKEN: Final = 16
WHO_LENGTH, WHY_LENGTH = 100, 1_000

Take = Callable[[Label], Awaitable[None]]


class Desk(msgspec.Struct, frozen=True):
    """Takes labels of whoever knows the token. Raises ``Invalid`` for one that can be guessed."""

    token: Secret
    take: Take
    clock: Clock

    def __post_init__(self) -> None:
        if len(self.token.reveal()) < LEAST_TOKEN:
            raise Invalid(
                f"page.token is too short: give {LEAST_TOKEN} random characters or more",
                reason="setting",
            )


class _UnsupportedType(ClientException):
    """The body is no JSON."""

    status_code = HTTP_415_UNSUPPORTED_MEDIA_TYPE


class Feedback(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person's word on one alerted pool."""

    chain: Slug
    pool: Address
    what: Word
    who: Annotated[str, Meta(min_length=1, max_length=WHO_LENGTH)]
    why: Annotated[str, Meta(max_length=WHY_LENGTH)] = ""


class Opening(msgspec.Struct, frozen=True):
    """Whether labels are taken."""

    open: bool


def _may_write(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Labels are on, it is JSON, and the token is right; compared in constant time."""
    desk: Desk | None = connection.app.state["desk"]
    if desk is None:
        raise PermissionDeniedException("labels are off here: set page.token")
    scheme, _, given = connection.headers.get("authorization", "").partition(" ")
    wanted = desk.token.reveal().encode()
    is_right = hmac.compare_digest(given.strip().encode("utf-8", "replace"), wanted)
    if scheme.lower() != "bearer" or not is_right:
        raise NotAuthorizedException(
            "give the token: Authorization: Bearer ...", headers={"WWW-Authenticate": "Bearer"}
        )
    if connection.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise _UnsupportedType("give application/json")


@get("/v1/labels", summary="Whether labels are taken here")
async def is_open(state: State) -> Opening:
    """They are where ``page.token`` is set."""
    return Opening(open=state["desk"] is not None)


@post(
    "/v1/labels",
    summary="Say what became of an alerted pool",
    guards=[_may_write],
    request_max_body_size=MOST_BYTES,
    raises=(
        NotAuthorizedException,
        PermissionDeniedException,
        RequestEntityTooLarge,
        ServiceUnavailableException,
        _UnsupportedType,
    ),
)
async def label(state: State, data: JSONBody[Feedback]) -> Label:
    """Needs ``Authorization: Bearer`` and the token; gives the label as it is on the topic."""
    desk: Desk = state["desk"]
    who = sanitise(data.who, WHO_LENGTH)
    if not who:
        raise ClientException("who has no visible character")
    said = Label(
        chain=data.chain,
        pool=data.pool,
        what=data.what,
        who=f"api:{who}",
        why=sanitise(data.why, WHY_LENGTH),
        at=desk.clock.now(),
    )
    try:
        await desk.take(said)
    except Retry as error:
        raise ServiceUnavailableException("not written down: try again later") from error
    return said
