"""The written reason for people: one paragraph that can only say what it was given.

Sentences are templates over the facts that carried the verdict; the token's name is never quoted,
so that attacker-written text cannot speak here.
"""

from __future__ import annotations

from collections.abc import Sequence

from heft_model.features import feature
from streams.events import Evidence

__all__ = ["analyse"]


def analyse(
    probability: float,
    threshold: float,
    evidence: Sequence[Evidence],
    coverage: float,
    *,
    foreign: bool = False,
) -> str:
    """Why a launch was judged as it was, in English; the strongest fact first.

    ``foreign`` says that the version has learnt from no launch of this chain.
    """
    against = [_clause(item) for item in evidence if item.weight > 0]
    for_it = [_clause(item) for item in evidence if item.weight < 0]
    sentences = [_verdict(probability, threshold)]
    if against:
        sentences.append(f"What speaks for a rug: {'; '.join(against)}.")
    if for_it:
        sentences.append(f"What speaks against it: {'; '.join(for_it)}.")
    if coverage < 1:
        sentences.append(f"{100 * coverage:.0f} % of the facts are known.")
    if foreign:
        sentences.append(FOREIGN)
    return " ".join(sentences)


FOREIGN = "The model has learnt from no launch of this chain: these are the odds of others."


def _verdict(probability: float, threshold: float) -> str:
    odds = f"Of 100 launches judged like this one, about {100 * probability:.0f} rug"
    return f"{odds}, {'enough' if probability >= threshold else 'too few'} for an alert."


def _clause(item: Evidence) -> str:
    return feature(item.fact).phrase.format(item.value)
