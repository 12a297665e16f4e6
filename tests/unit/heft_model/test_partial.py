"""A dossier given in part: what is there is kept, what is not is said, and nothing is guessed."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heft_model.features import FEATURES, measure
from heft_model.partial import completed, read_partial
from streams.errors import Invalid
from streams.events import Facts, encode
from tests.unit.heft_model.making import NAMES, facts

WHOLE: dict[str, Any] = json.loads(encode(facts()))
PARTS = ("liquidity", "trading", "holders", "token", "age", "launched_at", "at", "venue", "pool")


def part(**told: Any) -> Facts:
    """The dossier of what is told."""
    return completed(read_partial(json.dumps(told).encode()))


@given(st.sets(st.sampled_from(PARTS), min_size=1))
def test_any_part_of_a_dossier_is_one(names: set[str]) -> None:
    """Each known number is the whole dossier's, and each other is unknown: never zero."""
    dossier = part(**{name: WHOLE[name] for name in names})
    whole = measure(facts(), NAMES)
    for name, value in measure(dossier, NAMES).items():
        assert value is None or value == whole[name]
    for group in {"liquidity", "trading", "holders"} - names:
        assert dossier.missing[group] == "not given"
        known = measure(dossier, [row.name for row in FEATURES if row.name.startswith(group)])
        assert set(known.values()) == {None}


def test_what_follows_from_a_missing_number_is_unknown_too() -> None:
    """The reserve alone says nothing of its share of a peak that nobody gave."""
    told = measure(part(liquidity={"reserve": 3.0}), NAMES)
    assert told["liquidity.reserve"] == 3.0
    assert told["reserve_to_max"] is None
    assert told["liquidity.reserve_max"] is None


def test_a_name_and_a_supply_are_enough() -> None:
    """The least that anybody knows of a token."""
    dossier = part(token={"name": "Moon", "total_supply": 10**24, "decimals": 18})
    known = {name for name, value in measure(dossier, NAMES).items() if value is not None}
    assert known == {"token.decimals", "supply"}


def test_two_moments_give_the_third() -> None:
    """An age follows from launch and moment; without either it is unknown, not nought."""
    launched, at = "2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"
    assert part(launched_at=launched, at=at).age == 3600
    assert "age" in part(launched_at=launched).missing
    assert part(at=at, age=60.0).launched_at.minute == 59


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{}", "tells nothing"),
        (b"[1]", "not a dossier"),
        (b'{"type":"sync","age":1}', "of type"),
        (b'{"v":99,"age":1}', "version 99"),
        (b'{"liqudity":{"reserve":1}}', "liqudity"),
        (b'{"liquidity":{"reserv":1}}', "liquidity has no 'reserv'"),
        (b'{"liquidity":{"reserve":-1}}', ">= 0"),
        (b'{"age":-1}', "older than its launch"),
        (b'{"age":1e300}', "older than its launch"),
        (b'{"at":"2024-01-01T00:00:00"}', "timezone"),
        (b'{"token":{"total_supply":1' + b"0" * 90 + b"}}", "256 bits"),
        (b'{"launched_at":"2024-01-02T00:00:00Z","at":"2024-01-01T00:00:00Z"}', "older than"),
        (b'{"missing":' + b"[" * 5000, "not a dossier"),
    ],
)
def test_what_is_no_part_is_refused(line: bytes, says: str) -> None:
    """One line that says what is wrong: a slip of the pen is not taken for something unknown."""
    with pytest.raises(Invalid, match=says) as caught:
        completed(read_partial(line))
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.dictionaries(st.sampled_from(PARTS), inner, max_size=4),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_nothing_that_is_given_breaks_it(line: bytes) -> None:
    """Any bytes are a dossier or a refusal."""
    try:
        dossier = completed(read_partial(line))
    except Invalid:
        return
    assert msgspec.json.decode(encode(dossier), type=Facts) == dossier
