"""How the service is, from the ``/metrics`` of its processes: sources, stages, nodes, restarts.

Every process tells its own figures; the page asks those that ``page.metrics`` names (each address
that a name has, so every replica) and itself. One that does not answer is told, not waited for.
"""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

import anyio
import httpx2
import msgspec
from msgspec import UNSET, UnsetType
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Health", "Node", "Process", "SourceHead", "StageLag", "Vitals", "health_from"]

PATIENCE_S = 2.0
ITSELF = "this process"


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process that was asked."""

    name: str
    answers: bool
    restarts: int = 0
    """Times that one of its parts failed and was started again."""
    dead_letters: int = 0


class SourceHead(msgspec.Struct, frozen=True, kw_only=True):
    """How far one source has come on its chain's clock."""

    source: str
    head: datetime
    behind_seconds: float


class StageLag(msgspec.Struct, frozen=True, kw_only=True):
    """One stage, over all its replicas."""

    stage: str
    behind: int
    """Records not yet handled."""
    handled: int
    waits: int
    """Times that it waited for the outside world."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint of a chain, as its askers see it."""

    chain: str
    endpoint: str
    latency_seconds: float
    failing: float
    """Share of its latest requests that failed."""


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """All of it."""

    at: datetime
    bundle: str | UnsetType = UNSET
    processes: list[Process]
    sources: list[SourceHead]
    stages: list[StageLag]
    nodes: list[Node]


Samples = dict[str, list[tuple[dict[str, str], float]]]
"""Values by the name of their metric, each with its labels."""


class Vitals:
    """Asks the processes."""

    def __init__(self, urls: Sequence[str], registry: CollectorRegistry) -> None:
        """``urls`` of other processes' ``/metrics``; ``registry`` is our own."""
        self._urls = tuple(urls)
        self._registry = registry

    async def health(self) -> Health:
        """Everybody's figures, put together; takes two seconds at most."""
        texts: dict[str, str | None] = {ITSELF: generate_latest(self._registry).decode()}
        places = [place for url in self._urls for place in await _places(url)]
        async with (
            httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client,
            anyio.create_task_group() as group,
        ):
            for place in places:
                group.start_soon(_ask, client, place, texts)
        return health_from(texts, datetime.now(UTC))


async def _places(url: str) -> list[str]:
    """The URL once for each address of its host: a name of compose has one a replica."""
    parts = urlsplit(url)
    try:
        found = await anyio.getaddrinfo(parts.hostname or "", parts.port, type=socket.SOCK_STREAM)
    except OSError:
        return [url]
    hosts = sorted({str(address[4][0]) for address in found})
    spelled = [f"[{host}]" if ":" in host else host for host in hosts]
    ports = f":{parts.port}" if parts.port else ""
    return [urlunsplit(parts._replace(netloc=f"{host}{ports}")) for host in spelled]


async def _ask(client: httpx2.AsyncClient, url: str, texts: dict[str, str | None]) -> None:
    texts[url] = None
    try:
        answer = await client.get(url)
        texts[url] = answer.text if answer.status_code == httpx2.codes.OK else None
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return


def health_from(texts: dict[str, str | None], now: datetime) -> Health:
    """What the processes' metrics say; ``None`` for one that did not answer."""
    parsed = {name: _samples(text or "") for name, text in texts.items()}
    everything: Samples = defaultdict(list)
    for samples in parsed.values():
        for metric, values in samples.items():
            everything[metric] += values
    bundles = [labels["bundle"] for labels, value in everything["heft_bundle_info"] if value]
    return Health(
        at=now,
        bundle=bundles[0] if bundles else UNSET,
        processes=[
            Process(
                name=_named(name),
                answers=texts[name] is not None,
                restarts=int(_sum(samples["heft_part_restarts_total"])),
                dead_letters=int(_sum(samples["heft_dead_letters_total"])),
            )
            for name, samples in parsed.items()
        ],
        sources=_sources(everything, now),
        stages=_stages(everything),
        nodes=_nodes(everything),
    )


def _named(url: str) -> str:
    """Host and port: who reads the page need not see more of a URL."""
    return urlsplit(url).netloc.rpartition("@")[2] or url


def _samples(text: str) -> Samples:
    found: Samples = defaultdict(list)
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found[sample.name].append((sample.labels, sample.value))
    except ValueError:
        return defaultdict(list)  # whatever answered there, it is none of our processes
    return found


def _sources(samples: Samples, now: datetime) -> list[SourceHead]:
    heads: dict[str, float] = defaultdict(float)
    for labels, value in samples["heft_source_head_seconds"]:
        heads[labels["source"]] = max(heads[labels["source"]], value)
    return [
        SourceHead(
            source=source,
            head=datetime.fromtimestamp(head, UTC),
            behind_seconds=max(0.0, now.timestamp() - head),
        )
        for source, head in sorted(heads.items())
        if head
    ]


def _stages(samples: Samples) -> list[StageLag]:
    told = {
        name: _by(samples[f"heft_stage_{name}"], "stage")
        for name in ("lag_records", "records_total", "retries_total")
    }
    return [
        StageLag(
            stage=stage,
            behind=int(behind),
            handled=int(told["records_total"].get(stage, 0)),
            waits=int(told["retries_total"].get(stage, 0)),
        )
        for stage, behind in sorted(told["lag_records"].items())
    ]


def _nodes(samples: Samples) -> list[Node]:
    failing = {
        (labels["chain"], labels["endpoint"]): value
        for labels, value in samples["heft_rpc_endpoint_errors_ratio"]
    }
    return [
        Node(
            chain=labels["chain"],
            endpoint=labels["endpoint"],
            latency_seconds=value,
            failing=failing.get((labels["chain"], labels["endpoint"]), 0.0),
        )
        for labels, value in samples["heft_rpc_endpoint_seconds"]
    ]


def _by(values: Iterable[tuple[dict[str, str], float]], label: str) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for labels, value in values:
        sums[labels[label]] += value
    return sums


def _sum(values: Iterable[tuple[dict[str, str], float]]) -> float:
    return sum(value for _, value in values)
