"""Decides what to say about a pool: raise, update, confirm, clear, retract, or stay silent and why.

Pure: a verdict, what was said before, and the settings go in; a decision comes out. ``decide``
chooses, ``follow`` turns the choice into the messages and into what to remember. A pool is alerted
once a reason (invariant 9), and a verdict that was handled before changes nothing (invariant 2),
so a redelivered batch is harmless. This module does not send, store or format anything.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, assert_never

import msgspec

from heft_model.calibrate import YOUNGEST_ALERT_S
from streams.errors import Invalid
from streams.events import Action, Alert, Retraction, Trigger, Verdict, decode, encode

__all__ = [
    "Clear",
    "Confirm",
    "Decision",
    "History",
    "PolicySettings",
    "Raise",
    "Silence",
    "Silent",
    "Update",
    "alert_id",
    "decide",
    "follow",
    "is_drained",
    "proven_traps",
    "retract",
]

RUG = "rug"
"""Why a pool is alerted."""

DRAINED_SHARE = 0.05
"""At or below this share of the most it ever held, a pool is empty to a holder: it happened."""

MATERIAL_TRIGGERS: frozenset[Trigger] = frozenset({"liquidity-removed", "price-fell"})
"""What insiders do on the way to a rug; worth an update even if the probability stands still."""

ROUNDING = 1e-9
"""Slack for differences of decimal fractions: 0.9 - 0.8 is a step of 0.1."""

Silence = Literal[
    "already-confirmed",
    "already-handled",
    "below-threshold",
    "nothing-new",
    "too-little-liquidity",
    "too-young",
]
"""Every reason to say nothing."""


class PolicySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When to speak. Raises ``Invalid`` for a value that makes no sense."""

    threshold: float | None = None
    """Probability that raises; ``None`` takes each verdict's own, which keeps the bundle's
    promised precision."""
    minimum_liquidity: float = 0.0
    """Whole quote units; a pool that never held as much is not worth a warning."""
    minimum_age: float = YOUNGEST_ALERT_S
    """Seconds since launch before which no opinion is told, only a drain that has happened."""
    update_step: float = 0.1
    """Move of the probability since it was last told that is worth an update."""
    clear_below: float = 0.2
    """Probability below which an alert is cleared; it is updated when the risk returns."""

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise _refusal("threshold is a probability: give a number from 0 to 1")
        if not 0 <= self.minimum_liquidity < float("inf"):
            raise _refusal("minimum_liquidity is an amount in quote units: give 0 or more")
        if not 0 <= self.minimum_age < float("inf"):
            raise _refusal("minimum_age is a time in seconds: give 0 or more")
        if not 0 < self.update_step <= 1:
            raise _refusal("update_step is a change of probability: give more than 0, at most 1")
        if not 0 <= self.clear_below <= 1:
            raise _refusal("clear_below is a probability: give a number from 0 to 1")


class History(msgspec.Struct, frozen=True, kw_only=True):
    """What must be remembered of an alert to go on with it."""

    alert_id: str
    status: Literal["raised", "cleared", "confirmed", "retracted"]
    handled: int
    """Sequence of the last verdict that was looked at; it and all before it are done."""
    said: int
    """Sequence of the last message."""
    probability: float
    """As it was last told."""
    triggers: frozenset[Trigger]
    """The material triggers told so far: each is news once."""
    raised_at: datetime
    liquidity: float
    """What the pool held when the alert was raised, in quote units; if it was already drained,
    the most that it ever held."""
    liquidity_max: float
    """The most that the pool had held by then."""
    verdict: bytes
    """The last one told, as JSON: a retraction comes without one."""
    retraction: str = ""
    """The id of the last one that was handled; it comes again after a crash."""


class Raise(msgspec.Struct, frozen=True):
    """Say it for the first time; when ``happened``, say also that it is already over."""

    happened: bool


class Update(msgspec.Struct, frozen=True):
    """Something material changed since the last message."""


class Confirm(msgspec.Struct, frozen=True):
    """It happened. Said once, and the last word."""


class Clear(msgspec.Struct, frozen=True):
    """The risk is gone again: said once, until it returns."""


class Silent(msgspec.Struct, frozen=True):
    """Say nothing, because of ``reason``."""

    reason: Silence


Decision = Raise | Update | Confirm | Clear | Silent


def alert_id(key: str) -> str:
    """The id of the alert on the pool with this key, equal in every run."""
    return f"{key}:{RUG}"


def is_drained(verdict: Verdict) -> bool:
    """Whether the pool is as good as empty. A pool that never held anything is not drained."""
    if verdict.trigger == "drained":
        return True
    return verdict.liquidity_max > 0 and verdict.liquidity <= DRAINED_SHARE * verdict.liquidity_max


def decide(verdict: Verdict, history: History | None, settings: PolicySettings) -> Decision:
    """What to do about this verdict, given what was said about its pool before."""
    if history is None:
        return _first_word(verdict, settings)
    if verdict.sequence <= history.handled:
        return Silent("already-handled")
    if history.status == "confirmed":
        return Silent("already-confirmed")
    if history.status == "retracted":  # launched again: what was said before is void
        return _first_word(verdict, settings)
    return Confirm() if is_drained(verdict) else _next_word(verdict, history, settings)


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


def _first_word(verdict: Verdict, settings: PolicySettings) -> Raise | Silent:
    """What is seen or proven is told whatever was thought; an opinion has to be strong."""
    if verdict.liquidity_max < settings.minimum_liquidity:
        return Silent("too-little-liquidity")
    if is_drained(verdict):
        return Raise(happened=True)
    if proven_traps(verdict):
        return Raise(happened=False)
    if verdict.probability < _threshold(verdict, settings):
        return Silent("below-threshold")
    if verdict.age < settings.minimum_age:
        return Silent("too-young")
    return Raise(happened=False)


def _next_word(verdict: Verdict, history: History, settings: PolicySettings) -> Decision:
    """Whether the risk that was told has moved, gone or returned."""
    threshold = _threshold(verdict, settings)
    if proven_traps(verdict) - _told_traps(history):
        return Update()
    if proven_traps(verdict):
        return Update() if _is_material(verdict, history, settings) else Silent("nothing-new")
    if history.status == "cleared":
        return Update() if verdict.probability >= threshold else Silent("nothing-new")
    if verdict.probability < min(settings.clear_below, threshold):
        return Clear()
    return Update() if _is_material(verdict, history, settings) else Silent("nothing-new")


def _is_material(verdict: Verdict, history: History, settings: PolicySettings) -> bool:
    """A clear move of the probability either way, or a new kind of trouble while it is high."""
    if abs(verdict.probability - history.probability) >= settings.update_step - ROUNDING:
        return True
    is_news = verdict.trigger in MATERIAL_TRIGGERS - history.triggers
    return is_news and verdict.probability >= _threshold(verdict, settings)


def proven_traps(verdict: Verdict) -> frozenset[str]:
    """The kinds of trap that were seen to work: whatever the probability, they are told."""
    return frozenset(trap.kind for trap in verdict.traps if trap.proven)


def _told_traps(history: History) -> frozenset[str]:
    """Those that the last message named; a cleared alert names none."""
    if history.status == "cleared":
        return frozenset()
    return proven_traps(decode(history.verdict, Verdict))


def _threshold(verdict: Verdict, settings: PolicySettings) -> float:
    return verdict.threshold if settings.threshold is None else settings.threshold


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


def _refusal(sentence: str) -> Invalid:
    return Invalid(f"alert policy: {sentence}", reason="setting")
