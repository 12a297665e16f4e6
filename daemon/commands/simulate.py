"""``heft simulate``: the self-teaching service on recorded time, beside a frozen model."""

from __future__ import annotations

from pathlib import Path

from daemon.options import Common, SimulateOptions, settings_from

__all__ = ["simulate"]


def simulate(
    folder: Path, options: SimulateOptions = SimulateOptions(), common: Common = Common()
) -> int:
    """Play recorded launches through the self-teaching service.

    Args:
        folder: A recording, in the layout that heft replay reads.
        options: See there.
        common: See there.
    """
    from daemon.jobs.simulating import simulate_on

    return simulate_on(settings_from(common), folder, options)
