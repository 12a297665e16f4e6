"""How long to wait before connecting again: by a service's own rules, never less than they say.

Pure but for the random numbers that it is given. Jitter only adds, so that a documented least wait
is kept by every one of many clients that a service dropped at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from streams.errors import Retry
from streams.feeds.faults import Fault, fault_of

__all__ = ["RULES", "Backoff", "Rule", "Rules"]


class Rule(NamedTuple):
    """Waits in seconds: ``first``, then ``step`` more and ``factor`` times as long each time."""

    first: float
    most: float
    step: float = 0.0
    factor: float = 1.0

    def wait(self, failures: int) -> float:
        """The least wait after so many failures in a row; 1 is the first."""
        grown = min(float(self.most), self.first * self.factor ** min(failures - 1, 64))
        return min(self.most, grown + self.step * (failures - 1))


Rules = Mapping[Fault, Rule]

RULES: Rules = {
    "network": Rule(0.5, 30.0, factor=2.0),
    "http": Rule(1.0, 60.0, factor=2.0),
    "limit": Rule(60.0, 900.0, factor=2.0),
    "silence": Rule(0.5, 30.0, factor=2.0),
    "denied": Rule(900.0, 3_600.0, factor=2.0),
}
"""Where a service documents nothing else."""


class Backoff:
    """Counts failures in a row by kind; ``healthy`` ends the row."""

    def __init__(
        self,
        rules: Rules = RULES,
        *,
        jitter: float = 0.25,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``jitter`` is the largest share that is added to a wait."""
        self._rules = {**RULES, **rules}
        self._jitter = jitter
        self._chance = chance
        self._row: dict[Fault, int] = {}

    def healthy(self) -> None:
        """Something useful came: the next failure is a first one."""
        self._row.clear()

    def wait_after(self, error: Retry) -> float:
        """Seconds to wait now: never less than the rule, nor than the service asked for."""
        fault = fault_of(error)
        self._row[fault] = self._row.get(fault, 0) + 1
        least = max(self._rules[fault].wait(self._row[fault]), error.retry_after or 0.0)
        return least * (1.0 + self._jitter * self._chance())
