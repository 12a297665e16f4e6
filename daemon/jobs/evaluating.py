"""One heft eval: read, keep apart, teach, judge, and say it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from daemon.display.tables import new_table
from daemon.options import EvalOptions
from daemon.run import configure_quiet
from daemon.settings import Settings
from streams.errors import Invalid

if TYPE_CHECKING:
    from trainer.scorecard import Card, Row
    from trainer.sides import Sides

__all__ = ["evaluate"]


def evaluate(settings: Settings, name: str, options: EvalOptions) -> int:
    """Judge, and print the card; gives the exit code, 1 when a leak check fails.

    Raises ``Invalid`` when the extra ``train`` is missing or the folders cannot teach or judge.
    """
    configure_quiet(settings.log)
    try:
        from trainer.report_card import write_report
        from trainer.scorecard import card_of, sides_of
        from trainer.tasks import task_named
    except ImportError as error:
        raise Invalid("evaluating needs more: pip install 'heft-monitor[cpu,train]'") from error
    console = Console(stderr=True)
    task = task_named(name)
    with console.status("reading") as status:
        sides = _limited(sides_of(task, options.train, options.test, seed=options.seed), options)
        card, rows = card_of(task, sides, progress=status.update)
    if options.scores is not None:
        _write(options.scores, rows)
    if options.report is not None:
        write_report(options.report, card, rows)
    _say(card, as_json=options.json)
    return 0 if all(check.passed for check in card.checks) else 1


def _limited(sides: Sides, options: EvalOptions) -> Sides:
    if options.limit is None or options.limit >= len(sides.train):
        return sides
    import numpy as np

    from trainer.sides import FEWEST
    from trainer.sources.table import take

    if options.limit < FEWEST:
        raise Invalid(f"--limit must be {FEWEST} at least", reason="usage")
    rng = np.random.default_rng(options.seed)
    chosen = np.sort(rng.choice(len(sides.train), options.limit, replace=False))
    return sides._replace(train=take(sides.train, chosen))


def _write(path: Path, rows: list[Row]) -> None:
    try:
        path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    except OSError as error:
        raise Invalid(f"scores cannot be written to {path}: {error.strerror}") from error


def _say(card: Card, *, as_json: bool) -> None:
    if as_json:
        told = {key: _plain(value) for key, value in msgspec.structs.asdict(card).items()}
        print(msgspec.json.encode(told).decode())
        return
    table = new_table(f"{card.task}, {card.headline}: {card.n:,} rows", "detector", "AUC by part")
    others = {"HEFT": {"headline": card.auc}} | card.parts | card.baselines
    for name, aucs in others.items():
        table.add_row(name, "  ".join(f"{part} {auc:.3f}" for part, auc in aucs.items()))
    for each in card.published:
        table.add_row(f"published: {each.who}", f"{each.auc:.3f} ({each.split})")
    low, high = card.auc_interval
    table.caption = (
        f"AUC {card.auc:.3f} ({low:.3f} to {high:.3f}), AP {card.ap:.3f}, "
        f"ECE {card.ece:.3f} ({card.ece_floor:.3f} would be chance)"
    )
    console = Console()
    console.print(table)
    for check in card.checks:
        console.print(f"{'ok    ' if check.passed else 'FAILED'} {check.name}: {check.found}")


def _plain(value: object) -> object:
    """Named tuples as objects: a reader should not count places."""
    if isinstance(value, list):
        return [each._asdict() if hasattr(each, "_asdict") else each for each in value]
    return value
