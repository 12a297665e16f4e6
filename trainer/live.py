"""What a version does in service, by the outcomes that arrive: the shadow, and the way back.

A challenger that passed its gates judges in the shadow: what came in since is scored by it too, and
nobody hears of it. A champion is held against the version before it on the launches that came since
it began to serve, whose outcomes neither has seen; when it is shown to be worse, or gives no usable
score, the version before serves again. Both are asked at each look; nothing is remembered here
but the decisions in the registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
import numpy as np

from heft_model.bundle import Bundle
from heft_model.decision import Decision, Gate
from heft_model.registry import Registry
from streams.errors import Broken, Invalid
from trainer.asof import Case
from trainer.judging import JUDGED_AGES, judged_by, probabilities
from trainer.promote import Limits, is_worse

__all__ = ["shadowed", "watch_champion"]

MOST_ALERTED_TIMES = 3.0
"""A challenger that would alert so many times as often as the champion did is refused."""
FEWEST_ALERTED = 20


def watch_champion(
    registry: Registry, cases: Sequence[Case], limits: Limits, now: datetime
) -> Decision | None:
    """Roll the champion back when it has failed; the decision, which is recorded too.

    A pinned champion stays. Raises ``Invalid`` when the registry cannot be read or written.
    """
    pointer = registry.pointer()
    if pointer.previous is None or pointer.since is None or pointer.pinned:
        return None
    failed = _failed(registry, cases, pointer.since, limits)
    if failed is None:
        return None
    decision = Decision(
        at=now,
        what="rolled-back",
        champion=pointer.champion,
        challenger=pointer.previous,
        reason=f"{failed.name}: {failed.found}",
        gates=(failed,),
    )
    registry.record(decision)  # first: killed here, it is done and told again
    registry.rollback(of=pointer.champion)
    return decision


def shadowed(
    registry: Registry, cases: Sequence[Case], limits: Limits, span: timedelta, now: datetime
) -> Decision | None:
    """Promote or refuse the challenger in the shadow once its time is over.

    ``None`` while there is none, or it is too early. Raises ``Invalid``.
    """
    waiting = challenger_of(registry)
    if waiting is None or now < waiting.at + span:
        return None
    serves = registry.champion() == waiting.challenger  # promoted, and killed before it was told
    made = [] if serves else _in_shadow(registry, waiting, cases, limits)
    failed = next((gate for gate in made if not gate.passed), None)
    reason = f"{failed.name}: {failed.found}" if failed else "held its own in the shadow"
    if failed is None and not serves:
        try:
            registry.promote(waiting.challenger, over=waiting.champion)
        except Invalid as error:
            failed, reason = Gate("promotion", passed=False, found=str(error)), str(error)
    decision = msgspec.structs.replace(
        waiting,
        at=now,
        what="refused" if failed else "promoted",
        reason=reason,
        gates=(*waiting.gates, *made),
    )
    registry.record(decision)
    return decision


def challenger_of(registry: Registry) -> Decision | None:
    """The decision that put a challenger into the shadow, while nothing else was decided of it."""
    told = [each for each in registry.decisions(Decision) if each.challenger]
    return told[-1] if told and told[-1].what == "shadowing" else None


def _failed(
    registry: Registry, cases: Sequence[Case], since: datetime, limits: Limits
) -> Gate | None:
    pointer = registry.pointer()
    assert pointer.previous is not None  # noqa: S101 - the caller has looked
    try:
        champion = registry.load(pointer.champion)
        before = registry.load(pointer.previous)
        judged = judged_by(champion, before, cases, since)
    except (Invalid, Broken) as error:
        return Gate("live health", passed=False, found=str(error))
    gate = is_worse(judged, limits)
    return None if gate.passed else gate


def _in_shadow(
    registry: Registry, waiting: Decision, cases: Sequence[Case], limits: Limits
) -> list[Gate]:
    champion, challenger = registry.load(waiting.champion), registry.load(waiting.challenger)
    fresh = [case for case in cases if case.facts.at >= waiting.at]
    try:
        made = [_alerts(champion, challenger, fresh)]
    except (Invalid, Broken) as error:
        return [Gate("shadow scores", passed=False, found=str(error))]
    judged = judged_by(challenger, champion, cases, waiting.at)
    worse = is_worse(judged, limits)
    return [*made, msgspec.structs.replace(worse, name="shadow order")]


def _alerts(champion: Bundle, challenger: Bundle, cases: Sequence[Case]) -> Gate:
    """How many launches each would have alerted on."""
    facts = [case.facts for case in cases if case.facts.trigger in JUDGED_AGES]
    counts = [
        int(np.sum(probabilities(bundle, facts) >= bundle.calibration.threshold.value))
        for bundle in (champion, challenger)
    ]
    old, new = counts
    held = new <= max(FEWEST_ALERTED, MOST_ALERTED_TIMES * old)
    return Gate("shadow alerts", passed=held, found=f"{new} of {len(facts)}; the champion {old}")
