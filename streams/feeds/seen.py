"""Which ids came lately, in bounded memory: services resend, and a topic should have each once."""

from __future__ import annotations

__all__ = ["Seen"]


class Seen:
    """The last ids, at least ``most`` and at most twice as many: two generations of a set."""

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._young: set[int] = set()
        self._old: set[int] = set()

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __contains__(self, key: str) -> bool:
        mark = hash(key)
        return mark in self._young or mark in self._old

    def add(self, key: str) -> bool:
        """Note an id; whether it is new."""
        mark = hash(key)
        if mark in self._young:
            return False
        known = mark in self._old
        if len(self._young) >= self._most:
            self._old, self._young = self._young, set()
        self._young.add(mark)
        return not known
