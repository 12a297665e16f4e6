"""The scoring stage gives a verdict a dossier, buries the unreadable, and follows the champion."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import REGISTRY

from heft_model.batcher import BatcherSettings
from heft_model.bundle import Bundle
from heft_model.registry import Registry
from heft_model.scorer import TableScorer
from heft_model.stage import ScoreTransform
from streams.broker import Record
from streams.clock import SystemClock
from streams.errors import Broken, Invalid
from streams.events import Facts, Retraction, Verdict, decode
from streams.stage import Received
from streams.topics import FACTS, VERDICTS
from tests.unit.heft_model.making import facts, many, write_dummy_bundle

pytestmark = pytest.mark.anyio


class Fussy(TableScorer):
    """A table that refuses some dossiers, and bundles whose model says so."""

    def __init__(self) -> None:
        super().__init__({}, default=0.9, bundle="first")
        self.refused: dict[str, Exception] = {}

    def score(self, batch: Sequence[Facts]) -> list[Verdict]:
        """As the table, or what is to be raised."""
        for each in batch:
            if each.pool in self.refused:
                raise self.refused[each.pool]
        return super().score(batch)

    def swap(self, bundle: Bundle) -> None:
        """Refuse a model that does not run."""
        if bundle.model == b"does not run":
            raise Invalid("golden scores", reason="golden")
        super().swap(bundle)


@pytest.fixture
async def scorer() -> Fussy:
    """What the stage scores with."""
    return Fussy()


@pytest.fixture
async def registry(tmp_path: Path) -> Registry:
    """An empty registry."""
    return Registry(tmp_path / "mine", builtin=tmp_path / "none")


async def test_a_made_up_chain_is_counted_with_the_others(scorer: Fussy) -> None:
    """No metric grows by what a record says."""

    def verdicts(chain: str) -> float:
        return sum(
            sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
            if sample.name == "heft_verdicts_total" and sample.labels["chain"] == chain
        )

    dossier = replace(facts(1), chain="made-up")
    record = Record(FACTS.name, 0, 0, b"", b"")
    transform = ScoreTransform(scorer, clock=SystemClock())
    before = verdicts("other")
    await transform.apply([Received(dossier, record)])
    transform.close()
    assert verdicts("other") == before + 1
    assert not verdicts("made-up")


@pytest.fixture
async def stage(scorer: Fussy, registry: Registry) -> AsyncIterator[ScoreTransform]:
    """The transform under test."""
    settings = BatcherSettings(size=4, max_wait=0.001)
    transform = ScoreTransform(scorer, clock=SystemClock(), registry=registry, settings=settings)
    yield transform
    transform.close()


def received(batch: Sequence[Facts]) -> list[Received]:
    """Dossiers as they come from the topic."""
    return [
        Received(each, Record(FACTS.name, 0, offset, each.key.encode(), b""))
        for offset, each in enumerate(batch)
    ]


def promote(registry: Registry, folder: Path, model: bytes) -> str:
    """Add a version and make it the champion."""
    write_dummy_bundle(folder, model=model)
    version = registry.add(folder)
    registry.promote(version)
    return version


async def test_a_verdict_a_dossier_in_order(stage: ScoreTransform) -> None:
    """Each goes out under its pool's key, so that order per pool holds."""
    batch = many(10)
    outcome = await stage.apply(received(batch))
    assert [m.key for m in outcome.messages] == [f.key for f in batch]
    assert {m.topic for m in outcome.messages} == {VERDICTS.name}
    verdicts = [decode(m.value, Verdict) for m in outcome.messages]
    assert [v.facts_id for v in verdicts] == [f.id for f in batch]
    assert outcome.refused == []


async def test_an_unreadable_dossier_is_refused_alone(stage: ScoreTransform, scorer: Fussy) -> None:
    """Bad input never stops us: the others of its batch are judged."""
    batch = many(4)
    scorer.refused[batch[1].pool] = Invalid("no number", reason="not-finite")
    outcome = await stage.apply(received(batch))
    assert len(outcome.messages) == 3
    ((record, error),) = outcome.refused
    assert (record.offset, error.reason) == (1, "not-finite")


async def test_a_broken_model_stops_the_stage(stage: ScoreTransform, scorer: Fussy) -> None:
    """Bad state always does, and nothing of the batch is published."""
    scorer.refused[facts(2).pool] = Broken("NaN")
    with pytest.raises(Broken, match="NaN"):
        await stage.apply(received(many(4)))


async def test_the_champion_is_followed(
    stage: ScoreTransform, scorer: Fussy, registry: Registry, tmp_path: Path
) -> None:
    """A promotion takes effect from the next batch on, also an empty one."""
    promoted = promote(registry, tmp_path / "a", b"runs")
    await stage.apply([])
    assert scorer.bundle == promoted
    assert REGISTRY.get_sample_value("heft_bundle_info", info(promoted)) == 1
    assert REGISTRY.get_sample_value("heft_bundle_info", info("first")) is None


def info(bundle: str) -> dict[str, str]:
    """The labels of a serving bundle."""
    return {"bundle": bundle, "prompt_version": "1"}


@pytest.mark.parametrize("fault", ["golden", "hash", "pointer"])
async def test_a_bad_champion_is_refused_once(
    stage: ScoreTransform, scorer: Fussy, registry: Registry, tmp_path: Path, fault: str
) -> None:
    """The bundle before goes on serving, the refusal is counted, and judging never stops."""
    count = refusals(fault)
    spoil(registry, tmp_path, fault)
    for _ in range(3):
        outcome = await stage.apply(received(many(2)))
        assert len(outcome.messages) == 2
    assert scorer.bundle == "first"
    assert refusals(fault) == count + 1


def spoil(registry: Registry, tmp_path: Path, fault: str) -> None:
    """Point the registry at something that cannot serve."""
    if fault == "golden":
        promote(registry, tmp_path / "a", b"does not run")
    elif fault == "hash":
        version = promote(registry, tmp_path / "a", b"runs")
        (registry.folder(version) / "model.onnx").write_bytes(b"cut")
    else:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "champion.json").write_text("{")


def refusals(reason: str) -> float:
    """How often a bundle was refused for this."""
    return REGISTRY.get_sample_value("heft_bundle_refusals_total", {"reason": reason}) or 0.0


async def test_after_a_bad_champion_a_good_one_serves(
    stage: ScoreTransform, scorer: Fussy, registry: Registry, tmp_path: Path
) -> None:
    """A refusal is not for ever."""
    promote(registry, tmp_path / "a", b"does not run")
    await stage.apply([])
    promoted = promote(registry, tmp_path / "b", b"runs")
    await stage.apply([])
    assert scorer.bundle == promoted


async def test_without_a_registry_nothing_is_followed(scorer: Fussy) -> None:
    """``heft score`` and tests judge with what they were given."""
    transform = ScoreTransform(scorer, clock=SystemClock())
    await transform.open(frozenset({0}))
    outcome = await transform.apply(received([facts(at=datetime(2021, 2, 3, tzinfo=UTC))]))
    await transform.save()
    transform.close()
    assert decode(outcome.messages[0].value, Verdict).bundle == "first"


async def test_a_retraction_goes_on_in_its_place(scorer: Fussy) -> None:
    """Behind the verdicts that it takes back, and before those that follow."""
    transform = ScoreTransform(scorer, clock=SystemClock())
    before, after = many(2)
    gone = Retraction(chain=before.chain, pool=before.pool, block=7, at=before.at)
    batch = received(many(1)) * 3
    events = (before, gone, after)
    outcome = await transform.apply(
        [Received(event, each.record) for event, each in zip(events, batch, strict=True)]
    )
    transform.close()
    kinds = [type(decode(each.value, VERDICTS.event)) for each in outcome.messages]
    assert kinds == [Verdict, Retraction, Verdict]
