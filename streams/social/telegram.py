"""Public Telegram channels that a bot of ours is a member of, by the Bot API's ``getUpdates``.

One process may poll a bot: the one that listens for the buttons under alerts has its own. A wait
that Telegram asks for is waited for. The Bot API tells of no deletions. The token stands in the
path of every request, and in no error or log line.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import msgspec

from streams.clock import Clock, SystemClock
from streams.errors import Invalid, Retry
from streams.feeds.backoff import RULES, Rules
from streams.feeds.http import HttpClient, json_of
from streams.feeds.reconnect import Connection, Reconnecting
from streams.posts import MOST_LINK, MOST_LINKS, Post, bounded
from streams.social.authors import Authors
from streams.social.feed import Heard, refuse
from streams.social.polling import Polled

__all__ = ["NAME", "TelegramChannels", "decode_update"]

NAME = "telegram"
POLL_S = 50
"""Seconds for which Telegram holds a question open."""


class _Entity(msgspec.Struct):
    url: str = ""


class _Chat(msgspec.Struct):
    id: int
    type: str = ""


class _ChannelPost(msgspec.Struct):
    message_id: int
    chat: _Chat
    date: int = 0
    text: str = ""
    caption: str = ""
    entities: list[_Entity] = []
    caption_entities: list[_Entity] = []


class _Update(msgspec.Struct):
    update_id: int
    channel_post: _ChannelPost | None = None


class _Parameters(msgspec.Struct):
    retry_after: float | None = None


class _Updates(msgspec.Struct):
    ok: bool = False
    result: list[msgspec.Raw] = []
    parameters: _Parameters | None = None


class _Id(msgspec.Struct):
    update_id: int


def decode_update(data: bytes, authors: Authors, now: datetime) -> tuple[int, Post | None]:
    """An update to its number and the channel's post in it, if there is one; or ``Invalid``."""
    try:
        update = msgspec.json.decode(data, type=_Update)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("no update", reason="shape") from error
    said = update.channel_post
    if said is None:
        return update.update_id, None
    entities = [*said.entities, *said.caption_entities]
    at = datetime.fromtimestamp(min(max(said.date, 0), now.timestamp()), UTC)
    return update.update_id, Post(
        feed=NAME, post=f"{said.chat.id}/{said.message_id}",
        author=authors.mark(NAME, str(said.chat.id)), text=bounded(said.text or said.caption),
        links=[bounded(each.url[:MOST_LINK]) for each in entities if each.url][:MOST_LINKS],
        said_at=min(at, now), at=now,
    )  # fmt: skip


class TelegramChannels:
    """The feed of one bot."""

    name = NAME
    expected = 3_600.0

    def __init__(
        self,
        token: str,
        authors: Authors,
        *,
        base_url: str = "https://api.telegram.org",
        hold: int = POLL_S,
        rules: Rules = RULES,
        clock: Clock | None = None,
    ) -> None:
        """``hold`` is in seconds for which one question stays open."""
        self._url = f"{base_url.rstrip('/')}/bot{token}/getUpdates"
        self._authors = authors
        self._hold = hold
        self._clock = clock or SystemClock()
        self._client = HttpClient(NAME, patience=hold + 15.0)
        self._next = 0
        self._shell = Reconnecting(
            NAME, self._dial, self._talk, silence=self.expected, rules=rules, clock=self._clock
        )

    async def heard(self, since: str) -> AsyncGenerator[Heard, None]:
        """As ``Feed``; the cursor is the number of the next update."""
        self._next = int(since) if since else 0
        async for each in self._shell.items():
            yield each

    async def close(self) -> None:
        """As ``Feed``."""
        await self._client.close()

    async def _dial(self) -> Connection:
        return Polled()

    async def _talk(self, connection: Connection) -> AsyncGenerator[Heard, None]:  # noqa: ARG002
        while True:
            body = {
                "offset": self._next,
                "timeout": self._hold,
                "allowed_updates": ["channel_post"],
            }
            answer = await self._client.ask("POST", self._url, json=body)
            try:
                said: _Updates = json_of(NAME, answer, _Updates)
            except Invalid as error:
                raise Retry(str(error)) from error
            for raw in said.result:
                if (each := self._read(bytes(raw))) is not None:
                    yield each
            yield Heard(None, str(self._next))

    def _read(self, raw: bytes) -> Heard | None:
        """A bad update is passed over by its number, or it would come for ever."""
        try:
            number, post = decode_update(raw, self._authors, self._clock.now())
        except Invalid as error:
            refuse(NAME, error)
            try:
                number, post = msgspec.json.decode(raw, type=_Id).update_id, None
            except msgspec.MsgspecError:
                return None
        self._next = max(self._next, number + 1)
        return Heard(post, str(self._next)) if post is not None else None
