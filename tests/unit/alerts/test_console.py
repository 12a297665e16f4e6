"""Alerts in the terminal."""

from __future__ import annotations

import errno
import io

import pytest
from rich.console import Console

from alerts.console import ConsoleSettings, ConsoleSink
from alerts.render import details, one_line, title
from alerts.sink import Refusal, Sent
from streams.errors import Invalid
from tests.unit.alerts.making import an_alert


def a_console(width: int = 200) -> tuple[Console, io.StringIO]:
    """A console without a terminal, and what it printed."""
    printed = io.StringIO()
    return Console(file=printed, width=width), printed


@pytest.mark.anyio
async def test_a_panel_shows_every_detail() -> None:
    """Title in the frame, details inside."""
    console, printed = a_console()
    alert = an_alert()
    assert await ConsoleSink(ConsoleSettings(), console).send(alert) == Sent()
    shown = printed.getvalue()
    assert title(alert) in shown
    assert all(line in shown for line in details(alert))


@pytest.mark.anyio
async def test_a_line_stays_whole_on_a_narrow_screen() -> None:
    """A log line is not wrapped, so that it can be searched."""
    console, printed = a_console(width=20)
    sink = ConsoleSink(ConsoleSettings(shape="line"), console)
    assert await sink.send(an_alert()) == Sent()
    assert printed.getvalue() == one_line(an_alert()) + "\n"
    await sink.close()


@pytest.mark.anyio
@pytest.mark.parametrize("shape", ["panel", "line"])
async def test_markup_and_escapes_in_a_name_are_only_a_name(shape: str) -> None:
    """Neither rich's markup and emoji codes nor terminal escapes work from within a name."""
    console, printed = a_console()
    alert = an_alert(name="[blink]:boom:\x1b]8;;https://evil.com\x07x[/]", symbol="\x1b[2J")
    sink = ConsoleSink(ConsoleSettings(shape=shape), console)  # type: ignore[arg-type]
    assert await sink.send(alert) == Sent()
    assert "[blink]:boom:" in printed.getvalue()
    assert "\x1b" not in printed.getvalue()
    assert "://" not in printed.getvalue()


class _Gone(io.StringIO):
    """A pipe whose reader went away."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code

    def write(self, text: str) -> int:
        """Refuse as the kernel does."""
        raise OSError(self.code, "gone")


class _Quitting(Console):
    """Does what rich does at a broken pipe, but leaves the test's own standard output alone."""

    def on_broken_pipe(self) -> None:
        """Quit."""
        raise SystemExit(1)


@pytest.mark.anyio
@pytest.mark.parametrize("code", [errno.EPIPE, errno.EIO])
async def test_a_terminal_that_is_gone_is_a_refusal(code: int) -> None:
    """`heft watch | head` does not take the daemon down."""
    sink = ConsoleSink(ConsoleSettings(), _Quitting(file=_Gone(code)))
    assert await sink.send(an_alert()) == Refusal("closed", permanent=True)


def test_an_unknown_shape_is_refused_in_a_sentence() -> None:
    """The sentence says what to give."""
    with pytest.raises(Invalid, match=r"^console: shape is unknown: give panel or line$"):
        ConsoleSettings(shape="poster")  # type: ignore[arg-type]
