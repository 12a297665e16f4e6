"""What every scorer promises, checked on the real one and on its twin."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from heft_model.bundle import load_bundle
from heft_model.scorer import OnnxScorer, Scorer, TableScorer, facts_hash
from streams.events import Verdict, decode, encode
from tests.unit.heft_model.making import facts, many, write_dummy_bundle, write_tiny_bundle

Make = Callable[[], Scorer]


@pytest.fixture(scope="module", params=["onnx", "table"])
def make(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A maker of scorers that serve the bundle in ``folder``."""
    if request.param == "table":
        return lambda: TableScorer({facts(1).pool: 0.9, facts(2).id: 0.7})
    pytest.importorskip("torch", reason="needs the extra `train`")
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    write_tiny_bundle(folder)
    bundle = load_bundle(folder)
    return lambda: OnnxScorer(bundle)


def test_one_verdict_a_dossier_in_order(make: Make) -> None:
    """Each speaks of its own dossier and of no other."""
    batch = many(20)
    verdicts = make().score(batch)
    assert [v.id for v in verdicts] == [f.id for f in batch]
    assert [v.facts_hash for v in verdicts] == [facts_hash(f) for f in batch]
    assert [(v.pool, v.at, v.age, v.trigger) for v in verdicts] == [
        (f.pool, f.at, f.age, f.trigger) for f in batch
    ]


def test_an_empty_batch_gives_nothing(make: Make) -> None:
    """The stage loop also turns when nothing came."""
    assert make().score([]) == []


def test_the_same_dossier_gives_the_same_verdict(make: Make) -> None:
    """But for the time at which it was given."""
    first, second = make().score([facts(1), facts(1)])
    assert first.probability == second.probability
    assert first.evidence == second.evidence
    assert first.analysis == second.analysis


def test_verdicts_travel(make: Make) -> None:
    """Each is a record of the published schema."""
    for verdict in make().score(many(3)):
        assert decode(encode(verdict), Verdict) == verdict
        assert verdict.bundle == make().bundle


def test_threads_may_share_it(make: Make) -> None:
    """Workers score at once with one scorer."""
    scorer, batch = make(), many(8)
    told = [v.probability for v in scorer.score(batch)]
    with ThreadPoolExecutor(4) as workers:
        for verdicts in workers.map(scorer.score, [batch] * 12):
            assert [v.probability for v in verdicts] == told


def test_a_swap_changes_bundle_and_threshold(make: Make, tmp_path: Path) -> None:
    """From the next batch on verdicts carry the new bundle's id and threshold."""
    scorer = make()
    if isinstance(scorer, OnnxScorer):
        manifest = write_tiny_bundle(tmp_path / "b", seed=3, threshold=0.8)
    else:
        manifest = write_dummy_bundle(tmp_path / "b", threshold=0.8)
    scorer.swap(load_bundle(tmp_path / "b"))
    (verdict,) = scorer.score([facts()])
    assert (verdict.bundle, verdict.threshold) == (manifest.id, 0.8)
    assert scorer.bundle == manifest.id


def test_the_table_looks_up_dossier_then_pool() -> None:
    """A table says what it was told, and its default for the rest."""
    table = TableScorer({facts(1).pool: 0.9, facts(2).id: 0.7}, default=0.1)
    assert [v.probability for v in table.score(many(3))] == [0.1, 0.9, 0.7]
