"""``heft bench``: what the product claims, measured here and now."""

from __future__ import annotations

from pathlib import Path

from daemon.options import Common, MeterOptions, settings_from

__all__ = ["heft"]


def heft(folder: Path, /, options: MeterOptions = MeterOptions(), common: Common = Common()) -> int:
    """Measure what each ingredient of HEFT saves.

    Args:
        folder: A recording, in the layout that heft replay reads.
        options: See there.
        common: See there.
    """
    from daemon.jobs.metering import meter

    return meter(settings_from(common), folder, options)
