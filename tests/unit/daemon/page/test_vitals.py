"""How the service is: several processes' metrics put together, and those that do not answer."""

from __future__ import annotations

from datetime import UTC, datetime

import anyio
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from daemon.health import health_app, listen, serve, url_of
from daemon.page.vitals import Health, Vitals, health_from
from daemon.pulse import Pulse
from tests.chain.devnet import free_port

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SCORE = """
# TYPE heft_stage_lag_records gauge
heft_stage_lag_records{stage="score"} 4
# TYPE heft_bundle_info gauge
heft_bundle_info{bundle="nano-1",prompt_version="1"} 1
"""
SOURCE = f"""
# TYPE heft_source_head_seconds gauge
heft_source_head_seconds{{source="evm-base"}} {NOW.timestamp() - 30}
# TYPE heft_rpc_endpoint_seconds gauge
heft_rpc_endpoint_seconds{{chain="base",endpoint="wss://node"}} 0.05
# TYPE heft_rpc_endpoint_errors_ratio gauge
heft_rpc_endpoint_errors_ratio{{chain="base",endpoint="wss://node"}} 0.25
"""


def test_replicas_add_up() -> None:
    """Two of a stage are behind together; a source is as far as its farthest; all are named."""
    health = health_from(
        {"http://a:1/metrics": SCORE, "http://b:1/metrics": SCORE, "http://c:1/metrics": SOURCE},
        NOW,
    )
    assert [(stage.stage, stage.behind) for stage in health.stages] == [("score", 8)]
    assert [(each.source, each.behind_seconds) for each in health.sources] == [("evm-base", 30.0)]
    assert (health.nodes[0].endpoint, health.nodes[0].failing) == ("wss://node", 0.25)
    assert health.bundle == "nano-1"
    assert [each.name for each in health.processes] == ["a:1", "b:1", "c:1"]


@pytest.mark.parametrize("text", [None, "<html>no metrics</html>", "heft_stage_lag_records{"])
def test_who_does_not_answer_is_told(text: str | None) -> None:
    """A process that is silent or no process of ours spoils nothing of the others."""
    health = health_from({"http://user:key@a:1/metrics": text, "http://b:1/metrics": SCORE}, NOW)
    assert (health.processes[0].name, health.processes[0].answers) == ("a:1", text is not None)
    assert health.stages[0].behind == 4


async def test_processes_are_asked_over_http() -> None:
    """One that serves its metrics, one that is gone, and ourselves."""
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    Counter("heft_part_restarts_total", ".", ["part"], registry=ours).labels("x").inc(2)
    Gauge("heft_stage_lag_records", ".", ["stage"], registry=theirs).labels("alert").set(1)
    listener, gone = listen("http", "127.0.0.1", 0), free_port()
    async with anyio.create_task_group() as group:
        group.start_soon(serve, health_app(Pulse(10.0), {}, theirs), listener)
        urls = [f"{url_of(listener)}/metrics", f"http://127.0.0.1:{gone}/metrics"]
        health: Health = await Vitals(urls, ours).health()
        group.cancel_scope.cancel()
    assert {each.name: each.answers for each in health.processes} == {
        "this process": True,
        urls[0][7:-8]: True,
        urls[1][7:-8]: False,
    }
    assert health.processes[0].restarts == 2
    assert health.stages[0].stage == "alert"
