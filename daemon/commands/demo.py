"""``heft demo``: the bundled recording through the whole pipeline, with nothing to install."""

from __future__ import annotations

from functools import partial

from daemon.options import Common, DemoOptions, settings_from

__all__ = ["demo"]


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
