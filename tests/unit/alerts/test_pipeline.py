"""Verdicts in, alerts out: to the topic at once, to every sink through the outbox."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.courier import Spill
from alerts.hearers import Audience
from alerts.ledger import Ledger
from alerts.outbox import Delivery
from alerts.pipeline import AlertTransform, alerting
from alerts.policy import PolicySettings
from alerts.route import Route, Router
from alerts.sink import Answer, Refusal
from streams import telemetry
from streams.broker import Record
from streams.clock import HandClock, SystemClock
from streams.errors import Broken, Invalid
from streams.events import Alert, Verdict, decode, encode
from streams.memory import MemoryBroker
from streams.stage import Brake, Drain, Outcome, Received, Stage, message, run_stage
from streams.state import State
from streams.topics import ALERTS, VERDICTS
from tests.unit.alerts.making import a_verdict, alerts_of
from tests.unit.alerts.scripted import ScriptedSink, until

pytestmark = pytest.mark.anyio

OURS = frozenset({0})
COURSE = [
    a_verdict(0, probability=0.3),
    a_verdict(1),
    a_verdict(2),
    a_verdict(3, trigger="liquidity-removed"),
    a_verdict(9, trigger="drained", liquidity=0.1),
]


def batch(*verdicts: Verdict) -> list[Received]:
    """The verdicts as the stage loop hands them over."""
    return [
        Received(verdict, Record(VERDICTS.name, 0, offset, verdict.key.encode(), encode(verdict)))
        for offset, verdict in enumerate(verdicts)
    ]


def ids(alerts: Sequence[Alert]) -> list[str]:
    """Their message ids."""
    return [alert.id for alert in alerts]


def published(outcome: Outcome) -> list[Alert]:
    """What the topic would get."""
    assert all(each.topic == ALERTS.name for each in outcome.messages)
    return [decode(each.value, Alert) for each in outcome.messages]


async def test_the_topic_gets_what_the_policy_says(state: State) -> None:
    """In one batch or in several, the same alerts in the same order under the pool's key."""
    async with alerting(state, clock=HandClock()) as transform:
        await transform.open(OURS)
        outcome = await transform.apply(batch(*COURSE[:3]))
        await transform.save()
        assert {each.key for each in outcome.messages} == {COURSE[0].key}
        later = await transform.apply(batch(*COURSE[3:]))
        await transform.save()
        assert published(outcome) + published(later) == alerts_of(*COURSE)
        assert (await transform.apply([])).messages == []
        await transform.save()


async def test_sinks_get_the_same_once_it_is_saved(state: State) -> None:
    """Nothing is sent that the topic does not have; then each sink gets all, in order."""
    sinks = [ScriptedSink("a"), ScriptedSink("b")]
    async with alerting(state, sinks, clock=HandClock()) as transform:
        await transform.open(OURS)
        await transform.apply(batch(*COURSE))
        await anyio.wait_all_tasks_blocked()
        assert [sink.attempted for sink in sinks] == [[], []]
        await transform.save()
    assert [sink.sent for sink in sinks] == [ids(alerts_of(*COURSE))] * 2
    assert all(sink.closed for sink in sinks)


async def test_alerts_are_counted_once_the_topic_has_them(state: State) -> None:
    """By action, and as deliveries of the topic."""
    counters = [
        telemetry.ALERTS.labels("raised"),
        telemetry.SINK_DELIVERIES.labels("topic", "sent"),
    ]
    before = [counter._value.get() for counter in counters]
    async with alerting(state, clock=HandClock()) as transform:
        await transform.open(OURS)
        await transform.apply(batch(*COURSE))
        assert [counter._value.get() for counter in counters] == before
        await transform.save()
    after = [counter._value.get() for counter in counters]
    assert [a - b for a, b in zip(after, before, strict=True)] == [1, 3]


async def test_a_blocked_sink_harms_neither_the_pipeline_nor_the_other_sink(state: State) -> None:
    """One sink never answers; batches go on, and the other sink hears everything."""
    blocked, healthy = ScriptedSink("blocked"), ScriptedSink("healthy")
    blocked.gate = anyio.Event()
    async with alerting(state, [blocked, healthy], clock=HandClock(), drain_seconds=0) as transform:
        await transform.open(OURS)
        for number in range(50):
            await transform.apply(batch(a_verdict(pool=f"0x{number}")))
            await transform.save()
        await until(lambda: len(healthy.sent) == 50)
    assert blocked.attempted == [healthy.sent[0]]


async def test_what_is_pending_is_resumed_at_the_next_start(state_url: str) -> None:
    """A receiver that was down over a restart still hears everything, in order."""
    down = ScriptedSink("hook", lambda *_: Refusal("unreachable"))
    for sink in (down, ScriptedSink("hook")):
        state = await State.open(state_url)
        async with alerting(state, [sink], clock=HandClock()) as transform:
            await transform.open(OURS)
            await transform.apply(batch(*COURSE))
            await transform.save()
        await state.close()
    assert down.sent == []
    assert sink.sent == ids(alerts_of(*COURSE))


async def test_reopening_forgets_what_was_not_saved(state: State) -> None:
    """Partitions came back after a failed publish: the batch comes again and is decided alike."""
    async with alerting(state, clock=HandClock()) as transform:
        await transform.open(OURS)
        lost = await transform.apply(batch(*COURSE[:2]))
        await transform.open(OURS)
        again = await transform.apply(batch(*COURSE[:2]))
        assert published(again) == published(lost) == alerts_of(*COURSE[:2])
        await transform.save()
        await transform.open(OURS)
        assert published(await transform.apply(batch(*COURSE[:2]))) == []


async def test_the_policy_s_settings_are_used(state: State) -> None:
    """A higher threshold raises less."""
    policy = PolicySettings(threshold=0.99)
    async with alerting(state, clock=HandClock(), policy=policy) as transform:
        await transform.open(OURS)
        assert published(await transform.apply(batch(a_verdict()))) == []


STRANGER = Route(name="all", to=["telegram", "scripted"])


@pytest.mark.parametrize(
    ("spill", "audience"),
    [(Spill("telegram"), None), (None, Audience(router=Router([STRANGER])))],
    ids=["spill-over", "route"],
)
async def test_a_sink_that_there_is_not_is_refused(
    state: State, spill: Spill | None, audience: Audience | None
) -> None:
    """What it was to hear would go unheard without a word; a replay tells nobody anyway."""
    options = partial(alerting, state, clock=HandClock(), spill=spill, audience=audience)
    with pytest.raises(Invalid, match="no sink is called telegram") as caught:
        async with options([ScriptedSink()]):
            pytest.fail("not reached")
    assert caught.value.reason == "setting"
    async with options([]) as transform:
        await transform.open(OURS)


async def test_two_sinks_of_one_name_are_refused(state: State) -> None:
    """The ledger could not tell them apart."""
    with pytest.raises(Invalid, match=r"^two sinks are called hook: give each its own name$"):
        async with alerting(state, [ScriptedSink("hook")] * 2, clock=HandClock()):
            pytest.fail("not reached")


@pytest.mark.parametrize("failure", [Broken("bad state"), KeyError("a fault")], ids=repr)
async def test_a_failure_inside_comes_out_as_itself(state: State, failure: Exception) -> None:
    """Neither wrapped in a group nor delayed by deliveries; the sinks are closed all the same."""
    sink = ScriptedSink()
    sink.gate = anyio.Event()

    async def dying_daemon() -> None:
        async with alerting(state, [sink], clock=HandClock(), drain_seconds=1000) as transform:
            await transform.open(OURS)
            await transform.apply(batch(*COURSE))
            await transform.save()
            raise failure

    with pytest.raises(type(failure)):
        await dying_daemon()
    assert sink.closed


class Fault(BaseException):
    """Something that no sink's courier contains."""


async def test_several_failures_at_once_come_out_together(state: State) -> None:
    """A courier dies, and what it takes down fails on its way out: neither is swallowed."""

    def script(_alert: Alert, _times: int) -> Answer:
        raise Fault

    async def dying_daemon() -> None:
        async with alerting(state, [ScriptedSink(script=script)], clock=HandClock()) as transform:
            await transform.open(OURS)
            await transform.apply(batch(*COURSE))
            await transform.save()
            try:
                await anyio.sleep_forever()
            finally:
                raise Broken("could not stop in order")

    with pytest.raises(BaseExceptionGroup) as several:
        await dying_daemon()
    assert {type(each) for each in several.value.exceptions} == {Fault, Broken}


async def test_the_stage_loop_runs_it(state: State) -> None:
    """Verdicts in a topic, redelivered ones among them, become alerts in a topic and at a sink."""
    broker = MemoryBroker()
    await broker.ensure_topics([VERDICTS, ALERTS], 2)
    course = [*COURSE, *COURSE[1:4], a_verdict(pool="0xother")]
    await broker.publish([message(VERDICTS, verdict) for verdict in course])
    sink, drain = ScriptedSink(), Drain()
    async with alerting(state, [sink], clock=SystemClock()) as transform:
        stage = Stage("alert", VERDICTS, transform, max_wait=0.01)
        loop = partial(run_stage, stage, broker, clock=SystemClock(), brake=Brake(), drain=drain)
        async with anyio.create_task_group() as group:
            group.start_soon(loop)
            await until(lambda: len(sink.sent) == 4)
            drain.ask()
    expected = {*ids(alerts_of(*COURSE)), *ids(alerts_of(a_verdict(pool="0xother")))}
    logs = broker.logs(ALERTS.name)
    assert {decode(record.value, Alert).id for log in logs for record in log} == expected
    assert set(sink.sent) == expected


STEPS = ("apply", "publish", "save", "commit")


class Process:
    """The stage loop's steps, dying before those that a test names; what outlives it is here."""

    def __init__(self, deaths: set[tuple[int, str]], size: int) -> None:
        self.deaths = deaths
        self.size = size
        self.turn = 0
        self.topic: list[Alert] = []
        self.committed = 0

    @property
    def is_done(self) -> bool:
        """Whether every verdict was handled to the end."""
        return self.committed == len(COURSE)

    async def run(self, transform: AlertTransform, killed: anyio.CancelScope) -> None:
        """Read on from the last commit until the end or a death."""
        await transform.open(OURS)
        while not self.is_done:
            self.turn += 1
            end = min(self.committed + self.size, len(COURSE))
            outcome = Outcome()
            for step in STEPS:
                if (self.turn, step) in self.deaths:
                    killed.cancel()
                    await anyio.lowlevel.checkpoint()
                match step:
                    case "apply":
                        outcome = await transform.apply(batch(*COURSE[self.committed : end]))
                    case "publish":
                        self.topic += published(outcome)
                    case "save":
                        await transform.save()
                    case "commit":
                        self.committed = end


@given(
    deaths=st.sets(st.tuples(st.integers(1, 6), st.sampled_from(STEPS)), max_size=6),
    size=st.integers(1, 3),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_death_at_any_step_loses_nothing_and_says_nothing_new(
    tmp_path_factory: pytest.TempPathFactory, deaths: set[tuple[int, str]], size: int
) -> None:
    """The process is dropped between two steps again and again; the file is all that is left.

    Compared with an unbroken run, topic and sink hold the same messages in the same order, with
    repetitions under the same ids at most.
    """
    url = f"sqlite:///{tmp_path_factory.mktemp('death')}/state.db"
    process, sink = Process(deaths, size), ScriptedSink()
    while not process.is_done:
        state = await State.open(url)
        with anyio.CancelScope() as killed:
            async with alerting(state, [sink], clock=HandClock()) as transform:
                await process.run(transform, killed)
        await state.close()
    said = alerts_of(*COURSE)
    assert list(dict.fromkeys(ids(process.topic))) == ids(said)
    assert all(alert in said for alert in process.topic)
    assert list(dict.fromkeys(sink.sent)) == ids(said)
    assert await left(url, sink.name) == []


async def left(url: str, sink: str) -> list[Delivery]:
    """What the sink has yet to take."""
    state = await State.open(url)
    pending = await Ledger(state).pending(sink, OURS, after=0, limit=9)
    await state.close()
    return pending
