"""Text that gives orders: found in what strangers wrote, set aside, and said as what it is.

A description is evidence about a token; what it says to its reader is not. A clause that speaks to
a model, names a verdict, plays a role or cannot be read as English is not shown to the analyst at
all, so that it cannot move the score, and an order in a description is told to people. Dropping too
much is no way in: who wants a fact unseen can leave it out.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from itertools import takewhile
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase

import disarm
import msgspec

from streams.text import sanitise

__all__ = ["Reading", "clauses", "is_order", "read"]

LONGEST = 4000
"""Characters of a description that are read."""
FEW = 4
"""Words left of a sentence that gave an order that are dropped with it."""
STRANGE = 4
"""Unknown words in a row that are no English."""


MOSTLY = 0.55
"""Share of unknown words from which a sentence is no English."""


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``orders.toml``."""

    verdict: str
    reader: str
    say: str
    foreign: str
    english: str
    orders: list[str]


_WORDS = msgspec.convert(tomllib.loads((Path(__file__).parent / "orders.toml").read_text()), _Words)


def _spelt(pattern: str) -> re.Pattern[str]:
    for name in ("verdict", "reader", "say"):
        pattern = pattern.replace(f"<{name}>", getattr(_WORDS, name))
    return re.compile(pattern)


_ORDERS = [_spelt(pattern) for pattern in _WORDS.orders]
_FOREIGN, _ENGLISH = (frozenset(words.split()) for words in (_WORDS.foreign, _WORDS.english))
_SMALL = str.maketrans(ascii_uppercase, ascii_lowercase)
_LETTERS = str.maketrans("013457@$!|", "oieastasil")
_STOPS = r"(?<=[.!?])\s+|\n+|\s[|•·\u2013\u2014-]\s|;\s"


class Reading(msgspec.Struct, frozen=True):
    """A description, as far as it is about a token."""

    text: str
    """What is left, for the analyst; a sentence a line."""
    orders: tuple[str, ...]
    """What was set aside because it speaks to the reader."""
    unread: tuple[str, ...]
    """What was set aside because it is no English."""


def read(text: str, is_known: Callable[[str], bool]) -> Reading:
    """Take a description apart; ``is_known`` says whether a small-letter word is familiar."""
    kept: list[str] = []
    orders: list[str] = []
    unread: list[str] = []
    for sentence in _cut(_clean(text), _STOPS):
        left, said = _cut_order(sentence)
        if said:
            orders.append(said)
        left, strange = _cut_strange(left, is_known)
        if strange:
            unread.append(strange)
        if re.search(r"\w", left) and not is_order(left):
            kept.append(left)
    if orders and is_order(" ".join(kept)):  # one that was cut into harmless parts
        kept = [sentence for sentence in kept if not is_order(sentence)]
    return Reading("\n".join(kept), tuple(orders), tuple(unread))


def clauses(text: str) -> Sequence[str]:
    """The parts of a cleaned text that can be left out one at a time."""
    return _cut(text, r"(?<=[.!?,;])\s+|\n+")


def is_order(text: str) -> bool:
    """Whether any of it speaks to its reader instead of about a token."""
    return bool(_orders_in(text))


def _clean(text: str) -> str:
    """Lines of plain letters: look-alikes become what they look like, quotation marks single."""
    lines = (sanitise(line, LONGEST) for line in text[:LONGEST].splitlines())
    plain = "\n".join(line for line in lines if line)
    straight = re.sub(r"[\"\u2018\u2019\u201c\u201d]+", "'", plain)
    return str(disarm.normalize_confusables(straight))


def _cut(text: str, where: str) -> list[str]:
    return [part.strip() for part in re.split(where, text) if part and part.strip()]


def _orders_in(text: str) -> list[tuple[int, int]]:
    """Where it gives orders, letters taken as they stand and as digits that play letters."""
    plain = text.translate(_SMALL)
    return [
        match.span()
        for form in (plain, plain.translate(_LETTERS))
        for order in _ORDERS
        for match in order.finditer(form)
        if match.end() > match.start()
    ]


def _strange_in(text: str, is_known: Callable[[str], bool]) -> list[tuple[int, int]]:
    """Runs of words that are no English: another script or language, or letters at random."""
    words = list(re.finditer(r"\S+", text))
    odd = [_is_odd(match[0], is_known) for match in words]
    if len(words) >= STRANGE and sum(odd) > MOSTLY * len(words):
        return [(0, len(text))]
    spans = []
    for place, match in enumerate(words):
        run = 1 + sum(1 for _ in takewhile(bool, odd[place + 1 :]))
        run += sum(1 for _ in takewhile(bool, reversed(odd[:place])))
        foreign = any(char.isalpha() and char > "\u024f" for char in match[0])
        if odd[place] and (foreign or run >= STRANGE):
            spans.append(match.span())
    return spans


def _is_odd(word: str, is_known: Callable[[str], bool]) -> bool:
    letters = "".join(char for char in word.lower().split("'")[0] if char.isalpha())
    if any(char > "\u024f" for char in letters):
        return True
    return letters in _FOREIGN or (len(letters) > 1 and not is_known(letters))


def _cut_order(text: str) -> tuple[str, str]:
    """What stands in a sentence before an order and behind it, and what was cut away.

    An order takes the rest of its sentence with it, up to where another seems to begin; what leads
    up to it in a few words goes too.
    """
    spans = _orders_in(text)
    if not spans:
        return text, ""
    before = text[: min(start for start, _ in spans)]
    end = max(end for _, end in spans)
    begins = re.search(
        r"(?<=[^,:;]\s)(?=[A-Z][a-z]* [a-z])|(?<=[^,:;]\s)(?=[A-Z][a-z]+ [A-Z])", text[end:]
    )
    behind = text[end + begins.end() :] if begins else ""
    left = [part for part in (before, behind) if len(part.split()) > FEW]
    return " ".join(" ".join(left).split()), text[len(before) : len(text) - len(behind)].strip()


def _cut_strange(text: str, is_known: Callable[[str], bool]) -> tuple[str, str]:
    """What is English, and what was cut away."""
    away = [text[start:end] for start, end in _strange_in(text, is_known)]
    kept = text
    for word in away:
        kept = kept.replace(word, " ", 1)
    return " ".join(kept.split()), " ".join(away)
