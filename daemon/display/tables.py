"""How every table of the command line looks."""

from __future__ import annotations

import os
import sys

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

__all__ = ["FILE_COLUMNS", "new_table", "output"]

FILE_COLUMNS = 120
"""How wide tables are in a file or a pipe, which nobody has made narrow."""


def output() -> Console:
    """Standard output, as wide as the terminal, if it is one."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else FILE_COLUMNS
    return Console(highlight=False, width=width)


def new_table(title: str, *columns: str) -> Table:
    """An empty table, narrow enough for a terminal of 80 columns if its cells are."""
    return Table(*columns, title=title, title_justify="left", caption_justify="left", box=SIMPLE)
