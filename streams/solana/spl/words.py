"""A run of fields as Borsh writes them, read one after another: keys, numbers, texts."""

from __future__ import annotations

import based58

from streams.errors import Invalid

__all__ = ["MOST_TEXT_BYTES", "Words"]

MOST_TEXT_BYTES = 4096
"""An account's text that is longer is refused: no name or address needs it."""


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
        length = self.number(4)
        if length > MOST_TEXT_BYTES:
            raise Invalid(f"a text of {length:,} bytes", reason="too-large")
        return self.take(length).decode("utf-8", "replace").rstrip("\0")
