"""What is over is forgotten in time; what still waits or was spoken of since is not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from alerts.ledger import Ledger
from alerts.messages import follow
from alerts.outbox import Queued
from alerts.policy import PolicySettings, decide
from alerts.retention import ALERTS_AT_ONCE, Retention
from alerts.tables import ALERTS, DELIVERIES, MUTED, TOLD
from streams.clock import HandClock
from streams.events import Alert
from streams.state import State
from tests.unit.alerts.making import LAUNCHED_AT, a_verdict

pytestmark = pytest.mark.anyio

KEEP = timedelta(days=90)
POLICY = PolicySettings(minimum_age=0.0)


async def say(
    ledger: Ledger, clock: HandClock, *pools: str, sinks: tuple[str, ...] = ("a",)
) -> None:
    """Raise an alert on each of these pools, and queue it for the sinks."""
    histories, said = {}, list[Alert]()
    for pool in pools:
        verdict = a_verdict(pool=pool)
        alerts, history = follow(decide(verdict, None, POLICY), verdict, None)
        assert history is not None
        histories[verdict.key] = history
        said += alerts
    await ledger.write(histories, [Queued(alert, 0) for alert in said], sinks, clock.now())


async def deliver(ledger: Ledger, clock: HandClock) -> None:
    """The sink takes all that waits for it."""
    waiting = await ledger.pending("a", {0}, after=0, limit=10_000)
    told = {(delivery.alert_id, "a"): "17" for delivery in waiting}
    await ledger.settle(waiting, "sent", "", told, clock.now())


async def counts(state: State) -> list[int]:
    """Rows of alerts, deliveries and messages in chats."""
    async with state.begin() as connection:
        return [
            (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (ALERTS, DELIVERIES, TOLD)
        ]


async def test_what_was_told_long_ago_is_forgotten(state: State) -> None:
    """History, deliveries, the chats' messages and mutes go together, more than a page of them."""
    clock, ledger = HandClock(LAUNCHED_AT), Ledger(state)
    pools = [f"0x{number:040x}" for number in range(ALERTS_AT_ONCE + 3)]
    await say(ledger, clock, *pools)
    await deliver(ledger, clock)
    await ledger.mute(f"ethereum:{pools[0]}:rug")
    retention = Retention(state, clock, keep=KEEP)
    clock.move(KEEP.total_seconds() - 60)
    assert await retention.sweep() == 0
    clock.move(120)
    assert await retention.sweep() == len(pools)
    assert await counts(state) == [0, 0, 0]
    async with state.begin() as connection:
        assert not list(await connection.execute(select(MUTED)))


async def test_what_still_waits_is_kept(state: State) -> None:
    """A message that no sink has taken is not lost, however old; nor is the alert that it is of."""
    clock, ledger = HandClock(LAUNCHED_AT), Ledger(state)
    await say(ledger, clock, "0x01")
    clock.move(2 * KEEP.total_seconds())
    assert await Retention(state, clock, keep=KEEP).sweep() == 0
    assert len(await ledger.pending("a", {0}, after=0, limit=10)) == 1


async def test_what_was_spoken_of_since_is_kept(state: State) -> None:
    """An alert of long ago that was updated yesterday goes on as one alert."""
    clock, ledger = HandClock(LAUNCHED_AT), Ledger(state)
    await say(ledger, clock, "0x01", "0x02")
    await deliver(ledger, clock)
    clock.move(KEEP.total_seconds() + 60)
    verdict = a_verdict(1, pool="0x01", trigger="liquidity-removed")
    before = (await ledger.histories([verdict.key]))[verdict.key]
    alerts, after = follow(decide(verdict, before, POLICY), verdict, before)
    assert [alert.action for alert in alerts] == ["updated"]
    assert after is not None
    await ledger.write(
        {verdict.key: after}, [Queued(each, 0) for each in alerts], ["a"], clock.now()
    )
    await deliver(ledger, clock)
    assert await Retention(state, clock, keep=KEEP).sweep() == 1
    assert set(await Ledger(state).histories([verdict.key, "ethereum:0x02"])) == {verdict.key}


async def test_alerts_that_nobody_was_told_of_go_too(state: State) -> None:
    """Without a sink there are histories alone, which would grow all the same."""
    clock, ledger = HandClock(LAUNCHED_AT), Ledger(state)
    await say(ledger, clock, "0x01", sinks=())
    clock.move(KEEP.total_seconds() + 60)
    assert await Retention(state, clock, keep=KEEP).sweep() == 1
