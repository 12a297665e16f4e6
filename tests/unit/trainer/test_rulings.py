"""The rules: what a launch's dossiers show, at which horizon, and what stays unknown."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from streams.events import Facts, Finding
from streams.labels import Ruling
from tests.unit.trainer.cases import dossier
from trainer.rulings import HORIZONS, Track, due, note, rule, track_of

DAY = 86_400.0


def at_age(told: Facts, seconds: float, sequence: int, **changes: object) -> Facts:
    """The same launch at another age."""
    at = told.launched_at + timedelta(seconds=seconds)
    return msgspec.structs.replace(told, age=seconds, at=at, sequence=sequence, **changes)


def ruled(*dossiers: Facts, until: float = 8 * DAY) -> list[Ruling]:
    """Every ruling that these dossiers come to."""
    track = track_of(dossiers[0])
    for each in dossiers:
        note(track, each)
    return rule(track, track.launched + until)


def found(**values: bool | float) -> dict[str, Finding]:
    """Findings of one examination, by name with ``_`` for the dot."""
    return {
        name.replace("_", ".", 1): Finding(source="simulation", block=9, value=value)
        for name, value in values.items()
    }


def test_a_pull_is_told_at_the_next_horizon_and_revises_what_was_said() -> None:
    """Alive at an hour, pulled at two: the day's ruling says so, with the dossier that shows it."""
    early, late = dossier(1), at_age(dossier(1, drained=True), 7_200, 3)
    rulings = ruled(early, late)
    assert [each.kind for each in rulings] == ["alive", "liquidity-pulled", "liquidity-pulled"]
    assert rulings[1].facts_id == late.id
    assert rulings[1].evidence["liquidity.largest_removal_share"] == 0.99
    assert [each.is_rug for each in rulings] == [False, True, True]


def test_nothing_is_said_before_its_horizon() -> None:
    """A pull in the first minutes is known, and still ruled on at an hour and no earlier."""
    told = at_age(dossier(1, drained=True), 600, 1)
    assert ruled(told, until=3_599) == []
    (ruling,) = ruled(told, until=3_600)
    assert ruling.at == ruling.launched_at + timedelta(hours=1)


def test_a_sale_that_empties_a_pool_is_a_dump() -> None:
    """Nobody removed liquidity: what took the reserve was sold for it."""
    told = dossier(1, drained=True)
    pool = msgspec.structs.replace(told.liquidity, removed=0.0, largest_removal_share=0.0)
    assert ruled(msgspec.structs.replace(told, liquidity=pool))[0].kind == "dumped"


def test_a_launch_that_nobody_watched_is_unknown_and_not_alive() -> None:
    """Dossiers end at an hour: of the day after it nothing can be said, and why is told."""
    rulings = ruled(dossier(1))
    assert [each.kind for each in rulings] == ["alive", "unknown", "unknown"]
    assert rulings[1].is_rug is None
    assert "no dossier" in str(rulings[1].evidence["why"])


def test_a_rug_after_the_last_horizon_revises_at_once() -> None:
    """Alive for a week, pulled on day nine."""
    day = at_age(dossier(1), DAY, 4)
    track = track_of(day)
    note(track, day)
    assert [each.kind for each in rule(track, track.launched + 8 * DAY)] == ["alive"] * 3
    note(track, at_age(dossier(1, drained=True), 9 * DAY, 5))
    (late,) = rule(track, track.launched + 9 * DAY)
    assert (late.horizon, late.kind) == ("later", "liquidity-pulled")
    assert rule(track, track.launched + 30 * DAY) == []


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        (found(trade_can_buy=True, trade_can_sell=False), None, "honeypot"),
        (found(trade_holders_tested=5.0, trade_holders_failed=0.8), None, "honeypot"),
        (found(trade_sell_tax=0.05), found(trade_sell_tax=0.4), "tax-raised"),
        (found(trade_sell_tax=0.4), found(trade_sell_tax=0.4), "alive"),
        (found(trade_can_buy=True, trade_can_sell=False), {}, "alive"),
    ],
)
def test_traps_need_two_examinations(
    first: dict[str, Finding], second: dict[str, Finding] | None, kind: str
) -> None:
    """One failed sale may be bad luck, a tax must have grown; no finding proves nothing."""
    again = first if second is None else second
    later = {name: msgspec.structs.replace(each, block=10) for name, each in again.items()}
    told = at_age(dossier(1, findings=first), 60, 0), at_age(dossier(1, findings=later), 3_600, 1)
    assert ruled(*told, until=3_600)[0].kind == kind


def test_new_supply_is_mint_abuse() -> None:
    """Half as much again as holders were told of."""
    told = dossier(1)
    grown = msgspec.structs.replace(told.token, total_supply=2 * 10**27)
    assert ruled(told, at_age(told, 3_600, 9, token=grown))[0].kind == "mint-abuse"


def test_a_dossier_counts_once() -> None:
    """Redelivery changes nothing, and a track survives its resting place."""
    told = dossier(1, findings=found(trade_can_buy=True, trade_can_sell=False))
    track = track_of(told)
    note(track, told)
    before = msgspec.json.encode(track)
    note(track, told)
    assert msgspec.json.encode(track) == before
    assert due(msgspec.json.decode(before, type=Track)) == track.launched + HORIZONS[0][0]
