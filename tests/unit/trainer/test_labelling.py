"""The label stage on a real state: each ruling once, over restarts, redelivery and retractions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from streams.broker import Record
from streams.events import Facts, Retraction, decode, encode
from streams.labels import Ruling
from streams.stage import Received
from streams.state import State
from streams.topics import FACTS
from tests.unit.trainer.cases import dossier
from trainer.labelling import LabelTransform, TrackStore

pytestmark = pytest.mark.anyio


def received(events: Sequence[Facts | Retraction]) -> list[Received]:
    """The events as records of one partition."""
    return [
        Received(each, Record(FACTS.name, 0, place, each.key.encode(), encode(each)))
        for place, each in enumerate(events)
    ]


async def told(
    state: State, events: Sequence[Facts | Retraction], *, save: bool = True
) -> list[Ruling]:
    """What a stage that has just started makes of one batch."""
    stage = LabelTransform(TrackStore(state))
    await stage.open(frozenset({0}))
    made = await stage.apply(received(events))
    if save:
        await stage.save()
    return [decode(each.value, Ruling) for each in made.messages]


def aged(told: Facts, seconds: float, sequence: int) -> Facts:
    """The same launch at another age."""
    at = told.launched_at + timedelta(seconds=seconds)
    return msgspec.structs.replace(told, age=seconds, at=at, sequence=sequence)


async def test_rulings_come_at_horizons_over_restarts(tmp_path: Path) -> None:
    """An hour is ruled on by its own dossier, a week by another launch's that tells the time."""
    state = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    try:
        hour, day = aged(dossier(1), 3_600, 1), aged(dossier(1), 86_400, 2)
        assert [r.horizon for r in await told(state, [hour])] == ["1h"]
        assert [r.horizon for r in await told(state, [day])] == ["24h"]
        other = aged(dossier(9), 8 * 86_400, 0)
        found = await told(state, [other])
        mine = [r for r in found if r.key == day.key]
        assert [(r.horizon, r.kind) for r in mine] == [("7d", "alive")]
        assert await told(state, [aged(dossier(9), 9 * 86_400, 1)]) == []
    finally:
        await state.close()


async def test_a_batch_that_comes_again_gives_the_same_rulings(tmp_path: Path) -> None:
    """Killed before it saved, the stage makes the same ids again: no label is lost or doubled."""
    state = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    try:
        batch = [aged(dossier(1), 3_600, 1), aged(dossier(2, drained=True), 86_400, 4)]
        first = await told(state, batch, save=False)
        again = await told(state, batch)
        assert first == again
        assert len({r.id for r in again}) == len(again) == 4
        assert await told(state, batch) == []
    finally:
        await state.close()


async def test_what_a_chain_takes_back_is_ruled_on_no_more(tmp_path: Path) -> None:
    """Its track goes; the launch that follows it begins anew."""
    state = await State.open(f"sqlite:///{tmp_path / 'state.sqlite'}")
    try:
        first = aged(dossier(1, drained=True), 60, 0)
        gone = Retraction(chain=first.chain, pool=first.pool, block=1, at=first.at)
        assert await told(state, [first, gone]) == []
        assert await told(state, [aged(dossier(5), 40 * 86_400, 0)])
        assert await TrackStore(state).load([first.key]) == []
    finally:
        await state.close()
