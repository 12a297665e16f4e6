"""What can be said on the command line and is used beyond it: by other commands, or by a job.

Stands below both, since a command calls its job and both know its options. Options that only their
command knows stand with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from alerts.severity import Severity
from daemon.settings import Settings, load_settings

__all__ = [
    "AnalyzeOptions",
    "Common",
    "DemoOptions",
    "EvalOptions",
    "HistoryOptions",
    "LabelOptions",
    "ReplayOptions",
    "SilenceOptions",
    "SimulateOptions",
    "TokenOptions",
    "TrainOptions",
    "settings_from",
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Common:
    """Options of every command that reads settings."""

    config: Path | None = None
    """Settings file, instead of $HEFT_CONFIG or ./heft.toml."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class DemoOptions:
    """What can be said about the demo."""

    once: bool = False
    """Exit at the end, instead of staying up with Kafka and /metrics to look at."""
    port: int | None = None
    """Serve /live, /ready and /metrics on this port; 0 is any free one."""
    seconds: float = 30.0
    """How long the recorded days take; 0 is as fast as possible."""
    open: Annotated[bool | None, Parameter(negative="--no-open")] = None
    """Open the page in a browser; by default where somebody sits at a screen."""
    bundle: str | None = None
    """A model version's id, or the folder of a bundle, instead of the champion."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """What can be said about a replay."""

    speed: float | None = None
    """Recorded seconds a second; as fast as possible when left out."""
    limit_pools: int | None = None
    """Play only the first so many pools."""
    bundle: str | None = None
    """A model version's id, or the folder of a bundle, instead of the champion."""
    state: Path | None = None
    """Keep the state here: a replay that was killed goes on, if started again within a minute."""
    external: bool = False
    """Play through the Kafka of the settings; only where no heft watch runs (same groups)."""
    verdicts: Path | None = None
    """Write one JSON line a verdict to this file."""
    report: bool = False
    """Judge the verdicts by what then happened, and print the tables."""
    sinks: bool = False
    """Send alerts to the configured sinks too, and not to the Kafka topic alone."""
    port: int | None = None
    """Serve /live, /ready and /metrics on this port meanwhile; 0 is any free one."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What can be said about a training."""

    name: str | None = None
    """First part of the new version's id; without it the preset's."""
    earlier: float = 1.0
    """Learn only from this share of the pools, the first launched; the later ones can judge."""
    preset: str = "nano"
    """What to train: nano (from nothing), or a base fine-tuned by HEFT: 0.5b, 1.5b, heft-qwen."""
    base: str | None = None
    """The Qwen2 or Qwen2.5 to fine-tune, instead of the preset's: hub id, folder or .gguf file."""
    recipe: Path | None = None
    """A TOML file of recipe settings, instead of a preset's."""
    out: Path | None = None
    """Write the bundle into this folder instead of adding it to the registry."""
    codes: Path | None = None
    """Folder of labelled codes (CRPWarner's layout), from which kinds are learnt besides."""
    traps: Path | None = None
    """Folder of labelled trapdoor tokens, from which kinds are learnt besides."""
    licence: str = "Apache-2.0"
    """Under what the new weights may be used; written into the bundle."""
    promote: bool = False
    """Let the new version serve at once."""
    analyst: bool = False
    """Teach the analyst of heft analyze instead, from phrases that are part of heft, and write it
    to --out; takes no recordings. --recipe is then a TOML file like trainer/analyst/nano.toml."""
    once: bool = False
    """Without folders: refresh the champion from the archive, here and now."""
    look: bool = False
    """Without folders: refresh it if there is a reason to, as the role train does now and then."""
    now: bool = False
    """Without folders: let the role train that runs refresh it at its next look."""
    status: bool = False
    """Without folders: list the refreshes, and what came of each."""


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


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SimulateOptions:
    """What can be said about a simulation."""

    from_: Annotated[str, Parameter(name="--from")] = "part1"
    """The frozen model learns from the launches of the files that end so (pools_part1.parquet)."""
    through: str = "part2"
    """The launches of those are judged as they come."""
    retrain: str = "every-7-days"
    """When a refresh is tried: every-N-days."""
    preset: str = "refresh"
    """How models are taught, as for heft train."""
    recipe: Path | None = None
    """A TOML file of recipe settings, instead of a preset's."""
    json: bool = False
    """Print one JSON object instead of tables."""
    report: Path | None = None
    """Write simulation.json and the plot of AUC over time (SVG and PNG) into this folder."""


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


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class MeterOptions:
    """What can be said about a measurement of HEFT."""

    steps: int = 60
    """Steps that each row is taught."""
    batch: int = 32
    """Dossiers of a step."""
    width: int = 256
    """Of the base that is made for the measurement."""
    layers: int = 6
    """Of that base."""
    pools: int = 2500
    """Launches of the recording that are read, from its beginning."""
    row: tuple[str, ...] = ()
    """Only rows of these names, such as "full fp32"; each with a --row of its own."""
    report: Path | None = None
    """Write heft.md and a plot into this folder."""
    json: bool = False
    """Print one JSON object instead of the page."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TokenOptions:
    """The token to ask for."""

    token: str = "0x00000000000000000000000000000000000000bb"  # noqa: S105 - a coin
    """Its address, or its symbol, as a watchlist names it."""
    chain: str = "ethereum"
    """Its chain."""
    venue: str = "uniswap-v2"
    """Where it trades."""
    probability: float = 0.93
    """That it rugs."""
    liquidity: float = 10.0
    """In the quote's whole units."""
    creator: str = ""
    """Whose it is."""


MOST_DELIVERIES = 10_000
"""Named in one statement, of which Postgres takes 32,767 parameters."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class HistoryOptions:
    """Which deliveries."""

    sink: str | None = None
    """Only this receiver's."""
    refused: bool = False
    """Only those that were refused for good: the dead letters of delivery."""
    limit: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=MOST_DELIVERIES))] = 50
    """At most so many: history lists the latest, retry and drop deal with the oldest."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class SilenceOptions:
    """What nobody is to hear: all that is named must fit."""

    why: str
    """For whoever wonders later why nothing was said."""
    for_: Annotated[timedelta | None, Parameter(name="--for")] = None
    """How long from now: 30m, 2h, 7d."""
    until: datetime | None = None
    """Instead of --for: until when, in UTC where no offset is said."""
    hours: str = ""
    """Daily, in UTC, such as 22:00-06:30; then an end may be left out."""
    who: str | None = None
    """Your name; the account's when left out."""
    chain: str = ""
    """Only this chain's."""
    venue: str = ""
    """Only this venue's."""
    token: str = ""
    """Only this token's: its address, its pool's, or its symbol."""
    creator: str = ""
    """Only tokens of this account."""
    severity: Severity | None = None
    """Only alerts of this severity."""
    critical: bool = False
    """Hold critical alerts back too."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """Who says so, and why."""

    who: str | None = None
    """Your name; the account's when left out."""
    why: str = ""
    """A sentence for whoever reads the label later."""


def settings_from(options: Common, **sections: dict[str, Any]) -> Settings:
    """The settings, with what the command line says on top; ``None`` there says nothing."""
    said = {
        section: {key: value for key, value in keys.items() if value is not None}
        for section, keys in sections.items()
    }
    return load_settings(options.config, {key: value for key, value in said.items() if value})
