"""``kill -9`` during delivery, with services that refuse: no alert is lost, and no limit broken.

An alert is told twice only where a service had accepted it and the answer was never written down:
each repeat is tied to the accepted request before it, which the service never answered or which was
the last that its process made there before it was killed (a courier writes an answer down before
it asks again), and of which the ledger knew nothing after the kill.
The short form kills a few times; ``make soak`` sets ``SOAK_DELIVERY_KILLS``.
"""

from __future__ import annotations

import os
import random
import re
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from alerts.ledger import Ledger
from alerts.outbox import Queued
from streams.clock import SystemClock
from streams.events import Alert
from streams.state import State
from tests.crash.delivering import courier_process
from tests.unit.alerts.making import a_verdict, alerts_of
from tests.unit.alerts.services import (
    ACCEPT_THEN_HANG,
    HTML_429,
    SLOW_BODY,
    Accepted,
    ChatServer,
    Fault,
    chat_server,
)

pytestmark = pytest.mark.anyio

KILLS = int(os.environ.get("SOAK_DELIVERY_KILLS", "4"))
SEED = 20261124

PASSING: list[Fault] = [1.0, 500, 503, SLOW_BODY, ACCEPT_THEN_HANG]
LASTING: list[Fault] = [400, 403, 401]
"""Refusals for good: of the chats alone, since the webhook is where they spill over to."""
FAULT_SHARE = 0.25
BLOCKS: dict[str, list[Fault]] = {
    "telegram": [HTML_429, 30.0, 10_072.0],
    "discord": [HTML_429, 30.0],
    "webhook": [HTML_429],
}
"""Long waits come last: before them, each kill finds all services at work."""


Noted = frozenset[tuple[str, str]]
"""Sinks and the messages that they have taken, as the ledger has it."""


def life(number: int) -> list[Alert]:
    """A critical alert and its confirmation, of a token of its own."""
    name = f"T{number:04}"
    token = {"pool": f"0x{number:040x}", "name": name, "symbol": name}
    first = a_verdict(1, **token, probability=0.97)
    return alerts_of(first, a_verdict(9, **token, trigger="drained", liquidity=0.0))


def faults(kind: str, chance: random.Random, count: int) -> list[Fault]:
    """Mostly none; those that pass more often than those that do not."""
    some = PASSING if kind == "webhook" else [*PASSING * 2, *LASTING]
    return [chance.choice(some) if chance.random() < FAULT_SHARE else None for _ in range(count)]


def tellings(server: ChatServer, alert: Alert) -> list[Accepted]:
    """Every message, or edit of one, that said this."""
    return [each for each in server.accepted if says(server.kind, each, alert)]


def says(kind: str, accepted: Accepted, alert: Alert) -> bool:
    """Whether this alert is in it; in a chat, by its name and whether it had happened."""
    if kind == "webhook":
        return accepted.ref == alert.id
    name = re.escape(alert.verdict.name or "")
    if not re.search(rf'(?m)^.*"{name}"', accepted.text):
        return False
    happened = re.search(rf'(?m)^.*CONFIRMED.*"{name}"', accepted.text)
    return (alert.action == "confirmed") == bool(happened)


def life_of(server: ChatServer, request: int) -> int:
    """Which process asked: each has an address of its own to ask at."""
    return int(server.paths[request].split("/")[1])


def is_unacknowledged(server: ChatServer, accepted: Accepted) -> bool:
    """Its sender was never answered, or asked no more there: killed before the ledger knew."""
    mine = life_of(server, accepted.request)
    later = range(accepted.request + 1, server.requests)
    return not accepted.is_answered or all(life_of(server, each) != mine for each in later)


def unexcused(server: ChatServer, alert: Alert, noted: Sequence[Noted]) -> list[str]:
    """Repeats of what was acknowledged, or of what the ledger had as sent when its process came."""
    said = tellings(server, alert)
    wrong = [f"{alert.id} again" for each in said[:-1] if not is_unacknowledged(server, each)]
    lives = {life_of(server, each.request) for each in said}
    known = [life for life in lives if (server.kind, alert.id) in noted[life]]
    return wrong + [f"{alert.id} in life {life}, noted before" for life in known]


async def sent(ledger: Ledger) -> Noted:
    """What the ledger has as told."""
    rows = await ledger.history(None, refused=False, limit=10_000)
    return frozenset((row[1], row[2]) for row in rows if row[3] == "sent")


def urls(servers: Sequence[ChatServer], turn: int) -> dict[str, str]:
    """Where the process of this turn finds each service."""
    return {server.kind: f"{server.url}/{turn}" for server in servers}


async def queue(ledger: Ledger, alerts: list[Alert], sinks: list[str]) -> None:
    """As the alert stage does."""
    await ledger.write({}, [Queued(alert, 0) for alert in alerts], sinks, SystemClock().now())


async def drained(ledger: Ledger, sinks: list[str]) -> None:
    """Return when nothing waits for any of the sinks."""
    for sink in sinks:
        while await ledger.pending(sink, {0}, after=0, limit=1):
            await anyio.sleep(0.1)


@pytest.mark.timeout(180 + 8 * KILLS)
async def test_no_alert_is_lost_over_kills_and_faults(tmp_path: Path) -> None:
    """Each is told where it was to be told, or at the second receiver, and in order."""
    chance, url = random.Random(SEED), f"sqlite:///{tmp_path}/state.sqlite"
    state = await State.open(url)
    ledger = Ledger(state)
    lives = [life(number) for number in range(KILLS)]
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(chat_server(kind)) for kind in BLOCKS]
        sinks, noted = list(BLOCKS), list[Noted]()
        for turn, (raised, _) in enumerate(lives):
            for server in servers:
                server.faults.clear()
                server.faults.extend(faults(server.kind, chance, 50))
                if turn >= KILLS - len(BLOCKS[server.kind]):
                    server.faults.appendleft(BLOCKS[server.kind][turn - KILLS])
            before = [lives[turn - 1][1]] if turn else []
            await queue(ledger, [*before, raised], sinks)
            noted.append(await sent(ledger))
            async with courier_process(url, urls(servers, turn)):
                await anyio.sleep(chance.uniform(0, 1.5))
        for server in servers:
            server.faults.clear()
        await queue(ledger, [lives[-1][1]], sinks)
        noted.append(await sent(ledger))
        async with courier_process(url, urls(servers, KILLS)):
            await drained(ledger, sinks)
        rows = await ledger.history(None, refused=False, limit=10_000)
    await state.close()
    ends = {(row[1], row[2]): row[4] for row in rows}
    assert {row[3] for row in rows} <= {"sent", "refused"}
    assert {row[4] for row in rows if row[3] == "refused"} <= {"spilled-over"}
    for server in servers:
        alerts = [alert for each in lives for alert in each]
        counts = {alert.id: len(tellings(server, alert)) for alert in alerts}
        wrong = [why for alert in alerts for why in unexcused(server, alert, noted)]
        lost = [id_ for id_ in counts if not is_told(id_, counts, ends[server.kind, id_])]
        spilled = [id_ for id_ in counts if ends[server.kind, id_] == "spilled-over"]
        again = sum(max(count - 1, 0) for count in counts.values())
        print(
            f"{server.kind}: {KILLS} kills, {server.requests} requests, {len(counts)} alerts, "
            f"{len(lost)} lost, {again} told again, {len(wrong)} of them without excuse, "
            f"{len(spilled)} spilled over, "
            f"{len(server.violations)} requests above the limits, {server.hasty} before a wait was "
            f"over whose asking was lost in a kill"
        )
        assert lost == []
        assert wrong == []
        assert server.violations == []
        assert server.hasty <= KILLS
        assert out_of_order(server) == []


def is_told(id_: str, counts: dict[str, int], end: str) -> bool:
    """Said here, given to the second receiver, or told in a digest by what came after it."""
    then = counts.get(id_.removesuffix(":0") + ":1", 0)
    return counts[id_] > 0 or end == "spilled-over" or (end == "digest" and then > 0)


def out_of_order(server: ChatServer) -> list[str]:
    """Messages that said what happened before they said that it would."""
    if server.kind == "webhook":
        first = list(server.messages)
        ends = [key for key in first if key.endswith(":1")]
        return [key for key in ends if first.index(f"{key[:-1]}0") > first.index(key)]
    lives = [texts for texts in server.revisions.values() if len(texts) > 1]
    return [texts[0] for texts in lives if "CONFIRMED" in texts[0] and "DIGEST" not in texts[0]]
