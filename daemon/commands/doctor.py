"""``heft doctor``: everything that the daemon needs, checked, and what to do about the rest."""

from __future__ import annotations

from daemon.options import Common, settings_from

__all__ = ["doctor"]


def doctor(common: Common = Common()) -> int:
    """Check the machine, the broker, the state, the model, and the nodes of chains.follow.

    Args:
        common: See there.
    """
    from daemon.jobs.diagnosis import diagnose, print_findings
    from daemon.run import configure_silent, run_async

    settings = settings_from(common)
    configure_silent()
    return run_async(lambda: print_findings(diagnose(settings)))
