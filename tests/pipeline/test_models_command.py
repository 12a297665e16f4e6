"""``heft models``: list, show, promote, roll back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from daemon import cli
from heft_model.registry import Registry
from tests.unit.heft_model.making import write_tiny_bundle

pytestmark = pytest.mark.train


@pytest.fixture
def versions(elsewhere: Path) -> list[str]:
    """Two versions in the registry of this folder."""
    registry = Registry(Path(".heft/models"))
    for seed in (1, 2):
        created = datetime(2026, 1, seed, tzinfo=UTC)
        write_tiny_bundle(elsewhere / f"made{seed}", seed=seed, created=created)
    return [registry.add(elsewhere / f"made{seed}") for seed in (1, 2)]


def test_promote_and_rollback(versions: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The champion moves to the promoted version and back; nothing but the answers is printed."""
    first, second = versions
    capsys.readouterr()
    for version in versions:
        assert cli.run(["models", "promote", version]) == 0
    assert Registry(Path(".heft/models")).champion() == second
    assert cli.run(["models", "rollback"]) == 0
    assert Registry(Path(".heft/models")).champion() == first
    undo = "serves now; heft models rollback undoes it"
    told = [f"{first} {undo}", f"{second} {undo}", f"{first} serves again"]
    assert capsys.readouterr().out.splitlines() == told


def test_list_marks_the_champion(
    versions: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every version in order, and which of them serves."""
    monkeypatch.setenv("COLUMNS", "120")
    cli.run(["models", "promote", versions[0]])
    capsys.readouterr()
    assert cli.run(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    shown = {version: line for version in versions for line in lines if version in line}
    assert "champion" in shown[versions[0]]
    assert "champion" not in shown[versions[1]]
    assert "rugged)" in shown[versions[0]]


def test_show_is_the_manifest(versions: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, for people and for programs."""
    assert cli.run(["models", "show", versions[0]]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["id"] == versions[0]
    assert {"window", "files", "licence"} <= set(shown)


def test_a_spoilt_version_is_not_promoted(
    versions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A version whose files changed is refused in one line, and the champion stays."""
    cli.run(["models", "promote", versions[0]])
    capsys.readouterr()
    model = Registry(Path(".heft/models")).folder(versions[1]) / "model.onnx"
    model.chmod(0o644)
    model.write_bytes(b"spoilt")
    assert cli.run(["models", "promote", versions[1]]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert Registry(Path(".heft/models")).champion() == versions[0]
