"""The enrich role: activity to dossiers."""

from __future__ import annotations

from daemon.parts.staging import run_transform
from daemon.plant import Plant
from daemon.supervisor import Part
from streams.enrich.enricher import EnrichTransform
from streams.enrich.store import PoolStore
from streams.stage import Drain
from streams.topics import ACTIVITY

__all__ = ["enrich_part"]


def enrich_part(plant: Plant) -> Part:
    """Activity to dossiers."""

    async def run(drain: Drain) -> None:
        await run_transform(
            plant, "enrich", ACTIVITY, EnrichTransform(PoolStore(plant.state)), drain
        )

    return Part("enrich", run, beats=True)
