"""Labels over HTTP: whoever has the token may write, and nobody else, nor by anybody's browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest

from alerts.secret import Secret
from daemon.health import listen, serve
from daemon.page.api import page_app
from daemon.page.board import Board
from daemon.page.feedback import LEAST_TOKEN, MOST_BYTES, Desk
from daemon.page.hub import Hub
from streams.clock import HandClock
from streams.errors import Invalid, Retry
from streams.labels import Label
from tests.unit.alerts.making import POOL

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-32-random-characters!"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
GOOD = {"chain": "ethereum", "pool": POOL, "what": "rug", "who": "ann", "why": "drained"}


@asynccontextmanager
async def served(
    taken: list[Label] | None, failure: Exception | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a page that takes labels into a list, or none where there is no list."""
    listener = listen("page", "127.0.0.1", 0)

    async def take(label: Label) -> None:
        if failure is not None:
            raise failure
        assert taken is not None
        taken.append(label)

    desk = None if taken is None else Desk(Secret(TOKEN), take, HandClock())
    app = page_app(Board(), Hub(), list, desk=desk)
    async with anyio.create_task_group() as group:
        group.start_soon(serve, app, listener)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with httpx2.AsyncClient(base_url=address, timeout=10) as client:
            yield client
        group.cancel_scope.cancel()


async def test_a_label_says_who_when_and_why() -> None:
    """As it goes to the topic; strangers' control characters do not."""
    taken = list[Label]()
    async with served(taken) as client:
        said = GOOD | {"who": "a\u202en\x00n", "why": "line\nbreak"}
        answer = await client.post("/v1/labels", json=said, headers=BEARER)
        assert (await client.get("/v1/labels")).json() == {"open": True}
    assert answer.status_code == 201
    (label,) = taken
    assert (label.key, label.what, label.who) == (f"ethereum:{POOL}", "rug", "api:ann")
    assert (label.why, label.at) == ("line break", HandClock().now())
    assert answer.json()["who"] == "api:ann"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer"}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Cookie": f"token={TOKEN}"}, 401),
        ({**BEARER, "Content-Type": "text/plain"}, 415),
        ({**BEARER, "Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({**BEARER, "Host": "evil.example"}, 421),
    ],
)
async def test_without_the_token_nothing_is_written(headers: dict[str, str], status: int) -> None:
    """Nor with what a form of a stranger's page could send; the token is not told back."""
    taken = list[Label]()
    async with served(taken) as client:
        given = {"Content-Type": "application/json", **headers}
        answer = await client.post("/v1/labels", content=b"{}", headers=given)
    assert (answer.status_code, taken) == (status, [])
    assert TOKEN[:-1] not in answer.text
    assert "access-control-allow-origin" not in answer.headers


async def test_a_stranger_s_page_is_not_let_in_by_the_browser() -> None:
    """The question that a browser asks before it sends the header is not answered with yes."""
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with served([]) as client:
        answer = await client.options("/v1/labels", headers=asked)
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "changes",
    [
        {"what": "nonsense"},
        {"chain": "No Chain"},
        {"pool": "two words"},
        {"pool": "x" * 200},
        {"who": ""},
        {"who": "\u200b"},
        {"who": "x" * 101},
        {"why": "x" * 1001},
        {"more": 1},
        {"who": None},
    ],
    ids=lambda changes: str(changes)[:24],
)
async def test_what_is_no_label_is_refused(changes: dict[str, Any]) -> None:
    """By name, without a traceback; nothing is written."""
    taken = list[Label]()
    async with served(taken) as client:
        answer = await client.post("/v1/labels", json=GOOD | changes, headers=BEARER)
    assert (answer.status_code, taken, "Traceback" in answer.text) == (400, [], False)


@pytest.mark.parametrize(
    ("body", "status"), [(b"{", 400), (b"[]", 400), (b"x" * (MOST_BYTES + 1), 413)]
)
async def test_what_is_no_json_of_ours_is_refused(body: bytes, status: int) -> None:
    """Also when it is larger than any label."""
    async with served([]) as client:
        headers = {**BEARER, "Content-Type": "application/json"}
        assert (
            await client.post("/v1/labels", content=body, headers=headers)
        ).status_code == status


async def test_without_a_token_in_the_settings_labels_are_off() -> None:
    """Said as such, and the page shows no buttons."""
    async with served(None) as client:
        answer = await client.post("/v1/labels", json=GOOD, headers=BEARER)
        assert (await client.get("/v1/labels")).json() == {"open": False}
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "labels are off here: set page.token",
    )


async def test_a_broker_that_is_away_is_said() -> None:
    """The person tries again; nothing is lost in silence."""
    async with served([], Retry("away")) as client:
        answer = await client.post("/v1/labels", json=GOOD, headers=BEARER)
    assert answer.status_code == 503


def test_a_token_that_can_be_guessed_is_refused() -> None:
    """With a sentence that does not show it."""
    take: Callable[[Label], Any] = lambda _: None  # noqa: E731 - never called
    with pytest.raises(Invalid, match=r"page\.token is too short") as refusal:
        Desk(Secret("x" * (LEAST_TOKEN - 1)), take, HandClock())
    assert "xxx" not in str(refusal.value)
