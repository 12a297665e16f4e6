"""One id from a launch to its alert: in the log of every stage, and in what travels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from streams.onpool import trace_of
from tests.pipeline.recordings import write_recording
from tests.unit.heft_model.making import write_tiny_bundle

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
WAY = ["launch_told", "dossier_made", "verdict_given", "alert_made", "alert_told"]


def test_one_id_yields_the_whole_way(tmp_path: Path) -> None:
    """The service's JSON log, looked through for one launch's id: every stage, in order."""
    recording = write_recording(tmp_path / "recording", 4)
    write_tiny_bundle(tmp_path / "bundle")
    settings = {
        "HEFT_LOG__FORMAT": "json",
        "HEFT_LOG__LEVEL": "info",
        "HEFT_ALERTS__THRESHOLD": "0.0",
        "HEFT_SINKS__CONSOLE__SHAPE": "line",
    }
    command = ["replay", recording, "--bundle", "bundle", "--sinks", "--verdicts", "told.jsonl"]
    done = subprocess.run(
        [sys.executable, "-m", "daemon", *map(str, command)],
        capture_output=True,
        text=True,
        check=True,
        timeout=110,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | settings,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    ways: dict[str, list[str]] = defaultdict(list)
    for line in lines:
        if "trace" in line and line["event"] not in ways[line["trace"]]:
            ways[line["trace"]].append(line["event"])
    verdicts = [json.loads(line) for line in (tmp_path / "told.jsonl").read_text().splitlines()]
    traces = {each["trace"] for each in verdicts}
    assert traces == {trace_of(f"{each['chain']}:{each['pool']}") for each in verdicts}
    assert len(traces) == 4
    for trace in traces:
        assert sorted(ways[trace], key=WAY.index) == WAY, ways[trace]
        assert ways[trace][0] == "launch_told"
