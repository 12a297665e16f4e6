"""How every table of the command line looks."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.table import Table

__all__ = ["new_table"]


def new_table(title: str, *columns: str) -> Table:
    """An empty table, narrow enough for a terminal of 80 columns if its cells are."""
    return Table(*columns, title=title, title_justify="left", caption_justify="left", box=SIMPLE)
