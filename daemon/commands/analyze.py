"""``heft analyze``: what a token says of itself, read and judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["AnalyzeOptions", "analyze"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AnalyzeOptions:
    """What can be said about an analysis."""

    name: str = ""
    """Shown with the answer; not read, since whoever made the token chose it."""
    address: str = ""
    """Shown with the answer; nothing is asked of a chain (heft scan does that)."""
    json: bool = False
    """Print one JSON object: rug_probability, evidence, analysis, set_aside."""
    analyst: Path | None = None
    """The folder of an analyst of your own, as heft train --analyst writes it."""
    seconds: float = 5.0
    """Most that the writing may take."""
    pieces: int = 192
    """Most that is written, in pieces of text (a word is one or two)."""
    temperature: float = 0.0
    """0 writes what is likeliest; more draws among what is likely."""
    seed: int = 0
    """Of the draw."""


def analyze(
    *,
    description: Annotated[str, Parameter(allow_leading_hyphen=True)],
    options: AnalyzeOptions = AnalyzeOptions(),
    common: Common = Common(),
) -> int:
    """Read a token's description.

    Args:
        description: What the token says of itself; - reads standard input.
        options: See there.
        common: See there.
    """
    from daemon.jobs.analyzing import analyze_token
    from daemon.run import configure_silent

    settings_from(common)  # a bad file of settings is told here as everywhere
    configure_silent()
    return analyze_token(description, options)
