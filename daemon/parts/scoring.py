"""The score role: dossiers to verdicts, by the bundle that the settings or the registry name."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from daemon.parts.staging import run_transform
from daemon.plant import Plant
from daemon.sections import Model
from daemon.supervisor import Part
from heft_model.batcher import BatcherSettings
from heft_model.bundle import Manifest, load_bundle, read_manifest
from heft_model.calibrate import Threshold
from heft_model.registry import Registry
from heft_model.scorer import OnnxScorer, Scorer, open_scorer
from heft_model.stage import ScoreTransform
from streams.stage import Drain
from streams.topics import FACTS

__all__ = ["Judge", "open_judge", "score_part"]


SCORED_AT_ONCE = 64
"""Dossiers in one turn of the score stage: a turn is finished before a drain, which has 10 s."""


class Judge(msgspec.Struct, frozen=True, kw_only=True):
    """Who judges: a scorer, and where to look for a newer champion, if it may change."""

    scorer: Scorer
    registry: Registry | None = None
    manifest: Manifest | None = None
    """Of the bundle that served first."""
    promise: Threshold | None = None
    """Its alert threshold, and the precision that it states for it."""


def score_part(plant: Plant, judge: Judge) -> Part:
    """Dossiers to verdicts; with a registry, by whichever version is its champion."""
    batches = _batches(plant.settings.model)

    async def run(drain: Drain) -> None:
        transform = ScoreTransform(
            judge.scorer, clock=plant.clock, registry=judge.registry, settings=batches
        )
        try:
            await run_transform(plant, "score", FACTS, transform, drain, most=SCORED_AT_ONCE)
        finally:
            transform.close()

    return Part("score", run, beats=True)


def open_judge(model: Model) -> Judge:
    """The bundle that serves, loaded and warmed up; the registry is followed unless it is pinned.

    Blocks for as long as loading takes. Raises ``Invalid`` when no bundle can serve.
    """
    registry = Registry(model.registry)
    if not model.bundle:
        scorer = open_scorer(registry, provider=model.provider, max_batch=model.batch)
        manifest = read_manifest(registry.folder(scorer.bundle))
        promise = scorer.calibration.threshold
        return Judge(scorer=scorer, registry=registry, manifest=manifest, promise=promise)
    folder = Path(model.bundle)
    bundle = load_bundle(folder) if folder.is_dir() else registry.load(model.bundle)
    return Judge(
        scorer=OnnxScorer(bundle, provider=model.provider, max_batch=model.batch),
        manifest=bundle.manifest,
        promise=bundle.calibration.threshold,
    )


def _batches(model: Model) -> BatcherSettings:
    return BatcherSettings(
        size=model.batch,
        max_wait=model.max_wait_seconds,
        workers=model.workers or os.cpu_count() or 1,
    )
