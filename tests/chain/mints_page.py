"""Writes the part of docs/checks.md that tells of Solana, as it was found.

python -m tests.chain.mints_page
"""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.chain.minted import TITLE, examined, section

__all__ = ["PAGE", "write"]

PAGE = Path(__file__).parents[2] / "docs" / "checks.md"


def write() -> None:
    """Examine every mint and write what was found behind the rest of the page."""
    before = PAGE.read_text().partition(TITLE)[0].rstrip("\n")
    PAGE.write_text(f"{before}\n\n{section(anyio.run(examined))}")


if __name__ == "__main__":
    write()
