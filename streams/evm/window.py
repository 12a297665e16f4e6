"""How many blocks to ask the logs of at once: learnt from what nodes refuse and how much they send.

Pure. A refusal that names a range is taken at its word, any other cuts the window to a quarter, so
that a working one is found within six tries from the widest; answers widen it again.
"""

from __future__ import annotations

import re

__all__ = ["Window"]

WIDEST = 1000
MOST_LOGS = 4_000
"""Logs that one answer should hold: some two megabytes."""
_RANGE = re.compile(r"\[?(0x[0-9a-f]+)\s*[,-]\s*(0x[0-9a-f]+)\]?", re.IGNORECASE)
_BLOCKS = re.compile(r"(\d[\d,]*)\s*-?\s*blocks?\b|range\D{0,24}?(\d[\d,]*)", re.IGNORECASE)


class Window:
    """The width for one chain, in blocks."""

    def __init__(self, width: int = 64) -> None:
        self.width = width

    def refused(self, message: str) -> None:
        """A node would not give so many; ``message`` may say how many it would."""
        hinted = _hint(message)
        quarter = max(1, self.width // 4)
        self.width = hinted if 0 < hinted < self.width else quarter

    def answered(self, blocks: int, logs: int) -> None:
        """So many blocks had so many logs."""
        fits = MOST_LOGS * blocks // max(1, logs)
        self.width = max(1, min(WIDEST, 2 * self.width, fits))


def _hint(message: str) -> int:
    if match := _RANGE.search(message):
        return int(match[2], 16) - int(match[1], 16) + 1
    if match := _BLOCKS.search(message):
        digits = (match[1] or match[2]).replace(",", "")
        return int(digits) if len(digits) < 7 else 0
    return 0
