"""Writes docs/analyses.md: a hundred analyses, as the analyst that ships gives them."""

from __future__ import annotations

import json
from pathlib import Path

from heft_model.analyst import Analyst
from heft_model.grounding import grounded
from heft_model.orders import read

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "analyses.md"
SETS = ("analyst_tokens", "analyst_tuned")

HEAD = """# A hundred analyses

Written by `make analyses` with the analyst that ships, on descriptions that people might write. The
side in brackets is what they were written to be. What an analysis states was checked against its
description (`heft_model/grounding.py`); the checker drops what was not given.
"""


def page() -> str:
    """The whole page; refuses an analysis that says more than it was given."""
    analyst = Analyst()
    parts = [HEAD]
    for name in SETS:
        for line in (ROOT / "tests" / "data" / f"{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            said = analyst.analyse(row["description"])
            text = read(row["description"], analyst.is_known).text
            assert said.analysis.startswith(grounded(said.analysis, text))
            parts.append(
                f"**{row['name']}** ({row['side']}): {row['description']}\n\n"
                f"> {100 * said.rug_probability:.0f} % · {said.analysis}\n"
            )
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
