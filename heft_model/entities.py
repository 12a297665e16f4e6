"""Entities of the domain as words: venues, what findings flag, and functions of contracts.

A bundle's lexicon holds a closed list of them, each with an embedding of its own; with a pretrained
base it joins at the first trained layer like every other word's (``heft_model.knowledge``). Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from streams.events import Facts

__all__ = ["SELECTORS", "common_entities", "entities_of", "is_entity", "spoken"]

SELECTORS = "contract.selectors"
"""The finding that lists a contract's functions: selectors of 8 hex digits, parted by spaces."""

FEWEST = 5
"""Launches that an entity must have been seen with: of a rarer one nothing can be learnt."""
MOST_COMMON = 0.98
"""Share of the launches with code (or all, of a venue) above which a word tells nothing."""

_ENTITY = re.compile(r"@[a-z0-9_.-]+:[a-z0-9_.-]+")
_SELECTOR = re.compile(r"[0-9a-f]{8}")
_VENUE = re.compile(r"[a-z0-9_.-]{1,40}")


def is_entity(word: str) -> bool:
    """Whether a word has an entity's form, which no fact, letter or delimiter has."""
    return _ENTITY.fullmatch(word) is not None


def entities_of(facts: Facts) -> frozenset[str]:
    """The words of a dossier's venue, flags and selectors."""
    found = set()
    if "venue" not in facts.missing and _VENUE.fullmatch(facts.venue):
        found.add(f"@venue:{facts.venue}")
    for name, finding in facts.findings.items():
        if isinstance(finding.value, bool):
            found.add(f"@{name.lower()}:{'yes' if finding.value else 'no'}")
    listed = facts.findings.get(SELECTORS)
    if listed is not None and isinstance(listed.value, str):
        found |= {f"@selector:{each}" for each in _SELECTOR.findall(listed.value)}
    return frozenset(filter(is_entity, found))


def common_entities(dossiers: Sequence[Facts], most: int) -> tuple[str, ...]:
    """The ``most`` frequent entities, counted once a pool, without those that tell nothing."""
    pools = {facts.key: facts for facts in dossiers}.values()
    counts = Counter(entity for facts in pools for entity in entities_of(facts))
    coded = sum(SELECTORS in facts.findings for facts in pools)
    useful = {
        entity: count
        for entity, count in counts.items()
        if FEWEST <= count <= MOST_COMMON * (coded if "@selector" in entity else len(pools))
    }
    ranked = sorted(useful, key=lambda entity: (-useful[entity], entity))
    return tuple(sorted(ranked[:most]))


def spoken(entity: str) -> str:
    """What an entity's word says, for a base that reads language."""
    name, _, value = entity.removeprefix("@").partition(":")
    if name == "venue":
        return f"it trades on {value}"
    if name == "selector":
        return f"its code has the function 0x{value}"
    return f"{name.replace('.', ' ').replace('_', ' ')}: {value}"
