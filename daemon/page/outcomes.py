"""How right the alerts were, as far as it is known yet: what the page reads, counted."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal

from streams.events import Alert
from streams.labels import Label

__all__ = ["Outcome", "Outcomes"]

Outcome = Literal["right", "wrong", "open"]

MOST_POOLS = 20_000


class Outcomes:
    """One outcome an alerted pool: what happened there counts more than what somebody said.

    A pool that was drained after its alert, or that people call a rug, was alerted rightly; one
    that they call a false alarm, wrongly; one whose chain took it back says nothing.
    """

    def __init__(self) -> None:
        self._alerted: OrderedDict[str, str] = OrderedDict()
        self._said: OrderedDict[str, str] = OrderedDict()

    def note(self, event: Alert | Label) -> None:
        """One more, in any order; what is seen twice counts once."""
        if isinstance(event, Alert):
            if self._alerted.get(event.key) not in ("confirmed", "retracted"):
                self._alerted[event.key] = event.action
                self._alerted.move_to_end(event.key)
        elif event.what != "mute":
            self._said[event.key] = event.what
            self._said.move_to_end(event.key)
        for kept in (self._alerted, self._said):
            while len(kept) > MOST_POOLS:
                kept.popitem(last=False)

    def counts(self) -> dict[Outcome, int]:
        """Pools by outcome; their precision is right / (right + wrong)."""
        found: dict[Outcome, int] = {"right": 0, "wrong": 0, "open": 0}
        for key, action in self._alerted.items():
            if action != "retracted":
                found[self._of(key, action)] += 1
        return found

    def _of(self, key: str, action: str) -> Outcome:
        said = self._said.get(key)
        if action == "confirmed" or said == "rug":
            return "right"
        return "wrong" if said == "false-alarm" else "open"
