"""``heft demo``: the bundled recording through the whole pipeline, with nothing to install."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["DemoOptions", "demo"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What can be said about the demo."""

    once: bool = False
    """Exit at the end, instead of staying up with Kafka and /metrics to look at."""
    port: int | None = None
    """Serve /live, /ready and /metrics on this port; 0 is any free one."""
    seconds: float = 30.0
    """How long the recorded days take; 0 is as fast as possible."""
    bundle: str | None = None
    """A model version's id, or the folder of a bundle, instead of the champion."""


def demo(options: DemoOptions = DemoOptions(), common: Common = Common()) -> int:
    """Play the demo.

    Args:
        options: See there.
        common: See there.
    """
    from daemon.jobs.demonstration import demonstrate
    from daemon.run import run_async

    settings = settings_from(common, model={"bundle": options.bundle}, http={"port": options.port})
    return run_async(partial(demonstrate, settings, options))
