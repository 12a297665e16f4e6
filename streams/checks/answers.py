"""Answers before they are findings: a value, or why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from streams.errors import HeftError
from streams.finding import Finding, FindingSource
from streams.text import sanitise

__all__ = ["MOST_TEXT", "Answer", "Unknown", "findings", "told", "unknowns"]

_ENDPOINT = re.compile(r"\w+://\S+")
MOST_TEXT = 160
"""Characters kept of what a stranger's contract or node says."""


class Unknown(NamedTuple):
    """There is no answer, because of ``why``."""

    why: str


Answer = bool | float | str | Unknown


def findings(
    answers: Mapping[str, Answer], source: FindingSource, block: int
) -> dict[str, Finding]:
    """Each answer as a finding of ``source`` as of ``block``."""
    return {
        name: Finding(source=source, block=block, why=answer.why[:200])
        if isinstance(answer, Unknown)
        else Finding(source=source, block=block, value=answer)
        for name, answer in answers.items()
    }


def unknowns(names: Iterable[str], why: str) -> dict[str, Answer]:
    """No answer to any of ``names``, for one reason."""
    return dict.fromkeys(names, Unknown(why))


def told(error: HeftError) -> str:
    """A failure as a reason: one short visible line, which names no node: its host may be a key."""
    return sanitise(_ENDPOINT.sub("a node:", str(error)), MOST_TEXT) or type(error).__name__
