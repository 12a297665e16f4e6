"""How a feed fails: each kind of failure has a wait of its own in a service's rules."""

from __future__ import annotations

from typing import Literal

from streams.errors import Retry

__all__ = ["Denied", "Fault", "Limited", "Refused", "Silent", "fault_of", "refused", "told"]

Fault = Literal["network", "http", "limit", "silence", "denied"]


class Refused(Retry):
    """The service answered, and not with what was asked for; ``status`` is HTTP's."""

    def __init__(self, message: str, *, status: int, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.status = status


class Limited(Refused):
    """We asked too often, or hold too many connections."""


class Denied(Refused):
    """The service does not know our key, or does not let it do this: somebody must look."""


class Silent(Retry):
    """Nothing came for longer than the service is ever quiet."""


def fault_of(error: Retry) -> Fault:
    """Which wait a failure asks for."""
    if isinstance(error, Silent):
        return "silence"
    if isinstance(error, Limited):
        return "limit"
    if isinstance(error, Denied):
        return "denied"
    return "http" if isinstance(error, Refused) else "network"


def refused(who: str, status: int, retry_after: str = "") -> Refused:
    """What an HTTP status says, with the least wait in seconds that came with it."""
    after = float(retry_after) if retry_after.isascii() and retry_after.isdecimal() else None
    if status in (420, 429):
        return Limited(f"{who} was asked too often (HTTP {status})", status=status,
                       retry_after=after)  # fmt: skip
    if status in (401, 402, 403):
        return Denied(f"{who} does not let us in (HTTP {status}): check its key", status=status)
    return Refused(f"{who} refused (HTTP {status})", status=status, retry_after=after)


def told(error: BaseException) -> str:
    """What a library has to say, on one line that is not long."""
    return " ".join(str(error).split())[:120] or type(error).__name__
