"""What heft train does without recordings: one look, one refresh, or the table of all runs.

A look first deals with what serves: a champion that has failed is rolled back, a challenger whose
time in the shadow is over is promoted or refused. Then it goes on with a run that was killed, or
begins one when there is a reason to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import structlog
from rich.console import Console
from rich.progress import Progress

from daemon.display.tables import new_table, output
from daemon.run import configure_quiet
from daemon.settings import Settings
from heft_model.registry import Registry
from streams.errors import Invalid
from streams.recording import open_recording

if TYPE_CHECKING:
    from trainer.asof import Case
    from trainer.promote import Limits
    from trainer.refresh import Past, RefreshSettings
    from trainer.runs import Run, Runs

__all__ = ["ask", "look", "status"]

NICE = 10
"""Added to the process's niceness: scoring comes first."""

log = structlog.get_logger(__name__)


def look(settings: Settings, *, always: bool = False, quiet: bool = False) -> int:
    """Deal with what serves, then refresh if there is a reason, or ``always``; gives the exit code.

    Raises ``Invalid`` when there is no archive, the extra ``train`` is missing, or a refresh runs
    already.
    """
    configure_quiet(settings.log)
    archive = settings.archive.dir
    if archive is None:
        raise Invalid("learning reads the archive: set archive.dir", reason="setting")
    try:
        from trainer.asof import known_at
        from trainer.live import challenger_of, shadowed, watch_champion
        from trainer.runs import Runs
    except ImportError as error:
        raise Invalid("learning needs more: pip install 'heft-monitor[cpu,train]'") from error
    os.nice(NICE)
    console = Console(stderr=True, quiet=quiet)
    registry, runs = Registry(settings.model.registry), Runs(settings.model.registry)
    with runs.alone() as alone:
        if not alone:
            raise Invalid("a refresh runs already: see heft train --status", reason="busy")
        now = datetime.now(UTC)
        cases = _recent(known_at(archive, now), settings.learn.days, now)
        limits, span = _limits(settings), timedelta(seconds=settings.learn.shadow_seconds)
        for decision in (
            watch_champion(registry, cases, limits, now),
            shadowed(registry, cases, limits, span, now),
        ):
            if decision is not None:
                console.print(f"{decision.what} {decision.challenger}: {decision.reason}")
        if challenger_of(registry) and not (always or runs.unfinished()):
            return 0  # one challenger at a time
        run = _begun(settings, runs, registry, cases, now, always=always)
        if run is None:
            return 0
        return _refresh(settings, registry, runs, run, console)


def ask(settings: Settings) -> int:
    """Want a refresh of the service that runs; gives the exit code."""
    from trainer.runs import Runs

    Runs(settings.model.registry).ask()
    print(f"asked; the role train looks every {settings.learn.look_seconds:.0f} s")
    return 0


def status(settings: Settings) -> int:
    """Print every run and what came of it; gives the exit code."""
    from trainer.runs import Runs

    table = new_table("Refreshes", "run", "why", "began", "took", "learnt from", "what came of it")
    for run in Runs(settings.model.registry).all():
        took = f"{(run.ended - run.began).total_seconds():.0f} s" if run.ended else run.step
        decision = run.decision
        table.add_row(
            run.id,
            run.why,
            f"{run.began:%Y-%m-%d %H:%M}",
            took,
            ", ".join(f"{name} {count}" for name, count in run.counts.items()),
            f"{decision.what}: {decision.reason}" if decision else "",
        )
    output().print(table)
    return 0


def _begun(
    settings: Settings,
    runs: Runs,
    registry: Registry,
    cases: Sequence[Case],
    now: datetime,
    *,
    always: bool,
) -> Run | None:
    """The run to go on with, or a new one, if there is a reason for one."""
    from trainer.runs import Run

    if (killed := runs.unfinished()) is not None:
        return msgspec.structs.replace(killed, resumed=killed.resumed + 1)
    why = "asked" if always or runs.is_asked() else _reason(settings, runs, registry, cases, now)
    if why is None:
        return None
    runs.heard()
    run = Run(id=f"{now:%Y%m%dT%H%M%S}", why=why, moment=now, began=now)
    runs.write(run)
    return run


def _reason(
    settings: Settings, runs: Runs, registry: Registry, cases: Sequence[Case], now: datetime
) -> str | None:
    from trainer.drift import drifted
    from trainer.schedule import Conditions, why_now
    from trainer.settling import settle

    said = settings.learn
    settled = {case.facts.key for case in cases if (s := settle(case)).label is not None
               and s.final}  # fmt: skip
    conditions = Conditions(cron=said.cron, labels=said.labels, drift=said.drift)
    champion = registry.champion()
    return why_now(conditions, runs.all(), len(settled), lambda: drifted(cases, champion), now)


def _refresh(settings: Settings, registry: Registry, runs: Runs, run: Run, console: Console) -> int:
    from trainer.asof import known_at
    from trainer.live import shadowed
    from trainer.refresh import refresh

    archive = settings.archive.dir
    assert archive is not None  # noqa: S101 - look() has refused
    plan = _plan(settings)
    cases = _recent(known_at(archive, run.moment), settings.learn.days, run.moment)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("refresh", total=None)
        found = refresh(
            registry,
            cases,
            _past(settings),
            plan,
            runs.work(run),
            now=run.moment,
            console=Console(quiet=True),
            step=_step(runs, run, lambda what: progress.update(task, description=what)),
        )
    registry.record(found.decision)
    launches = sorted(case.facts.launched_at for case in cases)
    ended = msgspec.structs.replace(
        run,
        ended=datetime.now(UTC),
        step="done",
        settings=msgspec.to_builtins(plan),
        window=(launches[0], launches[-1]) if launches else None,
        counts=found.counts,
        digest=found.digest,
        metrics=found.metrics,
        decision=found.decision,
    )
    runs.write(ended)
    console.print(f"{found.decision.what} {found.version or ''}: {found.decision.reason}")
    if found.version and settings.learn.shadow_seconds == 0:
        shadowed(registry, [], _limits(settings), timedelta(0), datetime.now(UTC))
    return 0


def _step(runs: Runs, run: Run, show: Callable[[str], None]) -> Callable[[str], None]:
    def note(what: str) -> None:
        show(what)
        log.info("refresh_step", run=run.id, step=what)
        runs.write(msgspec.structs.replace(run, step=what))

    return note


def _recent(cases: Sequence[Case], days: int, now: datetime) -> list[Case]:
    return [case for case in cases if case.facts.launched_at >= now - timedelta(days=days)]


def _past(settings: Settings) -> Past:
    """Recorded pools to replay; their outcomes are long known."""
    from trainer.dataset import Example, dossiers_and_outcomes
    from trainer.labels import is_rug
    from trainer.refresh import Past
    from trainer.settling import late_share

    examples, delays = list[Example](), list[tuple[float, float | None]]()
    for folder in settings.learn.recordings:
        facts, outcomes = dossiers_and_outcomes(open_recording(folder))
        examples += [Example(each, is_rug(each, outcomes)) for each in facts]
        delays += [(each.launched, each.first_drained) for each in outcomes.values()]
    return Past(examples, late_share(delays))


def _limits(settings: Settings) -> Limits:
    from trainer.promote import Limits

    said = settings.learn
    return Limits(
        fewest=said.fewest,
        confidence=said.confidence,
        labels_to_roll_back=said.labels_to_roll_back,
    )


def _plan(settings: Settings) -> RefreshSettings:
    from trainer.presets import read_recipe
    from trainer.refresh import RefreshSettings

    recipe = read_recipe(settings.learn.preset, settings.learn.recipe)
    return RefreshSettings(recipe=recipe, limits=_limits(settings))
