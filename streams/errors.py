"""Every failure, sorted by what the caller should do about it, not by where it came from.

    HeftError
    ├── Retry     the outside world failed: wait (at least ``retry_after`` seconds) and try again
    ├── Invalid   this record or input is unusable: dead letter or one clear line, then go on
    └── Broken    our own state is impossible: stop loudly, so that nothing wrong is published

Every ``raise`` in the product chooses one of the three. A message is one line, says what is
wrong and what to do, and never holds a secret.
"""

from __future__ import annotations

__all__ = ["Broken", "HeftError", "Invalid", "Retry"]


class HeftError(Exception):
    """The common ancestor, so that the command line can catch every failure of ours at once."""


class Retry(HeftError):
    """The outside world failed and may recover.

    ``retry_after`` is the least wait in seconds that the other side asked for, or ``None``.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Invalid(HeftError):
    """One record, file or setting is unusable; ``reason`` is a slug fit for a metric label."""

    def __init__(self, message: str, *, reason: str = "invalid") -> None:
        super().__init__(message)
        self.reason = reason


class Broken(HeftError):
    """An invariant of ours does not hold; going on would publish nonsense."""
