"""``heft train``: recorded pools to a new model version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["TrainOptions", "train"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What can be said about a training."""

    name: str = "nano"
    """First part of the new version's id."""
    earlier: float = 1.0
    """Learn only from this share of the pools, the first launched; the later ones can judge."""
    recipe: Path | None = None
    """A TOML file of recipe settings, instead of those of the bundled model."""
    out: Path | None = None
    """Write the bundle into this folder instead of adding it to the registry."""
    licence: str = "Apache-2.0"
    """Under what the new weights may be used; written into the bundle."""
    promote: bool = False
    """Let the new version serve at once."""


def train(*folders: Path, options: TrainOptions = TrainOptions(), common: Common = Common()) -> int:
    """Train, calibrate and export a model.

    Args:
        folders: Recordings, in the layout that heft replay reads.
        options: See there.
        common: See there.
    """
    from daemon.jobs.training import train_on

    return train_on(settings_from(common), folders, options)
