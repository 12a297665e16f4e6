"""The recipe teaches what there is to learn, from the past alone, and survives being killed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("torch", reason="needs the extra `train`")

from heft_model.architecture import NanoSettings
from heft_model.bundle import load_bundle
from heft_model.scorer import OnnxScorer
from streams.errors import Invalid
from tests.unit.heft_model.making import LAUNCHED, facts
from trainer import recipe
from trainer.dataset import Example
from trainer.presets import RecipeSettings
from trainer.recipe import train

pytestmark = pytest.mark.train

NAMES = ("trading.sells", "trading.buys", "holders.lp_top_share", "token.decimals")
SETTINGS = RecipeSettings(
    name="tiny",
    facts=NAMES,
    bins=6,
    network=NanoSettings(width=16, layers=1, heads=2, kv_heads=1, ffn=24, members=2),
    steps=36,
    checks=12,
    batch=32,
    learning_rate=5e-3,
    average=0.9,
    validation=0.2,
    calibration=0.3,
    threads=1,
)


def examples(pools: int = 100, *, label: Callable[[int], bool] | None = None) -> list[Example]:
    """Two dossiers a pool, a pool an hour; a pool with many sells rugs."""
    made = []
    for number in range(pools):
        launched = LAUNCHED + timedelta(hours=number)
        for age in (300.0, 3600.0):
            dossier = facts(
                number,
                launched_at=launched,
                age=age,
                at=launched + timedelta(seconds=age),
                trigger="1h" if age == 3600 else "5m",
            )
            dossier = msgspec.structs.replace(dossier, liquidity=FULL)
            rugs = label(number) if label else dossier.trading.sells > 12
            made.append(Example(dossier, rugs))
    return made


FULL = msgspec.structs.replace(facts().liquidity, reserve=10.0, reserve_max=10.0)


def test_it_learns_what_there_is_to_learn(tmp_path: Path) -> None:
    """From a few launches of one plain rule, the bundle tells later ones apart, and says why."""
    folder = train(examples(), SETTINGS, tmp_path / "b", recordings=["made"])
    bundle = load_bundle(folder)
    assert bundle.manifest.metrics["auc_1h"] > 0.9
    scorer = OnnxScorer(bundle)
    many_sells = msgspec.structs.replace(facts().trading, sells=60)
    no_sells = msgspec.structs.replace(facts().trading, sells=0)
    risky, calm = scorer.score([facts(trading=many_sells), facts(trading=no_sells)])
    assert risky.probability > 0.6
    assert calm.probability < 0.4
    assert bundle.golden.telling["trading.sells"] == max(
        bundle.golden.telling[name] for name in NAMES
    )


def test_the_manifest_says_what_was_seen(tmp_path: Path) -> None:
    """A pool launched after ``last_launch_at`` has taught and calibrated nothing."""
    seen = examples(60)
    window = load_bundle(train(seen, SETTINGS, tmp_path / "b", recordings=["made"])).manifest.window
    assert window.first_launch_at == LAUNCHED
    assert window.last_launch_at == LAUNCHED + timedelta(hours=59)
    assert (window.pools, window.examples) == (60, 120)
    assert (window.recordings, window.chains) == (("made",), ("ethereum",))


def test_words_are_cut_on_the_oldest_launches_alone(tmp_path: Path) -> None:
    """What calibrates leaves no trace in the words of what is calibrated (invariant 4)."""
    settings = msgspec.structs.replace(SETTINGS, refit=False)
    seen = examples(60)
    trading = msgspec.structs.replace(facts().trading, buys=10**6)
    later = [
        Example(msgspec.structs.replace(e.facts, trading=trading), e.label) if i >= 70 else e
        for i, e in enumerate(seen)
    ]
    edges = [
        load_bundle(train(each, settings, tmp_path / str(i))).lexicon.edges["trading.buys"]
        for i, each in enumerate((seen, later))
    ]
    assert edges[0] == edges[1]


def test_the_same_run_gives_the_same_bundle(tmp_path: Path) -> None:
    """Seeds decide everything that chance would."""
    ids = {load_bundle(train(examples(40), SETTINGS, tmp_path / str(i))).id for i in range(2)}
    assert len(ids) == 1


@pytest.mark.parametrize("stop", [1, 4, 20])
def test_a_killed_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int) -> None:
    """Killed at any checkpoint and started again, it ends in the very same bundle."""
    whole = load_bundle(train(examples(40), SETTINGS, tmp_path / "whole")).id
    stored, store = 0, recipe._store

    def killed(*args: Any) -> None:
        nonlocal stored
        store(*args)
        stored += 1
        if stored == stop:
            raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "_store", killed)
    with pytest.raises(KeyboardInterrupt):
        train(examples(40), SETTINGS, tmp_path / "b")
    monkeypatch.setattr(recipe, "_store", store)
    assert not (tmp_path / "b").exists()
    resumed = load_bundle(train(examples(40), SETTINGS, tmp_path / "b")).id
    assert resumed == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "whole"]


def test_another_run_never_takes_over_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint belongs to its settings and examples."""

    def killed(*args: Any) -> None:
        raise KeyboardInterrupt

    other = msgspec.structs.replace(SETTINGS, seed=1)
    whole = load_bundle(train(examples(40), SETTINGS, tmp_path / "whole")).id
    with monkeypatch.context() as patch:
        patch.setattr(recipe, "export_model", killed)
        with pytest.raises(KeyboardInterrupt):
            train(examples(40), other, tmp_path / "b")
    assert load_bundle(train(examples(40), SETTINGS, tmp_path / "b")).id == whole


def test_a_folder_is_written_once(tmp_path: Path) -> None:
    """It is said before the work, not after."""
    (tmp_path / "b").mkdir()
    with pytest.raises(Invalid, match="written once"):
        train([], SETTINGS, tmp_path / "b")


@pytest.mark.parametrize(
    ("label", "told"),
    [
        (lambda number: False, "oldest launches hold only one outcome"),
        (lambda number: number < 60, "only one outcome"),
        (lambda number: 50 <= number < 60, "oldest|newest"),
    ],
)
def test_one_outcome_teaches_nothing(
    tmp_path: Path, label: Callable[[int], bool], told: str
) -> None:
    """Without rugs, or without others, there is nothing to tell apart."""
    with pytest.raises(Invalid, match=told):
        train(examples(100, label=label), SETTINGS, tmp_path / "b")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("pools", [0, 5])
def test_a_handful_of_pools_teaches_nothing(tmp_path: Path, pools: int) -> None:
    """An empty recording is one clear line."""
    with pytest.raises(Invalid, match="fewer than 8 pools"):
        train(examples(pools), SETTINGS, tmp_path / "b")


def test_a_diverging_run_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is not a number is exported."""
    monkeypatch.setattr(recipe, "_validation_loss", lambda *args: float("nan"))
    with pytest.raises(Invalid, match="lower the learning rate"):
        train(examples(40), SETTINGS, tmp_path / "b")


def test_without_validation_every_step_is_taught(tmp_path: Path) -> None:
    """The last weights are kept."""
    settings = msgspec.structs.replace(SETTINGS, validation=0.0, steps=12)
    assert (
        load_bundle(train(examples(40), settings, tmp_path / "b")).manifest.settings["validation"]
        == 0.0
    )
