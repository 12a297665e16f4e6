"""``heft watch``: the long-running service, on live chains or on what others put on a Kafka."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["Role", "WatchOptions", "watch"]

Role = Literal[
    "source", "examine", "social", "market", "enrich", "score", "alert", "label", "train", "page"
]
ROLES: tuple[Role, ...] = (
    "source", "examine", "social", "market", "enrich", "score", "alert", "label", "train", "page",
)  # fmt: skip


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class WatchOptions:
    """What can be said about the service."""

    chain: tuple[str, ...] = ()
    """Follow this chain (base, 8453, solana); may be repeated. Adds to chains.follow."""
    rpc: tuple[str, ...] = ()
    """A node of it, instead of the public ones: wss://... or, of several chains, base=wss://..."""
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
    nodes: Mapping[str, Sequence[str]] = {}
    if options.chain or options.rpc or settings.chains.follow:
        from daemon.jobs.nodes import nodes_from

        nodes = nodes_from(settings.chains, options.chain, options.rpc)
    return run_async(partial(watch_topics, settings, options.role, nodes, common.config))
