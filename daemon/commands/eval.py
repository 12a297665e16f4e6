"""``heft eval``: how well a detector does on a labelled set, beside what it must beat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["EvalOptions", "eval_"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """What can be said about an evaluation."""

    train: Path
    """Folder of labelled rows to learn from, in the layout of the task's published set."""
    test: Path | None = None
    """Folder to judge on; without it the newest 30 % (or, without times, groups) of --train."""
    json: bool = False
    """Print one JSON object instead of tables."""
    scores: Path | None = None
    """Write each judged row's score to this file, a JSON object a line."""
    report: Path | None = None
    """Write report.md, report.html and the plots into this folder."""
    limit: int | None = None
    """Learn from at most so many rows (drawn), to try things out."""
    seed: int = 0
    """Of the draw of groups when one folder is parted, and of --limit."""


def eval_(task: str, *, options: EvalOptions, common: Common = Common()) -> int:
    """Teach a detector on one folder and judge it on another.

    Args:
        task: tm_rugpull, trapdoor, uniswap_v2_pool_events, sushiswap_polygon or janitr_social.
        options: See there.
        common: See there.
    """
    from daemon.jobs.evaluating import evaluate

    return evaluate(settings_from(common), task, options)
