"""Writes docs/alerts.md: every kind of message as each service gets it, made by the real code.

Run by ``make alert-pages``; a test compares the page with what this gives.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from alerts.discord import Discord
from alerts.example import example
from alerts.markup import unlinked
from alerts.render import details, plain_text, title
from alerts.secret import Secret
from alerts.slack import Slack
from alerts.telegram import Telegram
from streams.events import Alert

__all__ = ["PAGE", "page"]

PAGE = Path(__file__).parents[1] / "docs" / "alerts.md"
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HEAD = """# What people read

Every message below is made by the code that sends it (`tools/alert_pages.py`; `make alert-pages`
writes this page). One alert is one message: what becomes of it edits that message. Telegram's has
the buttons Confirm, False alarm and Mute under it; the page has them on each token, for whoever
knows `page.token`.

Who hears of it is said by `alerts.routes` (chain, venue, severity, liquidity, watchlist; hours,
repeats and caps), held back by `heft alerts silence` or `alerts.silences`, and told once for a
creator's wave of launches (`alerts.wave_seconds`). `heft alerts route` says who would hear and why,
`heft alerts history` who did.
"""


def page() -> str:
    """The whole page."""
    raised = example(NOON)
    confirmed = replace(raised, action="confirmed", sequence=1, lost=9.9, lead_seconds=3_900.0)
    hostile = example(
        NOON, name="<b>FREE</b> @everyone https://evil.com", symbol="\u0420\u0415\u0420\u0415"
    )
    parts = [
        HEAD,
        *(_plain(action, alert) for action, alert in _life(raised, confirmed)),
        "## A hostile name, in each service's markup\n",
        *_services(hostile),
        "## A digest in place of a flood\n",
        "Few of them critical: those first, then the likeliest others.\n",
        _block(_digest([_flooded(number, 3) for number in range(500)])),
        "Many critical: each has its line, in as many messages as it takes.\n",
        _block(_digest([_flooded(number, 130) for number in range(500)])),
        "## An e-mail, or anything else behind Apprise\n",
        _block(f"{title(hostile)}\n\n" + "\n".join(map(unlinked, details(hostile)))),
    ]
    return "\n".join(parts)


def _flooded(number: int, critical: int) -> Alert:
    """One of a flood, critical if its number is low."""
    probability = 0.97 if number < critical else 0.91
    return example(NOON, pool=f"0x{number:040x}", symbol=f"T{number}", probability=probability)


def _digest(alerts: list[Alert]) -> str:
    text: str = Telegram(token=Secret("-"), chat_id="-").digest(alerts).body["text"]
    return text


def _life(raised: Alert, confirmed: Alert) -> list[tuple[str, Alert]]:
    return [
        ("Raised", raised),
        ("Updated", replace(raised, action="updated", sequence=1)),
        ("Confirmed", confirmed),
        ("Cleared", replace(example(NOON, probability=0.12), action="cleared", sequence=1)),
        ("Retracted", replace(raised, action="retracted", sequence=1)),
    ]


def _plain(action: str, alert: Alert) -> str:
    return f"## {action}\n\n{_block(plain_text(alert))}"


def _services(alert: Alert) -> list[str]:
    telegram = Telegram(token=Secret("-"), chat_id="-").say(alert, plain=False).body["text"]
    slack = Slack(token=Secret("-"), channel="-").say(alert, plain=False).body["text"]
    (embed,) = Discord(url=Secret("-")).say(alert, plain=False).body["embeds"]
    return [
        f"Telegram (HTML):\n\n{_block(telegram)}",
        f"Slack (mrkdwn):\n\n{_block(slack)}",
        f"Discord (embed):\n\n{_block(json.dumps(embed, indent=2, ensure_ascii=False))}",
    ]


def _block(text: str) -> str:
    return f"```text\n{text}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
