"""Many alerts in a few lines, the weightiest first: what a chat gets in place of a flood.

Pure. Every alert is counted; as many are named as a person reads. The topic and ``heft alerts
history`` have them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from alerts.render import one_line
from streams.events import Alert

__all__ = ["digest_lines", "digest_title"]

NAMED = 12
LINE_LIMIT = 200


def digest_title(alerts: Sequence[Alert]) -> str:
    """How many of what."""
    counts = Counter(alert.action for alert in alerts)
    told = ", ".join(f"{count:,} {action}" for action, count in counts.most_common())
    return f"DIGEST  {len(alerts):,} alerts: {told}"


def digest_lines(alerts: Sequence[Alert]) -> list[str]:
    """What happened first, then what is most likely to."""
    ranked = sorted(alerts, key=lambda each: (each.action != "confirmed", -_weight(each)))
    lines = [f"- {one_line(alert)[:LINE_LIMIT]}" for alert in ranked[:NAMED]]
    rest = len(alerts) - len(lines)
    return [*lines, f"and {rest:,} more: heft alerts history"] if rest > 0 else lines


def _weight(alert: Alert) -> float:
    return alert.verdict.probability
