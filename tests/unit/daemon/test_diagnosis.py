"""What ``heft doctor`` finds, and what it says to do."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from daemon import cli
from daemon.jobs.diagnosis import CHECKS, Finding, diagnose, print_findings
from daemon.sections import Kafka, Model, State
from daemon.settings import Settings
from tests.unit.heft_model.making import write_dummy_bundle, write_tiny_bundle

pytestmark = pytest.mark.anyio


async def findings(settings: Settings) -> dict[str, Finding]:
    """By what they are about."""
    return {finding.about: finding async for finding in diagnose(settings)}


@pytest.mark.kafka
@pytest.mark.train
async def test_all_is_well(tmp_path: Path) -> None:
    """With a bundle that works, nothing is wrong, and every check has said something."""
    write_tiny_bundle(tmp_path / "bundle")
    found = await findings(
        Settings(model=Model(bundle=str(tmp_path / "bundle")), state=State(dir=tmp_path / "state"))
    )
    assert list(found) == list(CHECKS)
    assert [finding for finding in found.values() if finding.wrong] == []
    assert "embedded" in found["broker"].found


async def test_each_fault_is_found_beside_the_others(tmp_path: Path) -> None:
    """A check that fails does not hide the next; each names what to look at."""
    write_dummy_bundle(tmp_path / "bundle")
    (tmp_path / "file").write_text("")
    found = await findings(
        Settings(
            kafka=Kafka(bootstrap_servers="127.0.0.1:1", timeout_ms=1000),
            model=Model(bundle=str(tmp_path / "bundle")),
            state=State(dir=tmp_path / "file"),
        )
    )
    wrong = {about for about, finding in found.items() if finding.wrong}
    assert {"bundle", "broker", "state"} <= wrong
    assert "127.0.0.1:1" in found["broker"].found
    assert not found["python"].wrong


async def test_findings_are_a_line_each_and_an_exit_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """1 when anything is wrong, and the line says wrong."""

    async def some(*all_: Finding) -> AsyncIterator[Finding]:
        for each in all_:
            yield each

    good, bad = Finding("disk", "plenty"), Finding("broker", "[gone]", wrong=True)
    assert await print_findings(some(good)) == 0
    assert await print_findings(some(good, bad)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].split() == ["wrong", "broker", "[gone]"]


def test_the_command_prints_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the settings in force, without a log line between."""
    for name in [name for name in os.environ if name.startswith("HEFT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEFT_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("HEFT_KAFKA__TIMEOUT_MS", "1000")
    assert cli.run(["doctor"]) == 1
    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == len(CHECKS)
    assert shown.err == ""
