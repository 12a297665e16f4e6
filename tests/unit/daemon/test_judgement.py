"""The tables of a report."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from daemon.display.judgement import report_tables
from daemon.parts.scoring import Judge
from heft_model.calibrate import Threshold
from heft_model.scorer import TableScorer
from streams.recording import open_recording
from tests.pipeline.recordings import address, is_rug, write_recording
from trainer.dataset import examples_from_recording

POOLS = 10
PROMISE = Threshold(
    value=0.5, precision=0.9, wanted=0.9, confidence=0.9, alerted=1_200, rugged=1_100
)


@pytest.mark.parametrize("knowing", [True, False])
def test_a_report_tells_knowledge_from_none(tmp_path: Path, *, knowing: bool) -> None:
    """A scorer that knows the rugs has an AUC of 1 and full precision; another has not."""
    recording = open_recording(write_recording(tmp_path, POOLS))
    table = {address(number): 0.9 for number in range(POOLS) if is_rug(address(number))}
    scorer = TableScorer(table if knowing else {}, default=0.1, threshold=0.5)
    facts = [example.facts for example in examples_from_recording(recording)]
    tables = report_tables(recording, Judge(scorer=scorer, promise=PROMISE), scorer.score(facts))
    out = io.StringIO()
    console = Console(file=out, width=160)
    for each in tables:
        console.print(each)
    shown = out.getvalue()
    assert "pools_tiny" in shown
    assert f"{POOLS} pools judged; 0 left out" in shown
    assert "precision of 90.0%" in shown
    assert "1,200" in shown
    assert ("1.000 (1.000 to 1.000)" in shown) == knowing
    assert ("100.0%" in shown) == knowing
