"""Runs one transform as a stage, by the settings of the plant."""

from __future__ import annotations

from daemon.plant import Plant
from streams.stage import Brake, Drain, Stage, Transform, run_stage
from streams.topics import Topic

__all__ = ["run_transform"]


async def run_transform(
    plant: Plant,
    name: str,
    topic: Topic,
    transform: Transform,
    drain: Drain,
    *,
    most: int | None = None,
) -> None:
    """Until drained; ``most`` records a turn where the settings allow more."""
    stages = plant.settings.stages
    await run_stage(
        Stage(
            name,
            topic,
            transform,
            max_records=min(stages.max_records, most or stages.max_records),
            max_wait=stages.max_wait_seconds,
        ),
        plant.cluster.broker,
        clock=plant.clock,
        brake=Brake(stages.dead_in_a_row, stages.dead_share),
        progress=plant.progress.note_turn,
        drain=drain,
    )
