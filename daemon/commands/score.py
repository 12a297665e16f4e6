"""``heft score``: dossiers in the published schema to verdicts, a line each, without a broker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from daemon.options import Common, settings_from

__all__ = ["ScoreOptions", "score"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """What can be said about scoring a file."""

    out: Path | None = None
    """Write the verdicts to this file instead of standard output."""
    bundle: str | None = None
    """A model version's id, or the folder of a bundle, instead of the champion."""


def score(
    file: Annotated[Path, Parameter(allow_leading_hyphen=True)],
    /,
    options: ScoreOptions = ScoreOptions(),
    common: Common = Common(),
) -> int:
    """Judge a file of dossiers, or of any parts of them.

    What is not given is unknown: the verdict's coverage and unknown say what, and the probability
    moves towards that of launches in general. Besides the schema's fields a line may have bytecode
    (runtime code in hex) or source (Solidity). The least is a name or a supply:
    {"token": {"name": "Moon", "total_supply": 1000000, "decimals": 0}}

    Args:
        file: One dossier a line, in the schema heft.facts.v1 or a part of it; - is standard input.
        options: See there.
        common: See there.
    """
    from daemon.jobs.scoring import score_file
    from daemon.run import configure_quiet

    settings = settings_from(common, model={"bundle": options.bundle})
    configure_quiet(settings.log)
    return score_file(settings.model, file, options.out)
