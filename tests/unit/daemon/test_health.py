"""The health endpoint, over a real loopback socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import anyio
import httpx2
import pytest
from prometheus_client import CollectorRegistry, Counter

from daemon.health import Check, health_app, listen, serve
from daemon.pulse import Pulse
from streams.errors import Invalid

pytestmark = pytest.mark.anyio


async def good() -> str | None:
    """A check that passes."""
    return None


async def bad() -> str | None:
    """A check that fails."""
    return "no broker at kafka:9092"


async def ugly() -> str | None:
    """A check that breaks."""
    raise ValueError("oops")


@asynccontextmanager
async def served(pulse: Pulse, checks: Mapping[str, Check]) -> AsyncIterator[httpx2.AsyncClient]:
    """A client of the pages, served on a free port."""
    registry = CollectorRegistry()
    Counter("heft_test", "A metric.", registry=registry).inc(3)
    listener = listen("http", "127.0.0.1", 0)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with anyio.create_task_group() as group:
        group.start_soon(serve, health_app(pulse, checks, registry), listener)
        async with httpx2.AsyncClient(base_url=address) as client:
            yield client
        group.cancel_scope.cancel()


async def test_live_is_progress() -> None:
    """A part that stays silent for longer than the limit fails /live, by name."""
    now = 0.0
    pulse = Pulse(10.0, lambda: now)
    pulse.beat("score")
    async with served(pulse, {}) as client:
        assert (await client.get("/live")).status_code == 200
        now = 11.0
        response = await client.get("/live")
    assert response.status_code == 503
    assert response.json()["silent"] == ["score: no progress for 11 s"]


async def test_ready_names_each_check() -> None:
    """/ready is 503 while any check fails or breaks, and says which and why."""
    async with served(Pulse(10.0), {"broker": bad, "bundle": good, "state": ugly}) as client:
        response = await client.get("/ready")
    assert response.status_code == 503
    assert response.json() == {
        "ready": False,
        "checks": {
            "broker": "no broker at kafka:9092",
            "bundle": "ok",
            "state": "ValueError: oops",
        },
    }


async def test_ready_when_all_is_well() -> None:
    """/ready is 200 when every check passes."""
    async with served(Pulse(10.0), {"bundle": good}) as client:
        response = await client.get("/ready")
    assert (response.status_code, json.loads(response.content)["ready"]) == (200, True)


async def test_metrics_are_prometheus_text() -> None:
    """/metrics exposes the registry that it was given."""
    async with served(Pulse(10.0), {}) as client:
        response = await client.get("/metrics")
    assert "heft_test_total 3.0" in response.text
    assert response.headers["content-type"].startswith("text/plain")


def test_taken_port_is_one_line() -> None:
    """A port in use is a setting to change, not a traceback."""
    with (
        listen("http", "127.0.0.1", 0) as taken,
        pytest.raises(Invalid, match=r"page\.port") as caught,
    ):
        listen("page", "127.0.0.1", taken.getsockname()[1])
    assert caught.value.reason == "setting"
