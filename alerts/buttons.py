"""Listens for the buttons under Telegram's messages and makes labels of them.

By long polling: no address of ours has to be reachable. Telegram keeps a press until one with a
higher number is asked for, so a press that was not published comes again; a label's id is its
press, and the same label twice is the same label.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from alerts.ledger import Ledger
from alerts.sink import Refusal
from alerts.telegram import BUTTONS, UPDATES_LIMIT_BYTES, Telegram
from alerts.wire import Wire
from streams.clock import Clock
from streams.labels import Label

__all__ = ["Buttons", "labelled"]

POLL_SECONDS = 25
AGAIN_SECONDS = 5.0

log = structlog.get_logger(__name__)

Publish = Callable[[Label], Awaitable[None]]


class Buttons:
    """One chat's; ``run`` it as a task until it is cancelled."""

    def __init__(self, service: Telegram, ledger: Ledger, publish: Publish, clock: Clock) -> None:
        self._service = service
        self._ledger = ledger
        self._publish = publish
        self._clock = clock
        self._wire = Wire(POLL_SECONDS + 10, UPDATES_LIMIT_BYTES)
        self._offset = 0
        self._trouble = ""

    async def run(self) -> None:
        """Poll; a service that does not answer is asked again."""
        try:
            while True:
                if not await self.poll(POLL_SECONDS):
                    await self._clock.sleep(AGAIN_SECONDS)
        finally:
            await self._wire.close()

    async def poll(self, seconds: int) -> bool:
        """Take the presses of one answer; whether there was one that leads on to the next."""
        reply = await self._wire.call(self._service.updates(self._offset, seconds))
        if isinstance(reply, Refusal) or reply.status != 200:
            self._note(reply.reason if isinstance(reply, Refusal) else f"http-{reply.status}")
            return False
        self._note("")
        updates, before = reply.body.get("result"), self._offset
        if not isinstance(updates, list):
            return False
        for update in updates:
            number = update.get("update_id") if isinstance(update, dict) else None
            if isinstance(number, int):
                await self._take(update)
                self._offset = max(self._offset, number + 1)
        return not updates or self._offset > before

    def _note(self, trouble: str) -> None:
        """Say once that presses are not heard: 401 a wrong token, 409 that another one polls."""
        if trouble and trouble != self._trouble:
            log.warning("presses_unheard", sink=self._service.name, reason=trouble)
        self._trouble = trouble

    async def _take(self, update: dict[str, Any]) -> None:
        """Publish one press; what is no press of ours is passed over."""
        try:
            press = update["callback_query"]
            what = str(press["data"]).removeprefix("heft:")
            is_ours = self._service.is_here(press["message"]["chat"])
            ref, who = str(press["message"]["message_id"]), int(press["from"]["id"])
        except (AttributeError, KeyError, TypeError, ValueError):
            log.warning("press_unread")
            return
        alert_id = await self._ledger.alert_of(self._service.name, ref)
        if is_ours and what in BUTTONS and alert_id is not None:
            if what == "mute":
                await self._ledger.mute(alert_id)
            now = self._clock.now()
            await self._publish(labelled(alert_id, what, f"telegram:{who}", "", now))
            noted = self._service.acknowledge(str(press["id"]), f"Noted: {BUTTONS[what]}")
            await self._wire.call(noted)


def labelled(alert_id: str, what: Any, who: str, why: str, at: datetime) -> Label:
    """A label on the pool of this alert: its key, its id, or the id of one of its messages."""
    chain, _, rest = alert_id.partition(":")
    pool, _, _ = rest.partition(":")
    return Label(chain=chain, pool=pool, what=what, who=who, why=why, at=at.astimezone(UTC))
