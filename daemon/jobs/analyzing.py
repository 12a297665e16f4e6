"""One ``heft analyze``: a description to a probability, its evidence and an analysis."""

from __future__ import annotations

import sys

import msgspec

from daemon.options import AnalyzeOptions
from heft_model.analyst import ANALYST, Analysis, Analyst
from heft_model.writer import Budget, Sampling
from streams.errors import Invalid
from streams.text import sanitise

__all__ = ["analyze_token"]

SHOWN = 80
"""Characters of a name that are shown."""


def analyze_token(description: str, options: AnalyzeOptions) -> int:
    """Print what the analyst makes of it; gives the exit code. Raises ``Invalid``."""
    if options.seconds <= 0 or options.pieces < 1:
        raise Invalid("--seconds and --pieces must leave room to write", reason="usage")
    text = sys.stdin.read() if description == "-" else description
    if not text.strip():
        raise Invalid("nothing to read: the description is empty", reason="usage")
    analysis = Analyst(options.analyst or ANALYST).analyse(
        text,
        budget=Budget(seconds=options.seconds, pieces=options.pieces),
        sampling=Sampling(temperature=options.temperature, seed=options.seed),
    )
    if options.json:
        told = {"name": options.name, "address": options.address} | msgspec.to_builtins(analysis)
        print(msgspec.json.encode(told).decode())
    else:
        print(_page(options, analysis))
    return 0


def _page(options: AnalyzeOptions, analysis: Analysis) -> str:
    """As people read it; all that strangers wrote is cleaned."""
    lines = []
    if options.name or options.address:
        lines.append(f"{sanitise(options.name, SHOWN)} {sanitise(options.address, SHOWN)}".strip())
    lines.append(f"probability of a rug: {100 * analysis.rug_probability:.1f} %")
    lines += [
        f"  {each.weight:+.2f}  {sanitise(each.quote, 4 * SHOWN)}" for each in analysis.evidence
    ]
    lines += [f"  not read: {sanitise(part, 2 * SHOWN)}" for part in analysis.set_aside]
    lines.append(f"analysis: {analysis.analysis}")
    return "\n".join(lines)
