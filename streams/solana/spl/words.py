"""A run of fields as Borsh writes them, read one after another: keys, numbers, texts."""

from __future__ import annotations

import based58

from streams.errors import Invalid

__all__ = ["MOST_TEXT_BYTES", "Words"]

MOST_TEXT_BYTES = 4096
"""Of an account's text so much is kept: no name or address needs more."""


class Words:
    """Reads from the front; every method raises ``Invalid`` where the bytes end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, many: int) -> bytes:
        """The next bytes."""
        end = self._at + many
        if end > len(self._data):
            raise Invalid("an account is cut short", reason="cut-short")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def number(self, size: int) -> int:
        """An unsigned integer of ``size`` bytes."""
        return int.from_bytes(self.take(size), "little")

    def key(self) -> str | None:
        """An address; ``None`` for 32 zeros, which is nobody."""
        raw = self.take(32)
        return based58.b58encode(raw).decode() if any(raw) else None

    def text(self) -> str:
        """Text behind its length, without the zeros that some programs fill it up with."""
        raw = self.take(self.number(4))[:MOST_TEXT_BYTES]
        return raw.decode("utf-8", "replace").rstrip("\0")
