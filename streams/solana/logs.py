"""What programs said in a transaction's log, each line attributed to the program that ran.

A program can write any text behind ``Program log:``, so only the runtime's own lines tell who is
running, and only ``Program data:`` is taken as an event. (Raydium's AMM v4 writes its events as
text, ``ray_log:``, which is read as such when that program runs.)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence

__all__ = ["TRUNCATED", "Said", "events_said"]

TRUNCATED = "Log truncated"
"""The runtime's last line when a transaction wrote more than 10,000 bytes."""

DATA = "Program data: "
RAY_LOG = "Program log: ray_log: "
LOG = "Program log: "

Said = tuple[str, bytes]
"""A program and the bytes of an event that it wrote."""


def events_said(logs: Sequence[str]) -> Iterator[Said]:
    """The events in a log in order; text that is not base64 is nobody's event."""
    stack: list[str] = []
    for line in logs:
        if line.startswith(LOG):
            if stack and line.startswith(RAY_LOG):
                yield from _data(stack[-1], line[len(RAY_LOG) :])
        elif line.startswith(DATA):
            if stack:
                yield from _data(stack[-1], line[len(DATA) :])
        elif line.startswith("Program "):
            _step(stack, line.split(" "))


def _step(stack: list[str], words: Sequence[str]) -> None:
    """Follow ``Program X invoke [n]``, ``Program X success`` and ``Program X failed: ...``."""
    if len(words) == 4 and words[2] == "invoke":
        depth = words[3].strip("[]")
        if depth.isascii() and depth.isdigit():
            del stack[max(0, min(int(depth[:4]), 64) - 1) :]
        stack.append(words[1])
    elif len(words) >= 3 and words[2] in ("success", "failed:", "failed") and stack:
        stack.pop()


def _data(program: str, text: str) -> Iterator[Said]:
    try:
        yield program, b"".join(base64.b64decode(part, validate=True) for part in text.split(" "))
    except (ValueError, binascii.Error):
        return
