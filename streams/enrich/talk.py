"""What is said of a launch, as findings with their windows: pure, from the mentions of its pool.

A window ends at the dossier's moment and holds what was heard in it and by then. A number is only
known while the feeds were listened to over its whole window; which accounts are fresh, how likely a
scam, only as far as the posts tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from math import fsum
from typing import TypeVar

import msgspec
from msgspec import UnsetType

from streams.finding import Finding
from streams.mentions import Listening, Mention

__all__ = [
    "MOST_SAID",
    "NOT_LISTENING",
    "Said",
    "findings_of",
    "makes_burst",
    "why_not_listening",
    "with_mention",
]

MOST_SAID = 512
"""Mentions of a pool that are remembered, the newest; counts end there."""
TEN_MINUTES_S, HOUR_S = 600.0, 3_600.0
STALE_S = 300.0
"""So long after the last word of the feeds nobody knows what is said."""
BURST_AUTHORS = 5
"""Accounts that say nearly the same within ten minutes and are then taken for coordinated."""
NOT_LISTENING = "no feed of posts is on"

T = TypeVar("T", bool, float)
Value = bool | float


class Said(msgspec.Struct, frozen=True, array_like=True):
    """One mention as it is remembered."""

    at: float
    said_at: float
    post: str
    author: str
    copy: str
    fresh: bool | None
    scam: float | None
    sentiment: float | None
    promises: bool
    phishing: bool


def with_mention(said: Sequence[Said], mention: Mention) -> list[Said]:
    """What is remembered after a mention; the same one again changes nothing."""
    if mention.deleted:
        return [each for each in said if each.post != mention.post]
    if any(each.post == mention.post for each in said):
        return list(said)
    new = Said(
        mention.at.timestamp(), mention.said_at.timestamp(), mention.post, mention.author,
        mention.copy, _known(mention.fresh), _known(mention.scam), _known(mention.sentiment),
        mention.promises, mention.phishing,
    )  # fmt: skip
    return sorted([*said, new], key=lambda each: (each.said_at, each.post))[-MOST_SAID:]


def why_not_listening(listening: Sequence[Listening], time: float) -> str:
    """Why what is said is unknown at ``time``; empty when it is known."""
    last = _listening_at(listening, time)
    if last is None:
        return NOT_LISTENING
    quiet = time - last.at.timestamp()
    return f"the feeds have been silent for {quiet:.0f} s" if quiet > STALE_S else ""


def findings_of(
    said: Sequence[Said], launched: float, listening: Sequence[Listening], time: float, block: int
) -> dict[str, Finding]:
    """Every finding of what was said by ``time``; call it when ``why_not_listening`` is empty."""
    last = _listening_at(listening, time)
    since = last.since.timestamp() if last else time
    heard = [each for each in said if each.at <= time]
    values: dict[str, Value | str] = {}
    for name, window, asked in _ASKED:
        if since > time - window:
            values[name] = f"the feeds have been listened to for less than {window / 60:.0f} min"
            continue
        inside = [each for each in heard if time - window < each.said_at <= time]
        values[name] = asked(inside, time)
    values["social.mentions_before_launch"] = float(sum(e.said_at < launched for e in heard))
    return {f: _finding(value, block) for f, value in values.items()}


def _finding(value: Value | str, block: int) -> Finding:
    if isinstance(value, str):
        return Finding(source="posts", block=block, why=value)
    return Finding(source="posts", block=block, value=value)


def _listening_at(listening: Sequence[Listening], time: float) -> Listening | None:
    return next((each for each in reversed(listening) if each.at.timestamp() <= time), None)


def _count(said: Sequence[Said], _: float) -> Value:
    return float(len(said))


def _velocity(said: Sequence[Said], time: float) -> Value:
    """Mentions a minute over the last ten."""
    return sum(each.said_at > time - TEN_MINUTES_S for each in said) / 10.0


def _acceleration(said: Sequence[Said], time: float) -> Value:
    """By how much the velocity of the last ten minutes is above that of the ten before."""
    now = sum(each.said_at > time - TEN_MINUTES_S for each in said)
    return (2 * now - len(said)) / 10.0


def _authors(said: Sequence[Said], _: float) -> Value:
    return float(len({each.author for each in said}))


def _fresh(said: Sequence[Said], _: float) -> Value | str:
    """The share of authors that are fresh, of those of whom it is known."""
    known = {each.author: each.fresh for each in said if each.fresh is not None}
    return sum(map(bool, known.values())) / len(known) if known else "no post tells"


def _copies(said: Sequence[Said], _: float) -> Value | str:
    """The share of posts that nearly repeat another one."""
    kinds = {each.copy for each in said}
    return (len(said) - len(kinds)) / len(said) if said else "nothing was said"


def _burst_authors(said: Sequence[Said], _: float) -> Value:
    """The most accounts that said nearly the same within ten minutes."""
    by_copy: dict[str, list[Said]] = defaultdict(list)
    for each in said:
        by_copy[each.copy].append(each)
    return float(max((_most_at_once(each) for each in by_copy.values()), default=0))


def _most_at_once(said: Sequence[Said]) -> int:
    """Authors within any ten minutes; ``said`` is in order of time."""
    inside: Counter[str] = Counter()
    most, first = 0, 0
    for each in said:
        inside[each.author] += 1
        while said[first].said_at <= each.said_at - TEN_MINUTES_S:
            inside[said[first].author] -= 1
            if not inside[said[first].author]:
                del inside[said[first].author]
            first += 1
        most = max(most, len(inside))
    return most


def _burst(said: Sequence[Said], time: float) -> Value:
    return _burst_authors(said, time) >= BURST_AUTHORS


def makes_burst(said: Sequence[Said], mention: Mention) -> bool:
    """Whether a mention is one of a coordinated burst in the ten minutes before it."""
    time = mention.said_at.timestamp()
    near = [each for each in said if time - TEN_MINUTES_S < each.said_at <= time]
    alike = {each.author for each in near if each.copy == mention.copy}
    return len(alike) >= BURST_AUTHORS


def _mean(values: Sequence[float | None], nothing: str) -> Value | str:
    known = [value for value in values if value is not None]
    return fsum(known) / len(known) if known else nothing


def _scam(said: Sequence[Said], _: float) -> Value | str:
    return _mean([each.scam for each in said], "no text was judged" if said else "nothing was said")


def _sentiment(said: Sequence[Said], _: float) -> Value | str:
    return _mean([each.sentiment for each in said], "nothing was said")


def _promises(said: Sequence[Said], _: float) -> Value | str:
    return _mean([float(each.promises) for each in said], "nothing was said")


def _phishing(said: Sequence[Said], _: float) -> Value:
    return float(sum(each.phishing for each in said))


def _known(value: T | UnsetType) -> T | None:
    return None if isinstance(value, UnsetType) else value


_ASKED = (
    ("social.mentions_10m", TEN_MINUTES_S, _count),
    ("social.mentions_1h", HOUR_S, _count),
    ("social.velocity_10m", TEN_MINUTES_S, _velocity),
    ("social.acceleration_20m", 2 * TEN_MINUTES_S, _acceleration),
    ("social.authors_1h", HOUR_S, _authors),
    ("social.fresh_authors_1h", HOUR_S, _fresh),
    ("social.copies_1h", HOUR_S, _copies),
    ("social.burst_1h", HOUR_S, _burst),
    ("social.burst_authors_1h", HOUR_S, _burst_authors),
    ("social.scam_1h", HOUR_S, _scam),
    ("social.promises_1h", HOUR_S, _promises),
    ("social.phishing_1h", HOUR_S, _phishing),
    ("social.sentiment_1h", HOUR_S, _sentiment),
)
"""Name, window in seconds, and how it is told from the mentions in the window."""
