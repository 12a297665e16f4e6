"""The checks of ``heft doctor``: each gives a finding, and none stops the others."""

from __future__ import annotations

import platform
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio.to_thread
import msgspec
from rich.console import Console
from rich.text import Text

from daemon.jobs.endpoint_checks import endpoint_findings
from daemon.jobs.nodes import nodes_from
from daemon.parts.scoring import open_judge
from daemon.plant import open_cluster, topics_of
from daemon.roles import why_off
from daemon.sections import State
from daemon.settings import Settings
from streams import state as durable
from streams.errors import HeftError, Invalid
from streams.topics import TOPICS

__all__ = ["Finding", "diagnose", "print_findings"]

RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
LEAST_FREE_BYTES = 2 * 1024**3
"""A busy day of state, archive and model versions fits into this."""

Check = Callable[[Settings], Awaitable[str]]


class Finding(msgspec.Struct, frozen=True):
    """What one check found; ``wrong`` says also what to do."""

    about: str
    found: str
    wrong: bool = False


async def diagnose(settings: Settings) -> AsyncIterator[Finding]:
    """The findings, as they come."""
    for about, check in CHECKS.items():
        try:
            yield Finding(about, await check(settings))
        except HeftError as error:
            yield Finding(about, str(error), wrong=True)
    async for chain, found, wrong in endpoint_findings(nodes_from(settings.chains)):
        yield Finding(chain, found, wrong=wrong)


async def print_findings(findings: AsyncIterator[Finding]) -> int:
    """A line a finding; 1 when anything is wrong."""
    console, code = Console(), 0
    async for finding in findings:
        mark, style = ("wrong", "bold red") if finding.wrong else ("ok", "green")
        line = Text.assemble((f"{mark:<6}", style), f"{finding.about:<9} {finding.found}")
        console.print(line, soft_wrap=True)
        code = max(code, int(finding.wrong))
    return code


async def _python(_: Settings) -> str:
    return f"{platform.python_version()} on {platform.platform(terse=True)}"


async def _runtime(_: Settings) -> str:
    found = [f"{name} {_version(name)}" for name in RUNTIMES if _version(name)]
    if len(found) != 1:
        raise Invalid(
            f"{' and '.join(found) or 'no ONNX Runtime'} installed: have exactly one, by "
            "pip install 'heft-monitor[cpu]' or 'heft-monitor[gpu]'"
        )
    return found[0]


async def _feeds(settings: Settings) -> str:
    followed = [*settings.social.follow, *settings.market.follow]
    if off := why_off(settings):
        raise Invalid("; ".join(f"{name} is off: {why}" for name, why in off.items()))
    return (
        f"{', '.join(followed)} are followed"
        if followed
        else ("no posts and no exchange are followed: see social.follow and market.follow")
    )


async def _bundle(settings: Settings) -> str:
    judge = await anyio.to_thread.run_sync(open_judge, settings.model)
    return f"{judge.scorer.bundle} is loaded and gives the answers that its exporter saw"


async def _broker(settings: Settings) -> str:
    with TemporaryDirectory(prefix="heft-") as folder:
        apart = settings.model_copy(update={"state": State(dir=Path(folder))})
        async with open_cluster(apart) as cluster:
            if cluster.embedded is None:
                partitions = await cluster.broker.partitions(TOPICS[0].name)
                return f"{cluster.address} answers; {partitions} partitions a topic"
            await cluster.broker.ensure_topics(topics_of(settings), settings.kafka.partitions)
            return "no Kafka is named (kafka.bootstrap_servers); the embedded broker works"


async def _state(settings: Settings) -> str:
    folder, url = settings.state.dir, settings.state.url.get_secret_value()
    opened = await durable.State.open(url or f"sqlite:///{folder / 'state.sqlite'}")
    async with opened.begin():
        pass
    await opened.close()
    return "the database named by state.url can be written" if url else f"{folder} can be written"


async def _disk(settings: Settings) -> str:
    folder = next(
        p for p in (settings.state.dir, *settings.state.dir.absolute().parents) if p.exists()
    )
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise Invalid(f"{free / 1024**3:.1f} GiB free at {folder}: make room or move state.dir")
    return f"{free / 1024**3:,.1f} GiB free at {folder.absolute()}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


CHECKS: dict[str, Check] = {
    "python": _python,
    "runtime": _runtime,
    "bundle": _bundle,
    "broker": _broker,
    "state": _state,
    "disk": _disk,
    "feeds": _feeds,
}
