"""What an analysis may say: a pure check that drops every sentence that was not given.

An analysis is written by a model, and models invent. A sentence passes when it is a verdict or a
closing of ``heft_model.claims``, word for word, or the sentence of a claim of which the given text
holds a cue (``cues.toml``). Everything else is dropped, whatever it says: a number, a name or a
claim of the model's own has no way through.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec

from heft_model.claims import CLAIMS, CLOSINGS, VERDICTS

__all__ = ["claim_of", "cue_for", "grounded", "is_given", "sentences"]

_DENIAL = (
    r"\b(?:no|not|non|never|without|nobody|none|neither|nor|lacks?|lacking|cannot|can.?t|isn.?t|"
    r"aren.?t|wasn.?t|hasn.?t|haven.?t|don.?t|doesn.?t|won.?t|zero|un\w+|any lack of|refus\w+)\b"
)
_CUES = {
    claim: re.compile("|".join(f"(?:{cue})" for cue in cues).replace("NO", _DENIAL))
    for claim, cues in msgspec.convert(
        tomllib.loads((Path(__file__).parent / "cues.toml").read_text()), dict[str, list[str]]
    ).items()
}
AFFIRMED = frozenset({"locked", "audited", "named", "open", "used", "backed", "planned", "promise"})
"""Claims that a denial turns around."""
_NO = re.compile(_DENIAL)
_DENIED = re.compile(rf"(?:{_DENIAL}\W+(?:\w+\W+){{0,2}}|\bun)$")
_STOCK = frozenset(line for lines in (*VERDICTS.values(), *CLOSINGS.values()) for line in lines)


_CLAIMED = {claim.sentence: name for name, claim in CLAIMS.items() if claim.sentence}
_ENDS = re.compile(r"(?<=[.!?])\s+")


def grounded(analysis: str, given: str) -> str:
    """The sentences of ``analysis`` that only say what ``given`` says, in order, once each."""
    kept = [line for line in sentences(analysis) if is_given(line, given)]
    return " ".join(dict.fromkeys(kept))


def is_given(sentence: str, given: str) -> bool:
    """Whether a sentence states nothing that ``given`` does not say."""
    claim = claim_of(sentence)
    return sentence in _STOCK or (claim is not None and cue_for(claim, given) is not None)


def claim_of(sentence: str) -> str | None:
    """The claim that a sentence makes, word for word; none for any other."""
    return _CLAIMED.get(sentence)


def cue_for(claim: str, given: str) -> str | None:
    """The first clause of ``given`` that holds a cue of ``claim``."""
    clauses = re.split(r"(?<=[.!?;])\s+|\n+", given)
    return next((each for each in clauses if _holds(claim, each.lower())), None)


def _holds(claim: str, clause: str) -> bool:
    """Whether a cue stands there; one of ``AFFIRMED`` does not behind a "no"."""
    return any(
        claim not in AFFIRMED
        or not (_DENIED.search(clause[: m.start()]) or (claim != "promise" and _NO.search(m[0])))
        for m in _CUES[claim].finditer(clause)
    )


def sentences(text: str) -> Sequence[str]:
    """Text cut behind each full stop."""
    return [part for part in _ENDS.split(text.strip()) if part]
