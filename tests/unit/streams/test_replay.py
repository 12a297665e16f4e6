"""A recording played back: launches, clocks, batches, pace, and going on after a crash."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from streams.clock import HandClock
from streams.errors import Invalid
from streams.events import Activity, Head, Launch, LpTransfer, Swap, Sync, decode, encode
from streams.recording import LATEST_S, Recording, open_recording
from streams.replay import (
    AFTER_END_S,
    FASTEST,
    HEAD_EVERY_S,
    SLOWEST,
    ReplaySource,
    activity_from_rows,
)
from streams.source import Played
from streams.topics import ACTIVITY
from tests.unit.streams.activity import ANN, START, ZERO, dossiers, moment
from tests.unit.streams.recorded import (
    FIRST_BLOCK,
    T0,
    TOKEN,
    WETH,
    pool,
    swap,
    sync,
    transfer,
    without,
    write,
)

DEMO = Path(__file__).parents[3] / "daemon" / "recordings" / "demo"
ROUTER = "0xrouter"


def played(recording: Recording, since: int = 0) -> list[Activity]:
    """All of the recording's activity behind the first ``since`` rows."""
    return list(activity_from_rows(recording, recording.rows(since)))


def opened(folder: Path, **tables: Any) -> Recording:
    """A recording of one pool, unless the tables say otherwise."""
    return open_recording(write(folder, **{"pools": [pool()], "sync": [sync()], **tables}))


def kinds(activity: list[Activity]) -> list[str]:
    """What happens, in one word each."""
    return [type(event).__name__ for event in activity]


def test_a_pool_is_launched_before_its_first_event(tmp_path: Path) -> None:
    """The launch stands in the block and second of the first event, with all that is known."""
    told = pool(
        name="Pepe", symbol="PEPE", decimals="9", totalSupply="2000", deployer=ANN, token=TOKEN
    )
    recording = opened(tmp_path, pools=[told], lp_transfers=[transfer()], swaps=[swap()])
    launch, lp, reserves, bought, last = played(recording)
    where: dict[str, Any] = {
        "chain": "ethereum",
        "pool": "0xp1",
        "block": FIRST_BLOCK,
        "at": START,
    }
    assert launch == Launch(
        **where,
        log_index=0,
        venue="uniswap-v2",
        token=TOKEN,
        quote=WETH,
        quote_symbol="WETH",
        quote_decimals=18,
        token_is_0=True,
        name="Pepe",
        symbol="PEPE",
        decimals=9,
        total_supply=2000,
        deployer=ANN,
        lp_visible=True,
    )
    assert lp == LpTransfer(**where, log_index=5, sender=ZERO, to=ANN, value=9000)
    assert reserves == Sync(**where, log_index=7, reserve0=1000, reserve1=10**19)
    assert bought == Swap(
        **where, log_index=8, sender=ROUTER, to=ANN,
        amount0_in=0, amount1_in=5, amount0_out=6, amount1_out=0,
    )  # fmt: skip
    end = moment(AFTER_END_S)
    assert last == Head(chain="ethereum", block=FIRST_BLOCK, at=end, last=True)


def test_what_a_recording_does_not_say_stays_unknown(tmp_path: Path) -> None:
    """Absent columns and nulls are ``UNSET``, never empty; who is not named is the pool."""
    mute: dict[str, Any] = {"from": None, "to": None}
    recording = opened(tmp_path, pools=[{"pool": "0xp1"}], lp_transfers=[transfer(**mute)])
    launch, lp, *_ = played(recording)
    assert isinstance(launch, Launch)
    unknown = ("token", "quote", "quote_symbol", "name", "symbol", "decimals", "total_supply")
    assert [getattr(launch, name) for name in (*unknown, "deployer")] == [UNSET] * 8
    assert isinstance(lp, LpTransfer)
    assert (lp.sender, lp.to) == ("0xp1", "0xp1")


def test_an_empty_name_is_known(tmp_path: Path) -> None:
    """A token may call itself nothing, and have no supply: that is not the same as unknown."""
    told = pool(name="", symbol="", decimals=0, totalSupply="0")
    launch = played(opened(tmp_path, pools=[told]))[0]
    assert isinstance(launch, Launch)
    assert (launch.name, launch.symbol, launch.decimals, launch.total_supply) == ("", "", 0, 0)


def test_the_clock_is_told_every_ten_minutes(tmp_path: Path) -> None:
    """A head comes before an event when time has moved on so far, and tells the last moment."""
    minutes = [0, 5, 9, 11, 12, 40, 41]
    syncs = [sync(number=5 * minute) for minute in minutes]
    heads = [event for event in played(opened(tmp_path, sync=syncs)) if isinstance(event, Head)]
    told = [((head.at - START).total_seconds() / 60, head.last) for head in heads]
    assert told == [(9, False), (12, False), (40, False), (41 + 25 * 60, True)]


def test_a_head_tells_no_moment_that_goes_on(tmp_path: Path) -> None:
    """Blocks of the same second: the head waits until all of their events have been sent."""
    blocks = [(0, 0), (50, 600), (51, 600), (52, 600), (53, 601)]
    syncs = [sync(number=n, timestamp=T0 + time, log_index=n + 1) for n, time in blocks]
    activity = played(opened(tmp_path, sync=syncs))
    assert kinds(activity)[1:] == ["Sync", "Head", "Sync", "Sync", "Sync", "Head", "Sync", "Head"]
    assert (activity[2].block, activity[2].at) == (FIRST_BLOCK, START)
    assert (activity[6].block, activity[6].at) == (FIRST_BLOCK + 52, moment(600))


def test_no_event_follows_a_head_of_its_time(tmp_path: Path) -> None:
    """Per chain, what follows a head is later than it, in blocks and in time."""
    recording = open_recording(many(tmp_path))
    clocks: dict[str, Head] = {}
    for event in played(recording):
        if isinstance(event, Head):
            clocks[event.chain] = event
        elif event.chain in clocks:
            assert event.block > clocks[event.chain].block
            assert event.at > clocks[event.chain].at
    assert all(head.last for head in clocks.values())
    assert set(clocks) == {"ethereum", "devnet"}


def test_time_that_jumps_back_stops_no_clock(tmp_path: Path) -> None:
    """The last head lies behind every event, whatever order the times are in."""
    syncs = [sync(timestamp=T0 + 900), sync(number=1, timestamp=T0), sync(number=2)]
    activity = played(opened(tmp_path, sync=syncs))
    assert kinds(activity) == ["Launch", "Sync", "Sync", "Sync", "Head"]
    assert activity[-1].at == moment(900 + AFTER_END_S)


def many(folder: Path) -> Path:
    """Ten pools of two chains over two days, with all kinds of events."""
    steps = range(0, 14_400, 119)
    names = {n: f"0xp{n % 10}" for n in steps}
    return write(
        folder,
        pools=[pool(f"0xp{n}", chain="devnet" if n % 2 else None) for n in range(10)],
        sync=[sync(names[n], n, reserve0=str(10**6 + n * 7919 % 10**5)) for n in steps],
        lp_transfers=[transfer(names[n], n) for n in steps[::7]],
        swaps=[swap(names[n], n) for n in steps[::3]],
    )


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """Some hundred events of ten pools on two chains."""
    return open_recording(many(tmp_path_factory.mktemp("many")))


def test_everything_fits_the_wire(recording: Recording) -> None:
    """All that is played decodes again, and nothing is lost: a row is an event."""
    activity = played(recording)
    assert all(decode(encode(event), ACTIVITY.event) == event for event in activity)
    events = [event for event in activity if isinstance(event, Sync | LpTransfer | Swap)]
    assert len(events) == recording.count
    assert sum(isinstance(event, Launch) for event in activity) == 10


def test_every_pool_gets_its_last_dossier(recording: Recording) -> None:
    """The last heads lie beyond every scheduled age of every pool."""
    facts = dossiers(played(recording))
    assert sum(each.trigger == "24h" for each in facts) == 10


def batches(source: ReplaySource, since: int = 0) -> list[Played]:
    """All that the source plays."""

    async def gather() -> list[Played]:
        return [each async for each in source.batches(since)]

    return anyio.run(gather)


@pytest.mark.parametrize("size", [1, 2, 17, 1000, 10_000])
def test_batches_hold_all_of_it(recording: Recording, size: int) -> None:
    """Batches are as large as asked, in order, and count the rows that they stand for."""
    source = ReplaySource(recording=recording, clock=HandClock(), batch=size)
    found = batches(source)
    assert [event for each in found for event in each.activity] == played(recording)
    assert all(len(each.activity) == size for each in found[:-1])
    positions = [each.position for each in found]
    assert positions == sorted(positions)
    assert positions[-1] == recording.count


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_what_is_played_again_changes_nothing(recording: Recording, data: st.DataObject) -> None:
    """Stopped behind any batch and started from its position, a replay leads to equal dossiers."""
    source = ReplaySource(
        recording=recording, clock=HandClock(), batch=data.draw(st.integers(1, 200))
    )
    found = batches(source)
    stopped = data.draw(st.integers(0, len(found) - 1))
    since = found[stopped].position
    seen = [event for each in found[: stopped + 1] for event in each.activity]
    again = [event for each in batches(source, since) for event in each.activity]
    assert dossiers(seen, again) == dossiers(played(recording))


def test_a_replay_that_had_ended_ends_again(recording: Recording) -> None:
    """Behind the last row only the last heads are left, and they are told again."""
    source = ReplaySource(recording=recording, clock=HandClock())
    (again,) = batches(source, recording.count)
    assert again.position == recording.count
    assert [(event.chain, getattr(event, "last", None)) for event in again.activity] == [
        (chain, True) for chain in recording.ends
    ]


def test_each_recording_has_its_own_checkpoint(tmp_path: Path, recording: Recording) -> None:
    """Another folder, and the same folder with more events, are other sources."""
    clock = HandClock()
    first = ReplaySource(recording=opened(tmp_path), clock=clock)
    grown = ReplaySource(recording=opened(tmp_path, swaps=[swap()]), clock=clock)
    other = ReplaySource(recording=recording, clock=clock)
    assert len({first.name, grown.name, other.name}) == 3
    assert first.name == ReplaySource(recording=first.recording, clock=clock, speed=2.0).name


@pytest.mark.anyio
async def test_speed_is_event_seconds_a_second(tmp_path: Path) -> None:
    """At ten times the pace, what is two minutes later comes twelve seconds later."""
    syncs = [sync(number=n) for n in (0, 10, 20)]
    clock = HandClock()
    source = ReplaySource(recording=opened(tmp_path, sync=syncs), clock=clock, speed=10)
    found: list[list[str]] = []

    async def play() -> None:
        async for each in source.batches():
            found.append(kinds(each.activity))  # noqa: PERF401 - it is watched as it grows

    counts = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(play)
        for seconds in (0, 11.9, 0.2, 11.7, 0.3):
            clock.move(seconds)
            await anyio.wait_all_tasks_blocked()
            counts.append(len(found))
    assert counts == [1, 1, 2, 2, 4]
    assert found == [["Launch", "Sync"], ["Sync"], ["Sync"], ["Head"]]


@pytest.mark.parametrize("speed", [0.0, -1.0, 1e-300, 1e18, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(recording: Recording, speed: float) -> None:
    """In one line, before anything is played."""
    with pytest.raises(Invalid, match="speed") as error:
        ReplaySource(recording=recording, clock=HandClock(), speed=speed)
    assert error.value.reason == "usage"


@pytest.mark.parametrize("speed", [SLOWEST, FASTEST])
def test_the_slowest_and_the_fastest_can_be_played(tmp_path: Path, speed: float) -> None:
    """Neither the longest wait nor the longest span leaves the calendar."""

    class Sleepless(HandClock):
        """Does not wait at all."""

        async def sleep(self, seconds: float) -> None:
            """Return at once."""

    syncs = [sync(timestamp=1), sync(number=1, timestamp=LATEST_S - 1)]
    recording = opened(tmp_path, sync=syncs)
    source = ReplaySource(recording=recording, clock=Sleepless(), speed=speed)
    assert [event for each in batches(source) for event in each.activity] == played(recording)


def test_a_paced_batch_spans_little_time(recording: Recording) -> None:
    """However large the batches may be, an event is not played long before it is due."""

    class Hurried(HandClock):
        """Moves by itself as far as it is asked to wait."""

        async def sleep(self, seconds: float) -> None:
            """Let the time pass at once."""
            self.move(seconds)

    clock = Hurried()
    source = ReplaySource(recording=recording, clock=clock, speed=10_000, batch=10_000)
    found = batches(source)
    assert [event for each in found for event in each.activity] == played(recording)
    for each in found[:-1]:
        assert (each.activity[-1].at - each.activity[0].at).total_seconds() <= 2500
    seconds = (max(end.time for end in recording.ends.values()) - T0) / 10_000
    passed = (clock.now() - HandClock().now()).total_seconds()
    assert seconds - 1 < passed <= seconds


@pytest.mark.anyio
async def test_a_late_batch_does_not_wait(tmp_path: Path) -> None:
    """What is due already comes at once, so that a slow pipeline catches up."""
    clock = HandClock()
    syncs = [sync(number=n) for n in range(4)]
    source = ReplaySource(recording=opened(tmp_path, sync=syncs), clock=clock, speed=1.0)
    found = []
    async for each in source.batches():
        found.append(len(each.activity))
        clock.move(10**6)
    assert found == [2, 1, 1, 1, 1]


def test_gaps_between_heads_are_bounded(recording: Recording) -> None:
    """Wherever a chain's events are dense, its clock is told at least every twenty minutes."""

    def heads(chain: str) -> Iterator[Head]:
        for event in played(recording):
            if isinstance(event, Head) and event.chain == chain:
                yield event

    for chain in recording.ends:
        *told, _ = heads(chain)
        gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(told)]
        assert gaps
        assert max(gaps) < HEAD_EVERY_S + 12 * 119 * 10


def test_block_times_stand_in(tmp_path: Path) -> None:
    """Without timestamps the same play runs on the block times of the chain."""
    untimed = opened(tmp_path, sync=without([sync(), sync(number=5)], "timestamp"))
    launch, first, second, _ = played(untimed)
    assert launch.at == first.at < second.at
    assert first.at.microsecond == second.at.microsecond == 0


def test_the_bundled_demo_plays() -> None:
    """The recording that ships holds launches of all kinds, with names and LP transfers."""
    demo = open_recording(DEMO)
    activity = played(demo)
    assert {type(event) for event in activity} == {Launch, Sync, LpTransfer, Swap, Head}
    launches = [event for event in activity if isinstance(event, Launch)]
    assert len(launches) == len(demo.pools) >= 5
    assert all(launch.name and launch.token and launch.lp_visible for launch in launches)
    facts = dossiers(activity)
    assert {each.trigger for each in facts} >= {"launch", "24h", "drained"}
