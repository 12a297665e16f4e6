"""E-mail and every other service, through Apprise: plain text, no edits.

Apprise answers only whether it worked. Its work blocks, so it is done in a thread; what it logs
may hold the address, which carries passwords, so it logs nothing here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

import anyio
import anyio.to_thread
from apprise import Apprise, AppriseAsset, NotifyFormat

from alerts import markup
from alerts.digest import digest_lines, digest_title
from alerts.limits import APPRISE_RATES
from alerts.render import details, title
from alerts.secret import Secret
from alerts.sink import Answer, Refusal, Sent
from streams.errors import Invalid
from streams.events import Alert

__all__ = ["AppriseSink"]

logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)


class AppriseSink:
    """The ChatSink of one Apprise URL; raises ``Invalid`` for a URL that Apprise cannot read."""

    rates = APPRISE_RATES

    def __init__(self, url: Secret, name: str, timeout_seconds: float) -> None:
        self.name = name
        self._timeout = timeout_seconds
        self._apprise = Apprise(asset=AppriseAsset(app_id="heft-monitor", secure_logging=True))
        if not self._apprise.add(url.reveal()):
            raise Invalid("sinks.apprise.url is no Apprise URL: see its wiki", reason="setting")

    async def send(self, alert: Alert, earlier: str = "", *, plain: bool = False) -> Answer:  # noqa: ARG002 - nothing is edited here
        """Every message of an alert is a new one; its title says what it is."""
        return await self._notify(title(alert), details(alert))

    async def digest(self, alerts: Sequence[Alert]) -> Answer:
        """Say many in one message."""
        return await self._notify(digest_title(alerts), digest_lines(alerts))

    async def close(self) -> None:
        """Apprise holds no connection."""

    async def _notify(self, heading: str, lines: Sequence[str]) -> Answer:
        notify = partial(
            self._apprise.notify,
            title=markup.unlinked(heading),
            body=markup.unlinked("\n".join(lines)),
            body_format=NotifyFormat.TEXT,
        )
        with anyio.move_on_after(self._timeout):
            was_sent = await anyio.to_thread.run_sync(notify, abandon_on_cancel=True)
            return Sent() if was_sent else Refusal("apprise-failed")
        return Refusal("timeout")
