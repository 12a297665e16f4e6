"""Slack, by ``chat.postMessage`` and ``chat.update`` of a bot's token.

An incoming webhook cannot edit what it has said, so the Web API is used. Source: Slack API,
chat.postMessage, chat.update, "Formatting text", "Rate Limits" (429 with ``Retry-After``; other
refusals are a 200 with ``ok: false``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts import markup
from alerts.answers import answer_to
from alerts.digest import digest
from alerts.limits import SLACK_RATES, SLACK_TEXT, Rate
from alerts.links import links
from alerts.render import details, title
from alerts.secret import Secret
from alerts.sink import BAD_MARKUP, MESSAGE_GONE, Answer, Refusal, Sent
from alerts.wire import Call, Reply
from streams.events import Alert

__all__ = ["Slack"]

AUTH = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "not_authed",
        "token_expired",
        "token_revoked",
    }
)
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
BLOCKED = frozenset({"channel_not_found", "not_in_channel", "is_archived", "restricted_action"})
PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})


class Slack(msgspec.Struct, frozen=True, kw_only=True):
    """The service of one channel."""

    token: Secret
    channel: str
    base_url: str = "https://slack.com/api"
    name: str = "slack"
    rates: tuple[Rate, ...] = SLACK_RATES

    def say(self, alert: Alert, *, plain: bool) -> Call:
        """See ``Service``."""
        return self._call("chat.postMessage", _text(alert, plain=plain))

    def edit(self, alert: Alert, ref: str, *, plain: bool) -> Call:
        """See ``Service``; Slack names a message by its channel's id and its time."""
        channel, _, ts = ref.partition(" ")
        return self._call("chat.update", _text(alert, plain=plain), channel=channel, ts=ts)

    def digest(self, alerts: Sequence[Alert]) -> Call:
        """See ``Service``."""
        many = digest(alerts, SLACK_TEXT, lambda line: len(markup.slack(line)))
        text = "\n".join(markup.slack(line) for line in [many.title, *many.lines])
        return replace(self._call("chat.postMessage", text[:SLACK_TEXT]), left=many.left)

    def answer(self, reply: Reply, now: datetime) -> Answer:
        """See ``Service``."""
        if reply.status == 403:
            return Refusal("blocked", permanent=True)
        if reply.status == 404:
            return Refusal("not-found", permanent=True)
        if reply.status != 200:
            return answer_to(reply.status, reply.headers.get("retry-after"), now)
        error = str(reply.body.get("error", ""))
        if reply.body.get("ok") or not reply.body:  # a 200 whose body was too slow is a 200
            channel, ts = reply.body.get("channel"), reply.body.get("ts")
            return Sent(ref=f"{channel} {ts}" if channel and ts else "")
        return _refusal(error)

    def _call(self, method: str, text: str, **more: Any) -> Call:
        body = {
            "channel": self.channel,
            "text": text,
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
            **more,
        }
        url = f"{self.base_url.rstrip('/')}/{method}"
        return Call("POST", url, body, f"Bearer {self.token.reveal()}")


def _refusal(error: str) -> Refusal:
    if error in AUTH:
        return Refusal("auth", permanent=True)
    if error in BLOCKED:
        return Refusal("blocked", permanent=True)
    if error in GONE:
        return Refusal(MESSAGE_GONE, permanent=True)
    if error in PASSING:
        return Refusal("service-error")
    if error in ("ratelimited", "rate_limited"):
        return Refusal("rate-limited", 30.0)
    return Refusal(BAD_MARKUP, permanent=True)


def _text(alert: Alert, *, plain: bool) -> str:
    lines = [title(alert), *details(alert)]
    if plain:
        return "\n".join(markup.slack(line) for line in lines)[: SLACK_TEXT // 2]
    found = " · ".join(f"<{url}|{name}>" for name, url in links(alert.verdict).items())
    room = SLACK_TEXT - len(found) - 1
    return "\n".join(markup.slack(line) for line in lines)[:room] + (f"\n{found}" if found else "")
