"""``heft replay``: a folder of recorded pools through the whole pipeline, as if it were live."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from daemon.options import Common, ReplayOptions, settings_from

__all__ = ["replay"]


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
