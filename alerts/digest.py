"""Many alerts in one message: what a chat gets in place of a flood.

Pure. Every alert is counted, and every critical one is named: those that the message has no room
for are ``left``, to be named in the next. Of the others as many are named as a person reads. The
topic and ``heft alerts history`` have them all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from alerts.render import brief, one_line
from alerts.severity import severity
from streams.events import Alert

__all__ = ["Digest", "digest", "first_part"]

NAMED = 12
"""So many lines a person reads; beyond it the critical alone are named, briefly."""
LINE_LIMIT = 200
TAIL_ROOM = 160
"""For the two lines that count what is not named."""


class Digest(msgspec.Struct, frozen=True):
    """The message's text before a service's markup, and which alerts are still to be said."""

    title: str
    lines: list[str]
    left: frozenset[str]
    """The alert ids of critical alerts that are not in it."""


def digest(alerts: Sequence[Alert], room: int, length: Callable[[str], int]) -> Digest:
    """The alerts, the longest waiting first, in at most ``room`` of what ``length`` measures.

    One critical alert is named even where there is no room for one.
    """
    critical = [each for each in alerts if severity(each) == "critical"]
    others = sorted(
        (each for each in alerts if severity(each) != "critical"),
        key=lambda each: -each.verdict.probability,
    )
    title = _title(alerts, len(critical))
    room -= length(title) + TAIL_ROOM
    write = brief if len(critical) > NAMED else one_line
    named = _fitting([f"- {write(each)[:LINE_LIMIT]}" for each in critical], room, length)
    left = critical[max(len(named), 1) :]
    room -= sum(length(line) + 1 for line in named)
    few = [f"- {one_line(each)[:LINE_LIMIT]}" for each in others[: max(NAMED - len(named), 0)]]
    also = [] if left else _fitting(few, room, length)
    lines = named or [f"- {brief(each)}" for each in critical[:1]]
    return Digest(
        title,
        [*lines, *also, *_tail(len(others) - len(also), len(left))],
        frozenset(each.alert_id for each in left),
    )


def first_part(alerts: Sequence[Alert]) -> frozenset[str]:
    """The alert ids to tell first of a digest that was refused: the critical, else one half.

    Empty when there is but one alert.
    """
    ids = list(dict.fromkeys(each.alert_id for each in alerts))
    critical = {each.alert_id for each in alerts if severity(each) == "critical"}
    return frozenset(critical if 0 < len(critical) < len(ids) else ids[: len(ids) // 2])


def _title(alerts: Sequence[Alert], critical: int) -> str:
    """How many of what."""
    counts = Counter(alert.action for alert in alerts)
    told = ", ".join(f"{count:,} {action}" for action, count in counts.most_common())
    return f"DIGEST  {len(alerts):,} alerts: {told}; {critical:,} critical"


def _fitting(lines: Sequence[str], room: int, length: Callable[[str], int]) -> list[str]:
    """The first of the lines, as far as there is room for them and their ends."""
    fitting = list[str]()
    for line in lines:
        room -= length(line) + 1
        if room < 0:
            break
        fitting.append(line)
    return fitting


def _tail(uncounted: int, left: int) -> list[str]:
    more = [f"and {uncounted:,} more: heft alerts history"] if uncounted > 0 else []
    return [*more, *([f"{left:,} critical ones follow in the next message"] if left else [])]
