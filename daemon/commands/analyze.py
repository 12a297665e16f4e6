"""``heft analyze``: what a token says of itself, read and judged."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from daemon.options import AnalyzeOptions, Common, settings_from

__all__ = ["analyze"]


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
