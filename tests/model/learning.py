"""A registry with a champion that knows nothing, and an archive of launches to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from heft_model.architecture import NanoSettings
from heft_model.registry import Registry
from streams.archive import keep_events
from streams.topics import FACTS, RULINGS, VERDICTS
from tests.unit.heft_model.making import LAUNCHED, facts, write_tiny_bundle
from tests.unit.trainer.cases import ruling, verdict
from trainer.asof import Case
from trainer.presets import RecipeSettings
from trainer.promote import Limits
from trainer.refresh import RefreshSettings

LAUNCHES = 200
NOW = LAUNCHED + timedelta(hours=LAUNCHES + 1, days=9)
RECIPE = RecipeSettings(
    name="tiny",
    facts=("trading.sells", "trading.buys", "holders.lp_top_share", "token.decimals"),
    bins=6,
    network=NanoSettings(width=16, layers=1, heads=2, kv_heads=1, ffn=24, members=2),
    steps=40,
    checks=8,
    batch=32,
    learning_rate=5e-3,
    average=0.9,
)
SETTINGS = RefreshSettings(recipe=RECIPE, limits=Limits(fewest=30))


def champion_in(folder: Path, seed: int = 0) -> Registry:
    """A registry whose champion has random weights."""
    registry = Registry(folder, builtin=folder / "none")
    write_tiny_bundle(folder / "made", seed=seed, last_launch_at=LAUNCHED)
    registry.promote(registry.add(folder / "made"))
    return registry


def launches(count: int = LAUNCHES, *, chain: str = "ethereum", start: int = 1) -> list[Case]:
    """A launch an hour, scored at an hour, ruled on after a week: many sells are a rug."""
    made = []
    for number in range(start, start + count):
        launched = LAUNCHED + timedelta(hours=number)
        told = facts(number, chain=chain, launched_at=launched, at=launched + timedelta(hours=1))
        rug = told.trading.sells > 12
        share = 0.1 if rug else 10.0
        pool = msgspec.structs.replace(told.liquidity, reserve=10.0, reserve_max=10.0)
        told = msgspec.structs.replace(told, liquidity=pool, sequence=0)
        end = ruling(told, "dumped" if rug else "alive")
        made.append(Case(facts=told, verdict=verdict(told), ruling=end))
        if rug:  # the dossier that shows it
            drained = msgspec.structs.replace(pool, reserve=share)
            last = msgspec.structs.replace(
                told, liquidity=drained, sequence=1, trigger="drained",
                at=launched + timedelta(hours=5), age=18_000.0,
            )  # fmt: skip
            made.append(Case(facts=last, verdict=verdict(last), ruling=end))
        else:
            last = msgspec.structs.replace(
                told, sequence=1, trigger="24h", at=launched + timedelta(days=1), age=86_400.0
            )
            made.append(Case(facts=last, verdict=verdict(last), ruling=end))
    return made


def archived(root: Path, cases: Sequence[Case]) -> Path:
    """An archive that holds the cases."""
    rulings = {case.ruling.id: case.ruling for case in cases if case.ruling is not None}
    for topic, events in (
        (FACTS, [case.facts for case in cases]),
        (VERDICTS, [case.verdict for case in cases]),
        (RULINGS, list(rulings.values())),
    ):
        keep_events(root, topic, events, epoch="made", first=0)
    return root
