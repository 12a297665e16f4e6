"""What the chat services allow: sizes and rates, each with its source; and how to keep to a size.

Rates are kept by ``pace``, which reads them as sliding windows: so many requests in any so many
seconds, edits and refused requests included.
"""

from __future__ import annotations

import msgspec

__all__ = [
    "APPRISE_RATES",
    "DISCORD_DESCRIPTION",
    "DISCORD_FIELD",
    "DISCORD_RATES",
    "DISCORD_TITLE",
    "READABLE",
    "SLACK_RATES",
    "SLACK_TEXT",
    "TELEGRAM_RATES",
    "TELEGRAM_TEXT",
    "Rate",
    "cut_utf16",
    "utf16_length",
]


class Rate(msgspec.Struct, frozen=True):
    """At most ``requests`` in any ``seconds``."""

    requests: int
    seconds: float


READABLE = Rate(20, 60.0)
"""More than that nobody reads, whatever a service allows; it is what Telegram allows in a group."""

TELEGRAM_TEXT = 4096
"""UTF-16 units after the markup is parsed. Bot API, sendMessage; MAX_MESSAGE_LENGTH of
python-telegram-bot's constants; tdlib counts UTF-16 units."""
TELEGRAM_RATES = (Rate(1, 1.0), Rate(20, 60.0))
"""One a second in a chat, 20 a minute in a group. Bot API FAQ, "My bot is hitting limits"."""

DISCORD_TITLE, DISCORD_DESCRIPTION, DISCORD_FIELD = 256, 4096, 1024
"""UTF-16 units of an embed's parts, 6,000 in all. Discord API, embed limits; Alertmanager's
``notify/discord``."""
DISCORD_RATES = (Rate(5, 2.0), Rate(30, 60.0), READABLE)
"""Of one webhook, failed requests included; and the unpublished limit of its channel
(discord-api-docs issue 1454)."""

SLACK_TEXT = 3000
"""Characters of a section block's text. Slack Block Kit reference, section block."""
SLACK_RATES = (Rate(1, 1.0), READABLE)
"""One message a second in a channel. Slack API, rate limits, "Posting messages"."""

APPRISE_RATES = (Rate(1, 1.0), Rate(20, 60.0))
"""Whatever is behind Apprise: no service that it knows is stricter than Telegram's groups."""

ELLIPSIS = "…"


def utf16_length(text: str) -> int:
    """UTF-16 code units: an emoji outside the basic plane counts two."""
    return len(text) + sum(char > "\uffff" for char in text)


def cut_utf16(text: str, limit: int) -> str:
    """At most ``limit`` UTF-16 units, no surrogate pair cut in half; a cut is shown."""
    if utf16_length(text) <= limit:
        return text
    left, end = limit - 1, 0
    for end, char in enumerate(text):  # noqa: B007 - where it ends is the answer
        left -= 2 if char > "\uffff" else 1
        if left < 0:
            break
    return text[:end].rstrip() + ELLIPSIS
