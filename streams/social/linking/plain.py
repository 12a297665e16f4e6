"""What a text looks like to a person: without what takes no ink, in the usual forms of letters."""

from __future__ import annotations

import re
import unicodedata

import disarm

__all__ = ["folded", "plain"]

_INKLESS = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_DECORATION = re.compile("[\u0300-\u036f\u20d0-\u20ff]")
"""Strokes and accents that are of no letter: those that are have been composed with it."""
_DEFANGED = re.compile(r"\s?[\[({](?:\.|dot)[\])}]\s?", re.IGNORECASE)


def plain(text: str) -> str:
    """The text as it is seen: zero-width letters gone, wide and styled ones as usual ones."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INKLESS.sub("", text))
        text = _DECORATION.sub("", text)
    return _DEFANGED.sub(".", text) if "." in text or "dot" in text.lower() else text


def folded(text: str) -> str:
    """``plain`` text with look-alike letters of other scripts as Latin ones (Unicode UTS 39)."""
    return text if text.isascii() else str(disarm.normalize_confusables(text))
