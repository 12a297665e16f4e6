"""The sinks of the settings, made: where alerts are told."""

from __future__ import annotations

from rich.console import Console as Terminal

from alerts.apprise import AppriseSink
from alerts.chat import Chat
from alerts.console import ConsoleSettings, ConsoleSink
from alerts.discord import Discord
from alerts.secret import Secret
from alerts.sink import Sink
from alerts.slack import Slack
from alerts.telegram import Telegram
from alerts.webhook import WebhookSettings, WebhookSink
from daemon.sections import Webhook
from daemon.settings import Settings
from streams.clock import Clock
from streams.errors import Invalid

__all__ = ["sinks_from"]


NOT_THE_SERVICE_S = {"token", "timeout_seconds"}
"""Settings of a chat that its service does not take."""


def sinks_from(settings: Settings, terminal: Terminal, clock: Clock) -> list[Sink]:
    """The sinks that are switched on; raises ``Invalid`` for one that cannot work."""
    sinks: list[Sink] = []
    if settings.sinks.console.enabled:
        sinks.append(ConsoleSink(ConsoleSettings(shape=settings.sinks.console.shape), terminal))
    if settings.sinks.webhook.url.get_secret_value():
        sinks.append(_webhook(settings.sinks.webhook, clock))
    return [*sinks, *_chats(settings, clock)]


def _chats(settings: Settings, clock: Clock) -> list[Sink]:
    """The services that people read alerts in."""
    chats: list[Sink] = []
    telegram, discord = settings.sinks.telegram, settings.sinks.discord
    slack, apprise = settings.sinks.slack, settings.sinks.apprise
    if token := telegram.token.get_secret_value():
        if not telegram.chat_id:
            raise Invalid("sinks.telegram.chat_id is empty: say which chat", reason="setting")
        options = telegram.model_dump(exclude=NOT_THE_SERVICE_S)
        service = Telegram(token=Secret(token), **options)
        chats.append(Chat(service, clock, timeout_seconds=telegram.timeout_seconds))
    if url := discord.url.get_secret_value():
        webhook = Discord(url=Secret(url), name=discord.name)
        chats.append(Chat(webhook, clock, timeout_seconds=discord.timeout_seconds))
    if token := slack.token.get_secret_value():
        if not slack.channel:
            raise Invalid("sinks.slack.channel is empty: say which channel", reason="setting")
        options = slack.model_dump(exclude=NOT_THE_SERVICE_S)
        bot = Slack(token=Secret(token), **options)
        chats.append(Chat(bot, clock, timeout_seconds=slack.timeout_seconds))
    if url := apprise.url.get_secret_value():
        chats.append(AppriseSink(Secret(url), apprise.name, apprise.timeout_seconds))
    return chats


def _webhook(webhook: Webhook, clock: Clock) -> WebhookSink:
    options = webhook.model_dump(exclude={"url", "secret"})
    settings = WebhookSettings(url=webhook.url.get_secret_value(), **options)
    secret = webhook.secret.get_secret_value()
    if not secret:
        raise Invalid("sinks.webhook.secret is empty: it signs the requests", reason="setting")
    return WebhookSink(settings, Secret(secret), clock)
