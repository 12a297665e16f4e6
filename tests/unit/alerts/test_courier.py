"""A sink gets what is its due, in order, at its own pace, and costs nobody else anything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import anyio
import pytest
from sqlalchemy import update

from alerts.courier import (
    DIGEST_FROM,
    FIRST_WAIT_SECONDS,
    LONGEST_WAIT_SECONDS,
    PAGE,
    Courier,
)
from alerts.ledger import Ledger
from alerts.limits import Rate
from alerts.outbox import Delivery, Queued, Status
from alerts.sink import Answer, Refusal, Sent
from alerts.tables import DELIVERIES
from alerts.telling import TOO_OLD
from streams import telemetry
from streams.clock import HandClock
from streams.errors import Broken, Invalid, Retry
from streams.events import Alert
from streams.state import State
from tests.unit.alerts.making import a_verdict, alerts_of, an_alert
from tests.unit.alerts.scripted import Script, ScriptedSink, until

pytestmark = pytest.mark.anyio

OURS = frozenset({0})


class Round:
    """A courier at work, and what a test needs to lead it."""

    def __init__(self, state: State, sink: ScriptedSink) -> None:
        self.clock = HandClock()
        self.ledger = Ledger(state)
        self.sink = sink
        self.courier = Courier(sink, self.ledger, self.clock)

    async def queue(self, *alerts: Alert) -> None:
        """Put alerts into the outbox and wake the courier."""
        queued = [Queued(alert, 0) for alert in alerts]
        await self.ledger.write({}, queued, [self.sink.name], self.clock.now())
        self.courier.wake(OURS)

    async def left(self) -> list[str]:
        """The messages that still wait, once the courier rests."""
        await until(lambda: self.courier._light_sleep or self.courier._deep_sleep)
        page = await self.ledger.pending(self.sink.name, OURS, after=0, limit=1000)
        return [delivery.message for delivery in page]

    async def sleeping(self) -> None:
        """Return when the courier waits for the clock."""
        await until(lambda: self.clock.sleepers)


@asynccontextmanager
async def at_work(state: State, sink: ScriptedSink) -> AsyncIterator[Round]:
    """A courier running until the test is done with it."""
    work = Round(state, sink)
    async with anyio.create_task_group() as group:
        group.start_soon(work.courier.run)
        yield work
        group.cancel_scope.cancel()


def pools(number: int) -> list[Alert]:
    """Alerts on so many pools."""
    return [an_alert(pool=f"0x{each}") for each in range(number)]


def ids(alerts: list[Alert]) -> list[str]:
    """Their message ids."""
    return [alert.id for alert in alerts]


def refusing(refused: set[str], answer: Answer, times: int = 1) -> Script:
    """A script that answers so to these messages, the first few times."""
    return lambda alert, n: answer if alert.id in refused and n <= times else Sent()


async def test_everything_is_delivered_in_order_over_several_pages(state: State) -> None:
    """More than memory holds at a time goes out all the same, the oldest first."""
    alerts = pools(2 * PAGE + 5)
    async with at_work(state, ScriptedSink()) as work:
        await work.queue(*alerts)
        await until(lambda: len(work.sink.sent) == len(alerts))
        assert work.sink.sent == ids(alerts)
        await work.queue(an_alert(pool="0xlate"))
        await until(lambda: len(work.sink.sent) > len(alerts))
        assert await work.left() == []


async def test_one_bad_pool_keeps_its_order_and_delays_no_other(state: State) -> None:
    """Its second message waits for its first; the other pools' do not wait at all."""
    bad = alerts_of(a_verdict(0, pool="0xbad"), a_verdict(1, pool="0xbad", trigger="drained"))
    good = pools(3)
    sink = ScriptedSink(script=refusing({bad[0].id}, Refusal("http-500")))
    async with at_work(state, sink) as work:
        await work.queue(bad[0], good[0], bad[1], *good[1:])
        await work.sleeping()
        assert sink.sent == ids(good)
        assert await work.left() == ids(bad)
        work.clock.move(FIRST_WAIT_SECONDS)
        await until(lambda: len(sink.sent) == 5)
        assert sink.sent == ids(good) + ids(bad)


async def test_news_interrupts_the_wait_for_one_bad_pool(state: State) -> None:
    """A message that the receiver chokes on does not make the next warning late."""
    bad, good = pools(2)
    script = refusing({bad.id}, Refusal("http-500"), times=9)
    async with at_work(state, ScriptedSink(script=script)) as work:
        await work.queue(bad)
        await work.sleeping()
        await work.queue(good)
        await until(lambda: work.sink.sent == [good.id])


async def test_a_wait_that_was_asked_for_is_kept_whatever_comes(state: State) -> None:
    """After 429 with a wait, not one request before it is over."""
    first, second = pools(2)
    script = refusing({first.id}, Refusal("rate-limited", 10072.0))
    async with at_work(state, ScriptedSink(script=script)) as work:
        await work.queue(first)
        await work.sleeping()
        await work.queue(second)
        work.clock.move(10071)
        await anyio.wait_all_tasks_blocked()
        assert work.sink.attempted == [first.id]
        work.clock.move(1)
        await until(lambda: sorted(work.sink.sent) == ids([first, second]))


async def test_names_that_make_a_receiver_stumble_do_not_keep_others_from_it(
    state: State,
) -> None:
    """More bad pools than make a sink look down: the others get through at the next round."""
    second = alerts_of(a_verdict(0, pool="0x0"), a_verdict(1, pool="0x0", liquidity=0.0))[1]
    bad = [*pools(4), second]
    good = [an_alert(pool=f"0xgood{each}") for each in range(PAGE)]
    script = refusing(set(ids(bad)), Refusal("http-500"), times=3)
    async with at_work(state, ScriptedSink(script=script)) as work:
        await work.queue(*bad, *good)
        await work.sleeping()
        assert work.sink.sent == []
        work.clock.move(FIRST_WAIT_SECONDS)
        await until(lambda: len(work.sink.sent) == len(good))
        assert work.sink.sent == ids(good)
        while len(work.sink.sent) < len(good + bad):
            work.clock.move(LONGEST_WAIT_SECONDS if work.clock.sleepers else 0)
            await anyio.sleep(0.001)
        late = work.sink.sent[len(good) :]
        assert set(late) == set(ids(bad))
        assert late.index(bad[0].id) < late.index(second.id)


async def test_a_sink_that_is_down_is_left_alone_longer_and_longer(state: State) -> None:
    """A few pools fail and the rest is not even tried; the waits double up to a limit."""
    alerts = pools(9)
    script = refusing(set(ids(alerts)), Refusal("unreachable"), times=8)
    async with at_work(state, ScriptedSink(script=script)) as work:
        await work.queue(*alerts)
        wait = FIRST_WAIT_SECONDS
        for rounds in range(1, 9):
            await work.sleeping()
            assert len(work.sink.attempted) == 3 * rounds
            work.clock.move(wait - 0.5)
            await anyio.wait_all_tasks_blocked()
            assert len(work.sink.attempted) == 3 * rounds
            work.clock.move(0.5)
            await until(lambda: not work.clock.sleepers)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        work.sink.script = lambda *_: Sent()
        await until(lambda: len(work.sink.sent) == 9)


@pytest.mark.parametrize("reason", ["auth", "http-400"])
async def test_a_permanent_refusal_is_kept_and_not_repeated(state: State, reason: str) -> None:
    """It is settled, counted under its reason, and the next message goes out."""
    refused, good = pools(2)
    answer = Refusal(reason, permanent=True)
    sink = ScriptedSink(name=f"sink-{reason}", script=refusing({refused.id}, answer, 9))
    counter = telemetry.SINK_DELIVERIES.labels(sink.name, reason)
    before = counter._value.get()
    async with at_work(state, sink) as work:
        await work.queue(refused, good)
        await until(lambda: sink.sent == [good.id])
        assert await work.left() == []
    assert counter._value.get() - before == 1


async def test_an_old_warning_is_not_sent(state: State) -> None:
    """After a day in the outbox it would only confuse."""
    old, young = pools(2)
    async with at_work(state, ScriptedSink()) as work:
        queued = [Queued(old, 0)]
        yesterday = work.clock.now() - TOO_OLD - timedelta(seconds=1)
        await work.ledger.write({}, queued, [work.sink.name], yesterday)
        await work.queue(young)
        await until(lambda: work.sink.sent == [young.id])
        assert work.sink.attempted == [young.id]
        assert await work.left() == []


class ScriptedChat(ScriptedSink):
    """One that people read: it has a digest, and no limits."""

    rates: tuple[Rate, ...] = ()

    async def digest(self, alerts: Sequence[Alert]) -> Answer:
        """Take them all."""
        self.sent += ids(list(alerts))
        return Sent()


async def test_a_digest_leaves_out_what_is_too_old_or_unreadable(state: State) -> None:
    """A flood of yesterday warns nobody, and one bad row must not stop the courier."""
    old, bad, good = pools(3 * DIGEST_FROM)[::3], pools(2)[1], pools(3 * DIGEST_FROM)[2::3]
    async with at_work(state, ScriptedChat()) as work:
        yesterday = work.clock.now() - TOO_OLD - timedelta(seconds=1)
        name = work.sink.name
        await work.ledger.write({}, [Queued(each, 0) for each in old], [name], yesterday)
        await work.ledger.write({}, [Queued(bad, 0)], [name], work.clock.now())
        async with state.begin() as connection:
            row = update(DELIVERIES).where(DELIVERIES.c.message == bad.id)
            await connection.execute(row.values(payload=b"{"))
        await work.queue(*good)
        await until(lambda: work.sink.sent == ids(good))
        assert await work.left() == []
        refused = await work.ledger.history(name, refused=True, limit=99)
        assert sorted({row[4] for row in refused}) == ["json", "too-old"]
        assert len(refused) == len(old) + 1


@pytest.mark.parametrize("failure", [ValueError("a fault"), Invalid("unusable"), KeyError(1)])
async def test_a_faulty_sink_is_contained(state: State, failure: Exception) -> None:
    """Whatever a sink raises, its message is refused for good and the courier goes on."""
    bad, good = pools(2)

    def script(alert: Alert, _times: int) -> Answer:
        if alert.id == bad.id:
            raise failure
        return Sent()

    async with at_work(state, ScriptedSink(script=script)) as work:
        await work.queue(bad, good)
        await until(lambda: work.sink.sent == [good.id])
        assert await work.left() == []


class FlakyLedger(Ledger):
    """A ledger whose database is out of reach a few times, or broken."""

    def __init__(self, state: State, failures: list[Exception], *, on: str) -> None:
        super().__init__(state)
        self._failures = failures
        self._on = on

    def _maybe_fail(self, what: str) -> None:
        if what == self._on and self._failures:
            raise self._failures.pop()

    async def pending(
        self, sink: str, partitions: Collection[int], *, start: int = 0, after: int, limit: int
    ) -> list[Delivery]:
        """Fail, or read."""
        self._maybe_fail("pending")
        return await super().pending(sink, partitions, start=start, after=after, limit=limit)

    async def settle(self, deliveries: Sequence[Delivery], status: Status, *rest: Any) -> None:
        """Fail, or write."""
        self._maybe_fail("settle")
        await super().settle(deliveries, status, *rest)


@pytest.mark.parametrize("on", ["pending", "settle"])
async def test_a_locked_database_is_waited_for(state: State, on: str) -> None:
    """What was acknowledged is written down in the end, so it is sent once."""
    work = Round(state, ScriptedSink())
    failures: list[Exception] = [Retry("locked"), Retry("locked")]
    work.courier._ledger = work.ledger = FlakyLedger(state, failures, on=on)
    await work.queue(an_alert())
    async with anyio.create_task_group() as group:
        group.start_soon(work.courier.run)
        while failures or await work.ledger.pending(work.sink.name, OURS, after=0, limit=1):
            work.clock.move(LONGEST_WAIT_SECONDS if work.clock.sleepers else 0)
            await anyio.sleep(0.001)
        group.cancel_scope.cancel()
    assert work.sink.attempted == [an_alert().id]


async def test_a_broken_ledger_is_loud(state: State) -> None:
    """Bad state stops us (invariant 7)."""
    work = Round(state, ScriptedSink())
    failures: list[Exception] = [Broken("corrupt")]
    work.courier._ledger = FlakyLedger(state, failures, on="pending")
    with pytest.raises(Broken):
        await work.courier.run()


async def test_only_our_partitions_are_delivered(state: State) -> None:
    """When a partition moves away in the middle of a page, its messages are left to the other."""
    first, second = pools(2)
    work = Round(state, ScriptedSink())
    work.sink.gate = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(work.courier.run)
        await work.queue(first, second)
        await until(lambda: work.sink.attempted)
        work.courier.wake(frozenset({1}))
        work.sink.gate.set()
        await until(lambda: work.courier._light_sleep)
        assert work.sink.sent == [first.id]
        work.courier.wake(OURS)
        await until(lambda: work.sink.sent == ids([first, second]))
        group.cancel_scope.cancel()


async def test_finishing_delivers_what_goes_through(state: State) -> None:
    """Asked to finish while asleep, with news unheard: the news is delivered, then it ends."""
    work = Round(state, ScriptedSink())
    async with anyio.create_task_group() as group:
        group.start_soon(work.courier.run)
        await anyio.wait_all_tasks_blocked()
        await work.queue(*pools(3))
        work.courier.finish()
    assert work.sink.sent == ids(pools(3))


@pytest.mark.parametrize("retry_after", [None, 30.0])
async def test_finishing_does_not_wait_for_a_sink_that_refuses(
    state: State, retry_after: float | None
) -> None:
    """What it refuses stays in the outbox; a wait that was asked for is kept by not asking."""
    script = refusing(set(ids(pools(1))), Refusal("busy", retry_after), times=99)
    work = Round(state, ScriptedSink(script=script))
    async with anyio.create_task_group() as group:
        group.start_soon(work.courier.run)
        await work.queue(*pools(1))
        await work.sleeping()
        attempts = len(work.sink.attempted)
        work.courier.finish()
    assert len(work.sink.attempted) - attempts == (1 if retry_after is None else 0)
    (left,) = await work.ledger.pending(work.sink.name, OURS, after=0, limit=9)
    assert left.message == pools(1)[0].id


async def test_finishing_in_a_round_ends_with_it(state: State) -> None:
    """Asked in the middle of a delivery, the rest of the outbox still goes out."""
    work = Round(state, ScriptedSink())
    work.sink.gate = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(work.courier.run)
        await work.queue(*pools(3))
        await until(lambda: work.sink.attempted)
        work.courier.finish()
        work.sink.gate.set()
    assert work.sink.sent == ids(pools(3))
