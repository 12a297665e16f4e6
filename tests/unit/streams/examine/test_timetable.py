"""When launches are examined: once they open, at each age of the chain's clock, and never twice."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.events import Activity, Retraction
from streams.examine.timetable import AGES, Due, Timetable
from tests.unit.streams.activity import POOL, Script, head, moment

QUOTE = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2"
TOKEN = "0x00000000000000000000000000000000000000cc"
KNOWN: dict[str, Any] = {"token": TOKEN, "quote": QUOTE}


def table(*events: Activity) -> Timetable:
    """What has heard of these on partition 0."""
    found = Timetable()
    for event in events:
        found.note(event, 0)
    return found


def opened(at: float = 0) -> list[Activity]:
    """A launch with its first liquidity."""
    return Script(POOL, **KNOWN).launch(at).sync(at, 10, 1000).events


def rounds(found: Timetable) -> list[int]:
    """What is due now, examined at once."""
    told = list(found.due())
    for each in told:
        found.finished(each.entry, each.round)
    return [each.round for each in told]


def test_a_pair_waits_for_its_liquidity() -> None:
    """A launch without reserves is not due, however late; its first sync makes it so."""
    script = Script(POOL, **KNOWN).launch().sync(600, 10, 1000)
    found = table(script.events[0], head(500))
    assert rounds(found) == []
    found.note(script.events[1], 0)
    assert rounds(found) == [0]
    assert rounds(found) == []


def test_each_age_comes_with_the_chains_clock() -> None:
    """Ages count from the opening; what a stopped clock does not reach is not due."""
    found = table(*opened())
    told = [rounds(found)]
    for age in AGES[1:]:
        found.note(head(age - 1), 0)
        told.append(rounds(found))
        found.note(head(age), 0)
        told.append(rounds(found))
    assert told == [[0], [], [1], [], [2], [], [3], [], [4]]
    assert len(found) == 0
    assert found.done == {f"ethereum:{POOL}"}


def test_missed_ages_are_passed_over() -> None:
    """After a long pause a launch is examined once, for the newest age that it has reached."""
    found = table(*opened(), head(7200))
    assert rounds(found) == [2]


def test_it_is_as_of_the_newest_block_of_its_partition() -> None:
    """The clock of another partition or chain does not count: its events may lie behind."""
    found = table(*opened())
    found.note(head(900), 1)
    found.note(head(900, chain="base"), 0)
    (due,) = found.due()
    assert (due.block, due.at) == (1000, moment(0))


def test_what_is_taken_back_is_not_examined() -> None:
    """A retraction ends it and tells the key; a launch of the same pool begins anew."""
    found = table(*opened())
    gone = Retraction(chain="ethereum", pool=POOL, block=1000, at=moment(24))
    found.note(gone, 0)
    assert rounds(found) == []
    assert found.orphaned == found.done == {f"ethereum:{POOL}"}
    for event in opened(36):
        found.note(event, 0)
    (due,) = found.due()
    assert (due.round, due.entry.launch.at) == (0, moment(36))
    assert found.done == set()


def test_an_examination_of_a_launch_that_is_gone_changes_nothing() -> None:
    """What was under way when the launch was taken back does not count for the next one."""
    found = table(*opened())
    (old,) = found.due()
    found.note(Retraction(chain="ethereum", pool=POOL, block=1000, at=moment(24)), 0)
    for event in opened(36):
        found.note(event, 0)
    found.finished(old.entry, old.round)
    assert rounds(found) == [0]


def test_without_a_known_quote_there_is_nothing_to_trade() -> None:
    """A pool of two strangers is passed by."""
    script = Script(POOL).launch().sync(0, 10, 1000)
    assert len(table(*script.events)) == 0


@given(st.lists(st.integers(0, 100_000), max_size=12))
def test_a_stored_entry_goes_on_where_it_was(ticks: list[int]) -> None:
    """However the clock moves and however often we restart, no round comes twice or goes back."""
    found = table(*opened())
    told: list[Due] = []
    for tick in sorted(ticks):
        found.note(head(tick), 0)
        for due in found.due():
            told.append(due)
            found.finished(due.entry, due.round)
        entry = found.get(f"ethereum:{POOL}")
        found = Timetable(AGES, [entry] if entry else [])
    numbers = [each.round for each in told]
    assert numbers == sorted(set(numbers))
