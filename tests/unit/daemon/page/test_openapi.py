"""The API's own description, held against the API: each operation, with what it allows and more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE
from prometheus_client import CollectorRegistry
from schemathesis import Case, GenerationMode
from schemathesis.specs.openapi.schemas import OpenApiSchema

from alerts.secret import Secret
from daemon.health import listen, serve, url_of
from daemon.page.api import page_app
from daemon.page.board import Board
from daemon.page.feedback import Desk
from daemon.page.hub import Hub
from daemon.page.vitals import Vitals
from heft_model.registry import Registry
from streams.clock import SystemClock
from streams.labels import Label
from tests.unit.daemon.page.test_board import everything

NO_SCHEMA_CAN_SAY = "no visible character"
UNCHECKED = list(HealthCheck)
TOKEN = "a-token-of-the-tests"


async def take(_: Label) -> None:
    """Labels of strangers' making: accepted, and let go."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page on a free port, that knows one token and takes labels."""
    board = Board()
    for event in everything():
        board.note(event)
    registry = Registry(tmp_path_factory.mktemp("models"))
    desk = Desk(Secret(TOKEN), take, SystemClock())
    vitals = Vitals([], CollectorRegistry()).health
    app = page_app(board, Hub(), registry.versions, desk=desk, vitals=vitals)
    listener = listen("page", "127.0.0.1", 0)
    with start_blocking_portal() as portal:
        served = portal.start_task_soon(serve, app, listener)
        yield url_of(listener)
        served.cancel()


OPERATIONS = (
    ("GET", "/v1/tokens"),
    ("GET", "/v1/tokens/{chain}/{address}"),
    ("GET", "/v1/verdicts/{chain}/{address}"),
    ("GET", "/v1/veto/{chain}/{address}"),
    ("GET", "/v1/alerts"),
    ("GET", "/v1/models"),
    ("GET", "/v1/health"),
    ("GET", "/v1/labels"),
    ("POST", "/v1/labels"),
)
"""All but the stream, which does not end."""


@pytest.fixture(scope="module")
def description(address: str) -> OpenApiSchema:
    """What the API says of itself."""
    return schemathesis.openapi.from_url(f"{address}/v1/schema/openapi.json")


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_api_is_as_it_describes_itself(
    description: OpenApiSchema, method: str, path: str
) -> None:
    """No server error; statuses, types and bodies as described; what is not allowed is refused."""
    operation = description[path][method]

    @given(case=st.one_of(*(operation.as_strategy(mode) for mode in GenerationMode)))
    @settings(max_examples=25, derandomize=True, suppress_health_check=UNCHECKED)
    def holds(case: Case[Any]) -> None:
        answer = case.call(headers={"Authorization": f"Bearer {TOKEN}"})
        unread = answer.status_code == HTTP_413_REQUEST_ENTITY_TOO_LARGE
        if not unread and NO_SCHEMA_CAN_SAY not in answer.text:
            case.validate_response(answer)

    holds()


def test_no_operation_is_left_out(description: OpenApiSchema) -> None:
    """Each that is described is held against its description."""
    told = {f"{method.upper()} {path}" for path in description for method in description[path]}
    assert told == {f"{method} {path}" for method, path in OPERATIONS} | {"GET /v1/stream"}
