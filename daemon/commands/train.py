"""``heft train``: recorded pools to a new model version."""

from __future__ import annotations

from pathlib import Path

from daemon.options import Common, TrainOptions, settings_from

__all__ = ["train"]


def train(*folders: Path, options: TrainOptions = TrainOptions(), common: Common = Common()) -> int:
    """Train, calibrate and export a model, or refresh the one that serves.

    Args:
        folders: Recordings, in the layout that heft replay reads; none with --once and the like.
        options: See there.
        common: See there.
    """
    from daemon.jobs import refreshing
    from daemon.jobs.training import train_on

    settings = settings_from(common)
    if not folders and options.status:
        return refreshing.status(settings)
    if not folders and options.now:
        return refreshing.ask(settings)
    if not folders and (options.once or options.look):
        return refreshing.look(settings, always=options.once, quiet=options.look)
    return train_on(settings, folders, options)
