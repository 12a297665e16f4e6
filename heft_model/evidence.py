"""Which facts carried a verdict: hide one at a time and see how far the probability moves.

Occlusion, since it asks the very model that judged, members and all, and needs no gradients. A
hidden fact reads as unknown, which the model knows from training. Only the facts that are most
telling as a rule (``Golden.telling``) are tried, so that a reason costs a few rows, not one a fact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from heft_model.features import Unit, feature
from streams.events import Evidence, Facts

__all__ = ["EvidenceSettings", "candidates", "hide", "rank", "say"]


class EvidenceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How much work a reason is worth."""

    floor: float = 0.9
    """Explain verdicts from this share of the alert threshold on; a higher one saves time."""
    tried: int = 5
    """Facts hidden one by one; each costs about one more scored dossier."""
    kept: int = 3
    """Facts named in the verdict."""
    least: float = 0.0005
    """A fact that moves the probability less is not named. Small, because where many facts agree
    none of them alone moves much."""


def candidates(words: Sequence[str], telling: Mapping[str, float], tried: int) -> list[int]:
    """Indices of the fact words worth hiding, the most telling first.

    ``words`` are those of a prompt; words that are no known fact are never chosen. A word that
    ``telling`` does not hold is as telling as its fact is on average.
    """
    known = [i for i, word in enumerate(words) if "=q" in word]
    average = [telling.get(words[i].partition("=")[0], 0.0) for i in known]
    weight = {i: abs(telling.get(words[i], mean)) for i, mean in zip(known, average, strict=True)}
    return sorted(known, key=lambda i: -weight[i])[:tried]


def hide(token_ids: Sequence[int], index: int, unknown: int) -> list[int]:
    """The prompt with the fact at ``index`` unknown."""
    return [*token_ids[:index], unknown, *token_ids[index + 1 :]]


def rank(
    facts: Facts, probability: float, hidden: Mapping[str, float], settings: EvidenceSettings
) -> list[Evidence]:
    """The facts by how far they moved the probability, strongest first.

    ``hidden`` is each tried fact's name with the probability without it. A positive weight speaks
    for a rug.
    """
    moved = [(name, probability - without) for name, without in hidden.items()]
    moved.sort(key=lambda pair: (-abs(pair[1]), pair[0]))
    return [
        Evidence(fact=name, value=_value(facts, name), weight=round(weight, 4))
        for name, weight in moved[: settings.kept]
        if abs(weight) >= settings.least
    ]


def say(value: float, unit: Unit, quote: str) -> str:
    """A fact's value for people: ``93 %``, ``2.1 h``, ``14.2 WETH``."""
    if unit == "seconds":
        return _duration(value)
    if unit == "share":
        return f"{100 * value:.3g} %"
    if unit == "yes":
        return "yes" if value else "no"
    number = f"{value:,.0f}" if unit == "count" or value >= 1000 else f"{value:.3g}"
    return f"{number} {quote}" if unit == "amount" else number


def _value(facts: Facts, name: str) -> str:
    row = feature(name)
    value = row.value(facts)
    return "unknown" if value is None else say(value, row.unit, _quote(facts))


def _quote(facts: Facts) -> str:
    """The quote's symbol if it looks like one; anybody can make a token and trade against it."""
    symbol = facts.quote_symbol
    plain = isinstance(symbol, str) and len(symbol) <= 12 and symbol.isascii() and symbol.isalnum()
    return str(symbol) if plain else "of the quote"


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.0f} s"
