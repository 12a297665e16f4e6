"""The shell around every feed: waits, silence, gaps, and ids that came before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import ClassVar

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from streams.clock import HandClock
from streams.errors import Retry
from streams.feeds.backoff import RULES, Backoff, Rule
from streams.feeds.faults import Denied, Limited, Refused, Silent, fault_of, refused
from streams.feeds.gaps import Gaps
from streams.feeds.reconnect import Connection, Reconnecting, Watched
from streams.feeds.seen import Seen
from streams.feeds.silence import Silence
from streams.market.binance import RULES as BINANCE
from streams.social.x import X_RULES

pytestmark = pytest.mark.anyio

FAILURES = st.sampled_from([
    Retry("broke"), Retry("broke", retry_after=7.0), Refused("no", status=503),
    Limited("429", status=429), Limited("429", status=429, retry_after=100.0), Silent("quiet"),
    Denied("401", status=401),
])  # fmt: skip


@given(st.lists(FAILURES, min_size=1, max_size=12), st.floats(0, 1))
def test_no_wait_is_shorter_than_a_rule_or_than_asked(failures: list[Retry], chance: float) -> None:
    """Jitter only adds: whatever fails in whatever order, the documented least wait is kept."""
    backoff = Backoff(RULES, chance=lambda: chance)
    row: dict[str, int] = {}
    for failure in failures:
        fault = fault_of(failure)
        row[fault] = row.get(fault, 0) + 1
        wait = backoff.wait_after(failure)
        least = max(RULES[fault].wait(row[fault]), failure.retry_after or 0.0)
        assert least <= wait <= 1.25 * least


def test_the_services_own_rules_are_those_that_they_document() -> None:
    """X: linear from 250 ms to 16 s, 5 to 320 s doubling, a minute doubling; Binance: a second."""
    network = [X_RULES["network"].wait(n) for n in (1, 2, 3, 64, 100)]
    assert network == [0.25, 0.5, 0.75, 16.0, 16.0]
    assert [X_RULES["http"].wait(n) for n in (1, 2, 3, 7, 9)] == [5.0, 10.0, 20.0, 320.0, 320.0]
    assert [X_RULES["limit"].wait(n) for n in (1, 2)] == [60.0, 120.0]
    assert BINANCE["network"].wait(1) >= 1.0  # 300 connections in five minutes


def test_something_useful_ends_a_row_of_failures() -> None:
    """After a message, the next failure waits like a first one."""
    backoff = Backoff({"network": Rule(1.0, 60.0, factor=2.0)}, chance=lambda: 0.0)
    assert [backoff.wait_after(Retry("x")) for _ in range(3)] == [1.0, 2.0, 4.0]
    backoff.healthy()
    assert backoff.wait_after(Retry("x")) == 1.0


STATUSES = [
    (429, Limited), (420, Limited), (401, Denied), (403, Denied), (503, Refused), (400, Refused)
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_a_status_says_how_long_to_stay_away(status: int, kind: type[Refused]) -> None:
    """Too often, not allowed and broken are three kinds; a wait that is no number is none."""
    assert type(refused("x", status, "12")) is kind
    assert refused("x", 503, "soon").retry_after is None
    assert refused("x", 429, "30").retry_after == 30.0


class Said:
    """A connection that says a few things and ends, or hangs."""

    def __init__(self, *frames: str, hangs: bool = False) -> None:
        self._frames, self._hangs = frames, hangs
        self.closed = False

    async def frames(self) -> AsyncGenerator[str | bytes, None]:
        """What it says."""
        for frame in self._frames:
            yield frame
        if self._hangs:
            await asyncio.sleep(3_600)
        raise Retry("the connection broke")

    async def send(self, text: str) -> None:
        """Nothing."""

    async def close(self) -> None:
        """Note it."""
        self.closed = True


async def test_a_connection_that_says_nothing_is_dead() -> None:
    """The watchdog ends a half-open connection, and it is closed."""
    watched = Watched(Said("a", hangs=True), 0.05)
    frames = watched.frames()
    assert await anext(frames) == "a"
    with pytest.raises(Silent):
        await anext(frames)


async def test_what_breaks_is_closed_and_opened_again() -> None:
    """Items of one connection after the other, each closed; the waits are the clock's."""
    made: list[Said] = []

    async def dial() -> Connection:
        made.append(Said("1", "2"))
        return made[-1]

    async def talk(connection: Connection) -> AsyncGenerator[str, None]:
        async for frame in connection.frames():
            yield str(frame)

    class Fast(HandClock):
        waits: ClassVar[list[float]] = []

        async def sleep(self, seconds: float) -> None:
            self.waits.append(seconds)

    clock = Fast()
    shell = Reconnecting("test", dial, talk, silence=5, clock=clock, jitter=0.0)
    items = shell.items()
    got = [await anext(items) for _ in range(6)]
    await items.aclose()
    assert got == ["1", "2"] * 3
    assert [each.closed for each in made] == [True] * 3
    assert clock.waits == [0.5, 0.5]  # never growing: something came each time


def test_a_silent_feed_is_reported_within_its_interval_and_once() -> None:
    """The gauge rises and one line is logged; when it speaks again, both are taken back."""
    clock = HandClock()
    with structlog.testing.capture_logs() as lines:
        silence = Silence("quiet-feed", 30.0, clock)
        silence.heard()
        for _ in range(9):
            clock.move(6.0)
            silence.look()
        assert silence.is_silent
        assert REGISTRY.get_sample_value("heft_feed_silent", {"feed": "quiet-feed"}) == 1
        silence.heard()
    assert [line["event"] for line in lines] == ["feed_silent", "feed_heard_again"]
    assert lines[0]["seconds"] <= 36
    assert REGISTRY.get_sample_value("heft_feed_silent", {"feed": "quiet-feed"}) == 0
    assert silence.since == clock.now()


@given(st.lists(st.integers(0, 60), max_size=60))
def test_gaps_count_exactly_what_is_missing(numbers: list[int]) -> None:
    """Whatever the order: told plus missing is the span from the first to the highest."""
    gaps = Gaps("test")
    told = [number for number in numbers if gaps.note("a", number)]
    if told:
        assert len(told) + gaps.missing == max(told) - told[0] + 1
        assert told == sorted(set(told))


def test_seen_is_bounded_and_remembers_the_last() -> None:
    """Of a million ids at most two generations are kept, and the newest are always known."""
    seen = Seen(1_000)
    for number in range(50_000):
        assert seen.add(str(number))
    assert len(seen) <= 2_000
    assert all(str(number) in seen for number in range(49_000, 50_000))
    assert not seen.add("49999")
