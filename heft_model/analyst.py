"""A name, an address and a description to a probability, evidence and an analysis.

The description alone decides. Names and addresses are not shown to the model, text that gives
orders is set aside before it reads (``heft_model.orders``), and what it writes is checked against
what it was given (``heft_model.grounding``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from heft_model.claims import CLAIMS, GROWTH, RUG, Side, prompt_for
from heft_model.grounding import cue_for, grounded, sentences
from heft_model.letters import CAPITAL
from heft_model.orders import Reading, clauses, read
from heft_model.writer import Budget, Sampling, Writer
from streams.errors import Invalid

__all__ = ["ANALYST", "Analysis", "Analyst", "Passage"]

ANALYST = Path(__file__).parent / "writers" / "nano"
"""The analyst that ships."""

NAME, ADDRESS = "the token", "unknown"
"""What the model reads in place of what strangers chose to be called."""
MOST_CLAUSES = 16
"""Of a description that are left out in turn, to see which decided."""
MOST_CLAIMS = 3
"""That an analysis names."""
DECIDES = 0.02
"""Move of the probability from which a clause is evidence."""
DECIMALS = 4


class Passage(msgspec.Struct, frozen=True):
    """Words of the description, and how far they moved the probability."""

    quote: str
    weight: float
    """Above 0 they speak for a rug; what leaving them out took away."""


class Analysis(msgspec.Struct, frozen=True):
    """What the analyst makes of one token."""

    rug_probability: float
    evidence: tuple[Passage, ...]
    """The strongest first."""
    analysis: str
    set_aside: tuple[str, ...]
    """Clauses that speak to the reader or are no English: read by nobody, told to people."""


class Analyst:
    """An open analyst; safe to use from several threads."""

    def __init__(self, folder: Path = ANALYST, *, threads: int = 1) -> None:
        """Open ``folder``; raises ``Invalid``."""
        self._writer = Writer(folder, threads=threads)
        ids = [self._writer.encode(f"{CAPITAL}{side.lower()}") for side in (RUG, GROWTH)]
        if ids[0][:-1] != ids[1][:-1] or len(ids[0]) != 2:
            raise Invalid(
                f"{folder} spells its verdicts otherwise: build it again", reason="analyst"
            )
        (self._mark, self._rug), (_, self._growth) = ids

    def analyse(
        self,
        description: str,
        *,
        budget: Budget | None = None,
        sampling: Sampling | None = None,
    ) -> Analysis:
        """Read one description; raises ``Invalid`` for one that is beyond reading."""
        reading = read(description, self.is_known)
        probability = self.probabilities([reading.text])[0] if reading.text else 0.5
        written = self._written(reading.text, probability, budget, sampling)
        parts = [*_said(written, reading.text, probability), *_told(reading)]
        return Analysis(
            rug_probability=round(probability, DECIMALS),
            evidence=tuple(self._evidence(reading.text, probability)),
            analysis=" ".join(part for part in parts if part),
            set_aside=(*reading.orders, *reading.unread),
        )

    def probabilities(self, texts: Sequence[str]) -> list[float]:
        """The model's odds of RUG against growth after each text, in one run."""
        rows = [[*self._writer.encode(_prompt(text)), self._mark] for text in texts]
        logits = self._writer.logits(rows)
        odds = logits[:, self._rug] - logits[:, self._growth]
        return [1 / (1 + math.exp(-float(np.clip(value, -30, 30)))) for value in odds]

    def _written(
        self, text: str, probability: float, budget: Budget | None, sampling: Sampling | None
    ) -> str:
        """The analysis for the side that the score is on."""
        if not text:
            return ""
        side = RUG if probability >= 0.5 else GROWTH
        begun = f"{_prompt(text)} {_spelt(side.strip())}"
        (written,) = self._writer.write([begun], budget=budget, sampling=sampling)
        return f"{side.strip()}{written.text}"

    def _evidence(self, text: str, probability: float) -> list[Passage]:
        """What each clause does, by leaving it out; all in one run."""
        parts = list(clauses(text))[:MOST_CLAUSES]
        if not parts:
            return []
        if len(parts) == 1:
            return [Passage(parts[0], round(probability - 0.5, DECIMALS))]
        without = [" ".join(parts[:i] + parts[i + 1 :]) for i in range(len(parts))]
        moved = [probability - other for other in self.probabilities(without)]
        found = [Passage(p, round(m, DECIMALS)) for p, m in zip(parts, moved, strict=True)]
        found.sort(key=lambda each: -abs(each.weight))
        return [each for each in found if abs(each.weight) >= DECIDES] or found[:1]

    def is_known(self, word: str) -> bool:
        """Whether the vocabulary has a word whole."""
        return len(self._writer.encode(f" {word}")) == 1


def _spelt(text: str) -> str:
    """A verdict in the spelling that gives it its capitals back (``heft_model.letters``)."""
    return text.replace("RUG", "Rug", 1)


def _prompt(text: str) -> str:
    return prompt_for(NAME, ADDRESS, text)


def _said(written: str, text: str, probability: float) -> list[str]:
    """What was written and is given, and between it the gravest claims that the text makes."""
    kept = list(sentences(grounded(written, text)))
    side: Side = "rug" if probability >= 0.5 else "growth"
    said = [
        each.sentence for name, each in CLAIMS.items() if each.side == side and cue_for(name, text)
    ]
    return [*kept[:1], *said[:MOST_CLAIMS], *kept[1:]]


def _told(reading: Reading) -> list[str]:
    """What people are told of a description that holds more than facts."""
    told = []
    if not reading.text:
        told.append("Nothing in the description could be judged.")
    if reading.orders:
        told.append(
            "Part of the description speaks to its reader, not about the token; it was not read."
        )
    if reading.unread:
        told.append("Part of the description is in words that are not known here; it was not read.")
    return told
