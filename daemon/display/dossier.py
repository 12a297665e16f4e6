"""What heft scan shows: the verdict, the traps, and every finding with where it comes from."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby

from rich.console import Console
from rich.markup import escape

from alerts.render import inert
from daemon.display.tables import new_table
from heft_model.traps import traps_in
from streams.events import Examination, Facts, Finding, Trap, Verdict

__all__ = ["show_dossier"]

TEXT_LIMIT = 72
MOMENTS = ("lp.unlocks_at", "deployer.first_seen")
"""Findings in UNIX seconds."""


def show_dossier(
    terminal: Console,
    found: Examination,
    facts: Facts | None,
    verdict: Verdict | None,
    gap: str,
    pools: int,
) -> None:
    """Everything that is known, on a terminal; names are a stranger's words, made inert."""
    terminal.print(_title(found), markup=False)
    terminal.print(f"pool {found.pool}, block {found.block:,}, {found.at:%Y-%m-%d %H:%M:%S} UTC")
    if pools > 1:
        terminal.print(
            f"The token has {pools} pools; this one holds most. Scan another by its address."
        )
    terminal.print(_verdict(verdict, gap), markup=False)
    if facts is not None:
        terminal.print(
            f"age {facts.age / 3600:.1f} h, {facts.liquidity.reserve:.6g} "
            f"{facts.quote_symbol or ''} in the pool, {facts.trading.buys} buys, "
            f"{facts.trading.sells} sells",
            markup=False,
        )
    if verdict is not None and verdict.kinds:
        terminal.print(_kinds(verdict), markup=False)
    for trap in traps_in(found.findings):
        terminal.print(_trap(trap))
    terminal.print(f"{found.coverage:.0%} of {len(found.findings)} findings are known")
    shown = new_table("", "finding", "value", "by")
    for _, names in groupby(sorted(found.findings), key=lambda name: name.partition(".")[0]):
        for name in names:
            finding = found.findings[name]
            value = _value(name, finding) if finding.known else f"unknown: {finding.why}"
            shown.add_row(name, escape(inert(value, TEXT_LIMIT)), finding.source)
        shown.add_section()
    terminal.print(shown)


def _title(found: Examination) -> str:
    name = inert(found.name, 48) if isinstance(found.name, str) else ""
    symbol = inert(found.symbol, 16) if isinstance(found.symbol, str) else ""
    return f'"{name or "unnamed token"}" "{symbol}" on {found.chain}'


def _verdict(verdict: Verdict | None, gap: str) -> str:
    if verdict is None:
        return f"no verdict of the model: {gap}"
    return (
        f"risk {verdict.probability:.1%} (alerts from {verdict.threshold:.1%}, "
        f"{verdict.bundle}): {verdict.analysis}"
    )


def _kinds(verdict: Verdict) -> str:
    told = (
        f"{each.kind} {'shown' if each.shown else f'{each.probability:.0%}'}"
        for each in verdict.kinds
    )
    return f"how it would rug: {', '.join(told)}"


def _trap(trap: Trap) -> str:
    style, what = ("bold red", "proven") if trap.proven else ("yellow", "warning")
    return f"[{style}]{what}[/]  {escape(trap.says)}"


def _value(key: str, finding: Finding) -> str:
    value = finding.value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and key in MOMENTS:
        try:
            return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M} UTC"
        except (OverflowError, ValueError, OSError):
            return "never"
    return f"{value:,.6g}" if isinstance(value, float) else str(value)
