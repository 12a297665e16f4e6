"""``heft train``: recorded pools to a new model version."""

from __future__ import annotations

from pathlib import Path

from daemon.options import Common, TrainOptions, settings_from

__all__ = ["train"]


def train(*folders: Path, options: TrainOptions = TrainOptions(), common: Common = Common()) -> int:
    """Train, calibrate and export a model.

    Args:
        folders: Recordings, in the layout that heft replay reads.
        options: See there.
        common: See there.
    """
    from daemon.jobs.training import train_on

    return train_on(settings_from(common), folders, options)
