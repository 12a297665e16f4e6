"""SIGTERM and SIGINT: the first asks for a drain, a second one or too long a drain ends at once.

Ending at once is safe at any moment: what was not committed is read again (invariant 1).
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

__all__ = ["stop_on_signals"]

GRACE_S = 10.0
"""How long a drain may take; container runtimes kill after 10 s too."""

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals(stop: Callable[[], None], grace: float = GRACE_S) -> Iterator[None]:
    """While inside, call ``stop`` on the event loop at the first signal; main thread only.

    The handler runs between two bytecodes and the timer on its own thread, so that even an event
    loop that hangs does not hold up the end.
    """
    loop = asyncio.get_running_loop()
    timer = threading.Timer(grace, _give_up, (grace,))
    timer.daemon = True

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if timer.ident is not None:
            os._exit(128 + number)
        timer.start()
        loop.call_soon_threadsafe(stop)

    before = {number: signal.signal(number, on_signal) for number in SIGNALS}
    try:
        yield
    finally:
        timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _give_up(grace: float) -> NoReturn:
    message = f"heft: not drained after {grace:.0f} s, ended at once; the rest is read again\n"
    os.write(2, message.encode())
    os._exit(1)
