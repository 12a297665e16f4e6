"""A card as pages: Markdown and HTML, with plots of precision, calibration and lead time."""

from __future__ import annotations

import html
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve

from streams.errors import Invalid
from trainer.scorecard import Card, Row

__all__ = ["write_report"]


def write_report(folder: Path, card: Card, rows: list[Row]) -> None:
    """``report.md``, ``report.html`` and three SVG plots; raises ``Invalid``."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        plots = _plots(folder, card, rows)
        told = _markdown(card)
        images = "".join(f"\n![{plot}]({plot})\n" for plot in plots)
        (folder / "report.md").write_text(told + images, encoding="utf-8")
        shown = "".join(f'<img src="{plot}" alt="{plot}">' for plot in plots)
        (folder / "report.html").write_text(
            f"<!doctype html><meta charset=utf-8><title>{card.task}</title>"
            f"<pre>{html.escape(told)}</pre>{shown}",
            encoding="utf-8",
        )
    except OSError as error:
        raise Invalid(f"no report can be written to {folder}: {error.strerror}") from error


def _markdown(card: Card) -> str:
    low, high = card.auc_interval
    lines = [
        f"# {card.task}: {card.headline}",
        "",
        (
            f"{card.detector}; taught on {card.taught:,} rows, judged on {card.n:,}"
            f" ({card.positives:,} positive). Dropped from teaching:"
            f" {card.dropped_shared:,} shared, {card.dropped_future:,} of the future."
        ),
        "",
        f"AUC {card.auc:.4f} ({low:.4f} to {high:.4f}), AP {card.ap:.4f}, ECE {card.ece:.4f}.",
        "",
        "| detector | AUC by part |",
        "|---|---|",
    ]
    for name, aucs in (card.parts | card.baselines).items():
        lines.append(f"| {name} | {', '.join(f'{k} {v:.4f}' for k, v in aucs.items())} |")
    lines += [f"| published: {p.who} | {p.auc:.3f} ({p.split}) |" for p in card.published]
    lines += ["", "| alerts | precision | median lead, h |", "|---|---|---|"]
    for budget in card.budgets:
        lead = "" if budget.lead_hours is None else f"{budget.lead_hours:.1f}"
        lines.append(f"| {budget.share:.0%} ({budget.alerts}) | {budget.precision:.3f} | {lead} |")
    lines += ["", "| slice | rows | AUC | AP | ECE |", "|---|---|---|---|---|"]
    for name, parts in card.slices.items():
        for part, found in parts.items():
            auc = f"{found.auc.value:.4f}" if found.auc else ""
            ap = f"{found.ap.value:.4f}" if found.ap else ""
            ece = f"{found.calibration_error:.4f}" if found.calibration_error is not None else ""
            lines.append(f"| {name} {part} | {found.n} | {auc} | {ap} | {ece} |")
    lines.append("")
    lines += [f"- {'ok' if c.passed else 'FAILED'}: {c.name} ({c.found})" for c in card.checks]
    return "\n".join([*lines, ""])


def _plots(folder: Path, card: Card, rows: list[Row]) -> list[str]:
    counted = [row for row in rows if row.counted]
    scores = np.array([row.score for row in counted])
    labels = np.array([row.label for row in counted])
    precision, recall, _ = precision_recall_curve(labels, scores)
    happened, said = calibration_curve(labels, scores, n_bins=10, strategy="quantile")
    leads = [(b.share, b.lead_hours) for b in card.budgets if b.lead_hours is not None]
    drawn = [
        ("precision.svg", "recall", "precision", recall, precision),
        ("calibration.svg", "probability", "share that rugged", said, happened),
    ]
    if leads:
        shares, hours = zip(*leads, strict=True)
        drawn.append(("lead.svg", "alerts, share", "median lead, h", shares, hours))
    for name, x_label, y_label, x, y in drawn:
        figure = Figure(figsize=(4, 3), layout="constrained")
        axes = figure.subplots()
        axes.plot(x, y, marker="." if len(x) < 20 else "")
        axes.set(xlabel=x_label, ylabel=y_label, title=card.task)
        figure.savefig(folder / name, metadata={"Date": None})
    return [name for name, *_ in drawn]
