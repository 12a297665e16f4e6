"""From what is known of launches to what is taught: whose word counts, and how much.

People's words outrank rules and weigh more; where they disagree that is kept and told. A launch
that is alive at an early horizon has not been decided: it is taught as both, by the chance that its
rug is only late (delayed feedback [1]), so that young launches are neither left out nor taken for
honest. Words that look like a campaign are set aside, with the reason.

[1] O. Chapelle, "Modeling delayed feedback in display advertising", KDD 2014.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.events import Facts
from streams.labels import Label
from trainer.asof import Case
from trainer.dataset import Example
from trainer.labels import is_drained
from trainer.rulings import Track, note, rule, track_of

__all__ = ["Settled", "Told", "audit", "late_share", "settle", "taught", "trusted"]

PEOPLE_WEIGHT = 3.0
"""Of a dossier whose launch a person has spoken of."""
FINAL = frozenset({"7d", "later"})
CAMPAIGN = 5
"""Pools on which one voice, or all voices on one creator's tokens, may contradict what the chain
shows before none of those words counts."""
MOST_CONTRADICTED = 0.05
MOST_UNFOUNDED = 0.02
FEWEST_AUDITED = 50

Floats = NDArray[np.float64]


class Settled(msgspec.Struct, frozen=True):
    """What counts as the outcome of a launch: ``None`` while nobody can say."""

    label: bool | None
    weight: float = 1.0
    final: bool = True
    """Whether time alone can no longer change it."""
    disputed: bool = False
    """People disagree with each other, or with the rules."""


class Told(msgspec.Struct, frozen=True):
    """The examples, and what is to be known of how they came about."""

    examples: list[Example]
    counts: dict[str, int]
    """Launches by what settled them, and how many are disputed."""


def settle(case: Case) -> Settled:
    """Whose word counts: people's last words by majority, else the rules'."""
    ruled = case.ruling.is_rug if case.ruling is not None else None
    last = {word.who: word.what == "rug" for word in case.said if word.what != "mute"}
    rugs, others = sum(last.values()), len(last) - sum(last.values())
    if rugs != others:
        label = rugs > others
        disputed = min(rugs, others) > 0 or (ruled is not None and ruled != label)
        return Settled(label, PEOPLE_WEIGHT, disputed=disputed)
    if ruled is None or case.ruling is None:
        return Settled(None, disputed=bool(last))
    final = ruled or case.ruling.horizon in FINAL
    if not final and case.ruling.horizon == "1h":
        return Settled(None, disputed=bool(last))
    return Settled(ruled, final=final, disputed=bool(last))


def taught(cases: Sequence[Case], late: float) -> Told:
    """The examples that the cases teach; ``late`` is the share of rugs that come after a day."""
    settled = [settle(case) for case in cases]
    chances = _chances(cases, settled, late)
    examples = list[Example]()
    for case, found, chance in zip(cases, settled, chances, strict=True):
        if found.label is None:
            continue
        drained = is_drained(case.facts)
        if found.label or found.final or drained:
            examples.append(Example(case.facts, found.label or drained, found.weight))
        else:
            examples.append(Example(case.facts, True, float(chance)))
            examples.append(Example(case.facts, False, float(1 - chance)))
    by_pool = {c.facts.key: (c, s) for c, s in zip(cases, settled, strict=True)}
    counts = Counter(_named(found) for _, found in by_pool.values())
    counts["disputed"] = sum(found.disputed for _, found in by_pool.values())
    return Told(examples, dict(counts))


def late_share(outcomes: Iterable[tuple[float, float | None]]) -> float:
    """Of launches that rugged, the share that did after a day; pairs of launch and rug, UNIX s."""
    delays = [rug - launched for launched, rug in outcomes if rug is not None]
    return float(np.mean(np.array(delays) > 86_400.0)) if delays else 0.5


def audit(cases: Sequence[Case]) -> str:
    """Why these labels must not teach; empty when nothing is wrong with them.

    Rulings follow from archived dossiers by rules that can be run again: those that do not were
    not made by us. And people may err, but not against the chain's own word at large.
    """
    ruled = {case.facts.key: case for case in cases if case.ruling is not None}
    if len(ruled) < FEWEST_AUDITED:
        return ""
    again = _ruled_again(cases)
    unfounded = sum(
        case.ruling is not None and again.get(case.ruling.id, case.ruling.kind) != case.ruling.kind
        for case in ruled.values()
    )
    if unfounded > MOST_UNFOUNDED * len(ruled):
        return f"{unfounded} of {len(ruled)} rulings do not follow from their dossiers: poisoned"
    spoken = [case for case in ruled.values() if case.said]
    against = sum(_contradicts(case) for case in spoken)
    if against > MOST_CONTRADICTED * len(ruled):
        return f"people contradict the chain on {against} of {len(ruled)} launches: poisoned"
    return ""


def trusted(cases: Sequence[Case]) -> tuple[list[Case], list[str]]:
    """The cases without the words of campaigns, and what was set aside, in a sentence each."""
    voices, creators = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for case in cases:
        for word in case.said:
            if _word_contradicts(word, case):
                voices[word.who].add(case.facts.key)
                creators[_creator(case.facts)].add(case.facts.key)
    loud = {who for who, pools in voices.items() if len(pools) >= CAMPAIGN}
    pushed = {who for who, pools in creators.items() if who and len(pools) >= CAMPAIGN}
    kept = [
        case
        if not case.said
        else msgspec.structs.replace(
            case,
            said=tuple(
                word
                for word in case.said
                if word.who not in loud
                and not (_creator(case.facts) in pushed and _word_contradicts(word, case))
            ),
        )
        for case in cases
    ]
    told = [f"words of {who}: against the chain on {len(voices[who])} pools" for who in loud]
    told += [
        f"words on tokens of {who}: against the chain on {len(creators[who])} pools"
        for who in pushed
    ]
    return kept, sorted(told)


def _named(found: Settled) -> str:
    if found.label is None:
        return "undecided"
    who = "people" if found.weight > 1 else "rules"
    return f"{who}: {'rug' if found.label else 'alive' if found.final else 'alive so far'}"


def _chances(cases: Sequence[Case], settled: Sequence[Settled], late: float) -> Floats:
    """That a launch which is alive after a day will rug: Bayes, from the verdict of its day.

    The verdicts are shifted by one number first, so that they fit the share that rugged in a day.
    """
    said = np.array([case.verdict.probability for case in cases]).clip(0.01, 0.99)
    if not len(said):
        return said
    logits = np.log(said / (1 - said))
    day = np.array(
        [found.label is not None and not is_drained(case.facts)
         for case, found in zip(cases, settled, strict=True)]
    )  # fmt: skip
    rugs = np.array([bool(found.label) for found in settled])
    shift = _shift(logits[day], float(rugs[day].mean()), late) if day.any() else 0.0
    fitted = _sigmoid(logits + shift)
    return np.asarray(fitted * late / (fitted * late + 1 - fitted), dtype=np.float64)


def _shift(logits: Floats, rate: float, late: float) -> float:
    """By bisection: the mean of ``sigmoid(logits + shift) * (1 - late)`` is ``rate``."""
    low, high = -8.0, 8.0
    for _ in range(40):
        middle = (low + high) / 2
        if float(_sigmoid(logits + middle).mean()) * (1 - late) < rate:
            low = middle
        else:
            high = middle
    return low


def _sigmoid(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -30, 30))), dtype=np.float64)


def _ruled_again(cases: Sequence[Case]) -> dict[str, str]:
    """Each ruling's kind by its id, made anew from the dossiers in the archive."""
    tracks, latest = dict[str, Track](), 0.0
    for case in sorted(cases, key=lambda each: (each.facts.key, each.facts.sequence)):
        track = tracks.setdefault(case.facts.key, track_of(case.facts))
        note(track, case.facts)
        latest = max(latest, case.facts.at.timestamp(), case.ruling.at.timestamp()
                     if case.ruling else 0.0)  # fmt: skip
    made = [ruling for track in tracks.values() for ruling in rule(track, latest)]
    return {ruling.id: ruling.kind for ruling in made}


def _contradicts(case: Case) -> bool:
    return any(_word_contradicts(word, case) for word in case.said)


def _word_contradicts(word: Label, case: Case) -> bool:
    """Against what the chain shows: a rug called a false alarm, or one long alive called a rug."""
    if word.what == "mute" or case.ruling is None or case.ruling.is_rug is None:
        return False
    if case.ruling.is_rug:
        return word.what == "false-alarm"
    return word.what == "rug" and case.ruling.horizon in FINAL


def _creator(facts: Facts) -> str:
    return facts.creator if isinstance(facts.creator, str) else ""
