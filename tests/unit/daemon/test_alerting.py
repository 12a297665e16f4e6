"""``heft alerts``: what was told is listed, and what was refused is dealt with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from alerts.ledger import Ledger
from alerts.outbox import Queued, Status
from daemon import cli
from streams.state import State
from tests.unit.alerts.making import an_alert

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NAMES = ("0x01", "0x02")


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose state knows two deliveries: one was sent, one was refused for good."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    anyio.run(tell)
    return tmp_path


async def tell() -> None:
    """Queue both, then settle them."""
    state = await State.open("sqlite:///.heft/state.sqlite")
    ledger = Ledger(state)
    await ledger.write({}, [Queued(an_alert(pool=name), 0) for name in NAMES], ["chat"], NOW)
    sent, refused = await ledger.pending("chat", {0}, after=0, limit=9)
    await ledger.settle([sent], "sent", "sent", {}, NOW)
    await ledger.settle([refused], "refused", "blocked", {}, NOW)
    await state.close()


def listed(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """The pools that heft alerts history names, with these options."""
    assert cli.run(["alerts", "history", *options]) == 0
    shown = capsys.readouterr().out
    return [name for name in NAMES if f"ethereum:{name}:rug:0" in shown]


@pytest.mark.usefixtures("told")
def test_deliveries_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """All, the refused alone, and those of one sink."""
    assert listed(capsys) == ["0x01", "0x02"]
    assert listed(capsys, "--refused") == ["0x02"]
    assert listed(capsys, "--sink", "chat", "--limit", "1") == ["0x02"]
    assert listed(capsys, "--sink", "other") == []


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(("command", "status"), [("retry", "pending"), ("drop", "dropped")])
def test_refused_deliveries_are_dealt_with(
    capsys: pytest.CaptureFixture[str], command: str, status: Status
) -> None:
    """Once; the others stay as they are."""
    assert [cli.run(["alerts", command]) for _ in range(2)] == [0, 0]
    said = capsys.readouterr().out.splitlines()
    assert [line[:2] for line in said] == ["1 ", "0 "]
    assert listed(capsys, "--refused") == []
    assert cli.run(["alerts", "history"]) == 0
    statuses = capsys.readouterr().out
    assert status in statuses
    assert "sent" in statuses
