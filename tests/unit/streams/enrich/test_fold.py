"""Dossiers at their moments: exactly the events up to then, whatever comes in between."""

from __future__ import annotations

import pytest

from streams.enrich.fold import SCHEDULE, Fold, next_due
from streams.enrich.pool import Pool
from streams.events import (
    Activity,
    Examination,
    Facts,
    Finding,
    Position,
    Retraction,
    Trigger,
)
from tests.unit.streams.activity import (
    ANN,
    POOL,
    START,
    ZERO,
    Script,
    dossiers,
    head,
    moment,
    seconds,
)

OTHER = "0x00000000000000000000000000000000000000bb"
AGES = [age for age, _ in SCHEDULE]


def told(facts: list[Facts]) -> list[tuple[float, Trigger]]:
    """When each dossier speaks of, and why it was made."""
    return [(seconds(each), each.trigger) for each in facts]


def quiet(pool: str = POOL, at: float = 0, **launch: object) -> list[Activity]:
    """A pool that is launched and never heard of again."""
    return Script(pool, **launch).launch(at).sync(at, 10, 1000).events  # type: ignore[arg-type]


def test_a_quiet_pool_gets_all_its_dossiers_from_the_clock() -> None:
    """One head far behind the last age completes all five, numbered from 0, each at its age."""
    facts = dossiers(quiet(), head(100_000))
    assert told(facts) == [(age, trigger) for age, trigger in SCHEDULE]
    assert [each.sequence for each in facts] == [0, 1, 2, 3, 4]
    assert [each.age for each in facts] == AGES
    assert {each.position for each in facts} == {Position(1000, 2)}


@pytest.mark.parametrize("age", AGES)
def test_a_head_at_the_moment_is_late_enough(age: float) -> None:
    """A head says that its moment is over: a dossier due then leaves, and not a second earlier."""
    due = AGES.index(age)
    assert len(dossiers(quiet(), head(age))) == due + 1
    assert len(dossiers(quiet(), head(age - 1))) == due


def test_an_event_at_the_moment_is_inside() -> None:
    """What happens in the very second of the age is in the dossier; a second later is not."""
    script = Script().launch().sync(0, 10, 1000).sync(300, 11, 900).sync(301, 12, 800)
    facts = dossiers(script.events)
    assert told(facts) == [(0, "launch"), (300, "5m")]
    assert [each.trading.buys for each in facts] == [0, 1]
    assert facts[1].position == Position(1025, 3)


def test_all_events_of_the_launching_second_are_in_the_launch_dossier() -> None:
    """Deposit and first purchases in one block are one picture."""
    script = Script().launch().lp(0, ZERO, ANN, 5).sync(0, 10, 1000).sync(0, 11, 900)
    facts = dossiers(script.sync(0, 12, 800).events, head(12))
    assert [each.trading.buys for each in facts] == [2]


def test_each_dossier_holds_the_events_up_to_its_age() -> None:
    """A purchase every ten minutes for a day: each dossier counts those before it."""
    script = Script().launch().sync(0, 10, 10**6)
    for number in range(1, 150):
        script.sync(600 * number, 10 + number / 1000, 10**6 - number)
    facts = dossiers(script.events)
    assert [(each.trigger, each.trading.buys) for each in facts] == [
        ("launch", 0),
        ("5m", 0),
        ("1h", 6),
        ("6h", 36),
        ("24h", 144),
    ]


def test_events_of_other_pools_move_the_clock() -> None:
    """A quiet pool's dossiers leave on its neighbours' events, before those are applied."""
    facts = dossiers(quiet(), Script(OTHER).launch(3000).sync(4000, 10, 1000).events)
    assert told(facts) == [(0, "launch"), (300, "5m"), (3600, "1h")]
    assert {each.pool for each in facts} == {POOL}


def test_several_pools_are_told_in_order_of_their_moments() -> None:
    """Across pools, dossiers leave by moment, then by key."""
    facts = dossiers(quiet(), quiet(OTHER, at=120), head(500))
    assert [(seconds(each), each.pool) for each in facts] == [
        (0, POOL),
        (120, OTHER),
        (300, POOL),
        (420, OTHER),
    ]


def test_chains_have_their_own_clocks() -> None:
    """An event or head of one chain says nothing about the time of another."""
    polygon = quiet(OTHER, chain="polygon")
    facts = dossiers(quiet(), polygon, head(10_000, chain="polygon"))
    assert {each.chain for each in facts} == {"polygon"}
    fold = Fold()
    dossiers(quiet(), polygon, head(10_000, chain="polygon"), fold=fold)
    assert fold.clocks == {
        "ethereum": START.timestamp(),
        "polygon": START.timestamp() + 10_000,
    }
    assert told(dossiers(head(300), fold=fold)) == [(0, "launch"), (300, "5m")]


def test_launch_counts_from_the_first_reserves() -> None:
    """A pool that is made today and filled next week is launched next week."""
    week = 7 * 86_400.0
    script = Script().launch().lp(3600, ZERO, ANN, 5).sync(week, 10, 1000)
    facts = dossiers(script.events, head(week + 300))
    assert told(facts) == [(week, "launch"), (week + 300, "5m")]
    assert facts[0].launched_at == moment(week)


def test_a_material_change_is_told_at_once() -> None:
    """Its dossier has the moment of its event, and takes the next number of its pool."""
    script = Script().launch().sync(0, 10, 1000).sync(100, 7, 700).sync(4000, 0.2, 20)
    facts = dossiers(script.events)
    assert told(facts) == [
        (0, "launch"),
        (100, "liquidity-removed"),
        (300, "5m"),
        (3600, "1h"),
        (4000, "drained"),
    ]
    assert [each.sequence for each in facts] == [0, 1, 2, 3, 4]
    assert facts[1].liquidity.reserve == facts[2].liquidity.reserve == 7
    assert facts[1].position == Position(1008, 3)


def test_a_material_change_in_the_second_of_an_age_comes_first() -> None:
    """Both speak of the same moment and events; the scheduled one leaves when it is over."""
    script = Script().launch().sync(0, 10, 1000).sync(300, 0.2, 20)
    facts = dossiers(script.events, head(300))
    assert told(facts) == [(0, "launch"), (300, "drained"), (300, "5m")]
    assert facts[1].liquidity == facts[2].liquidity


def test_what_was_seen_is_not_applied_again() -> None:
    """Events, launches and heads that come a second time change nothing."""
    script = Script().launch().sync(0, 10, 1000).sync(100, 7, 700).sync(400, 6.9, 690)
    fold = Fold()
    first = dossiers(script.events, head(4000), fold=fold)
    fold.changed.clear()
    assert dossiers(script.events, head(400), head(4000), fold=fold) == []
    assert fold.changed == set()
    assert len(first) == 4


def test_events_of_an_unknown_pool_only_move_the_clock() -> None:
    """A pool without a launch is not followed; others grow older by its events."""
    fold = Fold()
    stranger = Script(OTHER).sync(350, 10, 1000).sync(360, 0.1, 10).events
    assert told(dossiers(quiet(), stranger, fold=fold)) == [(0, "launch"), (300, "5m")]
    assert set(fold.pools) == {f"ethereum:{POOL}"}


def test_a_clock_that_jumps_back_makes_no_negative_age() -> None:
    """Out-of-order times, which no chain has, give dossiers that are in order all the same."""
    script = Script().launch(500).sync(500, 10, 1000).sync(700, 11, 900).sync(90, 0.1, 10)
    facts = dossiers(script.events, head(900))
    assert told(facts) == [(500, "launch"), (700, "drained"), (800, "5m")]
    assert all(each.age >= 0 for each in facts)


def test_a_pool_that_is_forgotten_stays_so() -> None:
    """After the longest silence its events are ignored, as they would be after a restart."""
    script = Script().launch().sync(0, 10, 1000).sync(86_400, 9, 1112).sync(172_801, 0.1, 10)
    assert told(dossiers(script.events, fold=Fold(forget_after=86_400)))[-1] == (86_400, "24h")
    fold = Fold(forget_after=86_401)
    assert told(dossiers(script.events, fold=fold))[-1] == (172_801, "drained")


def test_a_fold_takes_another_schedule() -> None:
    """Training cuts pools at ages of its own; without any, only material changes are told."""
    dense: tuple[tuple[float, Trigger], ...] = ((60.0, "launch"), (120.0, "5m"))
    assert told(dossiers(quiet(), head(9999), fold=Fold(dense))) == [(60, "launch"), (120, "5m")]
    drained = Script().launch().sync(0, 10, 1000).sync(5, 0.1, 10).events
    assert told(dossiers(drained, head(9999), fold=Fold(()))) == [(5, "drained")]


def test_a_stored_pool_goes_on_where_it_was() -> None:
    """Put into a new fold, a pool is due for what was not told yet, and for nothing else."""
    fold, later = Fold(), Fold()
    dossiers(quiet(), head(3600), fold=fold)
    for key, pool in fold.pools.items():
        later.put(key, pool)
    assert told(dossiers(head(90_000), fold=later)) == [(21_600, "6h"), (86_400, "24h")]
    assert [pool.sequence for pool in later.pools.values()] == [5]
    assert dossiers(head(10**7), fold=later) == []


def test_next_due_follows_the_schedule() -> None:
    """Before the first reserves nothing is due, then each age in turn, then nothing."""
    script = Script().launch()
    fold = Fold()
    dossiers(script.events, fold=fold)
    pool: Pool = fold.pools[f"ethereum:{POOL}"]
    assert next_due(pool) is None
    dossiers(script.sync(0, 10, 1000).events, fold=fold)
    for age in AGES:
        assert next_due(pool) == START.timestamp() + age
        dossiers(head(age), fold=fold)
    assert next_due(pool) is None


def test_changed_names_what_must_be_stored() -> None:
    """A launch, an event and a dossier each mark their pool; others stay unmarked."""
    fold = Fold()
    dossiers(quiet()[0], fold=fold)
    assert fold.changed == {f"ethereum:{POOL}"}
    dossiers(quiet(), quiet(OTHER), head(400), fold=fold)
    fold.changed.clear()
    dossiers(head(500), fold=fold)
    assert fold.changed == set()
    dossiers(head(3600), fold=fold)
    assert fold.changed == {f"ethereum:{POOL}", f"ethereum:{OTHER}"}


def test_idle_pools_are_let_go_least_recently_used_first() -> None:
    """Pools that something is due for stay; of the others the last used stay."""
    fold = Fold()
    scripts = [Script(f"0x{n}").launch().sync(0, 10, 1000) for n in range(6)]
    dossiers(*(script.events for script in scripts), head(90_000), fold=fold)
    dossiers(quiet(OTHER, at=90_000), fold=fold)
    dossiers(scripts[0].sync(90_001, 10.1, 991).events, fold=fold)
    fold.shrink(7)
    assert len(fold.pools) == 7
    fold.shrink(2)
    assert set(fold.pools) == {"ethereum:0x5", f"ethereum:{OTHER}", "ethereum:0x0"}
    fold.shrink(0)
    assert set(fold.pools) == {f"ethereum:{OTHER}"}
    assert told(dossiers(head(90_300), fold=fold)) == [(90_300, "5m")]


def examination(round_: int = 0, at: float = 0, **changes: object) -> Examination:
    """What was found of the pool, as of a moment."""
    fields = {
        "chain": "ethereum", "pool": POOL, "block": 1000 + int(at) // 12, "at": moment(at),
        "round": round_, "launched": moment(0), "name": "Glass", "total_supply": 2000,
        "creator": ANN, "findings": {"trade.can_sell": Finding(source="call", block=1, value=True)},
    }  # fmt: skip
    return Examination(**(fields | changes))  # type: ignore[arg-type]


def test_an_examination_gives_a_dossier_at_once() -> None:
    """What was found is in it and in those after it, and in none before; once, however it comes."""
    pool = quiet()
    facts = dossiers(pool, head(60), examination(at=60), examination(at=60), head(400))
    assert told(facts) == [(0, "launch"), (60, "examined"), (300, "5m")]
    assert [each.findings != {} for each in facts] == [False, True, True]
    assert (facts[1].token.name, facts[1].creator) == ("Glass", ANN)
    assert facts[1].token.pooled_share == 0.5
    assert "token.name" not in facts[1].missing
    assert [each.sequence for each in facts] == [0, 1, 2]


def test_an_examination_moves_no_clock() -> None:
    """What is due by it waits for the chain's own clock; its dossier is of no earlier moment."""
    facts = dossiers(quiet(), head(60), examination(at=400))
    assert told(facts) == [(0, "launch"), (400, "examined")]
    facts = dossiers(quiet(), head(290), examination(at=290), head(300))
    assert told(facts) == [(0, "launch"), (290, "examined"), (300, "5m")]


def test_an_examination_of_another_launch_is_none_of_ours() -> None:
    """What was found of a launch that was taken back says nothing of the one after it."""
    gone = Retraction(chain="ethereum", pool=POOL, block=1000, at=moment(12))
    again = quiet(at=24)
    facts = dossiers(quiet(), gone, again, head(36), examination(at=12), head(400))
    assert all(each.findings == {} for each in facts)
    found = examination(at=36, launched=moment(24))
    facts = dossiers(quiet(), gone, again, head(36), found)
    assert facts[-1].trigger == "examined"


def test_an_examination_before_any_liquidity_waits() -> None:
    """A pair that cannot be traded has no dossier; its first one knows what was found."""
    script = Script().launch().sync(60, 10, 1000)
    facts = dossiers(script.events[0], examination(), script.events[1], head(60))
    assert told(facts) == [(60, "launch")]
    assert facts[0].token.name == "Glass"
