"""Couriers against real-like services: limits kept, floods as digests, nothing lost."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import anyio
import pytest
from msgspec.structs import replace

from alerts.chat import Chat
from alerts.courier import Courier, Spill
from alerts.ledger import Ledger
from alerts.outbox import Queued
from alerts.sink import Answer, Sent
from streams.clock import HandClock, SystemClock
from streams.events import Alert
from streams.state import State
from tests.unit.alerts.making import a_verdict, alerts_of, an_alert
from tests.unit.alerts.scripted import ScriptedSink, until
from tests.unit.alerts.services import HTML_429, SLOW_BODY, ChatServer, Fault, chat_server
from tests.unit.alerts.test_chat import KINDS, every_service, service_of

pytestmark = pytest.mark.anyio

OURS = frozenset({0})


class Noting(Chat):
    """A chat that notes when each alert was first told."""

    def __init__(self, server: ChatServer, clock: HandClock | SystemClock) -> None:
        super().__init__(service_of(server.kind, server.url), clock, timeout_seconds=1.0)
        self.clock = clock
        self.first: dict[str, datetime] = {}

    async def send(self, alert: Alert, earlier: str = "", *, plain: bool = False) -> Answer:
        """As the chat."""
        answer = await super().send(alert, earlier, plain=plain)
        return self._noted(answer, [alert])

    async def digest(self, alerts: Sequence[Alert]) -> Answer:
        """As the chat."""
        return self._noted(await super().digest(alerts), alerts)

    def _noted(self, answer: Answer, alerts: Sequence[Alert]) -> Answer:
        if isinstance(answer, Sent):
            for alert in alerts:
                if alert.alert_id in answer.left:
                    continue
                self.first.setdefault(alert.id, self.clock.now())
        return answer


class Hand:
    """Moves a clock by small steps, each when the couriers have nothing left to do."""

    def __init__(self, clock: HandClock, couriers: Sequence[Courier]) -> None:
        self.clock, self.couriers = clock, couriers

    async def settled(self) -> None:
        """Every courier waits: for the clock or for news."""
        await anyio.sleep(0.004)
        await until(lambda: self.clock.sleepers + self._idle() >= len(self.couriers))

    def _idle(self) -> int:
        idle = [each for each in self.couriers if each._light_sleep is not None]
        return sum(not each._has_news for each in idle)

    async def move(self, seconds: float, step: float = 0.5) -> None:
        """Let so much time pass."""
        for _ in range(int(seconds / step)):
            await self.settled()
            self.clock.move(step)
        await self.settled()


def risky(number: int, probability: float = 0.97) -> Alert:
    """An alert on a pool of its own."""
    return an_alert(pool=f"0x{number:040x}", probability=probability)


@every_service
async def test_a_flood_of_ten_thousand_is_told_within_the_limits(state: State, kind: str) -> None:
    """10,000 in 60 s: at most 20 messages a minute, p95 of the first word under 10 s, none lost."""
    clock = HandClock(datetime(2026, 11, 24, tzinfo=UTC))
    ledger = Ledger(state)
    async with chat_server(kind, now=lambda: clock.now().timestamp()) as server:
        sink = Noting(server, clock)
        courier = Courier(sink, ledger, clock)
        hand, queued = Hand(clock, [courier]), dict[str, datetime]()
        async with anyio.create_task_group() as group:
            group.start_soon(courier.run)
            for second in range(60):
                alerts = [
                    risky(number, 0.97 if number % 10 == 0 else 0.9)
                    for number in range(second * 167, second * 167 + 167)
                ]
                queued |= {alert.id: clock.now() for alert in alerts}
                await ledger.write(
                    {}, [Queued(alert, 0) for alert in alerts], [sink.name], clock.now()
                )
                courier.wake(OURS)
                await hand.move(1.0)
            await hand.move(15.0)
            group.cancel_scope.cancel()
        await sink.close()
        late = sorted((sink.first[key] - at).total_seconds() for key, at in queued.items())
        text = "\n".join(server.messages.values())
        assert text.count("97%") >= 60 * 167 // 10, "a critical alert was not named"
        print(f"{kind}: {server.requests} requests, p95 {late[int(len(late) * 0.95)]:.1f} s")
        assert len(late) == 60 * 167
        assert server.violations == []
        assert server.most_in(60.0) <= 20
        assert late[int(len(late) * 0.95)] <= 10


@every_service
async def test_critical_alerts_that_a_digest_had_no_room_for_come_in_the_next(
    state: State, kind: str
) -> None:
    """400 at once, without any news after: each is named once, and settled as told."""
    clock = HandClock(datetime(2026, 11, 24, tzinfo=UTC))
    ledger = Ledger(state)
    async with chat_server(kind, now=lambda: clock.now().timestamp()) as server:
        sink = Noting(server, clock)
        courier = Courier(sink, ledger, clock)
        hand = Hand(clock, [courier])
        alerts = [risky(number) for number in range(400)]
        await ledger.write({}, [Queued(alert, 0) for alert in alerts], [sink.name], clock.now())
        courier.wake(OURS)
        async with anyio.create_task_group() as group:
            group.start_soon(courier.run)
            await hand.move(60.0)
            group.cancel_scope.cancel()
        await sink.close()
        text = "\n".join(server.messages.values())
    assert len(server.messages) > 1
    assert text.count("97%") == 400
    assert await ledger.pending(sink.name, OURS, after=0, limit=9) == []
    assert server.violations == []


@every_service
async def test_one_name_that_a_service_refuses_loses_only_itself(state: State, kind: str) -> None:
    """100 wait, 60 of them critical; one critical is answered 400 wherever it is named."""
    clock = HandClock(datetime(2026, 11, 24, tzinfo=UTC))
    ledger = Ledger(state)
    async with chat_server(kind, now=lambda: clock.now().timestamp()) as server:
        server.unspeakable = "Unspeakable"
        sink = Noting(server, clock)
        courier = Courier(sink, ledger, clock)
        hand, names = Hand(clock, [courier]), [f"S{number:03}" for number in range(100)]
        names[70] = server.unspeakable
        alerts = [
            an_alert(
                pool=f"0x{n:040x}", name=name, symbol=name, probability=0.97 if n % 5 < 3 else 0.9
            )
            for n, name in enumerate(names)
        ]

        await ledger.write({}, [Queued(alert, 0) for alert in alerts], [sink.name], clock.now())
        courier.wake(OURS)
        async with anyio.create_task_group() as group:
            group.start_soon(courier.run)
            await hand.move(120.0)
            group.cancel_scope.cancel()
        await sink.close()
    rows = await ledger.history(sink.name, refused=False, limit=200)
    assert [row[2] for row in rows if row[3] != "sent"] == [alerts[70].id]
    text = "\n".join(server.messages.values())
    critical = [name for n, name in enumerate(names) if n % 5 < 3 and n != 70]
    assert [name for name in critical if f'"{name}"' not in text] == []
    assert server.requests < 40
    assert server.violations == []


@every_service
async def test_a_new_warning_does_not_wait_for_edits(state: State, kind: str) -> None:
    """60 messages to edit, as when blocks are taken back, are minutes; each comes in the end."""
    clock = HandClock(datetime(2026, 11, 24, tzinfo=UTC))
    ledger, known = Ledger(state), [risky(number) for number in range(60)]
    async with chat_server(kind, now=lambda: clock.now().timestamp()) as server:
        sink = Noting(server, clock)
        await ledger.write({}, [Queued(alert, 0) for alert in known], [sink.name], clock.now())
        for delivery in await ledger.pending(sink.name, OURS, after=0, limit=99):
            ref = str(delivery.position)
            server.messages[ref] = "RAISED"
            told = {(delivery.alert_id, sink.name): f"C1 {ref}" if kind == "slack" else ref}
            await ledger.settle([delivery], "sent", "sent", told, clock.now())
        edits = [replace(alert, action="updated", sequence=1) for alert in known]
        await ledger.write({}, [Queued(alert, 0) for alert in edits], [sink.name], clock.now())
        courier = Courier(sink, ledger, clock)
        courier.wake(OURS)
        hand, late = Hand(clock, [courier]), list[float]()
        async with anyio.create_task_group() as group:
            group.start_soon(courier.run)
            for number in range(3):
                await hand.move(10.0)
                alert, at = risky(1000 + number), clock.now()
                await ledger.write({}, [Queued(alert, 0)], [sink.name], at)
                courier.wake(OURS)
                await hand.move(15.0)
                late.append((sink.first[alert.id] - at).total_seconds())
            await hand.move(240.0, step=1.0)
            group.cancel_scope.cancel()
        await sink.close()
    assert max(late) <= 10
    assert await ledger.pending(sink.name, OURS, after=0, limit=9) == []
    assert server.violations == []


@every_service
async def test_a_steady_course_of_warnings_is_told_without_a_long_silence(
    state: State, kind: str
) -> None:
    """One every two seconds is too few for a digest and too many for 20 a minute."""
    clock = HandClock(datetime(2026, 11, 24, tzinfo=UTC))
    ledger, late = Ledger(state), dict[str, datetime]()
    async with chat_server(kind, now=lambda: clock.now().timestamp()) as server:
        sink = Noting(server, clock)
        courier = Courier(sink, ledger, clock)
        hand = Hand(clock, [courier])
        async with anyio.create_task_group() as group:
            group.start_soon(courier.run)
            for number in range(60):
                alert = risky(number)
                late[alert.id] = clock.now()
                await ledger.write({}, [Queued(alert, 0)], [sink.name], clock.now())
                courier.wake(OURS)
                await hand.move(2.0)
            await hand.move(30.0)
            group.cancel_scope.cancel()
        await sink.close()
    waits = sorted((sink.first[key] - at).total_seconds() for key, at in late.items())
    print(f"{kind}: {server.requests} requests, longest wait {waits[-1]:.1f} s")
    assert waits[int(len(waits) * 0.95)] <= 15
    assert server.violations == []


@every_service
async def test_two_processes_keep_a_chat_s_limits_together(state: State, kind: str) -> None:
    """Each tells of its own partitions; the service counts what both of them ask."""
    clock = HandClock(datetime(2026, 11, 24, tzinfo=UTC))
    ledger = Ledger(state)
    async with chat_server(kind, now=lambda: clock.now().timestamp()) as server:
        sinks = [Noting(server, clock) for _ in range(2)]
        couriers = [Courier(sink, Ledger(state), clock) for sink in sinks]
        hand = Hand(clock, couriers)
        async with anyio.create_task_group() as group:
            for courier in couriers:
                group.start_soon(courier.run)
            for second in range(60):
                for part, courier in enumerate(couriers):
                    alerts = [risky(second * 20 + part * 10 + number) for number in range(3)]
                    queued = [Queued(alert, part) for alert in alerts]
                    await ledger.write({}, queued, [kind], clock.now())
                    courier.wake(frozenset({part}))
                await hand.move(1.0)
            await hand.move(90.0)
            group.cancel_scope.cancel()
        for sink in sinks:
            await sink.close()
    assert server.violations == []
    assert [len(sink.first) for sink in sinks] == [180, 180]


FAULTS: list[Fault] = [1.0, 30.0, HTML_429, 500, 503, SLOW_BODY, 10_072.0, 1.0]


@every_service
async def test_no_critical_alert_is_lost_over_all_faults(state: State, kind: str) -> None:
    """Whatever the service answers, each is told in the end, here or at the second receiver."""
    clock = HandClock(datetime(2026, 11, 24, tzinfo=UTC))
    ledger, second = Ledger(state), ScriptedSink("second")
    async with chat_server(kind, *FAULTS, now=lambda: clock.now().timestamp()) as server:
        sink = Noting(server, clock)
        spill = Spill("second")
        couriers = [Courier(each, ledger, clock, spill) for each in (sink, second)]
        hand = Hand(clock, couriers)

        def wake() -> None:
            for courier in couriers:
                courier.wake(OURS)

        couriers[0].on_spill = wake
        alerts = [risky(number) for number in range(40)]
        async with anyio.create_task_group() as group:
            for courier in couriers:
                group.start_soon(courier.run)
            for alert in alerts:
                await ledger.write({}, [Queued(alert, 0, (sink.name,))], [sink.name], clock.now())
                wake()
                await hand.move(10.0, step=1.0)
            await hand.move(300.0, step=10.0)
            group.cancel_scope.cancel()
        await sink.close()
    assert {*sink.first, *second.sent} == {alert.id for alert in alerts}
    assert second.sent, "nothing was spilled while the service asked for 10,072 s"
    assert (server.violations, server.hasty) == ([], 0)


@every_service
@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_receiver_that_refuses_us_spills_over(state: State, kind: str, status: int) -> None:
    """Blocked or without rights: the alert goes to the second receiver at once."""
    clock, ledger, second = HandClock(), Ledger(state), ScriptedSink("second")
    async with chat_server(kind, status) as server:
        sink = Noting(server, clock)
        couriers = [Courier(each, ledger, clock, Spill("second")) for each in (sink, second)]
        couriers[0].on_spill = lambda: couriers[1].wake(OURS)
        await ledger.write({}, [Queued(risky(1), 0)], [sink.name], clock.now())
        async with anyio.create_task_group() as group:
            for courier in couriers:
                group.start_soon(courier.run)
                courier.wake(OURS)
            await until(lambda: second.sent)
            group.cancel_scope.cancel()
        await sink.close()
    assert second.sent == [risky(1).id]


@pytest.mark.parametrize(
    "said",
    [
        "Bad Request: group chat was upgraded to a supergroup chat",
        "Bad Request: not enough rights to send text messages to the chat",
    ],
)
@pytest.mark.parametrize("count", [3, 40])
async def test_a_chat_that_takes_no_message_at_all_is_asked_once(
    state: State, said: str, count: int
) -> None:
    """Whether it was a message or a digest: all that waits spills over at the first refusal."""
    clock, ledger, second = HandClock(), Ledger(state), ScriptedSink("second")
    alerts = [risky(number) for number in range(count)]
    async with chat_server("telegram", *[said] * count) as server:
        sink = Noting(server, clock)
        couriers = [Courier(each, ledger, clock, Spill("second")) for each in (sink, second)]
        couriers[0].on_spill = lambda: couriers[1].wake(OURS)
        await ledger.write({}, [Queued(each, 0) for each in alerts], [sink.name], clock.now())
        async with anyio.create_task_group() as group:
            for courier in couriers:
                group.start_soon(courier.run)
            couriers[0].wake(OURS)
            await until(lambda: len(second.sent) == count)
            group.cancel_scope.cancel()
        await sink.close()
    assert server.requests == 1
    assert second.sent == [alert.id for alert in alerts]


@every_service
async def test_edits_go_to_the_right_message_once_over_a_restart(state_url: str, kind: str) -> None:
    """Two pools; the second half of their lives after a restart: each message ends as it should."""
    lives = [
        alerts_of(a_verdict(1, pool=f"0x{n}"), a_verdict(2, pool=f"0x{n}", probability=0.1))
        for n in (1, 2)
    ]
    async with chat_server(kind) as server:
        for half in (0, 1):
            state = await State.open(state_url)
            ledger, sink = Ledger(state), Noting(server, SystemClock())
            courier = Courier(sink, ledger, SystemClock())
            alerts = [Queued(life[half], 0) for life in lives]
            await ledger.write({}, alerts, [sink.name], SystemClock().now())
            courier.wake(OURS)
            async with anyio.create_task_group() as group:
                group.start_soon(courier.run)
                while len(sink.first) < 2:
                    await anyio.sleep(0.005)
                courier.finish()
            await sink.close()
            await state.close()
    assert [len(told) for told in server.revisions.values()] == [2, 2]
    for number, text in enumerate(server.messages.values(), 1):
        assert text.startswith("CLEARED")
        assert f"0x{number}," in text
    assert server.violations == []


async def test_a_blocked_chat_delays_no_other(state: State) -> None:
    """One service asks for three hours; the other two hear everything meanwhile."""
    clock, ledger = HandClock(datetime(2026, 11, 24, tzinfo=UTC)), Ledger(state)
    async with AsyncExitStack() as stack:
        servers = [
            await stack.enter_async_context(
                chat_server(
                    kind,
                    *([10_072.0] if kind == "telegram" else []),
                    now=lambda: clock.now().timestamp(),
                )
            )
            for kind in KINDS
        ]
        sinks = [Noting(server, clock) for server in servers]
        couriers = [Courier(sink, ledger, clock) for sink in sinks]
        hand = Hand(clock, couriers)
        alerts = [risky(number) for number in range(5)]
        async with anyio.create_task_group() as group:
            for courier in couriers:
                group.start_soon(courier.run)
            names = [sink.name for sink in sinks]
            await ledger.write({}, [Queued(each, 0) for each in alerts], names, clock.now())
            for courier in couriers:
                courier.wake(OURS)
            await hand.move(30.0, step=1.0)
            group.cancel_scope.cancel()
        for sink in sinks:
            await sink.close()
    assert [len(sink.first) for sink in sinks] == [0, 5, 5]
    assert [server.requests for server in servers] == [1, 5, 5]
