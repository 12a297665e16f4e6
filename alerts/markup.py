"""Makes inert text safe in each service's markup: escaped, and no word of it a link or a mention.

Pure. What comes in has gone through ``render.inert`` and is one visible line; what goes out shows
the same characters. A word joiner behind ``@``, ``#``, ``$`` and ``/`` keeps the services from
making mentions, tags and commands of them.
"""

from __future__ import annotations

import html
import re

__all__ = ["discord", "slack", "telegram", "unlinked"]

WORD_JOINER = "\u2060"
_SIGIL = re.compile(r"([@#$/])(?=\w)")
_DISCORD_MARKS = re.compile(r"([\\*_~`|>#\[\]()<:@-])")


def unlinked(text: str) -> str:
    """No mention (``@everyone``), hashtag, cashtag or bot command."""
    return _SIGIL.sub(rf"\1{WORD_JOINER}", text)


def telegram(text: str) -> str:
    """For ``parse_mode=HTML``: Bot API, "HTML style"."""
    return html.escape(unlinked(text), quote=False)


def discord(text: str) -> str:
    """For an embed: every mark of Discord's Markdown is behind a backslash."""
    return _DISCORD_MARKS.sub(r"\\\1", unlinked(text))


def slack(text: str) -> str:
    """For ``mrkdwn``: its three control characters as entities, its marks split from words."""
    marked = re.sub(r"([*_~`])", rf"{WORD_JOINER}\1{WORD_JOINER}", unlinked(text))
    return html.escape(marked, quote=False)
