"""One heft simulate: the recording, the plan, the run in a folder that is gone afterwards."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from daemon.display.simulation import simulation_tables
from daemon.display.tables import output
from daemon.options import SimulateOptions
from daemon.run import configure_quiet
from daemon.settings import Settings
from streams.errors import Invalid
from streams.recording import open_recording

if TYPE_CHECKING:
    from trainer.simulation import Plan, Simulated

__all__ = ["every", "simulate_on"]

MOST_DAYS = 3_650.0


def simulate_on(settings: Settings, folder: Path, options: SimulateOptions) -> int:
    """Simulate, write what was asked for, and print; gives the exit code. Raises ``Invalid``."""
    configure_quiet(settings.log)
    span = every(options.retrain)
    try:
        from trainer.presets import read_recipe
        from trainer.refresh import RefreshSettings
        from trainer.simulation import Plan
        from trainer.simulation_plot import write_simulation
    except ImportError as error:
        raise Invalid("simulating needs more: pip install 'heft-monitor[cpu,train]'") from error
    plan = Plan(
        start=options.from_,
        through=options.through,
        every=span,
        refresh=RefreshSettings(recipe=read_recipe(options.preset, options.recipe)),
    )
    found = _run(folder, plan)
    if options.report is not None:
        write_simulation(options.report, found)
    if options.json:
        print(msgspec.json.encode(found).decode())
        return 0
    for table in simulation_tables(found):
        output().print(table)
    return 0


def every(text: str) -> timedelta:
    """``every-7-days`` as a span; raises ``Invalid`` for anything else."""
    found = re.fullmatch(r"every-(\d+(?:\.\d+)?)-days?", text)
    if not found or not 0 < float(found[1]) <= MOST_DAYS:
        raise Invalid(f"--retrain must be every-N-days, such as every-7-days, not {text!r}",
                      reason="usage")  # fmt: skip
    return timedelta(days=float(found[1]))


def _run(folder: Path, plan: Plan) -> Simulated:
    from trainer.simulation import simulate

    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()
    with (
        TemporaryDirectory(prefix="heft-") as work,
        Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress,
    ):
        task = progress.add_task("opening", total=1.0)
        return simulate(
            open_recording(folder),
            plan,
            Path(work),
            console=Console(stderr=True, quiet=True),
            told=lambda what, share: progress.update(task, description=what, completed=share),
            clock=monotonic,
        )
