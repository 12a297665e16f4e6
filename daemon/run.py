"""Runs an asynchronous command to its end, and says how much of the log a command shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TextIO

import anyio

from daemon.sections import Log
from daemon.settings import Settings
from streams.errors import HeftError
from streams.telemetry import configure_logging

__all__ = ["configure_quiet", "configure_silent", "run_async", "run_quietly"]


def configure_quiet(log: Log, stream: TextIO | None = None) -> None:
    """Warnings only, unless a level was asked for: the command's own output is what counts."""
    level = log.level if "level" in log.model_fields_set else "warning"
    configure_logging(as_json=log.format == "json", level=level, stream=stream)


def configure_silent() -> None:
    """No log at all: the command's findings say it all."""
    configure_logging(as_json=False, level="critical")


def run_async(main: Callable[[], Awaitable[int]]) -> int:
    """The command's exit code; raises what ended it as itself, not as a group around it."""
    try:
        return anyio.run(main)
    except* HeftError as failures:
        raise _first(failures) from None


def run_quietly(settings: Settings, main: Callable[[Settings], Awaitable[int]]) -> int:
    """``run_async`` for a command whose own output is what counts."""
    configure_quiet(settings.log)
    return run_async(lambda: main(settings))


def _first(failures: BaseExceptionGroup[HeftError]) -> HeftError:
    error: BaseException = failures
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, HeftError)  # noqa: S101 - the group holds nothing else
    return error
