"""Versions are kept as they came, and one pointer says which serves."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from heft_model.registry import Registry
from streams.errors import Invalid
from tests.unit.heft_model.making import write_dummy_bundle


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A user's registry in front of one shipped version, ``tiny`` of 2020."""
    write_dummy_bundle(
        tmp_path / "builtin" / "nano", last_launch_at=datetime(2020, 6, 1, tzinfo=UTC)
    )
    return Registry(tmp_path / "mine", builtin=tmp_path / "builtin")


def add(registry: Registry, tmp_path: Path, model: bytes, year: int) -> str:
    """Train, as it were, a version on launches up to the beginning of ``year``."""
    folder = tmp_path / f"made-{year}"
    write_dummy_bundle(folder, model=model, last_launch_at=datetime(year, 1, 1, tzinfo=UTC))
    return registry.add(folder)


def test_a_fresh_installation_can_judge(registry: Registry) -> None:
    """What ships serves until the user has trained something."""
    (shipped,) = registry.versions()
    assert registry.champion() == shipped.id
    assert registry.load(shipped.id).manifest == shipped


def test_adding_does_not_promote(registry: Registry, tmp_path: Path) -> None:
    """A new version waits for a decision."""
    before = registry.champion()
    added = add(registry, tmp_path, b"new", 2022)
    assert registry.champion() == before
    assert [m.id for m in registry.versions()] == [before, added]


def test_promote_and_roll_back(registry: Registry, tmp_path: Path) -> None:
    """The pointer moves forth and back, and remembers where it was."""
    shipped, added = registry.champion(), add(registry, tmp_path, b"new", 2022)
    registry.promote(added)
    assert (registry.champion(), registry.previous()) == (added, shipped)
    assert registry.rollback() == shipped
    assert (registry.champion(), registry.previous()) == (shipped, added)


def test_promoting_the_champion_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    """A promotion said twice does not lose the version to roll back to."""
    shipped, added = registry.champion(), add(registry, tmp_path, b"new", 2022)
    registry.promote(added)
    revision = registry.revision()
    registry.promote(added)
    assert registry.previous() == shipped
    assert registry.revision() == revision


def test_the_revision_moves_with_the_pointer(registry: Registry, tmp_path: Path) -> None:
    """A scorer that watches it sees each promotion."""
    seen = {registry.revision()}
    added = add(registry, tmp_path, b"new", 2022)
    assert registry.revision() in seen
    registry.promote(added)
    seen.add(registry.revision())
    registry.rollback()
    seen.add(registry.revision())
    assert len(seen) == 3


def test_adding_twice_changes_nothing(registry: Registry, tmp_path: Path) -> None:
    """The same files are the same version."""
    added = add(registry, tmp_path, b"new", 2022)
    assert registry.add(tmp_path / "made-2022") == added
    assert len(registry.versions()) == 2


def test_a_version_is_a_copy(registry: Registry, tmp_path: Path) -> None:
    """What happens to the folder it came from does not matter."""
    added = add(registry, tmp_path, b"new", 2022)
    shutil.rmtree(tmp_path / "made-2022")
    assert registry.load(added).model == b"new"


def test_a_spoilt_folder_is_not_added(registry: Registry, tmp_path: Path) -> None:
    """Nothing is left behind either."""
    write_dummy_bundle(tmp_path / "made")
    (tmp_path / "made" / "model.onnx").write_bytes(b"cut")
    with pytest.raises(Invalid, match="not the file that was released"):
        registry.add(tmp_path / "made")
    assert not (tmp_path / "mine").exists()


def test_a_spoilt_version_is_not_promoted(registry: Registry, tmp_path: Path) -> None:
    """The champion stays."""
    before, added = registry.champion(), add(registry, tmp_path, b"new", 2022)
    (registry.folder(added) / "model.onnx").write_bytes(b"cut")
    with pytest.raises(Invalid, match="not the file that was released"):
        registry.promote(added)
    assert registry.champion() == before


def test_a_spoilt_version_hides_no_other(registry: Registry, tmp_path: Path) -> None:
    """An unreadable manifest is logged and left out."""
    add(registry, tmp_path, b"new", 2022)
    other = add(registry, tmp_path, b"newer", 2023)
    (tmp_path / "mine" / "versions" / other / "manifest.json").write_text("{")
    assert len(registry.versions()) == 2


@pytest.mark.parametrize("file", ["model.onnx", "manifest.json"])
def test_a_spoilt_copy_hides_no_sound_one(registry: Registry, tmp_path: Path, file: str) -> None:
    """Of a version that is there twice, the copy that verifies is served, and may be promoted."""
    shipped, builtin = registry.champion(), tmp_path / "builtin" / "nano"
    registry.add(builtin)
    mine = tmp_path / "mine" / "versions" / shipped
    assert registry.folder(shipped) == mine
    (mine / file).write_bytes(b"cut")
    assert registry.load(shipped).id == shipped
    assert registry.folder(shipped) == builtin
    registry.promote(shipped)
    (builtin / file).write_bytes(b"cut")
    with pytest.raises(Invalid):
        registry.load(shipped)


@pytest.mark.parametrize("version", ["nothing", "../../etc", ""])
def test_no_such_version(registry: Registry, version: str) -> None:
    """A mistyped id is said in one line."""
    with pytest.raises(Invalid, match="there is no model version"):
        registry.promote(version)


def test_nothing_to_roll_back_to(registry: Registry) -> None:
    """Before the first promotion there is no earlier champion."""
    with pytest.raises(Invalid, match="no earlier champion"):
        registry.rollback()


def test_no_model_at_all(tmp_path: Path) -> None:
    """Without any version the user is told what to do."""
    empty = Registry(tmp_path / "mine", builtin=tmp_path / "none")
    assert empty.versions() == []
    assert empty.candidates() == []
    with pytest.raises(Invalid, match="run heft train"):
        empty.champion()


def test_a_spoilt_pointer_is_invalid(registry: Registry, tmp_path: Path) -> None:
    """It is never taken for an empty registry."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "champion.json").write_text("{")
    with pytest.raises(Invalid, match=r"champion\.json cannot be read"):
        registry.champion()


def test_an_honest_judge_is_older_than_the_pool(registry: Registry, tmp_path: Path) -> None:
    """The freshest version of those that have seen no launch at or after the moment."""
    shipped = registry.champion()
    first, second = (add(registry, tmp_path, bytes([y % 100]), y) for y in (2022, 2023))

    def judge(year: int, month: int) -> str | None:
        manifest = registry.newest_before(datetime(year, month, 1, tzinfo=UTC))
        return None if manifest is None else manifest.id

    assert judge(2024, 1) == second
    assert judge(2023, 1) == first
    assert judge(2021, 1) == shipped
    assert judge(2020, 6) is None


def test_candidates_begin_with_the_champion(registry: Registry, tmp_path: Path) -> None:
    """Then comes the one before, then the freshest of the rest; none twice."""
    shipped = registry.champion()
    first, second, third = (
        add(registry, tmp_path, bytes([y % 100]), y) for y in (2022, 2023, 2024)
    )
    registry.promote(second)
    registry.promote(first)
    assert registry.candidates() == [first, second, third, shipped]


def test_candidates_survive_a_spoilt_pointer(registry: Registry, tmp_path: Path) -> None:
    """At the start of the service something serves, if anything can."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "champion.json").write_text('{"champion": "gone"}')
    assert len(registry.candidates()) == 2
    (tmp_path / "mine" / "champion.json").write_text("{")
    assert len(registry.candidates()) == 1


def test_promotion_mends_a_spoilt_pointer(registry: Registry, tmp_path: Path) -> None:
    """Whoever promotes has decided; what the pointer said is lost anyway."""
    added = add(registry, tmp_path, b"new", 2022)
    (tmp_path / "mine" / "champion.json").write_text("{")
    registry.promote(added)
    assert registry.champion() == added


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A registry on a foreign disk is one line."""
    write_dummy_bundle(tmp_path / "made")
    (tmp_path / "mine").write_text("in the way")
    registry = Registry(tmp_path / "mine", builtin=tmp_path / "none")
    with pytest.raises(Invalid, match="cannot be written"):
        registry.add(tmp_path / "made")
