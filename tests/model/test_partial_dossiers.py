"""The model that ships judges any part of a dossier: the less is told, the nearer the base rate."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from heft_model.bundle import load_bundle
from heft_model.evidence import EvidenceSettings
from heft_model.partial import completed, read_partial
from heft_model.scorer import OnnxScorer
from streams.events import Facts, Verdict, encode
from streams.recording import open_recording
from trainer.dataset import dossiers_and_outcomes

pytestmark = pytest.mark.train

GROUPS = ("trading", "liquidity", "holders", "token")
MOMENT = ("age", "at", "launched_at", "venue", "quote_symbol", "token_address", "block")
EXTREME = 4.0
"""Logits: of launches that nothing is known of, none is told nearly certain."""


@pytest.fixture(scope="module")
def dossiers() -> list[Facts]:
    """Those of the recording that ships."""
    folder = Path(str(files("daemon"))) / "recordings" / "demo"
    return dossiers_and_outcomes(open_recording(folder))[0][::3]


@pytest.fixture(scope="module")
def scorer() -> OnnxScorer:
    """The model that ships, without reasons."""
    folder = Path(str(files("heft_model"))) / "bundles" / "nano"
    return OnnxScorer(load_bundle(folder), evidence=EvidenceSettings(floor=9.0))


def parts(dossiers: list[Facts], *dropped: str) -> list[Facts]:
    """Each dossier without what is dropped, as somebody would give it."""
    told = [json.loads(encode(each)) for each in dossiers]
    kept = [{k: v for k, v in one.items() if k not in (*dropped, "missing")} for one in told]
    return [completed(read_partial(json.dumps(one).encode())) for one in kept]


def logits(verdicts: list[Verdict]) -> np.ndarray:
    """Of their probabilities."""
    chance = np.array([verdict.probability for verdict in verdicts])
    return np.asarray(np.log(chance / (1 - chance)))


def test_the_less_is_told_the_nearer_the_base_rate(
    scorer: OnnxScorer, dossiers: list[Facts]
) -> None:
    """Opinions draw together as groups are left out, coverage falls, and at the end all are one."""
    spread, covered = [], []
    for count in range(len(GROUPS) + 1):
        verdicts = scorer.score(parts(dossiers, *GROUPS[:count]))
        spread.append(float(logits(verdicts).std()))
        covered.append(float(np.mean([verdict.coverage for verdict in verdicts])))
        for verdict in verdicts:
            assert set(GROUPS[:count]) - {"token"} <= set(verdict.unknown)
    assert spread[0] > spread[3] > spread[4]
    assert covered == sorted(covered, reverse=True)
    nothing = logits(scorer.score(parts(dossiers, *GROUPS, *MOMENT)))
    assert nothing.std() < 1e-6
    assert abs(nothing[0]) < EXTREME


@pytest.mark.parametrize("dropped", [*GROUPS, *MOMENT])
def test_whatever_is_left_out_there_is_a_verdict(
    scorer: OnnxScorer, dossiers: list[Facts], dropped: str
) -> None:
    """Each alone, and everything but it."""
    others = [name for name in (*GROUPS, *MOMENT) if name != dropped]
    for names in ([dropped], others):
        for verdict in scorer.score(parts(dossiers[:4], *names)):
            assert 0 < verdict.probability < 1
            assert 0 <= verdict.coverage < 1


def test_a_whole_dossier_is_judged_as_ever(scorer: OnnxScorer, dossiers: list[Facts]) -> None:
    """Going through parts changes nothing of what is all there."""
    again = scorer.score(parts(dossiers))
    assert logits(again) == pytest.approx(logits(scorer.score(dossiers)), abs=1e-4)
