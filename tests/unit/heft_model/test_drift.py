"""Drift: nothing where nothing changed, much where the population did, and never on too little."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heft_model.drift import SCORE, Drift, psi
from tests.unit.alerts.making import a_verdict
from tests.unit.heft_model.making import facts


def test_the_index_is_known_by_hand() -> None:
    """Shares of a half and a half that become a quarter and three quarters: 0.275."""
    assert psi([50_000, 50_000], [25_000, 75_000]) == pytest.approx(0.2747, abs=1e-3)


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=12))
def test_no_change_is_no_drift(counts: list[int]) -> None:
    """Equal counts, and counts of the same shares, have not moved; empty bins are no infinity."""
    assert psi(counts, counts) == pytest.approx(0.0)


@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)), min_size=1, max_size=12))
def test_the_index_is_never_negative(counts: list[tuple[int, int]]) -> None:
    """A change either way is a change, and the two may change places."""
    before, after = zip(*counts, strict=True)
    assert psi(before, after) >= 0
    assert psi(before, after) == pytest.approx(psi(after, before))


def moved(shift: float, window: int = 200) -> dict[str, float]:
    """The last measurement after a window of scores around 0.3 and one that is shifted."""
    drift, chance = Drift(window), random.Random(1)
    told: dict[str, float] = {}
    for number in range(2 * window):
        score = min(1.0, max(0.0, chance.gauss(0.3 + shift * (number >= window), 0.1)))
        verdict = msgspec.structs.replace(a_verdict(number), probability=score)
        told = drift.note(facts(number), verdict) or told
    return told


def test_a_shift_is_seen_and_its_absence_too() -> None:
    """Scores that moved by two deviations against scores that did not."""
    assert moved(0.0)[SCORE] < 0.2
    assert moved(0.2)[SCORE] > 1.0


def test_another_version_begins_anew() -> None:
    """What the version before was held against says nothing of the next one."""
    drift = Drift(10)
    for number in range(19):
        drift.note(facts(number), a_verdict(number))
    newer = msgspec.structs.replace(a_verdict(20), bundle="another")
    assert all(drift.note(facts(20 + number), newer) is None for number in range(15))
