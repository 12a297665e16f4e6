"""What ``heft alerts`` and ``heft label`` do."""

from __future__ import annotations

import getpass
from typing import Literal

from msgspec import UNSET
from rich.console import Console
from rich.text import Text

from alerts.buttons import labelled
from alerts.example import example
from alerts.history import alert_id
from alerts.ledger import Ledger
from alerts.pipeline import refuse_strangers
from alerts.severity import severity
from alerts.silence import silenced_by
from alerts.silences import Silences
from alerts.sink import Sent
from alerts.wave import wave_of
from daemon.audience import audience_from
from daemon.display.tables import new_table, output
from daemon.options import HistoryOptions, LabelOptions, TokenOptions
from daemon.parts.sinks import sinks_from
from daemon.plant import find_cluster, open_found_state
from daemon.settings import Settings
from streams.clock import SystemClock
from streams.errors import Invalid
from streams.events import decode, encode
from streams.kafka import KafkaBroker
from streams.labels import Label, Word
from streams.stage import message
from streams.topics import LABELS

__all__ = ["deal", "print_history", "print_routes", "try_receiver", "write_label"]


async def try_receiver(settings: Settings, name: str) -> int:
    """Send an example there; 0 when it was taken. Raises ``Invalid`` for an unknown name."""
    clock = SystemClock()
    sinks = {sink.name: sink for sink in sinks_from(settings, Console(), clock)}
    if name not in sinks:
        known = ", ".join(sinks) or "none is set up"
        raise Invalid(f"there is no receiver {name}: {known}", reason="usage")
    try:
        answer = await sinks[name].send(example(clock.now(), name="TEST, not a warning"))
    finally:
        for sink in sinks.values():
            await sink.close()
    if isinstance(answer, Sent):
        print(f"{name}: sent")
        return 0
    again = "" if answer.retry_after is None else f", try again in {answer.retry_after:.0f} s"
    print(f"{name}: refused ({answer.reason}{again})")
    return 1


async def print_routes(settings: Settings, options: TokenOptions) -> int:
    """A row a route; without routes, every sink; and a silence, if one holds.

    Raises ``Invalid`` for routes that the daemon would not start with.
    """
    now = SystemClock().now()
    alert = example(
        now,
        chain=options.chain,
        venue=options.venue,
        token_address=options.token,
        symbol=options.token,
        probability=options.probability,
        liquidity=options.liquidity,
        liquidity_max=options.liquidity,
        creator=options.creator or UNSET,
    )
    print(f"severity: {severity(alert)}")
    audience, wave = audience_from(settings, quiet=False), wave_of(alert)
    names = [sink.name for sink in sinks_from(settings, Console(), SystemClock())]
    refuse_strangers("alerts.routes", audience.router.receivers - {*names})
    async with open_found_state(settings) as state:
        silences = await Silences(state, audience.silences).current(now)
        crest = (await Ledger(state).crests([wave])).get(wave)
    if silence := silenced_by(silences, alert, now):
        print(f"silenced by {silence.id} of {silence.who}: {silence.why}")
        return 0
    if crest is not None and audience.waves.holds(alert, crest):
        print(f"nobody: the alert on {crest.pool} speaks for its wave since {crest.at:%H:%M} UTC")
        return 0
    hearings = list(audience.router.hearings(alert, now))
    if not hearings:
        print(f"no routes: every sink hears it ({', '.join(names) or 'none is set up'})")
        return 0
    table = new_table("who would hear", "route", "to", "why")
    for hearing in hearings:
        table.add_row(hearing.route, ", ".join(hearing.to) or "nobody", hearing.why)
    output().print(table)
    return 0


async def print_history(settings: Settings, options: HistoryOptions) -> int:
    """A row a delivery, the latest first."""
    async with open_found_state(settings) as state:
        rows = await Ledger(state).history(
            options.sink, refused=options.refused, limit=options.limit
        )
    columns = ("queued", "sink", "message", "status", "why", "its id there")
    table = new_table(f"deliveries: {len(rows):,}", *columns)
    for row in rows:
        at, sink, told, status, reason, ref = (str(value) for value in row)
        table.add_row(at[:19], sink, Text(told), status, Text(reason), Text(ref))
    output().print(table if rows else "deliveries: none")
    return 0


async def deal(
    settings: Settings, options: HistoryOptions, status: Literal["pending", "dropped"]
) -> int:
    """Queue refused deliveries again, or drop them."""
    async with open_found_state(settings) as state:
        count = await Ledger(state).deal(options.sink, status, limit=options.limit)
    print(f"{count:,} {'queued again' if status == 'pending' else 'dropped'}")
    return 0


async def write_label(
    settings: Settings,
    pool: str,
    what: Word,
    options: LabelOptions,
) -> int:
    """Put a label on the topic; a muted alert is muted. Raises ``Invalid`` for no pool."""
    who = f"cli:{options.who or getpass.getuser()}"
    try:  # as whoever reads it will
        written = encode(labelled(pool, what, who, options.why, SystemClock().now()))
        label = decode(written, Label)
    except Invalid as error:
        raise Invalid(f"{pool} is no pool: give chain:pool ({error})", reason="usage") from error
    broker = KafkaBroker(await find_cluster(settings))
    try:
        await broker.publish([message(LABELS, label)])
    finally:
        await broker.close()
    if what == "mute":
        async with open_found_state(settings) as state:
            await Ledger(state).mute(alert_id(label.key))
    print(f"{label.key}: {what}, by {who}")
    return 0
