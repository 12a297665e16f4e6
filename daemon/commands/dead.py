"""``heft dead``: the records that could not be used."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cyclopts import Parameter

from daemon.options import Common, settings_from

if TYPE_CHECKING:
    from streams.broker import Broker
    from streams.topics import Topic

__all__ = ["DeadOptions", "DealOptions", "drop", "list_", "retry"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DeadOptions:
    """Which dead letters."""

    topic: str | None = None
    """Only those of this topic, such as heft.facts.v1."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DealOptions(DeadOptions):
    """Which dead letters are dealt with; the oldest come first."""

    limit: int | None = None
    """At most so many of each topic; 1 or more."""


def list_(options: DeadOptions = DeadOptions(), common: Common = Common()) -> int:
    """List the dead letters that nobody has dealt with, oldest first.

    Args:
        options: See there.
        common: See there.
    """
    from daemon.jobs.dead_letters import print_letters

    return _run(options, common, print_letters)


def retry(options: DealOptions = DealOptions(), common: Common = Common()) -> int:
    """Put their original bytes back on the topic that they came from, once the cause is mended.

    Not on heft.activity.v1: there a pool has gone on, and an old event is ignored or makes wrong
    ages. Drop those, and replay their source.

    Args:
        options: See there.
        common: See there.
    """
    from streams.dead import retry as retry_letters

    put_back = _dealing("put back", retry_letters, options.limit)
    return _run(options, common, put_back if options.topic else _telling(put_back))


def drop(options: DealOptions = DealOptions(), common: Common = Common()) -> int:
    """Count them as dealt with: they are not listed again.

    Args:
        options: See there.
        common: See there.
    """
    from streams.dead import drop as drop_letters

    return _run(options, common, _dealing("dropped", drop_letters, options.limit))


def _dealing(
    what: str, deal: Callable[[Broker, Topic, int | None], Awaitable[int]], limit: int | None
) -> Callable[[Broker, Topic], Awaitable[None]]:
    async def act(broker: Broker, topic: Topic) -> None:
        count = await deal(broker, topic, limit)
        print(f"{topic.name}: {count:,} {what}")

    return act


def _telling(act: Callable[[Broker, Topic], Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """Where no topic was named, one whose letters cannot go back does not stop the others."""

    async def tell(broker: Broker, topic: Topic) -> None:
        from streams.errors import Invalid

        try:
            await act(broker, topic)
        except Invalid as error:
            if error.reason != "order":
                raise
            print(f"{topic.name}: {error}")

    return tell


def _run(
    options: DeadOptions, common: Common, act: Callable[[Broker, Topic], Awaitable[None]]
) -> int:
    from daemon.jobs.dead_letters import for_each_topic
    from daemon.run import configure_quiet, run_async

    settings = settings_from(common)
    configure_quiet(settings.log)
    return run_async(lambda: for_each_topic(settings, options.topic, act))
