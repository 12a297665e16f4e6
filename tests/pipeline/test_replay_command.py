"""``heft replay`` as a whole: tables, verdicts, resuming; ``heft train`` before it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.recordings import address, is_rug, write_recording
from tests.unit.heft_model.making import write_tiny_bundle

pytestmark = [pytest.mark.kafka, pytest.mark.train]

ROOT = Path(__file__).parents[2]
POOLS = 8
RECIPE = """
steps = 3
checks = 1
refit = false
batch = 16
calibration = 0.4
network = { width = 16, layers = 1, heads = 2, kv_heads = 1, ffn = 16, members = 1 }
"""


def heft(*arguments: object, folder: Path, **environment: str) -> str:
    """Standard output of a run that must end well."""
    result = subprocess.run(
        [sys.executable, "-m", "daemon", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "140"} | environment,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle that works, and knows nothing."""
    write_tiny_bundle(tmp_path / "bundle")
    return tmp_path / "bundle"


def test_verdicts_and_report(tmp_path: Path, bundle: Path) -> None:
    """One line a verdict, with what a judge needs; tables of detection and alerts."""
    recording = write_recording(tmp_path / "recording", POOLS)
    shown = heft(
        *("replay", recording, "--report", "--verdicts", "verdicts.jsonl", "--bundle", bundle),
        folder=tmp_path,
        HEFT_ALERTS__THRESHOLD="0.0",
    )
    told = [json.loads(line) for line in (tmp_path / "verdicts.jsonl").read_text().splitlines()]
    ages = {each["age"] for each in told if each["pool"] == address(1)}
    assert {0.0, 300.0, 3600.0, 21_600.0, 86_400.0} <= ages
    assert {each["pool"] for each in told} == {address(number) for number in range(POOLS)}
    assert all({"probability", "bundle", "facts_id"} <= set(each) for each in told)
    assert "Detection by tiny-" in shown
    assert "Alerts at the bundle's threshold" in shown
    assert f"{len(told)} verdicts written to verdicts.jsonl" in shown


def test_limit_and_state(tmp_path: Path, bundle: Path) -> None:
    """Only the first pools are played; a kept state is where it was said to be."""
    recording = write_recording(tmp_path / "recording", POOLS)
    arguments = ["--limit-pools", 2, "--state", "kept", "--verdicts", "v.jsonl", "--port", 0]
    heft("replay", recording, *arguments, "--bundle", bundle, folder=tmp_path)
    told = {json.loads(line)["pool"] for line in (tmp_path / "v.jsonl").read_text().splitlines()}
    assert told == {address(0), address(1)}
    assert list((tmp_path / "kept").glob("*.sqlite"))


def test_sigterm_drains(tmp_path: Path, bundle: Path) -> None:
    """A replay that is asked to stop finishes its batches, says so, and leaves with 130."""
    recording = write_recording(tmp_path / "recording", POOLS)
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "daemon", "replay", str(recording), "--speed", "1"),
            *("--bundle", str(bundle)),
        ],
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        assert process.stderr is not None
        while "launches" not in (line := process.stderr.readline()):
            assert line
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.endswith("heft: stopped before the end; the next run starts over\n")


def test_train_then_replay(tmp_path: Path) -> None:
    """What was trained is added, promoted and judges the next replay."""
    recording = write_recording(tmp_path / "recording", 40)
    assert any(is_rug(address(number)) for number in range(40))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    arguments = ["--name", "mine", "--recipe", "recipe.toml", "--promote"]
    said = heft("train", recording, *arguments, folder=tmp_path)
    version = said.split()[0]
    assert version.startswith("mine-")
    assert version in heft("models", "list", folder=tmp_path)
    heft("replay", recording, "--verdicts", "v.jsonl", "--limit-pools", 2, folder=tmp_path)
    lines = (tmp_path / "v.jsonl").read_text().splitlines()
    assert {json.loads(line)["bundle"] for line in lines} == {version}
