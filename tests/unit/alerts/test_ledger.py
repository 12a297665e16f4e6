"""What was said is known again after a restart, and memory stays bounded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection

from alerts.history import History
from alerts.ledger import Ledger
from alerts.messages import follow
from alerts.outbox import Delivery, Queued, insert_new
from alerts.policy import PolicySettings, decide
from alerts.tables import DELIVERIES
from streams.events import Alert, Verdict, decode
from streams.state import State, metadata
from tests.unit.alerts.making import a_verdict, alerts_of, an_alert

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
EVERYWHERE = frozenset({0, 1})


def history_of(*verdicts: Verdict) -> History:
    """The history that these verdicts leave."""
    history = None
    for verdict in verdicts:
        decision = decide(verdict, history, PolicySettings())
        _, history = follow(decision, verdict, history)
    assert history is not None
    return history


def queued(*alerts: Alert, partition: int = 0) -> list[Queued]:
    """The alerts as the pipeline queues them."""
    return [Queued(alert, partition) for alert in alerts]


async def pending(ledger: Ledger, sink: str = "a", after: int = 0) -> list[Delivery]:
    """All that the sink has yet to take."""
    return await ledger.pending(sink, EVERYWHERE, after=after, limit=100)


async def rows(state: State, columns: str) -> list[tuple[object, ...]]:
    """Columns of the outbox, as a person with an SQL shell sees them."""
    async with state.begin() as connection:
        query = text(f"SELECT {columns} FROM deliveries ORDER BY position")
        return [tuple(row) for row in (await connection.execute(query)).all()]


@pytest.mark.parametrize(
    "verdicts",
    [
        [a_verdict(0)],
        [a_verdict(3, trigger="price-fell"), a_verdict(4, trigger="liquidity-removed")],
        [a_verdict(0), a_verdict(7, trigger="drained", liquidity=0.0)],
    ],
    ids=["raised", "updated", "confirmed"],
)
async def test_a_history_comes_back_as_it_was(state_url: str, verdicts: list[Verdict]) -> None:
    """Every field survives a restart."""
    history = history_of(*verdicts)
    key = verdicts[0].key
    first = await State.open(state_url)
    await Ledger(first).write({key: history}, [], [], NOW)
    await first.close()
    again = await State.open(state_url)
    assert await Ledger(again).histories([key, "ethereum:other"]) == {key: history}
    await again.close()


@pytest.mark.parametrize("column", [("alerts", "handled"), ("deliveries", "position")])
def test_columns_hold_what_events_count_to(column: tuple[str, str]) -> None:
    """Also on Postgres, whose INTEGER ends at 2^31; SQLite's has 64 bits."""
    type_ = metadata.tables[column[0]].c[column[1]].type
    dialect: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert type_.compile(dialect) == "BIGINT"


async def test_a_later_history_replaces_the_earlier(state: State) -> None:
    """One row an alert."""
    key = a_verdict().key
    ledger = Ledger(state)
    await ledger.write({key: history_of(a_verdict(0))}, [], [], NOW)
    later = history_of(a_verdict(0), a_verdict(1, probability=0.5))
    await ledger.write({key: later}, [], [], NOW)
    assert await Ledger(state).histories([key]) == {key: later}


async def test_the_cache_is_bounded_and_is_only_a_cache(state: State) -> None:
    """More pools than the cache holds are still all answered right, in one call and later."""
    ledger = Ledger(state, cache_pools=3)
    known = {}
    for number in range(10):
        verdict = a_verdict(pool=f"0x{number}")
        known[verdict.key] = history_of(verdict)
    await ledger.write(known, [], [], NOW)
    keys = [*known, "ethereum:0xquiet"]
    assert len(ledger._cache) == 3
    assert await ledger.histories(keys) == known
    assert await ledger.histories(keys[-3:]) == {key: known[key] for key in keys[-3:-1]}
    assert len(ledger._cache) == 3


async def test_what_others_wrote_is_seen_after_forgetting(state: State) -> None:
    """When partitions move, another member's words count."""
    verdict = a_verdict()
    ours, theirs = Ledger(state), Ledger(state)
    assert await ours.histories([verdict.key]) == {}
    history = history_of(verdict)
    await theirs.write({verdict.key: history}, [], [], NOW)
    assert await ours.histories([verdict.key]) == {}
    ours.forget()
    assert await ours.histories([verdict.key]) == {verdict.key: history}


async def test_a_message_waits_for_each_sink_until_that_sink_has_it(state: State) -> None:
    """Order of saying, the whole alert inside; one sink's answer is not another's."""
    ledger = Ledger(state)
    said = alerts_of(a_verdict(0), a_verdict(1, trigger="drained"))
    await ledger.write({}, queued(*said), ["a", "b"], NOW)
    first, second = await pending(ledger, "a")
    assert [first.message, second.message] == [alert.id for alert in said]
    assert decode(first.payload, Alert) == said[0]
    assert (first.pool, first.attempts, first.queued_at) == (said[0].key, 0, NOW)
    await ledger.settle([first], "sent", "sent")
    assert await pending(ledger, "a") == [second]
    assert len(await pending(ledger, "b")) == 2
    assert await rows(state, "sink, status, reason, attempts, payload IS NULL") == [
        ("a", "sent", "sent", 1, 1),
        ("b", "pending", "", 0, 0),
        ("a", "pending", "", 0, 0),
        ("b", "pending", "", 0, 0),
    ]


async def test_attempts_and_reasons_are_kept(state: State) -> None:
    """A person can see what a receiver said, and a refused message is not lost."""
    ledger = Ledger(state)
    await ledger.write({}, queued(an_alert()), ["a"], NOW)
    for status, reason in (("pending", "http-500"), ("refused", "auth")):
        (delivery,) = await pending(ledger)
        await ledger.settle([delivery], status, reason)  # type: ignore[arg-type]
    assert await pending(ledger) == []
    assert await rows(state, "status, reason, attempts, payload IS NULL") == [
        ("refused", "auth", 2, 0)
    ]


async def test_writing_twice_queues_once(state: State) -> None:
    """A save that is repeated, because its commit went unheard, sends nothing again."""
    ledger = Ledger(state)
    await ledger.write({}, queued(an_alert()), ["a"], NOW)
    (delivery,) = await pending(ledger)
    await ledger.settle([delivery], "sent", "sent")
    await ledger.write({}, queued(an_alert()), ["a", "b"], NOW)
    assert await pending(ledger, "a") == []
    assert len(await pending(ledger, "b")) == 1


async def test_only_our_partitions_are_ours(state: State) -> None:
    """Two members of one group never send the same message."""
    ledger = Ledger(state)
    zero, one = an_alert(pool="0x0"), an_alert(pool="0x1")
    await ledger.write({}, [Queued(zero, 0), Queued(one, 1)], ["a"], NOW)
    assert [d.message for d in await ledger.pending("a", {1}, after=0, limit=9)] == [one.id]
    assert await ledger.pending("a", frozenset(), after=0, limit=9) == []


async def test_pages_go_on_where_the_last_ended(state: State) -> None:
    """A long outbox is read a page at a time."""
    ledger = Ledger(state)
    alerts = [an_alert(pool=f"0x{number}") for number in range(5)]
    await ledger.write({}, queued(*alerts), ["a"], NOW)
    seen: list[str] = []
    after = 0
    while page := await ledger.pending("a", EVERYWHERE, after=after, limit=2):
        seen += [delivery.message for delivery in page]
        after = page[-1].position
    assert seen == [alert.id for alert in alerts]


async def test_without_sinks_the_outbox_stays_empty(state: State) -> None:
    """A replay remembers what was said, and owes nobody anything."""
    await Ledger(state).write({}, queued(an_alert()), [], NOW)
    assert await rows(state, "*") == []


async def test_the_history_gives_each_message_its_own_id_there(state: State) -> None:
    """Addresses are names, not patterns: one with ``_`` in it, one that differs by case alone."""
    ledger = Ledger(state)
    alerts = [an_alert(pool=pool) for pool in ("0xA", "0x_", "0xa")]
    await ledger.write({}, queued(*alerts), ["a"], NOW)
    for ref, delivery in enumerate(await pending(ledger)):
        told = {(delivery.alert_id, "a"): str(ref)}
        await ledger.settle([delivery], "sent", "sent", told, NOW)
    found = await ledger.history("a", refused=False, limit=9)
    assert [(row[2], row[5]) for row in found] == [
        (alert.id, str(ref)) for ref, alert in reversed(list(enumerate(alerts)))
    ]


async def test_who_heard_of_a_pool_is_looked_up_not_searched(state: State) -> None:
    """The state has an index for it: the table grows by months of messages."""
    async with state.begin() as connection:
        found = await connection.run_sync(lambda plain: inspect(plain).get_indexes("deliveries"))
    assert ["pool"] in [index["column_names"] for index in found]


async def test_what_is_over_is_not_queued_again(state: State) -> None:
    """A warning that was refused, of a pool whose end the sink has heard of since."""
    ledger = Ledger(state)
    life = alerts_of(a_verdict(1), a_verdict(9, trigger="drained", liquidity=0.0))
    other = an_alert(pool="0xb")
    await ledger.write({}, queued(*life, other), ["a"], NOW)
    raised, confirmed, alone = await pending(ledger)
    for refused in (raised, alone):
        await ledger.settle([refused], "refused", "auth", {}, NOW)
    await ledger.settle([confirmed], "sent", "sent", {}, NOW)
    assert await ledger.deal(None, "pending", limit=9) == 1
    assert [each.message for each in await pending(ledger)] == [other.id]
    assert await ledger.deal(None, "dropped", limit=9) == 1


async def test_more_than_a_statement_takes_is_spilled(state_url: str) -> None:
    """33,000 that wait go to the other sink, each once, in their order."""
    state = await State.open(state_url)
    waiting = [
        {
            "message": f"m{number}", "sink": "a", "pool": "p", "partition": 0, "reason": "",
            "status": "pending", "attempts": 3, "queued_at": NOW.isoformat(), "payload": b"{}",
        }
        for number in range(33_000)
    ]  # fmt: skip
    async with state.begin() as connection:
        await connection.execute(insert(DELIVERIES), waiting)
    ledger = Ledger(state)
    assert await ledger.spill("a", "b", NOW) == len(waiting)
    assert await ledger.spill("a", "b", NOW) == 0
    assert await pending(ledger, "a") == []
    assert [each.message for each in await pending(ledger, "b")] == [f"m{n}" for n in range(100)]
    await state.close()


@pytest.mark.postgres
async def test_what_is_queued_during_a_spill_still_waits(
    postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process queues between reading and giving up is not given up unread."""
    state = await State.open(postgres())
    ledger, other = Ledger(state), Ledger(state)
    early, late = an_alert(), msgspec.structs.replace(an_alert(), sequence=7)
    await ledger.write({}, queued(early), ["a"], NOW)

    async def meanwhile(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
        await other.write({}, queued(late), ["a"], NOW)
        await insert_new(connection, rows)

    monkeypatch.setattr("alerts.ledger.insert_new", meanwhile)
    assert await ledger.spill("a", "b", NOW) == 1
    assert len(await pending(ledger, "a")) == 1
    assert len(await pending(ledger, "b")) == 1
    await state.close()
