"""What programs said in a transaction's log, each line attributed to the program that ran.

A program can write any text behind ``Program log:``, so only the runtime's own lines tell who is
running, and only ``Program data:`` is taken as an event. (Raydium's AMM v4 writes its events as
text, ``ray_log:``, which is read as such when that program runs.)
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any

__all__ = ["TRUNCATED", "Said", "events_said"]

TRUNCATED = "Log truncated"
"""The runtime's last line when a transaction wrote more than 10,000 bytes."""

DATA = "Program data: "
RAY_LOG = "Program log: ray_log: "
TOLD = (DATA, RAY_LOG)
WRITTEN = ("Program log: ", DATA, "Program return: ")
"""What a program writes itself: never taken for the runtime's word."""
ENDINGS = ("success", "failed:", "failed")

Said = tuple[str, bytes]
"""A program and the bytes of an event that it wrote."""


def events_said(logs: Sequence[Any]) -> Iterator[Said]:
    """The events in a log in order; text that is not base64 is nobody's event."""
    for place, line in enumerate(logs):
        if isinstance(line, str) and line.startswith(TOLD):
            program = _running(logs, place)
            if program is not None:
                yield from _data(program, line[len(RAY_LOG if line[8] == "l" else DATA) :])


def _running(logs: Sequence[Any], place: int) -> str | None:
    """Who wrote the line at ``place``: the last that was invoked and has not ended before it."""
    ended = 0
    for line in reversed(logs[:place]):
        if not isinstance(line, str) or line.startswith(WRITTEN):
            continue
        words = line.split(" ", 3)
        if len(words) < 3:
            continue
        if words[2] == "invoke":
            if ended == 0:
                return words[1]
            ended -= 1
        elif words[2] in ENDINGS:
            ended += 1
    return None


def _data(program: str, text: str) -> Iterator[Said]:
    try:
        yield program, b"".join(base64.b64decode(part, validate=True) for part in text.split(" "))
    except (ValueError, binascii.Error):
        return
