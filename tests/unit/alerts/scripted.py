"""A sink that answers as a test scripts it, and a state on disk."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import anyio.lowlevel

from alerts.sink import Answer, Sent
from streams.events import Alert

__all__ = ["Script", "ScriptedSink", "until"]

Script = Callable[[Alert, int], Answer]


def always_sent(_alert: Alert, _times: int) -> Answer:
    """The script of a sink that works."""
    return Sent()


class ScriptedSink:
    """Keeps what it was asked to send; ``script`` gives the answer to an alert's nth attempt."""

    def __init__(self, name: str = "scripted", script: Script = always_sent) -> None:
        self.name = name
        self.script = script
        self.attempted: list[str] = []
        self.sent: list[str] = []
        self.gate: anyio.Event | None = None
        self.closed = False

    async def send(self, alert: Alert, earlier: str = "", *, plain: bool = False) -> Answer:
        """Wait at the gate, if there is one; then answer by the script."""
        self.attempted.append(alert.id)
        if self.gate is not None:
            await self.gate.wait()
        answer = self.script(alert, self.attempted.count(alert.id))
        if isinstance(answer, Sent):
            self.sent.append(alert.id)
        return answer

    async def close(self) -> None:
        """Note that nothing comes any more."""
        self.closed = True


async def until(claim: Callable[[], object]) -> None:
    """Return when the claim holds; the test's own time-out ends a wait in vain."""
    while not claim():
        await anyio.sleep(0.001)
