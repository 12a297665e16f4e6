"""``heft alerts``: what was told is listed, and what was refused is dealt with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from alerts.example import example
from alerts.ledger import Ledger
from alerts.outbox import Queued, Status
from alerts.wave import wave_of
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


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("limit", ["-1", "0", "10001", "40000"])
@pytest.mark.parametrize("command", ["history", "retry", "drop"])
def test_a_limit_that_no_database_takes_is_refused(
    command: str, limit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below one it may mean none, and drop would drop everything; above, Postgres fails."""
    assert cli.run(["alerts", command, "--limit", limit]) == 2
    assert "10000" in capsys.readouterr().err or int(limit) < 1
    assert listed(capsys, "--refused") == ["0x02"]


@pytest.mark.usefixtures("told")
def test_a_silence_is_made_listed_heeded_and_lifted(capsys: pytest.CaptureFixture[str]) -> None:
    """With who, until when and why; the route says so; a lifted one is gone."""
    assert cli.run([*SILENCE, "--for", "2h", "--chain", "base"]) == 0
    name = capsys.readouterr().out.partition(":")[0]
    assert cli.run(["alerts", "silences"]) == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in (name, "chain base, token PEPE", "ann", "our own", "UTC"))
    asked = ["alerts", "route", "--token", "PEPE", "--probability", "0.9", "--chain"]
    for chain, is_silent in (("base", True), ("ethereum", False)):
        assert cli.run([*asked, chain]) == 0
        assert (f"silenced by {name} of ann" in capsys.readouterr().out) == is_silent
    assert cli.run(["alerts", "lift", name]) == 0
    assert cli.run(["alerts", "lift", name]) == 2
    capsys.readouterr()
    assert cli.run(["alerts", "silences"]) == 0
    assert capsys.readouterr().out.strip() == "silences: none"


SILENCE = ["alerts", "silence", "--token", "PEPE", "--who", "ann", "--why", "our own"]


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    "options",
    [
        [*SILENCE],
        [*SILENCE, "--until", "2020-01-01"],
        [*SILENCE, "--hours", "25:00-26:00"],
        [*SILENCE, "--hours", "09:00-09:00"],
    ],
)
def test_a_silence_that_cannot_be_is_refused(options: list[str]) -> None:
    """Without an end, over already, at hours that no day has, or at none."""
    assert cli.run(options) == 2


@pytest.mark.usefixtures("told")
def test_a_wave_that_is_spoken_for_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Asked who would hear of a creator's next token: nobody, and which alert speaks for it."""
    asked = ["alerts", "route", "--probability", "0.9", "--creator"]
    anyio.run(speak_for, "0xcc")
    for creator, is_held in (("0xcc", True), ("0xdd", False)):
        assert cli.run([*asked, creator]) == 0
        shown = capsys.readouterr().out
        assert ("nobody: the alert on ethereum:0x09 speaks for its wave" in shown) == is_held


def test_a_route_to_nobody_is_refused_as_the_daemon_would(
    told: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else the answer to who would hear is a receiver that there is not."""
    route = 'routes = [{name = "r", to = ["telegramm"]}]'
    (told / "heft.toml").write_text(f"[alerts]\n{route}\n")
    assert cli.run(["alerts", "route"]) == 2
    assert "no sink is called telegramm" in capsys.readouterr().err


async def speak_for(creator: str) -> None:
    """Tell an alert on a token of this creator, now."""
    state = await State.open("sqlite:///.heft/state.sqlite")
    alert = example(datetime.now(UTC), pool="0x09", creator=creator)
    queued = [Queued(alert, 0, wave=wave_of(alert))]
    await Ledger(state).write({}, queued, ["chat"], datetime.now(UTC))
    await state.close()
