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

Said = tuple[str, bytes]
"""A program and the bytes of an event that it wrote."""

DATA = "Program data: "
RAY_LOG = "Program log: ray_log: "
AT_LOG, AT_DATA = slice(11, 12), slice(12, 13)
"""Where the colon of ``Program log:`` and of ``Program data:`` stands: no address is so short."""
INVOKED, SUCCEEDED = slice(-3, -2), slice(-2, None)
"""Where ``invoke [2]`` has its bracket, and ``success`` its end."""


def events_said(logs: Sequence[Any], programs: frozenset[str]) -> Iterator[Said]:
    """The events of ``programs`` in the log of a transaction that succeeded, in order.

    Nothing that it called has failed then: a failed call fails its caller. Text that is not base64
    is nobody's event.
    """
    if set(map(type, logs)) != {str}:
        logs = [line for line in logs if isinstance(line, str)]
    running: list[str] = []
    for line in logs:
        if line[AT_LOG] == ":":
            if running and line.startswith(RAY_LOG):
                yield from _data(running[-1], line[len(RAY_LOG) :], programs)
        elif line[AT_DATA] == ":":
            if running and line.startswith(DATA):
                yield from _data(running[-1], line[len(DATA) :], programs)
        elif line[INVOKED] == "[":
            running.append(line)
        elif running and line[SUCCEEDED] == "ss":
            running.pop()


def _data(invocation: str, text: str, programs: frozenset[str]) -> Iterator[Said]:
    """The event, if who wrote it is of ``programs``: ``Program <id> invoke [<depth>]``."""
    words = invocation.split(" ", 2)
    if len(words) < 3 or (program := words[1]) not in programs:
        return
    try:
        parts = [base64.b64decode(part, validate=True) for part in text.split(" ")]
    except (ValueError, binascii.Error):
        return
    yield program, b"".join(parts)
