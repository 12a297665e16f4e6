"""Liveness is progress, not a process: who has made none for too long.

A part beats whenever it gets round its loop, with or without records. The health endpoint turns
silence into a failed ``/live``. A part that waits before it is started again is not silent.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Pulse"]


class Pulse:
    """When each part last got round its loop; ``limit`` is the longest silence, in seconds."""

    def __init__(self, limit: float, seconds: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._seconds = seconds
        self._beats: dict[str, float] = {}

    def beat(self, name: str) -> None:
        """This part makes progress."""
        self._beats[name] = self._seconds()

    def forget(self, name: str) -> None:
        """This part has ended, or is waiting to be started again."""
        self._beats.pop(name, None)

    def silent(self) -> list[str]:
        """The parts that have been silent for too long, each with for how long."""
        now = self._seconds()
        return [
            f"{name}: no progress for {now - beat:.0f} s"
            for name, beat in sorted(self._beats.items())
            if now - beat > self._limit
        ]
