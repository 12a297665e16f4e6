"""The scoring stage: Facts in, Verdicts out, and the champion followed while it runs.

The model runs in worker threads, so that the loop that talks to the broker never waits for it. A
dossier that cannot be read goes to the dead letters; a bundle that cannot serve is refused and the
one before goes on serving.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from heft_model.batcher import Batcher, BatcherSettings
from heft_model.drift import Drift
from heft_model.prompt import PROMPT_VERSION
from heft_model.registry import Registry
from heft_model.scorer import Scorer
from streams import telemetry
from streams.clock import Clock
from streams.errors import Invalid
from streams.events import Facts, Retraction, Verdict
from streams.stage import Outcome, Received, message
from streams.topics import VERDICTS

__all__ = ["ScoreTransform"]

log = structlog.get_logger(__name__)


class ScoreTransform:
    """``Transform`` from the topic of facts to the topic of verdicts; it keeps no state."""

    def __init__(
        self,
        scorer: Scorer,
        *,
        clock: Clock,
        registry: Registry | None = None,
        settings: BatcherSettings | None = None,
    ) -> None:
        """Score with ``scorer``; with a ``registry``, swap whenever its champion changes."""
        self._scorer = scorer
        self._registry = registry
        self._batcher = Batcher(scorer.score, clock=clock, settings=settings)
        self._drift = Drift()
        self._revision: tuple[int, int] | None = None  # it may have moved since the scorer opened
        _show(None, scorer.bundle)

    async def open(self, partitions: frozenset[int]) -> None:
        """Nothing is remembered between batches."""

    async def apply(self, batch: Sequence[Received]) -> Outcome:
        """A verdict a dossier, and retractions as they are, in order; raises ``Broken``."""
        await self._follow()
        dossiers = [each.event for each in batch if isinstance(each.event, Facts)]
        answers = iter(await self._batcher.submit(dossiers))
        outcome = Outcome()
        for received in batch:
            answer = received.event if isinstance(received.event, Retraction) else next(answers)
            if isinstance(answer, Retraction):
                outcome.messages.append(message(VERDICTS, answer))
            elif isinstance(answer, Verdict):
                self._count(received.event, answer)
                log.info("verdict_given", trace=answer.trace, verdict=answer.id)
                outcome.messages.append(message(VERDICTS, answer))
            else:
                outcome.refused.append((received.record, answer))
        return outcome

    async def save(self) -> None:
        """There is no state."""

    def close(self) -> None:
        """Let the worker threads go."""
        self._batcher.close()

    def _count(self, facts: Facts, verdict: Verdict) -> None:
        chain = telemetry.chain_label(verdict.chain)
        telemetry.VERDICTS.labels(chain, _kind(verdict)).inc()
        for name, moved in (self._drift.note(facts, verdict) or {}).items():
            telemetry.DRIFT.labels(name).set(moved)

    async def _follow(self) -> None:
        """Swap when the registry's pointer has moved; a bad bundle is refused once, aloud."""
        if self._registry is None or self._registry.revision() == self._revision:
            return
        self._revision = self._registry.revision()
        before = self._scorer.bundle
        try:
            await asyncio.to_thread(self._swap, self._registry)
        except Invalid as error:
            telemetry.BUNDLE_REFUSALS.labels(error.reason).inc()
            log.warning("bundle_refused", error=str(error), serving=before)
            return
        _show(before, self._scorer.bundle)

    def _swap(self, registry: Registry) -> None:
        champion = registry.champion()
        if champion != self._scorer.bundle:
            self._scorer.swap(registry.load(champion))


def _kind(verdict: Verdict) -> str:
    if any(trap.proven for trap in verdict.traps):
        return "trap"
    return "risk" if verdict.probability >= verdict.threshold else "clear"


def _show(before: str | None, after: str) -> None:
    """Tell the metrics which bundle serves."""
    if before is not None and before != after:
        telemetry.BUNDLE.remove(before, str(PROMPT_VERSION))
        log.info("bundle_swapped", before=before, bundle=after)
    telemetry.BUNDLE.labels(after, str(PROMPT_VERSION)).set(1)
