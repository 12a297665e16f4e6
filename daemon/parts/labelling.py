"""The label role: dossiers to rulings on what became of each launch."""

from __future__ import annotations

from daemon.parts.staging import run_transform
from daemon.plant import Plant
from daemon.supervisor import Part
from streams.stage import Drain
from streams.topics import FACTS
from trainer.labelling import LabelTransform, TrackStore

__all__ = ["label_part"]


def label_part(plant: Plant) -> Part:
    """Rules on launches at their horizons; needs nothing of the extra ``train``."""

    async def run(drain: Drain) -> None:
        transform = LabelTransform(TrackStore(plant.state))
        await run_transform(plant, "label", FACTS, transform, drain)

    return Part("label", run, beats=True)
