"""Decides what to say about a pool: raise, update, confirm, clear, or stay silent and why.

Pure: a verdict, what was said before, and the settings go in; a decision comes out, which
``messages`` puts into words and into what to remember. A pool is alerted once a reason
(invariant 9), and a verdict that was handled before changes nothing (invariant 2), so a
redelivered batch is harmless.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from alerts.history import MATERIAL_TRIGGERS, History
from heft_model.calibrate import YOUNGEST_ALERT_S
from streams.errors import Invalid
from streams.events import Verdict, decode

__all__ = [
    "Clear",
    "Confirm",
    "Decision",
    "PolicySettings",
    "Raise",
    "Silent",
    "SilentReason",
    "Update",
    "decide",
    "is_drained",
    "proven_traps",
]

DRAINED_SHARE = 0.05
"""At or below this share of the most it ever held, a pool is empty to a holder: it happened."""

ROUNDING = 1e-9
"""Slack for differences of decimal fractions: 0.9 - 0.8 is a step of 0.1."""

SilentReason = Literal[
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

    reason: SilentReason


Decision = Raise | Update | Confirm | Clear | Silent


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


def _refusal(sentence: str) -> Invalid:
    return Invalid(f"alert policy: {sentence}", reason="setting")
