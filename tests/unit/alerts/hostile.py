"""What attackers call their tokens, in a thousand mixtures."""

from __future__ import annotations

import random
import re

__all__ = ["hostile_names", "unseemly"]

HOSTILE = [
    "<b>bold</b><a href='https://evil.com'>x</a>",
    "[free](https://evil.com) https://evil.com evil.com t.me/evil",
    "@everyone @here <@123> <!channel> <#1> #tag $PEPE /start",
    "**x** __x__ ~~x~~ ||x|| `x` ```x``` > x",
    "\u202egnp.exe\u2066\u200b\x00\x1b[2J\r\n",
    "𝓢𝓬𝓪𝓶" * 3000,
    "&lt;b&gt; &amp; &#60;",
    "РЕРЕ",
    "\\*_~`|>#[]()<:@-\\",
]

UNSEEN = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\x00-\x09\x0b-\x1f\x7f-\x9f]"
)
"""Control characters but the line feed of our own lines, bidi controls, and what has no width."""
LINK = re.compile(r"https?://|www\.\w|evil\.com|t\.me/", re.IGNORECASE)
MENTION = re.compile(r"[@#$/](everyone|here|channel|start|tag|PEPE)\b")


def hostile_names(count: int) -> list[str]:
    """Each of the bad words, and seeded mixtures of their pieces."""
    chance = random.Random(20261124)
    pieces = [*"<>&*_~`|[]()@#:/\\\"'\u202e\u200b\x07 .", *HOSTILE, "x" * 10_000, "https://a.io"]
    mixed = ["".join(chance.choices(pieces, k=chance.randint(1, 12))) for _ in range(count)]
    return [*HOSTILE, *mixed][:count]


def unseemly(shown: str, *, mentions: bool = True) -> str:
    """The first thing in a shown text that a name must not bring about; empty if there is none.

    Without ``mentions``: where the reader is no chat, and nobody is called by them.
    """
    for kind in (UNSEEN, LINK, *([MENTION] if mentions else [])):
        if found := kind.search(shown):
            return f"{found[0]!r} in {shown[max(found.start() - 20, 0) : found.end() + 20]!r}"
    return ""
