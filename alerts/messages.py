"""Puts a decision into messages, and into what to remember of them.

Pure. ``follow`` takes what ``policy`` decided on a verdict, ``retract`` what a chain took back.
"""

from __future__ import annotations

from typing import Literal, assert_never

import msgspec

from alerts.history import MATERIAL_TRIGGERS, RUG, History, alert_id
from alerts.policy import Clear, Confirm, Decision, Raise, Silent, Update
from streams.events import Action, Alert, Retraction, Verdict, decode, encode

__all__ = ["follow", "retract"]


def follow(
    decision: Decision, verdict: Verdict, history: History | None
) -> tuple[tuple[Alert, ...], History | None]:
    """The messages that the decision calls for, in order, and what to remember from now on.

    ``history`` must be the one that was decided on. A pool that was never alerted leaves nothing
    to remember, so quiet pools cost no storage.
    """
    if isinstance(decision, Raise):
        return _raised(verdict, decision.happened, history)
    if history is None:
        return (), None
    match decision:
        case Update():
            return _updated(verdict, history)
        case Confirm():
            return _confirmed(verdict, history)
        case Clear():
            return _cleared(verdict, history)
        case Silent():
            handled = max(history.handled, verdict.sequence)
            return (), msgspec.structs.replace(history, handled=handled)
        case _:
            assert_never(decision)


def retract(
    retraction: Retraction, history: History | None
) -> tuple[tuple[Alert, ...], History | None]:
    """Take back what was said of a pool whose blocks are gone; once, and only if it was said."""
    if history is None or history.retraction == retraction.id:
        return (), history
    history = msgspec.structs.replace(history, retraction=retraction.id)
    if history.status == "retracted":
        return (), history
    verdict = decode(history.verdict, Verdict)
    if retraction.block > verdict.block:  # what was told stands on older blocks
        return (), history
    history = _moved("retracted", verdict, history)
    alert = _alert("retracted", verdict, history)
    return (msgspec.structs.replace(alert, at=retraction.at, block=retraction.block),), history


def _raised(
    verdict: Verdict, happened: bool, before: History | None
) -> tuple[tuple[Alert, ...], History]:
    history = History(
        alert_id=alert_id(verdict.key),
        status="raised",
        handled=verdict.sequence,
        said=0 if before is None else before.said + 1,
        probability=verdict.probability,
        triggers=MATERIAL_TRIGGERS & {verdict.trigger},
        raised_at=verdict.at,
        liquidity=verdict.liquidity_max if happened else verdict.liquidity,
        liquidity_max=verdict.liquidity_max,
        verdict=encode(verdict),
        retraction="" if before is None else before.retraction,
    )
    raised = _alert("raised", verdict, history)
    if not happened:
        return (raised,), history
    confirmed, history = _confirmed(verdict, history)
    return (raised, *confirmed), history


def _updated(verdict: Verdict, history: History) -> tuple[tuple[Alert, ...], History]:
    triggers = history.triggers | (MATERIAL_TRIGGERS & {verdict.trigger})
    history = msgspec.structs.replace(_moved("raised", verdict, history), triggers=triggers)
    return (_alert("updated", verdict, history),), history


def _cleared(verdict: Verdict, history: History) -> tuple[tuple[Alert, ...], History]:
    history = _moved("cleared", verdict, history)
    return (_alert("cleared", verdict, history),), history


def _confirmed(verdict: Verdict, history: History) -> tuple[tuple[Alert, ...], History]:
    history = _moved("confirmed", verdict, history)
    alert = msgspec.structs.replace(
        _alert("confirmed", verdict, history),
        lost=_lost(verdict, history),
        lead_seconds=(verdict.at - history.raised_at).total_seconds(),
    )
    return (alert,), history


def _moved(
    status: Literal["raised", "cleared", "confirmed", "retracted"],
    verdict: Verdict,
    history: History,
) -> History:
    """The history after one more message."""
    return msgspec.structs.replace(
        history,
        status=status,
        handled=max(history.handled, verdict.sequence),
        said=history.said + 1,
        probability=verdict.probability,
        verdict=encode(verdict),
    )


def _lost(verdict: Verdict, history: History) -> float:
    """What left the pool since the warning: from its peak if that came after, else from then."""
    has_grown = verdict.liquidity_max > history.liquidity_max
    held = verdict.liquidity_max if has_grown else history.liquidity
    return max(held - verdict.liquidity, 0.0)


def _alert(action: Action, verdict: Verdict, history: History) -> Alert:
    return Alert(
        chain=verdict.chain,
        pool=verdict.pool,
        block=verdict.block,
        log_index=verdict.log_index,
        at=verdict.at,
        alert_id=history.alert_id,
        action=action,
        sequence=history.said,
        reason=RUG,
        verdict=verdict,
        raised_at=history.raised_at,
    )
