"""One refresh of the champion: what is known is taught, the challenger is tried, and decided on.

    data      what was scored, with what is known of it now; labels that are poisoned stop it here
    teach     fresh launches and a replay of older ones; a rehearsal judges the newest beforehand
    gates     the rehearsal against the champion, on launches that neither has learnt from
    try       the bundle that would serve: golden dossiers, orders in names, time, memory
    decide    into the registry, with the decision and its reasons

Everything follows from the archive as of one moment, so that a run that was killed is run again
with the same moment and goes on from its training checkpoints. A refusal is a decision like any
other. Nothing here knows of clocks or schedules.
"""

from __future__ import annotations

import hashlib
import shutil
import zlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from rich.console import Console

from heft_model.bundle import Bundle, load_bundle
from heft_model.calibrate import fit_curve
from heft_model.decision import Decision, Gate
from heft_model.registry import Registry
from streams.errors import Invalid
from trainer.asof import Case, guard
from trainer.dataset import Example, weighed
from trainer.judging import ServingLimits, judgeable, paired, probabilities, trials
from trainer.presets import RecipeSettings
from trainer.promote import Limits, first_failure, gates
from trainer.recipe import Rehearsal, train
from trainer.settling import audit, taught, trusted

__all__ = ["Past", "RefreshSettings", "Refreshed", "digest_of", "refresh"]

NEVER_DAYS = 1e6
GATES = "gates.json"
"""What the rehearsal came to, for a run that goes on after it."""
TRIED = 24
"""Dossiers that a bundle is tried with."""


class RefreshSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh depends on besides its data."""

    recipe: RecipeSettings
    limits: Limits = Limits()
    serving: ServingLimits = ServingLimits()
    newest: float = 0.3
    """Share of the settled launches, the newest, on which champion and challenger are compared."""
    replay: float = 0.5
    """Share of the teaching's weight that older launches have, against forgetting."""
    most_replayed: int = 12_000
    """Dossiers of older launches, drawn anew each time."""


class Past(NamedTuple):
    """Older launches to replay, and how often rugs come after a day among them."""

    examples: Sequence[Example]
    late: float


class Refreshed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a refresh: ``version`` is in the registry, or ``None`` when it was refused."""

    version: str | None
    decision: Decision
    counts: dict[str, int]
    digest: str
    """SHA-256 over ids and labels of all that was taught."""
    metrics: dict[str, float] = {}


class _LostError(Exception):
    """The rehearsal did not pass: there is no need to teach on."""


def refresh(
    registry: Registry,
    cases: Sequence[Case],
    past: Past,
    settings: RefreshSettings,
    work: Path,
    *,
    now: datetime,
    console: Console | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> Refreshed:
    """Teach and try a challenger on what was known at ``now``; it is added, and not promoted.

    Raises ``Invalid`` for a leak, or when nothing can be written; all else that goes wrong is a
    refusal with its reason.
    """
    guard(cases, now)
    champion = registry.load(registry.champion())
    step("data")
    problem = audit(cases)
    cases, aside = trusted(cases)
    told = taught(cases, past.late)
    made, version, reason = list[Gate](), None, problem
    if not problem:
        try:
            known = _Known(told.examples, cases, past, champion)
            folder = _challenge(made, known, settings, work, console, step)
            failed = first_failure(made)
            reason = f"{failed.name}: {failed.found}" if failed else "passed every gate"
            if folder is not None and failed is None:
                step("add")
                version = registry.add(folder)
            shutil.rmtree(work, ignore_errors=True)
        except Invalid as error:
            reason = str(error)
    decision = Decision(
        at=now,
        what="refused" if version is None else "shadowing",
        champion=champion.id,
        challenger=version or "",
        reason="; ".join([reason, *(f"set aside: {each}" for each in aside)]),
        gates=tuple(made),
    )
    return Refreshed(
        version=version,
        decision=decision,
        counts=told.counts,
        digest=digest_of(told.examples),
        metrics={} if version is None else registry.load(version).manifest.metrics,
    )


class _Known(NamedTuple):
    """What a challenger is made from."""

    fresh: Sequence[Example]
    cases: Sequence[Case]
    past: Past
    champion: Bundle


def _challenge(
    made: list[Gate],
    known: _Known,
    settings: RefreshSettings,
    work: Path,
    console: Console | None,
    step: Callable[[str], None],
) -> Path | None:
    """The folder of a bundle, its gates in ``made``; ``None`` when its rehearsal was lost."""
    fresh, cases, past, champion = known
    recipe, since = _planned(fresh, past, champion, settings)
    step("teach")
    try:
        folder = _teach(
            mixed(_drawn(fresh, since), past, settings),
            recipe,
            work,
            console,
            lambda heard: _face(made, heard, cases, champion, settings, work / GATES),
        )
    except _LostError:
        return None
    step("try")
    made[:] = msgspec.json.decode((work / GATES).read_bytes(), type=list[Gate])
    sample = [case.facts for case in cases if case.facts.launched_at >= since][:TRIED]
    made += trials(load_bundle(folder), sample, settings.serving)
    return folder


def digest_of(examples: Sequence[Example]) -> str:
    """SHA-256 over the ids, labels and weights of examples, in hex."""
    told = hashlib.sha256()
    for each in examples:
        told.update(f"{each.facts.id} {each.label} {each.weight:.6f}\n".encode())
    return told.hexdigest()


def _planned(
    fresh: Sequence[Example], past: Past, champion: Bundle, settings: RefreshSettings
) -> tuple[RecipeSettings, datetime]:
    """The recipe, with the newest launches as its held-out slice, and since when those are."""
    launches = sorted({(e.facts.launched_at, e.group) for e in fresh})
    if not launches:
        raise Invalid("no launch has an outcome yet: nothing to learn", reason="few")
    seen = champion.manifest.window.last_launch_at
    since = launches[int(len(launches) * (1 - settings.newest))][0]
    since = max(since, seen + timedelta(seconds=1))
    newest = sum(launched >= since for launched, _ in launches)
    if newest < settings.limits.fewest:
        few = f"{newest} launches are newer than what the champion knows"
        raise Invalid(f"{few}, {settings.limits.fewest} needed", reason="few")
    older = {e.group for e in past.examples} - {group for _, group in launches}
    share = newest / (len(launches) + len(older))
    recipe = msgspec.structs.replace(
        settings.recipe,
        calibration=share,
        half_life_days=NEVER_DAYS,
        drained=1.0,
        refit=True,
        validation=0.0,
    )
    return recipe, since


def _teach(
    examples: Sequence[Example],
    recipe: RecipeSettings,
    work: Path,
    console: Console | None,
    rehearsed: Callable[[Rehearsal], None],
) -> Path:
    """The new bundle's folder; one that a killed run had finished is taken as it is."""
    folder = work / recipe.name
    if folder.exists():  # its rehearsal was passed, or it would not be there
        try:
            load_bundle(folder)
        except Invalid:
            shutil.rmtree(folder)
        else:
            return folder
    work.mkdir(parents=True, exist_ok=True)
    return train(
        examples, recipe, folder, recordings=["archive"], console=console, rehearsed=rehearsed
    )


def _drawn(fresh: Sequence[Example], since: datetime) -> list[Example]:
    """The newest launches with one label each, since calibration counts and does not weigh.

    What is undecided was split by its chance of a rug; here it is drawn by it, a launch at a time.
    """
    kept = []
    for example in fresh:
        if example.facts.launched_at >= since and example.weight < 1:
            share = zlib.crc32(example.group.encode()) / 2**32
            chance = example.weight if example.label else 1 - example.weight
            if example.label != (share < chance):
                continue
            example = msgspec.structs.replace(example, weight=1.0)  # noqa: PLW2901
        kept.append(example)
    return kept


def mixed(fresh: Sequence[Example], past: Past, settings: RefreshSettings) -> list[Example]:
    """Fresh and replayed examples, weighed by age, and against each other by total weight."""
    said = settings.recipe
    half_life = timedelta(days=said.half_life_days)
    mine = weighed(fresh, drained=said.drained, half_life=half_life)
    known = {example.group for example in fresh}
    older = [example for example in past.examples if example.group not in known]
    older = weighed(older, drained=said.drained, half_life=half_life)
    if not older or settings.replay <= 0:
        return mine
    rng = np.random.default_rng(said.seed)
    chosen = rng.permutation(len(older))[: settings.most_replayed]
    older = [older[place] for place in sorted(chosen.tolist())]
    total = sum(example.weight for example in mine)
    scale = total * settings.replay / (1 - settings.replay) / sum(e.weight for e in older)
    return mine + [msgspec.structs.replace(e, weight=e.weight * scale) for e in older]


def _face(
    made: list[Gate],
    heard: Rehearsal,
    cases: Sequence[Case],
    champion: Bundle,
    settings: RefreshSettings,
    path: Path,
) -> None:
    """Hold the rehearsal against the champion; raises ``_LostError`` when a gate fails."""
    labels = np.array([float(example.label) for example in heard.examples])
    groups = np.array([example.group for example in heard.examples])
    said = fit_curve(heard.logits, labels, groups, smooth=True)[1]
    by_id = {example.facts.id: float(p) for example, p in zip(heard.examples, said, strict=True)}
    since = min(example.facts.launched_at for example in heard.examples)
    rows = [(case, label) for case, label in judgeable(cases, since) if case.facts.id in by_id]
    old = probabilities(champion, [case.facts for case, _ in rows])
    new = np.array([by_id[case.facts.id] for case, _ in rows])
    made += gates(paired(rows, old, new), settings.limits)
    if first_failure(made) is not None:
        raise _LostError
    path.write_bytes(msgspec.json.encode(made))
