"""``heft replay``: a folder of recorded pools through the whole pipeline, as if it were live."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["ReplayOptions", "replay"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """What can be said about a replay."""

    speed: float | None = None
    """Recorded seconds a second; as fast as possible when left out."""
    limit_pools: int | None = None
    """Play only the first so many pools."""
    bundle: str | None = None
    """A model version's id, or the folder of a bundle, instead of the champion."""
    state: Path | None = None
    """Keep the state here: a replay that was killed goes on, if started again within a minute."""
    external: bool = False
    """Play through the Kafka of the settings; only where no heft watch runs (same groups)."""
    verdicts: Path | None = None
    """Write one JSON line a verdict to this file."""
    report: bool = False
    """Judge the verdicts by what then happened, and print the tables."""
    sinks: bool = False
    """Send alerts to the configured sinks too, and not to the Kafka topic alone."""
    port: int | None = None
    """Serve /live, /ready and /metrics on this port meanwhile; 0 is any free one."""


def replay(
    folder: Path, /, options: ReplayOptions = ReplayOptions(), common: Common = Common()
) -> int:
    """Play a recording to its end.

    Args:
        folder: Holds pools*.parquet, sync*.parquet and, if recorded, lp_transfers*.parquet.
        options: See there.
        common: See there.
    """
    from daemon.jobs.replaying import replay_folder
    from daemon.run import run_async

    settings = settings_from(
        common,
        model={"bundle": options.bundle},
        state={"dir": options.state},
        http={"port": options.port},
    )
    return run_async(partial(replay_folder, settings, folder, options))
