"""E-mail and every other service, through Apprise: plain text, no edits.

Apprise answers only whether it worked; why not, it tells its log. That may hold the address, which
carries passwords: so its log is heard here, a code is read out of it, and it goes nowhere else.
Apprise's work blocks and is done in a thread.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial

import anyio
import anyio.to_thread
from apprise import Apprise, AppriseAsset, NotifyFormat, OverflowMode
from msgspec.structs import replace

from alerts import markup
from alerts.answers import answer_to
from alerts.digest import digest
from alerts.limits import APPRISE_RATES
from alerts.links import links
from alerts.render import details, title
from alerts.secret import Secret
from alerts.sink import Answer, Refusal, Sent
from streams.errors import Invalid
from streams.events import Alert

__all__ = ["AppriseSink", "refusal_from"]

HTTP_CODE = re.compile(r"error=(\d{3})\b")
"""How Apprise's plugins tell a status that was none of 2xx."""
SMTP_CODE = re.compile(r"\((\d{3}), b")
"""How smtplib's exceptions tell a server's answer: RFC 5321, 4.2."""
SMTP_AUTH = frozenset({"530", "534", "535"})
"""RFC 4954, 6: the name or password is wrong, or one is asked for."""

_overheard: ContextVar[list[str]] = ContextVar("overheard")


class _Listener(logging.Handler):
    """Gives what Apprise logs to whoever called it, and to nobody else."""

    def emit(self, record: logging.LogRecord) -> None:
        _overheard.get([]).append(record.getMessage())


_log = logging.getLogger("apprise")
_log.setLevel(logging.DEBUG)
_log.propagate = False
_log.addHandler(_Listener())
logging.getLogger("urllib3").setLevel(logging.ERROR)  # each request, with the path and its token


class AppriseSink:
    """The ChatSink of one Apprise URL; raises ``Invalid`` for a URL that Apprise cannot read."""

    rates = APPRISE_RATES

    def __init__(self, url: Secret, name: str, timeout_seconds: float) -> None:
        self.name = name
        self._timeout = timeout_seconds
        self._apprise = Apprise(asset=AppriseAsset(app_id="heft-monitor", secure_logging=True))
        if not self._apprise.add(url.reveal()):
            raise Invalid("sinks.apprise.url is no Apprise URL: see its wiki", reason="setting")
        for service in self._apprise:
            if service.overflow_mode == OverflowMode.UPSTREAM:  # it was not said otherwise
                service.overflow_mode = OverflowMode.TRUNCATE
        self._room = min(service.body_maxlen for service in self._apprise)

    async def send(self, alert: Alert, earlier: str = "", *, plain: bool = False) -> Answer:  # noqa: ARG002 - nothing is edited here
        """Every message of an alert is a new one; its title says what it is."""
        places = [f"{name}: {url}" for name, url in links(alert.verdict).items()]
        return await self._notify(title(alert), details(alert), places)

    async def digest(self, alerts: Sequence[Alert]) -> Answer:
        """Say many in one message, at most as long as the service takes."""
        many = digest(alerts, self._room, lambda line: len(markup.unlinked(line)))
        answer = await self._notify(many.title, many.lines)
        return replace(answer, left=many.left) if isinstance(answer, Sent) else answer

    async def close(self) -> None:
        """Apprise holds no connection."""

    async def _notify(
        self, heading: str, lines: Sequence[str], places: Sequence[str] = ()
    ) -> Answer:
        """Lines with strangers' words are made inert; ``places`` are links of ours."""
        notify = partial(
            self._apprise.notify,
            title=markup.unlinked(heading),
            body="\n".join([markup.unlinked("\n".join(lines)), *places]),
            body_format=NotifyFormat.TEXT,
        )
        said: list[str] = []
        _overheard.set(said)
        with anyio.move_on_after(self._timeout):
            was_sent = await anyio.to_thread.run_sync(notify, abandon_on_cancel=True)
            return Sent() if was_sent else refusal_from("\n".join(said), datetime.now(UTC))
        return Refusal("timeout")


def refusal_from(said: str, now: datetime) -> Refusal:
    """What Apprise's log says of a failure, as far as it tells: a status, or none that came."""
    if http := HTTP_CODE.search(said):
        answer = answer_to(int(http[1]), None, now)
        return answer if isinstance(answer, Refusal) else Refusal("apprise-failed")
    if smtp := SMTP_CODE.search(said):
        if smtp[1] in SMTP_AUTH:
            return Refusal("auth", permanent=True)
        return Refusal(f"smtp-{smtp[1]}", permanent=smtp[1].startswith("5"))
    if "timed out" in said:
        return Refusal("timeout")
    return Refusal("unreachable" if "onnection error" in said else "apprise-failed")
