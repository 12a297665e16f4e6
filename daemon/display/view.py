"""The progress of a play on a terminal: one live line, or now and then a plain one.

Where the output is no terminal, a plain line is printed every few seconds, so that a log of it
can be read. This module does not show alerts (``alerts.console`` does, on the same terminal) nor
the summary.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TextIO, cast

import anyio
from rich.console import Console
from rich.file_proxy import FileProxy
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from daemon.progress import Progress

__all__ = ["View", "duration", "log_stream"]

FRAME_S = 0.25
PLAIN_LINE_S = 5.0
RATE_WINDOW_S = 10.0
BAR_WIDTH = 24


class View:
    """Shows how far a play of ``total`` recorded rows has come."""

    def __init__(
        self,
        progress: Progress,
        terminal: Console,
        total: int,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._progress = progress
        self._terminal = terminal
        self._total = total
        self._seconds = seconds
        self._scope = anyio.CancelScope()
        self._marks: deque[tuple[float, int, int, int]] = deque()

    async def run(self) -> None:
        """Show the progress until ``stop`` is called, or until cancelled."""
        with self._scope:
            await (self._run_live() if self._terminal.is_terminal else self._run_plain())

    def stop(self) -> None:
        """Take the live line away."""
        self._scope.cancel()

    def line(self) -> str:
        """Where things stand, in one line."""
        progress = self._progress
        parts = [
            f"{self._share():4.0%}",
            f"{progress.events:,} events ({self._rate(1):,.0f}/s)",
            f"{progress.launches:,} launches",
            f"{progress.published['enrich']:,} dossiers",
            f"{progress.published['score']:,} verdicts ({self._rate(2):,.0f}/s)",
            f"{progress.published['alert']:,} alerts",
        ]
        if dead := progress.refused.total():
            parts.append(f"{dead:,} dead letters")
        return "  ".join([*parts, self._remaining()])

    async def _run_live(self) -> None:
        with Live(console=self._terminal, auto_refresh=False, transient=True) as live:
            while True:
                self._mark()
                live.update(self._frame(), refresh=True)
                await anyio.sleep(FRAME_S)

    async def _run_plain(self) -> None:
        while True:
            self._mark()
            self._terminal.print(Text(self.line()), soft_wrap=True)
            await anyio.sleep(PLAIN_LINE_S)

    def _frame(self) -> Table:
        frame = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=1.0, completed=self._share(), width=BAR_WIDTH)
        frame.add_row(bar, Text(self.line(), no_wrap=True, overflow="ellipsis"))
        return frame

    def _share(self) -> float:
        return min(1.0, self._progress.position / self._total) if self._total else 1.0

    def _mark(self) -> None:
        now, progress = self._seconds(), self._progress
        verdicts = progress.published["score"]
        self._marks.append((now, progress.events, verdicts, progress.position))
        while now - self._marks[0][0] > RATE_WINDOW_S:
            self._marks.popleft()

    def _rate(self, of: int) -> float:
        """Per second, of late: of events (1), verdicts (2) or recorded rows (3)."""
        if len(self._marks) < 2:
            return 0.0
        first, last = self._marks[0], self._marks[-1]
        return float(last[of] - first[of]) / max(last[0] - first[0], FRAME_S)

    def _remaining(self) -> str:
        """Time left by the speed of late: of the source, and when that is done, of scoring."""
        rows, behind = self._total - self._progress.position, self._progress.behind["score"]
        left, rate = (rows, self._rate(3)) if rows > 0 else (behind, self._rate(2))
        return f"{duration(left / rate)} left" if left and rate else ""


def log_stream(terminal: Console) -> TextIO:
    """Where log lines go so that they stand above the live line and not in the middle of it."""
    return (
        cast("TextIO", FileProxy(terminal, terminal.file)) if terminal.is_terminal else sys.stderr
    )


def duration(seconds: float) -> str:
    """A length of time in its two largest units, without a second one that is zero."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}" if count or not parts else "")
    return " ".join(part for part in parts[:2] if part)
