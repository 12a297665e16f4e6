"""The meter's figures as a page: a table, a plot against what the author states, and what holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from streams.errors import Invalid
from trainer.meter_row import Measured

__all__ = ["CLAIMED", "lost", "meter_page", "saved_share", "write_meter_report"]

CLAIMED = {"memory": 0.40, "time": 0.35, "energy": 0.50}
"""What the card of OpenC/HEFT-Qwen states that the framework saves, without a measurement."""

AGAINST = ("full fp32", "full, autocast bf16")


def saved_share(row: Measured, against: Measured) -> dict[str, float]:
    """What ``row`` saves of each cost, as a share; negative where it costs more."""
    pairs = {
        "memory": (row.memory, against.memory),
        "time": (row.step, against.step),
        "work": (row.work, against.work),
        "energy": (row.energy, against.energy),
    }
    return {name: 1 - mine / other for name, (mine, other) in pairs.items()}


def lost(row: Measured, against: Measured) -> bool:
    """Whether the row is worse beyond the interval of what it is measured against."""
    return row.auc.value < against.auc.low


def write_meter_report(
    folder: Path, found: Mapping[str, Measured], *, head: str, machine: str
) -> None:
    """``heft.md`` and ``heft.svg`` in ``folder``; raises ``Invalid``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _plot(folder / "heft.svg", found)
        (folder / "heft.md").write_text(meter_page(found, head=head, machine=machine), "utf-8")
    except OSError as error:
        raise Invalid(f"no report can be written to {folder}: {error.strerror}") from error


def meter_page(found: Mapping[str, Measured], *, head: str, machine: str) -> str:
    """The whole page, in Markdown."""
    unit = next(iter(found.values())).unit
    lines = [
        "# What HEFT saves",
        "",
        head,
        "",
        "```",
        machine,
        "```",
        "",
        (
            "| fine-tuning | AUC at 1 h | step s | step CPU s | run s | memory MB"
            f" | saved tensors MB | {unit} | trained |"
        ),
        "|---|---|---|---|---|---|---|---|---|",
        *(_line(name, row) for name, row in found.items()),
        "",
    ]
    for name in AGAINST:
        if name in found:
            lines += [*_against(name, found), ""]
    return "\n".join([*lines, "![What each saves, against full fp32](heft.svg)", "", NOTES])


NOTES = """Step: the median of all steps; its CPU s hardly move with other work on the machine.
Run: choosing layers, every step, the last checkpoint. Memory: peak resident memory of the process
during training above what it held before the base was loaded (libraries not counted). Saved
tensors: what one forward pass keeps for its backward pass, weights not counted; checkpointed layers
keep theirs outside of what can be seen there until they are computed again. CPU s: seconds that all
cores worked, of the whole run, where no meter tells joules. Sparse attention is a mask: on a
processor it saves no arithmetic."""


def _line(name: str, row: Measured) -> str:
    auc = f"{row.auc.value:.3f} ({row.auc.low:.3f} to {row.auc.high:.3f})"
    return (
        f"| {name} | {auc} | {row.step:.3f} | {row.work:.3f} | {row.whole:.0f}"
        f" | {row.memory:.0f} | {row.saved:.0f} | {row.energy:.0f} | {row.trained:,} |"
    )


def _against(name: str, found: Mapping[str, Measured]) -> list[str]:
    claims = ", ".join(f"{cost} {share:.0%}" for cost, share in CLAIMED.items())
    lines = [
        f"Saved against {name} (the author states: {claims}):",
        "",
        "| fine-tuning | memory | step time | step CPU s | energy | AUC lost |",
        "|---|---|---|---|---|---|",
    ]
    for other, row in found.items():
        if other != name:
            shares = " | ".join(f"{share:+.0%}" for share in saved_share(row, found[name]).values())
            lines.append(f"| {other} | {shares} | {'yes' if lost(row, found[name]) else 'no'} |")
    return lines


def _plot(path: Path, found: Mapping[str, Measured]) -> None:
    """Bars of what each row saves against full fp32, and a line at each claim."""
    against = found.get(AGAINST[0])
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 3, sharey=True)
    others = [name for name in found if name != AGAINST[0]]
    for place, (cost, claim) in enumerate(CLAIMED.items()):
        shares = [100 * saved_share(found[n], against)[cost] for n in others] if against else []
        axes[place].barh(others[: len(shares)], shares, color="#4a7aa7")
        axes[place].axvline(100 * claim, color="#c0392b", linestyle="--")
        axes[place].axvline(0, color="black", linewidth=0.6)
        axes[place].set_title(f"{cost} saved, % (stated: {100 * claim:.0f})", fontsize=9)
        axes[place].tick_params(labelsize=8)
    axes[0].invert_yaxis()  # they share it
    figure.savefig(path, metadata={"Date": None})
