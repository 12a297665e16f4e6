"""Discord, by a channel's webhook: one embed a message, edited in place.

Source: Discord API, "Execute Webhook" (``wait=true`` returns the message), "Edit Webhook Message",
"Rate Limits" (``X-RateLimit-Remaining`` and ``-Reset-After``; 429 with ``retry_after`` and
``global``; a 429 of Cloudflare's is a page of HTML).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from alerts import markup
from alerts.answers import answer_to, retry_after_seconds
from alerts.digest import digest
from alerts.limits import (
    DISCORD_DESCRIPTION,
    DISCORD_FIELD,
    DISCORD_RATES,
    DISCORD_TITLE,
    Rate,
    cut_utf16,
    utf16_length,
)
from alerts.links import links
from alerts.render import details, title
from alerts.secret import Secret
from alerts.sink import BAD_MARKUP, MESSAGE_GONE, Answer, Refusal, Sent
from alerts.wire import Call, Reply
from streams.events import Action, Alert

__all__ = ["Discord"]

COLOURS: dict[Action, int] = {
    "raised": 0xD32F2F,
    "updated": 0xF9A825,
    "confirmed": 0x6A1B9A,
    "cleared": 0x2E7D32,
    "retracted": 0x757575,
}
UNKNOWN_MESSAGE = 10008
CLOUDFLARE_WAIT_SECONDS = 45.0
"""Asked for by nobody; the hidden limit of a channel lasts 40 to 45 s."""


class Discord(msgspec.Struct, frozen=True, kw_only=True):
    """The service of one webhook."""

    url: Secret
    name: str = "discord"
    rates: tuple[Rate, ...] = DISCORD_RATES

    def say(self, alert: Alert, *, plain: bool) -> Call:
        """See ``Service``."""
        return Call("POST", self._at("", "wait=true"), _body(_embed(alert, plain=plain)))

    def edit(self, alert: Alert, ref: str, *, plain: bool) -> Call:
        """See ``Service``."""
        return Call("PATCH", self._at(f"/messages/{ref}"), _body(_embed(alert, plain=plain)))

    def digest(self, alerts: Sequence[Alert]) -> Call:
        """See ``Service``."""
        room = DISCORD_DESCRIPTION
        many = digest(alerts, room, lambda line: utf16_length(markup.discord(line)))
        text = "\n".join(markup.discord(line) for line in many.lines)
        embed = {
            "title": cut_utf16(markup.discord(many.title), DISCORD_TITLE),
            "description": cut_utf16(text, DISCORD_DESCRIPTION),
            "color": COLOURS["raised"],
        }
        return Call("POST", self._at("", "wait=true"), _body(embed), left=many.left)

    def answer(self, reply: Reply, now: datetime) -> Answer:
        """See ``Service``."""
        if 200 <= reply.status < 300:
            return Sent(ref=_ref(reply), rest_seconds=_rest(reply, now))
        if reply.status == 404:
            is_message = reply.body.get("code") == UNKNOWN_MESSAGE
            return Refusal(MESSAGE_GONE if is_message else "not-found", permanent=True)
        if reply.status == 400:
            return Refusal(BAD_MARKUP, permanent=True)
        if reply.status == 403:
            return Refusal("blocked", permanent=True)
        if reply.status == 429:
            wait = reply.body.get("retry_after", reply.headers.get("retry-after"))
            seconds = retry_after_seconds(None if wait is None else str(wait), now)
            return Refusal("rate-limited", seconds or CLOUDFLARE_WAIT_SECONDS)
        return answer_to(reply.status, reply.headers.get("retry-after"), now)

    def _at(self, path: str, query: str = "") -> str:
        """An address under the webhook's, whose own query (``thread_id``) goes with each call."""
        webhook, _, own = self.url.reveal().partition("?")
        asked = "&".join(filter(None, [own, query]))
        return webhook.rstrip("/") + path + (f"?{asked}" if asked else "")


def _ref(reply: Reply) -> str:
    ref = reply.body.get("id")
    return ref if isinstance(ref, str) and ref.isascii() and ref.isdigit() else ""


def _rest(reply: Reply, now: datetime) -> float:
    """The header-driven part of the limits: none left means wait for the reset."""
    if reply.headers.get("x-ratelimit-remaining") != "0":
        return 0.0
    return retry_after_seconds(reply.headers.get("x-ratelimit-reset-after"), now) or 0.0


def _body(embed: dict[str, Any]) -> dict[str, Any]:
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def _embed(alert: Alert, *, plain: bool) -> dict[str, Any]:
    """Title, colour and lines; the links are a field. Plain: text alone, and less of it."""
    lines = details(alert)
    if plain:
        return {"description": cut_utf16(markup.discord("\n".join([title(alert), *lines])), 1500)}
    embed: dict[str, Any] = {
        "title": cut_utf16(markup.discord(title(alert)), DISCORD_TITLE),
        "description": cut_utf16(
            "\n".join(markup.discord(line) for line in lines), DISCORD_DESCRIPTION
        ),
        "color": COLOURS[alert.action],
    }
    if found := links(alert.verdict):
        value = " · ".join(f"[{name}]({url})" for name, url in found.items())
        embed["fields"] = [{"name": "look it up", "value": cut_utf16(value, DISCORD_FIELD)}]
    return embed
