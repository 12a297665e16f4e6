"""``heft watch``: the long-running service on an external Kafka."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["Role", "WatchOptions", "watch"]

Role = Literal["enrich", "score", "alert", "page"]
ROLES: tuple[Role, ...] = ("enrich", "score", "alert", "page")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """What can be said about the service."""

    role: tuple[Role, ...] = ROLES
    """Run only this stage, or the page; may be given more than once. Several processes share the
    work of a stage."""
    bundle: str | None = None
    """A model version's id, or the folder of a bundle, instead of the champion."""
    port: int | None = None
    """Serve /live, /ready and /metrics on this port instead of the settings'; 0 is any free one."""


def watch(options: WatchOptions = WatchOptions(), common: Common = Common()) -> int:
    """Run the stages and the page until SIGTERM.

    Args:
        options: See there.
        common: See there.
    """
    from daemon.jobs.watching import watch_topics
    from daemon.run import run_async

    settings = settings_from(common, model={"bundle": options.bundle}, http={"port": options.port})
    return run_async(partial(watch_topics, settings, options.role))
