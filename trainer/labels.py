"""What really happened to a launch, read from its own later events.

A pool is *drained* while its quote reserve is at most 5 % of its maximum so far: whoever holds
the token then can sell it for nothing, whether liquidity was pulled or the price was dumped to
zero. A dossier's label says whether the pool was drained at its moment or at any later one in the
recording. What took the reserve since its peak says how: a *pull* if removals of liquidity took
more of it than sales, else a *dump*. Labels are for training and judging only; no dossier holds
one.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from streams.enrich.fold import Fold
from streams.enrich.pool import DRAINED_SHARE
from streams.events import Activity, Facts, Sync

__all__ = ["Outcome", "is_drained", "is_rug", "kinds_ahead", "observe", "outcomes_of"]


class Outcome(msgspec.Struct):
    """A pool's end as far as it was recorded; times are UNIX seconds."""

    launched: float
    first_drained: float | None = None
    last_drained: float | None = None
    """The last event that left the pool drained: a dossier before it has a rug ahead."""
    pulled: bool | None = None
    """Whether the last fall was a pull of liquidity; ``None`` while there was none."""
    peak: float = 0.0
    taken: tuple[float, float] = (0.0, 0.0)
    """What removals and sales had taken in all when the reserve stood at its peak."""


def observe(fold: Fold, event: Activity, outcomes: dict[str, Outcome]) -> None:
    """Note what ``event``, already fed to ``fold``, did to its pool; keys are ``chain:pool``."""
    if not isinstance(event, Sync):
        return
    pool, time = fold.pools[event.key], event.at.timestamp()
    outcome = outcomes.setdefault(event.key, Outcome(launched=time))
    taken = (pool.removed, pool.sell_volume)
    if pool.quote > DRAINED_SHARE * pool.quote_max:
        if pool.quote >= outcome.peak:
            outcome.peak, outcome.taken = pool.quote, taken
        return
    if outcome.peak:  # it has just fallen
        removed, sold = (now - then for now, then in zip(taken, outcome.taken, strict=True))
        outcome.pulled, outcome.peak = removed >= sold, 0.0
    outcome.first_drained = outcome.first_drained or time
    outcome.last_drained = time


def is_drained(facts: Facts) -> bool:
    """Whether it has happened by the moment that the dossier speaks of."""
    return facts.liquidity.reserve <= DRAINED_SHARE * facts.liquidity.reserve_max


def is_rug(facts: Facts, outcomes: dict[str, Outcome]) -> bool:
    """The label: drained now, or drained at some later event."""
    last = outcomes[facts.key].last_drained
    return is_drained(facts) or (last is not None and last > facts.at.timestamp())


def kinds_ahead(facts: Facts, outcomes: dict[str, Outcome]) -> dict[str, bool]:
    """How the dossier's pool rugs, as far as that is told: nothing of a pool that does not."""
    pulled = outcomes[facts.key].pulled
    return {"liquidity-pull": pulled} if pulled is not None and is_rug(facts, outcomes) else {}


def outcomes_of(activity: Iterable[Activity]) -> dict[str, Outcome]:
    """The outcomes of a whole recording."""
    fold, outcomes = Fold(schedule=()), dict[str, Outcome]()
    for event in activity:
        fold.feed(event)
        observe(fold, event, outcomes)
    return outcomes
