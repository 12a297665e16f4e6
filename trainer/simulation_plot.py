"""AUC over time of the self-teaching service against the frozen model, drawn."""

from __future__ import annotations

from pathlib import Path

import msgspec
from matplotlib.figure import Figure

from streams.errors import Invalid
from trainer.simulation import Simulated

__all__ = ["write_simulation"]

AGE = "1h"


def write_simulation(folder: Path, found: Simulated) -> list[Path]:
    """``simulation.json``, and the plot as SVG and PNG; raises ``Invalid``."""
    figure = _drawn(found)
    paths = [folder / f"simulation.{kind}" for kind in ("json", "svg", "png")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths[0].write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
        figure.savefig(paths[1], metadata={"Date": None})
        figure.savefig(paths[2], dpi=150)
    except OSError as error:
        raise Invalid(f"nothing can be written to {folder}: {error.strerror}") from error
    return paths


def _drawn(found: Simulated) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    windows = [w for w in found.windows if w.age == AGE and w.frozen and w.taught]
    places = list(range(len(windows)))
    for name, shift in (("frozen", -0.08), ("taught", 0.08)):
        told = [getattr(window, name) for window in windows]
        values = [each.value for each in told]
        below = [each.value - each.low for each in told]
        above = [each.high - each.value for each in told]
        axes.errorbar(
            [place + shift for place in places],
            values,
            yerr=[below, above],
            marker="o",
            capsize=3,
            label="self-teaching" if name == "taught" else name,
        )
    axes.set_xticks(places, [f"{w.since:%Y-%m-%d}\n{w.n} launches" for w in windows])
    for decision in found.decisions:
        if decision.what == "promoted":
            place = sum(window.since < decision.at for window in windows)
            axes.axvline(place - 0.5, linestyle=":", color="grey")
    axes.set(ylabel=f"AUC at {AGE}, 95 % interval", title="Scored before the outcome was known")
    axes.legend(loc="lower left")
    return figure
