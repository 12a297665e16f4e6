"""What ``heft alerts silence``, ``silences`` and ``lift`` do."""

from __future__ import annotations

import getpass
import re
import secrets
from datetime import UTC, datetime

from rich.text import Text

from alerts.silence import Silence
from alerts.silences import Silences
from daemon.audience import silences_from
from daemon.display.tables import new_table, output
from daemon.options import SilenceOptions
from daemon.plant import open_found_state
from daemon.sections import HOURS
from daemon.settings import Settings
from streams.clock import SystemClock
from streams.errors import Invalid

__all__ = ["add_silence", "lift_silence", "print_silences"]

MATCHERS = ("chain", "venue", "token", "creator", "severity")


async def add_silence(settings: Settings, options: SilenceOptions) -> int:
    """Keep it and say its id. Raises ``Invalid`` for one that names nothing or never ends."""
    now = SystemClock().now()
    silence = Silence(
        id=secrets.token_hex(3),
        who=options.who or getpass.getuser(),
        why=options.why,
        since=now,
        until=_end(options, now),
        hours=_hours(options.hours),
        critical=options.critical,
        **{name: getattr(options, name) for name in MATCHERS},
    )
    async with open_found_state(settings) as state:
        await Silences(state).add(silence)
    print(f"{silence.id}: silent {_told_end(silence)}, {_told_matchers(silence)}")
    return 0


async def print_silences(settings: Settings) -> int:
    """A row a silence, the first to end first."""
    now = SystemClock().now()
    async with open_found_state(settings) as state:
        rows = await Silences(state, silences_from(settings)).current(now)
    table = new_table(f"silences: {len(rows):,}", "id", "what", "until", "who", "why")
    for row in rows:
        what = _told_matchers(row)
        table.add_row(row.id, Text(what), _told_end(row), Text(row.who), Text(row.why))
    output().print(table if rows else "silences: none")
    return 0


async def lift_silence(settings: Settings, name: str, who: str | None) -> int:
    """End it; raises ``Invalid`` when there is none of that name."""
    async with open_found_state(settings) as state:
        if not await Silences(state).lift(name, who or getpass.getuser()):
            raise Invalid(f"there is no silence {name}: see heft alerts silences", reason="usage")
    print(f"{name}: lifted")
    return 0


def _end(options: SilenceOptions, now: datetime) -> datetime | None:
    """``None`` where only hours were said; raises ``Invalid`` for an end that has passed."""
    until = options.until if options.for_ is None else now + options.for_
    if until is not None and until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    if until is not None and until <= now:
        raise Invalid("the silence would be over already: give a later end", reason="usage")
    return until


def _hours(hours: str) -> str:
    if not re.fullmatch(HOURS, hours):
        raise Invalid(f"--hours {hours}: give from-until in UTC, as 22:00-06:30", reason="usage")
    return hours


def _told_end(silence: Silence) -> str:
    daily = f"daily {silence.hours} UTC" if silence.hours else ""
    end = f"until {silence.until:%Y-%m-%d %H:%M} UTC" if silence.until else ""
    return ", ".join(filter(None, [daily, end]))


def _told_matchers(silence: Silence) -> str:
    named = {name: getattr(silence, name) for name in MATCHERS}
    told = ", ".join(f"{name} {value}" for name, value in named.items() if value)
    extent = "critical too" if silence.critical else "critical alerts pass"
    return f"{told or 'everything'} ({extent})"
