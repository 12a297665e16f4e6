"""What a simulation came to: AUC over time, and every decision with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from daemon.display.tables import new_table

if TYPE_CHECKING:
    from trainer.evaluate import Interval
    from trainer.simulation import Simulated

__all__ = ["simulation_tables"]


def simulation_tables(found: Simulated) -> list[Table]:
    """Windows and the whole; then what was decided."""
    over_time = new_table(
        f"AUC on {found.launches:,} launches, scored before their outcome was known",
        "age", "launches since", "judged", "rugs", "frozen", "self-teaching", "gain", "judged by",
    )  # fmt: skip
    for window in found.windows:
        over_time.add_row(
            window.age,
            f"{window.since:%Y-%m-%d}",
            f"{window.n:,}",
            f"{window.rugs:,}",
            _told(window.frozen),
            _told(window.taught),
            _told(window.gain, signed=True),
            ", ".join(f"{bundle} ({count})" for bundle, count in window.bundles.items()),
        )
    for whole in found.overall:
        over_time.add_row(
            whole.age, "all", f"{whole.n:,}", f"{whole.rugs:,}",
            _told(whole.frozen), _told(whole.taught), _told(whole.gain, signed=True), "",
        )  # fmt: skip
    decided = new_table("Decisions", "at", "what", "challenger", "reason", "seconds")
    for each in found.decisions:
        day = f"{each.at:%Y-%m-%d}"
        seconds = f"{found.seconds.get(day, 0.0):.0f}"
        decided.add_row(day, each.what, each.challenger, each.reason, seconds)
    return [over_time, decided]


def _told(found: Interval | None, *, signed: bool = False) -> str:
    if found is None:
        return "one outcome only"
    form = "+.3f" if signed else ".3f"
    return f"{found.value:{form}} ({found.low:{form}} to {found.high:{form}})"
