"""A refresh: a better challenger gets in, and what must not teach is refused with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

from heft_model.bundle import load_bundle
from heft_model.decision import Decision
from heft_model.registry import Registry
from streams.errors import Invalid
from tests.model.learning import LAUNCHES, NOW, SETTINGS, archived, champion_in, launches
from tests.unit.heft_model.making import LAUNCHED, write_tiny_bundle
from trainer import recipe
from trainer.asof import Case, known_at
from trainer.live import challenger_of, shadowed, watch_champion
from trainer.promote import Limits
from trainer.refresh import Past, Refreshed, RefreshSettings, refresh

pytestmark = pytest.mark.train

NOBODY = Past([], 0.2)
SPAN = timedelta(hours=6)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Refreshed]:
    """A registry after one good refresh; copy nothing into it."""
    folder = tmp_path_factory.mktemp("learnt")
    registry = champion_in(folder / "models")
    cases = known_at(archived(folder / "archive", launches()), NOW)
    return folder, refresh(registry, cases, NOBODY, SETTINGS, folder / "work", now=NOW)


def refused(
    tmp_path: Path, cases: Sequence[Case], settings: RefreshSettings = SETTINGS, seed: int = 0
) -> Decision:
    """What a refresh on these cases says, having changed nothing."""
    registry = champion_in(tmp_path / "models", seed)
    before = registry.champion(), {each.id for each in registry.versions()}
    found = refresh(registry, cases, NOBODY, settings, tmp_path / "work", now=NOW)
    assert (registry.champion(), {each.id for each in registry.versions()}) == before
    assert found.version is None
    assert found.decision.what == "refused"
    return found.decision


def test_a_better_challenger_is_added_and_does_not_serve_yet(
    learnt: tuple[Path, Refreshed],
) -> None:
    """Taught on the archive, it beats the champion by every gate; promotion is another step."""
    folder, found = learnt
    registry = Registry(folder / "models", builtin=folder / "none")
    assert found.version is not None
    assert found.decision.what == "shadowing"
    assert all(gate.passed for gate in found.decision.gates)
    names = [gate.name for gate in found.decision.gates]
    assert names[:2] == ["enough launches", "better order (AUC)"]
    assert names[-4:] == ["golden dossiers and export parity", "orders in names", "time", "memory"]
    assert registry.champion() == found.decision.champion
    assert load_bundle(registry.folder(found.version)).id == found.version
    assert sum(found.counts.values()) == LAUNCHES
    assert not (folder / "work").exists()


def test_poisoned_labels_are_refused(tmp_path: Path) -> None:
    """One ruling in ten flipped: none of it is taught."""
    cases = launches()
    for place in range(0, len(cases), 10):
        told = cases[place].ruling
        assert told is not None
        flipped = msgspec.structs.replace(told, kind="alive" if told.is_rug else "dumped")
        mine = cases[place].facts.key
        cases = [
            msgspec.structs.replace(c, ruling=flipped) if c.facts.key == mine else c for c in cases
        ]
    assert "do not follow from their dossiers" in refused(tmp_path, cases).reason


def test_an_empty_week_and_one_outcome_are_refused(tmp_path: Path) -> None:
    """Nothing to learn from, and nothing to tell apart."""
    assert "no launch has an outcome" in refused(tmp_path / "a", []).reason
    one = [case for case in launches() if case.ruling is not None and not case.ruling.is_rug]
    few = msgspec.structs.replace(SETTINGS, limits=Limits(fewest=10))
    assert "only one outcome" in refused(tmp_path / "b", one, few).reason


def test_a_loss_that_is_no_number_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The weights are spoilt in the middle of the teaching."""
    loss = recipe._loss

    def spoilt(*given: Any) -> Any:
        return loss(*given) * float("nan")

    monkeypatch.setattr(recipe, "_loss", spoilt)
    assert "not a number" in refused(tmp_path, launches()).reason


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No training checkpoint can be written: nothing is added, and the reason names the folder."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torch.save", full)
    assert "No space left" in refused(tmp_path, launches()).reason


def test_a_challenger_that_is_worse_on_one_chain_is_refused(tmp_path: Path) -> None:
    """Launches of a new chain, a third of the newest, are honest where there are many sells."""
    swapped = []
    for case in launches():
        facts, told, end = case.facts, case.verdict, case.ruling
        number = int(facts.pool, 16)
        if number > 140 and number % 3 == 0:
            trading = msgspec.structs.replace(facts.trading, sells=max(0, 24 - facts.trading.sells))
            facts = msgspec.structs.replace(facts, chain="base", trading=trading)
            told = msgspec.structs.replace(told, chain="base")
            end = end and msgspec.structs.replace(end, chain="base")
        swapped.append(Case(facts=facts, verdict=told, ruling=end))
    settings = msgspec.structs.replace(SETTINGS, limits=Limits(fewest=30, fewest_in_slice=10))
    found = refused(tmp_path, swapped, settings, seed=2)
    failed = {gate.name: gate.found for gate in found.gates if not gate.passed}
    assert any(name.startswith("no worse on chain base") for name in failed), found


def test_a_leak_ends_the_refresh_loudly(tmp_path: Path) -> None:
    """A dossier of the future among the cases: nothing is decided, the error says which."""
    registry = champion_in(tmp_path / "models")
    cases = launches(60)
    future = msgspec.structs.replace(cases[5].facts, at=NOW + timedelta(hours=1))
    cases[5] = msgspec.structs.replace(cases[5], facts=future)
    with pytest.raises(Invalid, match="leak"):
        refresh(registry, cases, NOBODY, SETTINGS, tmp_path / "work", now=NOW)


def test_the_shadow_comes_before_promotion(learnt: tuple[Path, Refreshed], tmp_path: Path) -> None:
    """Too early nothing happens; in time it serves, and the record says why."""
    folder, found = learnt
    registry = champion_in(tmp_path / "models")
    assert found.version is not None
    source = Registry(folder / "models", builtin=folder / "none")
    registry.add(source.folder(found.version))
    registry.record(found.decision)
    cases = launches()
    assert challenger_of(registry) is not None
    assert shadowed(registry, cases, Limits(), SPAN, NOW + timedelta(hours=5)) is None
    decision = shadowed(registry, cases, Limits(), SPAN, NOW + SPAN)
    assert decision is not None
    assert decision.what == "promoted"
    assert registry.champion() == found.version
    assert challenger_of(registry) is None
    assert [each.what for each in registry.decisions(Decision)] == ["shadowing", "promoted"]


def test_a_promotion_that_a_kill_kept_untold_is_told(
    learnt: tuple[Path, Refreshed], tmp_path: Path
) -> None:
    """Killed between moving the pointer and writing it down: the next look writes it down, once."""
    folder, found = learnt
    registry = champion_in(tmp_path / "models")
    source = Registry(folder / "models", builtin=folder / "none")
    assert found.version is not None
    registry.promote(registry.add(source.folder(found.version)))
    registry.record(found.decision)
    decision = shadowed(registry, [], Limits(), SPAN, NOW + SPAN)
    assert decision is not None
    assert decision.what == "promoted"
    assert registry.champion() == found.version
    assert shadowed(registry, [], Limits(), SPAN, NOW + SPAN) is None


def test_a_pinned_champion_is_not_replaced(learnt: tuple[Path, Refreshed], tmp_path: Path) -> None:
    """The challenger held its own, and a person holds the champion."""
    folder, found = learnt
    registry = champion_in(tmp_path / "models")
    source = Registry(folder / "models", builtin=folder / "none")
    assert found.version is not None
    registry.add(source.folder(found.version))
    registry.record(found.decision)
    registry.pin()
    decision = shadowed(registry, launches(), Limits(), SPAN, NOW + SPAN)
    assert decision is not None
    assert (decision.what, "pinned" in decision.reason) == ("refused", True)
    assert registry.champion() == found.decision.champion


def test_a_bad_champion_forced_in_by_hand_is_rolled_back(
    learnt: tuple[Path, Refreshed], tmp_path: Path
) -> None:
    """A random model is promoted over a good one: gone at forty labelled launches, not before."""
    folder, found = learnt
    registry = Registry(tmp_path / "models", builtin=tmp_path / "none")
    source = Registry(folder / "models", builtin=folder / "none")
    assert found.version is not None
    registry.promote(registry.add(source.folder(found.version)))
    write_tiny_bundle(tmp_path / "bad", seed=5)
    bad = registry.add(tmp_path / "bad")
    registry.promote(bad)
    since = registry.pointer().since
    assert since is not None
    later = [_moved(case, since - LAUNCHED) for case in launches(80)]
    few = later[: 2 * (Limits().labels_to_roll_back - 1)]
    assert watch_champion(registry, few, Limits(), NOW) is None
    decision = watch_champion(registry, later, Limits(), NOW)
    assert decision is not None
    assert (decision.what, decision.champion) == ("rolled-back", bad)
    assert registry.champion() == found.version
    assert watch_champion(registry, [], Limits(), NOW) is None


def _moved(case: Case, by: timedelta) -> Case:
    facts = msgspec.structs.replace(
        case.facts, launched_at=case.facts.launched_at + by, at=case.facts.at + by
    )
    return msgspec.structs.replace(case, facts=facts)
