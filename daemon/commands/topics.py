"""``heft topics``: what is on Kafka, for whom, and how far the readers have come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["TopicsOptions", "topics"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TopicsOptions:
    """What can be said about the list."""

    schema: Path | None = None
    """Write a JSON Schema for each topic into this folder instead of listing."""
    create: bool = False
    """Make the topics that are missing on kafka.bootstrap_servers first."""


def topics(options: TopicsOptions = TopicsOptions(), common: Common = Common()) -> int:
    """List the topics, and how far readers are behind on the Kafka in use, if there is one.

    Args:
        options: See there.
        common: See there.
    """
    from daemon.jobs.schemas import write_schemas
    from daemon.jobs.topic_table import create_topics, print_topics
    from daemon.run import configure_quiet, run_async

    settings = settings_from(common)
    if options.schema is not None:
        for path in write_schemas(options.schema):
            print(path)
        return 0
    configure_quiet(settings.log)
    if options.create:
        run_async(lambda: create_topics(settings))
    return run_async(lambda: print_topics(settings))
