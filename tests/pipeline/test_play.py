"""The whole pipeline from a recording to alerts, on both brokers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import pytest

from daemon.jobs.collect import events_of, events_of_each
from daemon.parts.scoring import Judge
from daemon.plant import Cluster, Plant, open_plant, plant_on
from daemon.play import Play, play
from daemon.sections import Kafka
from daemon.sections import State as StateSettings
from daemon.settings import Settings
from heft_model.scorer import TableScorer
from streams.broker import Message
from streams.clock import SystemClock
from streams.dead import listed
from streams.memory import MemoryBroker
from streams.recording import open_recording
from streams.replay import ReplaySource
from streams.state import State
from streams.topics import ACTIVITY, ALERTS, FACTS, LAUNCHES, TOPICS, VERDICTS
from tests.pipeline.recordings import address, is_rug, write_recording

pytestmark = pytest.mark.anyio

POOLS = 6


@asynccontextmanager
async def memory_plant(folder: Path) -> AsyncIterator[Plant]:
    """A plant in one process."""
    broker = MemoryBroker()
    await broker.ensure_topics(TOPICS, 2)
    state = await State.open(f"sqlite:///{folder / 'state.sqlite'}")
    cluster = Cluster(broker=broker, address="")
    yield plant_on(Settings(state=StateSettings(dir=folder)), cluster, state)
    await state.close()


@asynccontextmanager
async def embedded_plant(folder: Path) -> AsyncIterator[Plant]:
    """A plant on an embedded broker of its own."""
    settings = Settings(state=StateSettings(dir=folder), kafka=Kafka(partitions=2))
    async with open_plant(settings) as plant:
        yield plant


Opener = Callable[[Path], AbstractAsyncContextManager[Plant]]
PLANTS = [
    pytest.param(memory_plant, id="memory"),
    pytest.param(embedded_plant, id="embedded", marks=pytest.mark.kafka),
]


def scorer() -> TableScorer:
    """Knows the rugs."""
    table = {address(number): 0.95 for number in range(POOLS) if is_rug(address(number))}
    return TableScorer(table, default=0.05, threshold=0.5)


async def nobody() -> None:
    """Watches nothing."""
    await anyio.sleep_forever()


def wanted(plant: Plant, recording: Path) -> Play:
    """The recording, judged by the table."""
    return Play(
        source=ReplaySource(recording=open_recording(recording), clock=SystemClock(), batch=7),
        judge=Judge(scorer=scorer()),
        sinks=list,
        note=plant.progress.note_played,
        watch=nobody,
    )


@pytest.mark.parametrize("open_it", PLANTS)
async def test_every_rug_is_alerted_before_it_happens(open_it: Opener, tmp_path: Path) -> None:
    """Launches, dossiers at each age, a verdict each, and for rugs an alert that comes true."""
    recording = write_recording(tmp_path / "recording", POOLS)
    async with open_it(tmp_path / "state") as plant:
        assert await play(plant, wanted(plant, recording))
        launches, facts, verdicts, alerts = await events_of_each(
            plant.cluster.broker, [LAUNCHES, FACTS, VERDICTS, ALERTS]
        )
    assert {launch.pool for launch in launches} == {address(number) for number in range(POOLS)}
    assert {verdict.id for verdict in verdicts} == {dossier.id for dossier in facts}
    assert {dossier.trigger for dossier in facts} >= {"launch", "5m", "1h", "6h", "24h", "drained"}
    actions = {(alert.pool, alert.action) for alert in alerts}
    rugs = {address(number) for number in range(POOLS) if is_rug(address(number))}
    assert {pool for pool, _ in actions} == rugs
    assert {(pool, action) for pool in rugs for action in ("raised", "confirmed")} <= actions
    assert plant.progress.published["score"] == len(verdicts)


async def test_played_again_on_the_same_state_it_says_nothing_new(tmp_path: Path) -> None:
    """A second play on the same broker and state goes on behind the end: nothing happens twice."""
    recording = write_recording(tmp_path / "recording", POOLS)
    async with memory_plant(tmp_path / "state") as plant:
        await play(plant, wanted(plant, recording))
        before = await events_of(plant.cluster.broker, ALERTS)
        again = plant_on(plant.settings, plant.cluster, plant.state)
        assert await play(again, wanted(again, recording))
        assert await events_of(plant.cluster.broker, ALERTS) == before
    assert again.progress.published.total() == 0


async def test_poisoned_records_are_dead_letters_and_nothing_else(tmp_path: Path) -> None:
    """What is no event, or of a later version, is set aside with its reason; the rest goes on."""
    recording = write_recording(tmp_path / "recording", POOLS)
    later = b'{"type":"head","v":99,"chain":"ethereum","block":1,"at":"2026-01-01T00:00:00Z"}'
    async with memory_plant(tmp_path / "state") as plant:
        broker = plant.cluster.broker
        await broker.publish([Message(ACTIVITY.name, "x", each) for each in (b"\x00{", later)])
        assert await play(plant, wanted(plant, recording))
        dead = await listed(broker, ACTIVITY)
        launches, alerts = await events_of_each(broker, [LAUNCHES, ALERTS])
    assert {letter.reason for letter in dead} == {"json", "unknown-version"}
    assert {letter.value for letter in dead} == {b"\x00{", later}
    assert len(launches) == POOLS
    assert len({alert.pool for alert in alerts}) == POOLS // 2
    assert plant.progress.refused["enrich"] == 2
