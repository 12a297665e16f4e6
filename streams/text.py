"""Makes text that strangers wrote safe to print, to quote and to feed to a model.

A token's name is whatever its deployer typed: line breaks that fake a log line, direction marks
that turn a sentence around, invisible letters, stacks of accents. What comes out of ``sanitise``
is one line of visible characters and single spaces. It does not escape any markup (each sink knows
its own) and does not judge look-alike letters.
"""

from __future__ import annotations

import unicodedata

__all__ = ["sanitise"]

SCAN_FACTOR = 16
"""How many input characters are looked at for each one allowed out: bounds the work of a name of
megabytes, and leaves room for a name that is padded with invisible characters."""

MARKS_PER_LETTER = 3
"""Accents kept on one letter: what Vietnamese and Indic scripts need; more is a tower ("Zalgo")."""

_INVISIBLE = frozenset(
    map(
        chr,
        (
            0x034F,  # combining grapheme joiner
            *(0x115F, 0x1160, 0x3164, 0xFFA0),  # Hangul fillers: letters without ink
            *(0x17B4, 0x17B5),  # Khmer inherent vowels
            *range(0x180B, 0x1810),  # Mongolian variation selectors and vowel separator
            0x2800,  # braille pattern blank
            *range(0xFE00, 0xFE10),  # variation selectors
            *range(0xE0100, 0xE01F0),  # more of them: known to smuggle hidden text
        ),
    )
)
"""Characters that take no ink though Unicode calls them letters, marks or symbols."""


def sanitise(text: str, limit: int) -> str:
    """One visible line of at most ``limit`` code points; possibly empty; never raises.

    Compatibility forms are folded (NFKC); every kind of white space becomes one space; control,
    format, direction, private-use, surrogate and unassigned characters go. Cleaning what is
    already clean changes nothing.
    """
    kept = "".join(map(_visible, text[: SCAN_FACTOR * limit]))
    line = " ".join(unicodedata.normalize("NFKC", kept).split())
    return _without_towers(line)[:limit].rstrip()


def _visible(char: str) -> str:
    """The character, a space for white space of any kind, or nothing."""
    if char.isspace():
        return " "
    if char in _INVISIBLE or unicodedata.category(char).startswith("C"):
        return ""
    return char


def _without_towers(line: str) -> str:
    """Drop marks that stand on nothing, and those above the first few of a letter."""
    out: list[str] = []
    marks = MARKS_PER_LETTER  # nothing stands at the start of a line, so no mark may
    for char in line:
        is_mark = unicodedata.category(char) in ("Mn", "Me")
        marks = marks + 1 if is_mark else 0
        if marks <= MARKS_PER_LETTER and (out or char != " "):
            out.append(char)
        elif not out:
            marks = MARKS_PER_LETTER
    return "".join(out)
