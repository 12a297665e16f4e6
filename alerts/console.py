"""Shows each alert in the terminal: a panel, or one line."""

from __future__ import annotations

from typing import Literal

import anyio.to_thread
import msgspec
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.text import Text

from alerts.render import details, one_line, title
from alerts.sink import Answer, Refusal, Sent
from streams.errors import Invalid
from streams.events import Action, Alert

__all__ = ["ConsoleSettings", "ConsoleSink"]

STYLES: dict[Action, str] = {
    "raised": "bold red",
    "updated": "yellow",
    "confirmed": "bold magenta",
    "cleared": "green",
    "retracted": "dim",
}


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an alert looks. Raises ``Invalid`` for a value that makes no sense."""

    shape: Literal["panel", "line"] = "panel"

    def __post_init__(self) -> None:
        if self.shape not in ("panel", "line"):
            raise Invalid("console: shape is unknown: give panel or line", reason="setting")


class ConsoleSink:
    """The Sink that prints. Give it the console that the rest of the display uses."""

    name = "console"

    def __init__(self, settings: ConsoleSettings, console: Console) -> None:
        self._settings = settings
        self._console = console

    async def send(self, alert: Alert, earlier: str = "", *, plain: bool = False) -> Answer:  # noqa: ARG002 - nothing is edited here
        """Print it, in a thread: a terminal that is held back (Ctrl-S, a full pipe) blocks."""
        try:
            await anyio.to_thread.run_sync(self._print, alert, abandon_on_cancel=True)
        except (OSError, SystemExit):  # the reader went away; rich makes SystemExit of that
            return Refusal("closed", permanent=True)
        return Sent()

    async def close(self) -> None:
        """Nothing to let go of: the console belongs to the display."""

    def _print(self, alert: Alert) -> None:
        if self._settings.shape == "panel":
            self._console.print(_panel(alert))
        else:  # unbroken, so that a log of it can be searched
            self._console.print(Text(one_line(alert), style=STYLES[alert.action]), soft_wrap=True)


def _panel(alert: Alert) -> RenderableType:
    """Built of ``Text``, never of markup: a name in square brackets is only a name."""
    style = STYLES[alert.action]
    heading = Text(title(alert), style=style)
    return Panel(
        Text("\n".join(details(alert))), title=heading, title_align="left", border_style=style
    )
