"""A circuit breaker: whoever fails again and again is not asked for a while, longer each time.

Pure: moments are seconds of any clock that only goes forward. While it is open nobody asks; when
the rest is over one question goes through, and its answer decides (Nygard, "Release It!", 2007).
"""

from __future__ import annotations

import msgspec

__all__ = ["Breaker"]

FAILURES = 3
"""In a row, until it opens."""
FIRST_REST_S, LONGEST_REST_S = 30.0, 900.0


class Breaker(msgspec.Struct):
    """How a service has answered lately. Ask ``allows`` before each question, then tell it."""

    failures: int = 0
    """In a row."""
    open_until: float = 0.0

    def allows(self, now: float) -> bool:
        """Whether to ask; of those that come after a rest, the first alone may."""
        if self.failures < FAILURES:
            return True
        if now < self.open_until:
            return False
        self.open_until = now + FIRST_REST_S  # until the one that asks now is told of
        return True

    def answered(self) -> None:
        """It is well again."""
        self.failures, self.open_until = 0, 0.0

    def failed(self, now: float, rest: float = 0.0) -> None:
        """It did not answer, or not sensibly; ``rest`` is how long it asked to be let alone."""
        self.failures += 1
        beyond = self.failures - FAILURES
        own = min(LONGEST_REST_S, FIRST_REST_S * 2.0 ** min(beyond, 10)) if beyond >= 0 else 0.0
        if rest:
            self.failures = max(self.failures, FAILURES)
        self.open_until = now + max(own, min(rest, LONGEST_REST_S))
