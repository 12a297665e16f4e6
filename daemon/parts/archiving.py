"""The archive: a part a topic that keeps it as Parquet."""

from __future__ import annotations

from pathlib import Path

from daemon.plant import Plant
from daemon.supervisor import Part
from streams.archive import archive_stage
from streams.stage import Brake, Drain, run_stage
from streams.topics import POSTS, TOPICS, Topic

__all__ = ["archive_parts"]


def archive_parts(plant: Plant) -> list[Part]:
    """A part a topic that keeps it as Parquet; none without a folder for them.

    What people say is not kept beyond its time.
    """
    root = plant.settings.archive.dir
    kept = [topic for topic in TOPICS if topic is not POSTS]
    return [_archive_part(plant, topic, root) for topic in kept] if root else []


def _archive_part(plant: Plant, topic: Topic, root: Path) -> Part:
    """Waits for minutes on purpose, so it does not beat the pulse."""

    async def run(drain: Drain) -> None:
        stages = plant.settings.stages
        await run_stage(
            archive_stage(topic, root, plant.cluster.incarnation),
            plant.cluster.broker,
            clock=plant.clock,
            brake=Brake(stages.dead_in_a_row, stages.dead_share),
            drain=drain,
        )

    return Part(f"archive.{topic.name}", run)
