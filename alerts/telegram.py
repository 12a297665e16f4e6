"""Telegram, by the Bot API: HTML text, edits, and buttons under each message.

Source: Bot API 9, sendMessage, editMessageText, "Making requests" (``ok``, ``error_code``,
``description``, ``parameters.retry_after``). The base URL is a setting, because people run Bot
API servers of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from alerts import markup
from alerts.answers import answer_to, retry_after_seconds
from alerts.digest import digest
from alerts.limits import TELEGRAM_RATES, TELEGRAM_TEXT, Rate, cut_utf16, utf16_length
from alerts.links import links
from alerts.render import details, title
from alerts.secret import Secret
from alerts.sink import BAD_MARKUP, MESSAGE_GONE, Answer, Refusal, Sent
from alerts.wire import Call, Reply
from streams.events import Alert

__all__ = ["BUTTONS", "UPDATES_LIMIT_BYTES", "Telegram"]

BUTTONS = {"rug": "Confirm", "false-alarm": "False alarm", "mute": "Mute"}
"""What a button records, and what it says."""


OF_THE_CHAT = {
    "chat-moved": ("upgraded to a supergroup",),
    "no-rights": (
        "not enough rights",
        "have no rights",
        "need administrator rights",
        "chat_write_forbidden",
        "chat_admin_required",
    ),
    "not-found": ("chat not found",),
}
"""Reasons why no message at all gets into the chat, and how the Bot API words them.

A chat that has moved has another id, in ``parameters.migrate_to_chat_id``: it is for the user to
set, since a message to a chat that nobody chose would be worse than one that spills over.
Source: tdlib's ``MessagesManager`` and telegram-bot-api's ``Client`` (error texts).
"""

UPDATES_AT_ONCE = 20
UPDATES_LIMIT_BYTES = 2**20
"""A press comes with its whole message: 4,096 units of text are up to 24 kB as JSON."""


class Telegram(msgspec.Struct, frozen=True, kw_only=True):
    """The service of one chat."""

    token: Secret
    chat_id: str
    base_url: str = "https://api.telegram.org"
    thread_id: int | None = None
    name: str = "telegram"
    rates: tuple[Rate, ...] = TELEGRAM_RATES

    def url(self, method: str) -> str:
        """Holds the token: never shown."""
        return f"{self.base_url.rstrip('/')}/bot{self.token.reveal()}/{method}"

    def say(self, alert: Alert, *, plain: bool) -> Call:
        """See ``Service``."""
        body = self._body(_text(alert, plain=plain), plain=plain, buttons=_buttons(alert))
        if self.thread_id is not None:
            body["message_thread_id"] = self.thread_id
        return Call("POST", self.url("sendMessage"), body)

    def is_here(self, chat: Mapping[str, Any]) -> bool:
        """Whether the Bot API's ``chat`` is this one, which may be set by its public @name."""
        name = str(chat.get("username", ""))
        return self.chat_id == str(chat["id"]) or self.chat_id.lower() == f"@{name}".lower()

    def updates(self, offset: int, seconds: int) -> Call:
        """Ask for presses of buttons from ``offset`` on, and wait so long for one."""
        body = {
            "offset": offset,
            "limit": UPDATES_AT_ONCE,
            "timeout": seconds,
            "allowed_updates": ["callback_query"],
        }
        return Call("POST", self.url("getUpdates"), body)

    def acknowledge(self, press: str, text: str) -> Call:
        """Tell who pressed that it was noted."""
        body = {"callback_query_id": press, "text": text}
        return Call("POST", self.url("answerCallbackQuery"), body)

    def edit(self, alert: Alert, ref: str, *, plain: bool) -> Call:
        """See ``Service``."""
        body = self._body(_text(alert, plain=plain), plain=plain, buttons=_buttons(alert))
        body["message_id"] = int(ref)
        return Call("POST", self.url("editMessageText"), body)

    def digest(self, alerts: Sequence[Alert]) -> Call:
        """See ``Service``."""
        many = digest(alerts, TELEGRAM_TEXT, lambda line: utf16_length(markup.unlinked(line)))
        text = cut_utf16(markup.unlinked("\n".join([many.title, *many.lines])), TELEGRAM_TEXT)
        body = self._body(text, plain=True, buttons=None)
        return Call("POST", self.url("sendMessage"), body, left=many.left)

    def answer(self, reply: Reply, now: datetime) -> Answer:
        """See ``Service``."""
        if 200 <= reply.status < 300:
            result = reply.body.get("result")
            ref = result.get("message_id") if isinstance(result, dict) else None
            return Sent(ref=str(ref) if isinstance(ref, int) else "")
        said = str(reply.body.get("description", "")).lower()
        if reply.status == 400:
            return _bad_request(said)
        if reply.status == 403:
            return Refusal("blocked", permanent=True)
        if reply.status in (401, 404):  # an unknown token is answered with 404
            return Refusal("auth", permanent=True)
        parameters = reply.body.get("parameters")
        wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
        asked = str(wait) if wait is not None else reply.headers.get("retry-after")
        answer = answer_to(reply.status, asked, now)
        if isinstance(answer, Refusal) and answer.reason == "rate-limited":
            return Refusal("rate-limited", retry_after_seconds(asked, now) or 1.0)
        return answer

    def _body(self, text: str, *, plain: bool, buttons: dict[str, Any] | None) -> dict[str, Any]:
        body: dict[str, Any] = {
            "chat_id": self.chat_id,
            "text": text,
            "link_preview_options": {"is_disabled": True},
        }
        if not plain:
            body["parse_mode"] = "HTML"
        if buttons is not None:
            body["reply_markup"] = buttons
        return body


def _bad_request(said: str) -> Answer:
    """The Bot API tells these apart only in words."""
    if "not modified" in said:  # an edit that had come through before
        return Sent()
    if "message to edit not found" in said or "can't be edited" in said:
        return Refusal(MESSAGE_GONE, permanent=True)
    if "can't parse entities" in said or "too long" in said:
        return Refusal(BAD_MARKUP, permanent=True)
    for reason, phrases in OF_THE_CHAT.items():
        if any(phrase in said for phrase in phrases):
            return Refusal(reason, permanent=True)
    return Refusal("http-400", permanent=True)


def _text(alert: Alert, *, plain: bool) -> str:
    """At most the service's length: whole lines are left out from the end, then the last is cut."""
    lines, room = list[str](), TELEGRAM_TEXT - 256  # the links' words and line ends
    for line in [title(alert), *details(alert)]:
        shown = cut_utf16(markup.unlinked(line), max(room, 0))
        room -= utf16_length(shown) + 1
        if room <= 0:
            break
        lines.append(shown if plain else markup.telegram(shown))
    if plain:
        return "\n".join(lines)
    found = links(alert.verdict)
    anchors = " · ".join(f'<a href="{url}">{name}</a>' for name, url in found.items())
    return "\n".join(filter(None, [f"<b>{lines[0]}</b>", *lines[1:], anchors]))


def _buttons(alert: Alert) -> dict[str, Any]:
    """Callback data is limited to 64 bytes, less than an address: the message tells the alert."""
    if alert.action in ("confirmed", "retracted"):
        return {"inline_keyboard": []}
    row = [{"text": text, "callback_data": f"heft:{what}"} for what, text in BUTTONS.items()]
    return {"inline_keyboard": [row]}
